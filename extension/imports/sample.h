// The first items of an import, which show what columns there will be and of what types its keys are.
#pragma once

#include "engine/item.h"
#include "imports/exports.h"

namespace podyn {

struct ImportSample {
    std::span<const engine::Item> items;  // without those that an incremental export removes
    std::span<const engine::Value> keys;  // of an incremental export's first record; else empty
};

// From the first file of the import that has items. Memory is that of the current context.
ImportSample read_sample(const Source &source, const Place &place, const ImportFiles &files,
                         engine::NulCharacters nul_characters);

}  // namespace podyn
