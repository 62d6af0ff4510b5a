// The options of a replication that are words, as SQL spells them and as C++ knows them. The first is the default.
#pragma once

#include <span>

#include "compat.h"
#include "engine/item.h"

namespace podyn {

enum class ConsistentRead : uint8 { kAuto, kOn, kOff };
enum class Backfill : uint8 { kScan, kExport, kFiles };  // kFiles: of exports that are there
enum class OnExisting : uint8 { kError, kTruncate, kUpsert };
enum class Deletes : uint8 { kApply, kIgnore, kMark };                // `deletes` and `ttl_deletes`
enum class OnConflict : uint8 { kUpdate, kMerge, kNothing, kError };  // of an import: the key has a row already
// The last two: one column for the whole item.
enum class ConversionMode : uint8 { kColumns, kJsonb, kDynamodbJson };
using NulCharacters = engine::NulCharacters;

// The spellings in the order of the enumerators.
inline constexpr const char *kConsistentReadWords[] = {"auto", "on", "off"};
inline constexpr const char *kBackfillWords[] = {"scan", "export"};
inline constexpr const char *kOnExistingWords[] = {"error", "truncate", "upsert"};
inline constexpr const char *kDeletesWords[] = {"apply", "ignore", "mark"};
inline constexpr const char *kOnConflictWords[] = {"update", "merge", "nothing", "error"};
inline constexpr const char *kConversionModeWords[] = {"columns", "jsonb", "dynamodb_json"};
inline constexpr const char *kNulCharactersWords[] = {"replace", "strip", "reject"};

// The enumerator that a word stands for; -1: none.
inline int find_word(std::span<const char *const> words, const char *word)
{
    for (size_t i = 0; i < words.size(); ++i)
        if (strcmp(words[i], word) == 0)
            return static_cast<int>(i);
    return -1;
}

}  // namespace podyn
