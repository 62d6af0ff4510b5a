// One digest for each item: SHA-256 over its key in a canonical form, equal exactly if DynamoDB holds the keys equal.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/digest.h"
#include "dynamodb/tape.h"

namespace podyn::dynamodb {

// `keys` are values of `tape`: the key attributes, each a string, number or binary at top level, in any order.
//
// The canonical form is, for each attribute in the order of the names' bytes, the name, the type's letter and the value
// (the string as DynamoDB has it, the number in its one spelling, the bytes of the binary), where name and value follow
// their length in four bytes, highest first.
[[nodiscard]] base::Sha256 key_digest(std::span<const dynamodb::Value> keys, const Tape &tape);

// For a key that cannot be read: differs from every digest of a sound one.
[[nodiscard]] base::Sha256 unsound_key_digest(std::string_view json);

}  // namespace podyn::dynamodb
