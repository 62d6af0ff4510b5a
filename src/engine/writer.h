// Writes into one DynamoDB table, many at once: puts and deletions go in batches, conditional writes one by one, over
// as many connections as there may be. What DynamoDB leaves undone is sent again, later and later; throttling makes it
// send less at once, and never fails. Nothing of it waits: the caller's loop drives the client and the writer.
//
//     writer_check() says what a write would send, or why it cannot be sent; writer_take() takes it on its way, unless
//     there is no room; writer_next() tells of those that came to something else than written.
//
// Writes of one key are sent one after the other, in the order in which they were taken; others in any order.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "dynamodb/types.h"
#include "engine/client.h"
#include "engine/item.h"

namespace podyn::engine {

struct Writer;

struct WriterOptions {
    std::string_view table;
    std::span<const dynamodb::KeyAttribute> keys;        // the partition key, then the sort key if there is one
    std::span<const dynamodb::KeyAttribute> index_keys;  // of all indexes
    std::uint32_t connections;                           // requests under way at most
    double write_rate;                                   // write units per second; 0: no limit
};

// Copies what it needs. Client and session have to outlive the writer.
[[nodiscard]] Status writer_create(Client *client, Session *session, const WriterOptions &options,
                                   Writer **writer) noexcept;
// Gives up what is under way: it may be carried out or not. Null is allowed.
void destroy(Writer *writer) noexcept;

enum class WriteKind : std::uint8_t {
    kPut,     // an item in place of any other with its key
    kPutNew,  // unless there is one
    kUpdate,  // of some attributes of an item that exists
    kDelete,
};

struct WriteRequest {
    WriteKind kind;
    std::span<const Value> values;                   // kUpdate: the key and what is set; kDelete: the key
    std::span<const std::string_view> removed = {};  // kUpdate: attributes
    std::uint64_t row = 0;                           // the caller's number for it
};

// What a write would send, until the next check.
struct CheckedWrite {
    std::string_view json;  // the item, or the key of a deletion, DynamoDB JSON; of an update what is sent
    std::string_view key;
    const std::uint8_t *key_digest;  // kKeyDigestBytes, as CurrentItem::key_digest
    double write_units;              // without those of indexes
};

// Failure::kInvalid names the attribute that DynamoDB would not take.
[[nodiscard]] Status writer_check(Writer *writer, const WriteRequest &request, CheckedWrite *checked) noexcept;
// Takes the write that was checked last. *taken is false where it has to wait: then flush, wait, drive, and try again.
[[nodiscard]] Status writer_take(Writer *writer, Now now, bool *taken) noexcept;
// Sends what waits for a batch to be full.
void writer_flush(Writer *writer, Now now) noexcept;

// Takes what has come and sends what is due. To be called after client_drive().
void writer_drive(Writer *writer, Now now) noexcept;
// When writer_drive() wants to be called at the latest, whatever the client does; -1: never.
[[nodiscard]] std::int64_t writer_deadline(const Writer *writer) noexcept;
// Whether every write that was taken has come to its end.
[[nodiscard]] bool writer_idle(const Writer *writer) noexcept;
// Gives up what has not been sent; the writer is idle when all that is under way has been answered, and what was sent
// is known then.
void writer_stop(Writer *writer) noexcept;
// The error after which nothing more can be written, if there was one.
[[nodiscard]] Status writer_status(const Writer *writer) noexcept;

enum class WriteResult : std::uint8_t {
    kExisted,  // kPutNew: there is an item with the key
    kGone,     // kUpdate: there is none
    kFailed,   // DynamoDB refuses it, `status` says why
};

struct WriteOutcome {
    WriteResult result;
    std::uint64_t row;
    std::string_view key;  // DynamoDB JSON; until the next call
    Status status;
};

// Of the writes that came to something else than written. False: there is none for now.
[[nodiscard]] bool writer_next(Writer *writer, WriteOutcome *outcome) noexcept;

// Whether DynamoDB holds two values equal: sets without order, numbers by value.
[[nodiscard]] bool same_value(const Value &left, const Value &right) noexcept;

struct WriterCounts {
    std::uint64_t written;
    std::uint64_t existed;
    std::uint64_t gone;
    std::uint64_t failed;
    std::uint64_t under_way;  // sent, not answered
    std::uint64_t requests;
    std::uint64_t throttled;    // requests
    std::uint64_t unprocessed;  // writes that DynamoDB gave back
    double write_units;         // as DynamoDB told
};

[[nodiscard]] WriterCounts writer_counts(const Writer *writer) noexcept;

}  // namespace podyn::engine
