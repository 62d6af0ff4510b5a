// The first items of an import, which show what columns there will be and of what types its keys are.
#pragma once

#include "engine/files.h"
#include "imports/exports.h"

namespace podyn {

struct ImportSample {
    const ImportFile *file;               // null: none has items
    std::span<const engine::Item> items;  // sound ones, without those that an incremental export removes; one at least,
                                          // if there is any in the first 4 MB
    std::span<const engine::Value> keys;  // of an incremental export's first record; else empty
    // All that were read, with lines that are no items, in their order
    const engine::FileItem *read;
    int read_count;
};

// Enough for keys and the first columns.
constexpr int kFewItems = 10;

// At most so many items of the first file of the import that has any, and of its first 4 MB. Memory is that of the
// current context.
ImportSample read_sample(const Source &source, const Place &place, const ImportFiles &files,
                         engine::NulCharacters nul_characters, int most_items);

}  // namespace podyn
