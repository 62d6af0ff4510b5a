// What podyn_push would do, told and not done. Only with 'skip' and 'error' DynamoDB is asked: which items there are.
#pragma once

#include "engine/writer.h"
#include "source_table.h"

namespace podyn {

enum class PutConflict : uint8 { kReplace, kSkip, kError };

struct PushPreview;

struct PreviewCounts {
    uint64 written;  // would be
    uint64 skipped;
};

// It ends with the current memory context.
PushPreview *make_push_preview(const Source &source, const engine::TableDescription &table, PutConflict on_conflict);
void preview_put(PushPreview *preview, const engine::CheckedWrite &put);
// Raises the error that 'error' would end with.
PreviewCounts finish_preview(PushPreview *preview);

}  // namespace podyn
