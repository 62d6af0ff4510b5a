// The items of a page on their way into the target or the spool.
#pragma once

#include <string_view>

#include "compat.h"
#include "engine/item.h"

namespace podyn {

struct PageItem {
    const engine::Item *item;   // of a removed item only the key
    std::string_view position;  // sequence number; may be empty
    const uint8 *key_digest;    // kKeyDigestBytes; needed where the page may go to the spool
    bool remove;
    TimestampTz
        deleted_at;  // the deletion is marked: of a removed item its row, if there is one, or with the row of a put
};

// What became of a page's items.
struct WrittenCounts {
    int64 written;   // to the target or the spool
    int64 rejected;  // to podyn.error
    int64 spooled;   // keys that the spool did not have before
    int64 skipped;   // neither written nor rejected: as on_conflict says
};

}  // namespace podyn
