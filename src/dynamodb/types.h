// What DynamoDB's operations take and give, as plain data (API reference, version 2012-08-10). Views belong to whoever
// hands the struct out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "dynamodb/item.h"

namespace podyn::dynamodb {

struct TablesPage {
    std::span<const std::string_view> names;
    std::string_view last_name;  // LastEvaluatedTableName; empty after the last page
};

struct KeyAttribute {
    std::string_view name;
    char type;  // 'S', 'N' or 'B'
    bool sort = false;
};

// Which attributes an index holds, beside its keys and those of the table.
enum class Projection : std::uint8_t { kAll, kKeysOnly, kInclude };

struct IndexDescription {
    std::string_view name;
    std::span<const KeyAttribute> keys;  // partition key attributes first, then sort key attributes
    bool local;
    Projection projection = Projection::kAll;
    std::span<const std::string_view> included = {};  // kInclude: beside the keys
    bool ready = true;                                // it can be read: made, and filled
};

struct TableDescription {
    std::string_view name;
    std::string_view arn;
    std::string_view id;                 // TableId; empty if the server gives none
    std::string_view status;             // ACTIVE, CREATING, …
    std::span<const KeyAttribute> keys;  // the partition key, then the sort key if there is one
    std::span<const IndexDescription> indexes;
    std::int64_t item_count;  // DynamoDB's estimate, some six hours old
    std::int64_t size_bytes;
    bool stream_enabled;
    std::string_view stream_arn;        // LatestStreamArn; empty if there never was one
    std::string_view stream_view_type;  // NEW_IMAGE, …; empty if off
};

// Whether a stream's records say what an item has become.
inline bool carries_new_images(std::string_view stream_view_type)
{
    return stream_view_type == "NEW_IMAGE" || stream_view_type == "NEW_AND_OLD_IMAGES";
}

// A value that conditions compare with: a string, number, binary (its bytes) or boolean.
struct Operand {
    ValueType type;
    std::string_view text;
    bool boolean;
};

enum class Test : std::uint8_t {
    kAll,  // of the conditions that follow, see Condition::children
    kAny,
    kEqual,
    kLess,
    kLessOrEqual,
    kGreater,
    kGreaterOrEqual,
    kBetween,  // of two operands, both included; for sort keys
    kBeginsWith,
    kContains,
    kIn,
    kNotIn,  // the attribute has a value of this type, which equals none of the operands
    kIsNull,
    kIsNotNull,
    kUnknown,  // cannot be said to DynamoDB: it lets everything through
};

// How a comparison with one operand is written, by DynamoDB as in SQL.
constexpr const char *symbol_of(Test test)
{
    switch (test) {
        case Test::kLess:
            return "<";
        case Test::kLessOrEqual:
            return "<=";
        case Test::kGreater:
            return ">";
        case Test::kGreaterOrEqual:
            return ">=";
        case Test::kNotIn:
            return "<>";
        default:
            return "=";
    }
}

// A condition about an attribute, or the head of a group, behind which its members stand one after the other. True
// exactly where SQL's is, about a column that holds the attribute's values of the given types and is NULL otherwise;
// orders of strings let strings with U+0000 through in any case.
struct Condition {
    Test test;
    std::uint32_t children;  // kAll, kAny: members, at least one
    std::string_view attribute;
    std::span<const Operand> operands;
    std::uint32_t types;  // bits of ValueType, for kNotIn, kContains, kIsNull, kIsNotNull
};

struct KeyValue {
    std::string_view attribute;
    Operand value;
};

// What the requests that read items have in common.
struct ReadOptions {
    std::string_view table;
    std::string_view index;  // empty: the table itself
    bool consistent;
    std::span<const std::string_view> projection;  // attributes, each one once; empty: all
    std::span<const Condition> filter;             // terms that must all hold; as far as the service takes them
    bool count_only;                               // Select COUNT
    std::uint32_t limit;                           // items evaluated at most; 0: only the 1 MB limit
    std::string_view exclusive_start_key;          // as in ScanRequest
};

struct QueryRequest {
    ReadOptions read;
    std::span<const KeyValue> partition;
    const Condition *sort;  // null: none
    bool backwards;
};

struct ReadRequest {  // a Scan with conditions
    ReadOptions read;
    std::uint32_t segment;
    std::uint32_t total_segments;
};

struct ScanRequest {
    std::string_view table;
    std::uint32_t segment;
    std::uint32_t total_segments;  // 1: no parallel scan
    std::uint32_t limit;           // items evaluated at most; 0: only the 1 MB limit
    bool consistent;
    std::string_view
        exclusive_start_key;  // LastEvaluatedKey of the page before as DynamoDB JSON; empty: from the start
};

struct ScanPage {
    std::span<const Item> items;
    double read_units;          // ConsumedCapacity.CapacityUnits; 0 if the server tells none
    std::string_view last_key;  // LastEvaluatedKey as received; empty after the segment's last page
    std::int64_t count = 0;     // of the items that passed the filter; with Select COUNT the only answer
};

// SHA-256 of an item's canonical key, see key_digest.h.
inline constexpr std::size_t kKeyDigestBytes = 32;

// API reference, BatchGetItem; an answer ends at 16 MB.
inline constexpr std::size_t kMostKeysOfBatchGet = 100;

struct CurrentItem {
    Item item;
    std::uint8_t key_digest[kKeyDigestBytes];  // of an unsound item too
};

// Keys that were asked for and are in neither list have no item.
struct CurrentItemsPage {
    std::span<const CurrentItem> items;
    std::span<const std::string_view> unprocessed;  // keys to be asked for again, as received
    double read_units;                              // as in ScanPage
    std::size_t bytes;                              // of the answer's body
};

// A time or a number that is not given, or not known yet.
inline constexpr std::int64_t kUnknown = -1;

// Whether a table can be exported, and since when.
struct BackupsDescription {
    bool point_in_time_recovery;
    std::int64_t earliest_us;  // EarliestRestorableDateTime, microseconds of Unix time
};

// What ExportTableToPointInTime is asked for. Times: milliseconds of Unix time, as exports tell theirs. An incremental
// export should begin exactly where the one before ended: it holds only the net change of each item over its period, so
// of one that was made and deleted within it nothing, though the export before may have that item.
struct ExportRequest {
    std::string_view table_arn;
    std::string_view bucket;
    std::string_view prefix;        // may be empty
    std::string_view client_token;  // the same one asks for the same export
    std::int64_t from_ms;           // kUnknown: a full export
    std::int64_t to_ms;             // kUnknown: the latest time that can be had
};

struct ExportsPage {
    std::span<const std::string_view> arns;
    std::string_view next_token;  // empty after the last page
};

// Empty or kUnknown: not known yet, or never.
struct ExportDescription {
    std::string_view arn;
    std::string_view status;  // IN_PROGRESS, COMPLETED, FAILED
    bool incremental;
    std::int64_t export_time_us = kUnknown;  // of a full export
    std::int64_t to_time_us = kUnknown;      // of an incremental one
    std::string_view bucket;
    std::string_view manifest_key;  // of its manifest-summary.json
    std::int64_t item_count = kUnknown;
    std::int64_t billed_bytes = kUnknown;
    std::string_view failure_code;
    std::string_view failure_message;
};

}  // namespace podyn::dynamodb
