// The DynamoDB and DynamoDB Streams operations that podyn uses, typed: a start_… function for each request, a take_…
// function for each finished call. Names, limits and meanings as in the API references of DynamoDB (2012-08-10) and
// DynamoDB Streams.
//
// take_… functions return the call's own status where it failed. What they give is owned by a handle that they make
// (`Tables`, `Table`, …), which lives on without the call and is freed with its destroy function (null is allowed);
// all views point into it. A body that is not what the protocol says gives Failure::kCorrupt, SQLSTATE 08P01,
// retryable. Invalid UTF-8 is refused, and so is JSON of over 200 levels outside of items; an item with values of over
// 100 levels has a problem of its own (DynamoDB's limit is 32).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "engine/client.h"
#include "engine/item.h"
#include "engine/status.h"

namespace podyn::engine {

// ---- ListTables ----------------------------------------------------------------------------------------------------

struct Tables;
struct TablesPage {
    std::span<const std::string_view> names;
    std::string_view last_name;  // LastEvaluatedTableName; empty after the last page
};

// `after`: last_name of the page before, or empty.
[[nodiscard]] Status start_list_tables(Client *client, Session *session, std::string_view after, void *tag, Now now,
                                       Call **call) noexcept;
[[nodiscard]] Status take_tables(Call *call, Tables **handle, TablesPage *page) noexcept;
void destroy(Tables *handle) noexcept;

// ---- DescribeTable -------------------------------------------------------------------------------------------------

struct KeyAttribute {
    std::string_view name;
    char type;  // 'S', 'N' or 'B'
};

struct IndexDescription {
    std::string_view name;
    std::span<const KeyAttribute> keys;  // partition key attributes first, then sort key attributes
    bool local;
};

struct Table;
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

[[nodiscard]] Status start_describe_table(Client *client, Session *session, std::string_view table, void *tag, Now now,
                                          Call **call) noexcept;
[[nodiscard]] Status take_table(Call *call, Table **handle, TableDescription *description) noexcept;
void destroy(Table *handle) noexcept;

// ---- Scan ----------------------------------------------------------------------------------------------------------

struct ScanRequest {
    std::string_view table;
    std::uint32_t segment;
    std::uint32_t total_segments;  // 1: no parallel scan
    std::uint32_t limit;           // items evaluated at most; 0: only the 1 MB limit
    bool consistent;
    std::string_view
        exclusive_start_key;  // LastEvaluatedKey of the page before as DynamoDB JSON; empty: from the start
};

struct Items;
struct ScanPage {
    std::span<const Item> items;
    double read_units;          // ConsumedCapacity.CapacityUnits; 0 if the server tells none
    std::string_view last_key;  // LastEvaluatedKey as received; empty after the segment's last page
};

[[nodiscard]] Status start_scan(Client *client, Session *session, const ScanRequest &request, void *tag, Now now,
                                Call **call) noexcept;
[[nodiscard]] Status take_scan(Call *call, Items **handle, ScanPage *page) noexcept;
// Parses items kept as DynamoDB JSON (each document one item, as in Item::json). An unsound document gives an item with
// a problem.
[[nodiscard]] Status parse_items(std::span<const std::string_view> documents, Items **handle,
                                 std::span<const Item> *items) noexcept;
void destroy(Items *handle) noexcept;

// ---- DescribeStream ------------------------------------------------------------------------------------------------

struct ShardDescription {
    std::string_view id;
    std::string_view parent;  // empty: none
    std::string_view first_sequence_number;
    std::string_view last_sequence_number;  // empty: the shard is open
};

struct Shards;
struct StreamDescription {
    std::string_view status;  // ENABLING, ENABLED, DISABLING, DISABLED
    std::string_view view_type;
    std::span<const ShardDescription> shards;
    std::string_view last_shard;  // LastEvaluatedShardId; empty after the last page
};

// `after`: last_shard of the page before, or empty.
[[nodiscard]] Status start_describe_stream(Client *client, Session *session, std::string_view stream_arn,
                                           std::string_view after, void *tag, Now now, Call **call) noexcept;
[[nodiscard]] Status take_shards(Call *call, Shards **handle, StreamDescription *description) noexcept;
void destroy(Shards *handle) noexcept;

// ---- GetShardIterator ----------------------------------------------------------------------------------------------

struct Iterator;

// `after_sequence_number`: AFTER_SEQUENCE_NUMBER; empty: TRIM_HORIZON.
[[nodiscard]] Status start_get_shard_iterator(Client *client, Session *session, std::string_view stream_arn,
                                              std::string_view shard, std::string_view after_sequence_number, void *tag,
                                              Now now, Call **call) noexcept;
// The iterator itself is never empty.
[[nodiscard]] Status take_shard_iterator(Call *call, Iterator **handle, std::string_view *iterator) noexcept;
void destroy(Iterator *handle) noexcept;

// ---- GetRecords ----------------------------------------------------------------------------------------------------

enum class ChangeKind : std::uint8_t { kPut, kRemove };

inline constexpr std::size_t kKeyDigestBytes = 32;

// One change of one item. Two changes concern the same item exactly if their digests are equal.
struct Change {
    ChangeKind kind;
    bool by_ttl;  // userIdentity {Type: Service, PrincipalId: dynamodb.amazonaws.com}
    Item image;   // kPut: the new image. kRemove: only the key attributes
    std::string_view sequence_number;
    std::int64_t created_at_us;                // ApproximateCreationDateTime, Unix time, whole seconds; 0: not given
    std::uint8_t key_digest[kKeyDigestBytes];  // SHA-256 of the canonical key: attribute names, types and values
};

struct Records;
struct RecordsPage {
    std::span<const Change> changes;      // every record, in stream order
    std::span<const std::uint32_t> last;  // indexes into `changes`: the last change of each key, in stream order
    std::string_view next_iterator;       // empty: the shard is closed and read to its end
};

[[nodiscard]] Status start_get_records(Client *client, Session *session, std::string_view iterator, std::uint32_t limit,
                                       void *tag, Now now, Call **call) noexcept;
[[nodiscard]] Status take_records(Call *call, Records **handle, RecordsPage *page) noexcept;
void destroy(Records *handle) noexcept;

}  // namespace podyn::engine
