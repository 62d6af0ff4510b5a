// What items go through before they are written: hook `parse`, the profile's filter, an import's own. All three see an
// item as jsonb and run as the owner of the import or replication, with an empty search_path.
//
// One bad item never stops the rest: what one of them raises an error for has a problem, which tells of it.
#pragma once

#include "catalog/profiles.h"
#include "catalog/replications.h"
#include "compat.h"
#include "load/page_item.h"

namespace podyn {

struct Screening {
    const catalog::Profile *profile;  // null: none
    const char *filter;               // the import's own; null: none
    bool removes = false;             // what would be left out is removed instead: an older image may have a row
    // Of a replication, whose rows are found again by the items' keys: parse may not change them. Null: it may.
    const catalog::Replication *keeps_keys_of = nullptr;
};

// Leaves out of `items` what parse and the filters skip, and returns how many are left. documents[i] is items[i] as
// they let it through; of an item that is unsound or removed, which they are not asked about, it is nothing. Inside a
// transaction; memory is that of the current context.
int screen_items(const Screening &screening, PageItem *items, int count, Datum *documents);

// The same for items that become rows as they are, with what parse has made of them.
int screen_rows(const Screening &screening, engine::NulCharacters nul_characters, PageItem *items, int count);

// The first items as parse has them, for keys and columns are theirs. Where it skips them all, they have to do as they
// are; filters are not asked. In a user's call.
std::span<const engine::Item> parse_sample(const catalog::Profile &profile, engine::NulCharacters nul_characters,
                                           std::span<const engine::Item> items);

Datum jsonb_array(Datum *documents, int count);

}  // namespace podyn
