// Keys of items and of rows: as DynamoDB JSON, as requests name them, and their digests.
#pragma once

#include "compat.h"
#include "load/target.h"

namespace podyn {

// Of a sound item (check_item). Palloc'ed, like all here.
char *key_document(const Target &target, const engine::Item &item);

// Of a row's key columns, in the order of the key.
char *key_document(const Target &target, const Datum *keys);

// kKeyDigestBytes, of a sound item.
const uint8 *digest_of(const Target &target, const engine::Item &item);

// The key alone of an item that cannot be read as a whole: itself unsound if it is what is wrong.
const engine::Item *key_of_unsound(const Target &target, const engine::Item &item);

// Whether DynamoDB would take it in a request: a row of the user's own may have a key that no item can have. `key`:
// what key_document() gave, parsed.
bool is_possible_key(const Target &target, const engine::Item &key);

}  // namespace podyn
