// Whether a table can be replicated as the options say: asked in the caller's session, so that whoever calls sees what
// is missing. What cannot go on raises an error.
#pragma once

#include "functions/replicate_options.h"
#include "source_table.h"

namespace podyn {

// Asks for what the options need (the stream, a scan); gives some items, whose attributes show what columns there will
// be.
engine::ScanPage check_table(const Source &source, const engine::TableDescription &table,
                             const ReplicateOptions &options);
void require_usable_stream(const engine::TableDescription &table);
// 0: the server does not tell.
TimestampTz stream_creation_time(const Source &source, const engine::TableDescription &table);
// Whether the stream is off and podyn may turn it on.
bool enables_stream(const ReplicateOptions &options, const engine::TableDescription &table);

}  // namespace podyn
