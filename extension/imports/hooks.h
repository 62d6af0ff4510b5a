// What an import's items go through before they are written: hook `parse`, the profile's filter, the import's own. All
// three see an item as jsonb and run as the import's owner, with an empty search_path.
//
// One bad item never stops the rest: what one of them raises an error for has a problem, which tells of it.
#pragma once

#include "catalog/profiles.h"
#include "compat.h"
#include "load/page_item.h"

namespace podyn {

struct Screening {
    const catalog::Profile *profile;  // null: none
    const char *filter;               // the import's own; null: none
};

// Leaves out of `items` what parse and the filters skip, and returns how many are left. documents[i] is items[i] as
// they let it through; of an item that is unsound or removed, which they are not asked about, it is nothing. Inside a
// transaction; memory is that of the current context.
int screen_items(const Screening &screening, PageItem *items, int count, Datum *documents);

// The same for items that become rows as they are, with what parse has made of them.
int screen_rows(const Screening &screening, engine::NulCharacters nul_characters, PageItem *items, int count);

Datum jsonb_array(Datum *documents, int count);

}  // namespace podyn
