// One item of a page on its way into the target or the spool.
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

}  // namespace podyn
