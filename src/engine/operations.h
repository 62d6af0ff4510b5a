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
#include "streams/types.h"

namespace podyn::engine {

using dynamodb::BackupsDescription;
using dynamodb::carries_new_images;
using dynamodb::Condition;
using dynamodb::CurrentItem;
using dynamodb::CurrentItemsPage;
using dynamodb::ExportDescription;
using dynamodb::ExportRequest;
using dynamodb::ExportsPage;
using dynamodb::IndexDescription;
using dynamodb::KeyAttribute;
using dynamodb::KeyValue;
using dynamodb::kKeyDigestBytes;
using dynamodb::kMostKeysOfBatchGet;
using dynamodb::kUnknown;
using dynamodb::Operand;
using dynamodb::Projection;
using dynamodb::QueryRequest;
using dynamodb::ReadOptions;
using dynamodb::ReadRequest;
using dynamodb::ScanPage;
using dynamodb::ScanRequest;
using dynamodb::symbol_of;
using dynamodb::TableDescription;
using dynamodb::TablesPage;
using dynamodb::Test;
using streams::Change;
using streams::ChangeKind;
using streams::kNoChange;
using streams::RecordsPage;
using streams::ShardDescription;
using streams::StreamDescription;

// ---- ListTables ----------------------------------------------------------------------------------------------------

struct Tables;
// `after`: last_name of the page before, or empty.
[[nodiscard]] Status start_list_tables(Client *client, Session *session, std::string_view after, Now now,
                                       Call **call) noexcept;
[[nodiscard]] Status take_tables(Call *call, Tables **handle, TablesPage *page) noexcept;
void destroy(Tables *handle) noexcept;

// ---- DescribeTable -------------------------------------------------------------------------------------------------

struct Table;
[[nodiscard]] Status start_describe_table(Client *client, Session *session, std::string_view table, Now now,
                                          Call **call) noexcept;
[[nodiscard]] Status take_table(Call *call, Table **handle, TableDescription *description) noexcept;
void destroy(Table *handle) noexcept;

// ---- UpdateTable ---------------------------------------------------------------------------------------------------

// Turns the table's stream on. The answer says no more than DescribeTable: it is not taken.
[[nodiscard]] Status start_enable_stream(Client *client, Session *session, std::string_view table,
                                         std::string_view view_type, Now now, Call **call) noexcept;

// ---- DescribeContinuousBackups -------------------------------------------------------------------------------------

struct Backups;
[[nodiscard]] Status start_describe_backups(Client *client, Session *session, std::string_view table, Now now,
                                            Call **call) noexcept;
[[nodiscard]] Status take_backups(Call *call, Backups **handle, BackupsDescription *description) noexcept;
void destroy(Backups *handle) noexcept;

// ---- ExportTableToPointInTime, DescribeExport ----------------------------------------------------------------------

struct Export;
[[nodiscard]] Status start_export(Client *client, Session *session, const ExportRequest &request, Now now,
                                  Call **call) noexcept;
[[nodiscard]] Status start_describe_export(Client *client, Session *session, std::string_view export_arn, Now now,
                                           Call **call) noexcept;
// Of either of the two.
[[nodiscard]] Status take_export(Call *call, Export **handle, ExportDescription *description) noexcept;
void destroy(Export *handle) noexcept;

// ---- ListExports ---------------------------------------------------------------------------------------------------

struct Exports;
// `after`: next_token of the page before, or empty.
[[nodiscard]] Status start_list_exports(Client *client, Session *session, std::string_view table_arn,
                                        std::string_view after, Now now, Call **call) noexcept;
[[nodiscard]] Status take_exports(Call *call, Exports **handle, ExportsPage *page) noexcept;
void destroy(Exports *handle) noexcept;

// ---- Scan ----------------------------------------------------------------------------------------------------------

struct Items;
[[nodiscard]] Status start_scan(Client *client, Session *session, const ScanRequest &request, Now now,
                                Call **call) noexcept;
[[nodiscard]] Status take_scan(Call *call, NulCharacters nul_characters, Items **handle, ScanPage *page) noexcept;
// What is probably the LastEvaluatedKey of a finished call, found near the body's end without parsing it, so that the
// next page can be asked for first; to be compared with ScanPage::last_key. Empty where nothing like it is found.
// Lives as long as the call, unless it is taken.
[[nodiscard]] std::string_view guess_last_key(const Call *call) noexcept;
// Parses items kept as DynamoDB JSON (each document one item, as in Item::json). An unsound document gives an item with
// a problem.
[[nodiscard]] Status parse_items(std::span<const std::string_view> documents, NulCharacters nul_characters,
                                 Items **handle, std::span<const Item> *items) noexcept;
void destroy(Items *handle) noexcept;

// ---- Query, Scan with conditions, GetItem --------------------------------------------------------------------------

[[nodiscard]] Status start_query(Client *client, Session *session, const QueryRequest &request, Now now,
                                 Call **call) noexcept;
[[nodiscard]] Status start_read(Client *client, Session *session, const ReadRequest &request, Now now,
                                Call **call) noexcept;
// `key`: DynamoDB JSON; of the options, only table, consistent and projection count.
[[nodiscard]] Status start_get_item(Client *client, Session *session, const ReadOptions &options, std::string_view key,
                                    Now now, Call **call) noexcept;
// Of Query and Scan: as take_scan, or with Select COUNT only the page's count.
[[nodiscard]] Status take_count(Call *call, Items **handle, ScanPage *page) noexcept;
// Of GetItem: one item, or none.
[[nodiscard]] Status take_item(Call *call, NulCharacters nul_characters, Items **handle, ScanPage *page) noexcept;

// Whether DynamoDB's numbers can be this one: at most 38 digits, magnitude from 1E-130 to below 1E126.
[[nodiscard]] bool is_number(std::string_view digits) noexcept;

// ---- BatchGetItem --------------------------------------------------------------------------------------------------

struct CurrentItems;
// Reads consistently. `keys`: DynamoDB JSON as in Change::keys or CurrentItemsPage::unprocessed, at most
// kMostKeysOfBatchGet, no two of them equal.
[[nodiscard]] Status start_batch_get_item(Client *client, Session *session, std::string_view table,
                                          std::span<const std::string_view> keys, Now now, Call **call) noexcept;
// The same with options, of which table, consistent and projection count; the projection holds the key.
[[nodiscard]] Status start_batch_get_item(Client *client, Session *session, const ReadOptions &options,
                                          std::span<const std::string_view> keys, Now now, Call **call) noexcept;
// `key_attributes`: of the table.
[[nodiscard]] Status take_current_items(Call *call, NulCharacters nul_characters,
                                        std::span<const std::string_view> key_attributes, CurrentItems **handle,
                                        CurrentItemsPage *page) noexcept;
void destroy(CurrentItems *handle) noexcept;

// ---- DescribeStream ------------------------------------------------------------------------------------------------

struct Shards;
// `after`: last_shard of the page before, or empty.
[[nodiscard]] Status start_describe_stream(Client *client, Session *session, std::string_view stream_arn,
                                           std::string_view after, Now now, Call **call) noexcept;
[[nodiscard]] Status take_shards(Call *call, Shards **handle, StreamDescription *description) noexcept;
void destroy(Shards *handle) noexcept;

// ---- GetShardIterator ----------------------------------------------------------------------------------------------

struct Iterator;

// `after_sequence_number`: AFTER_SEQUENCE_NUMBER; empty: TRIM_HORIZON.
[[nodiscard]] Status start_get_shard_iterator(Client *client, Session *session, std::string_view stream_arn,
                                              std::string_view shard, std::string_view after_sequence_number, Now now,
                                              Call **call) noexcept;
// The iterator itself is never empty.
[[nodiscard]] Status take_shard_iterator(Call *call, Iterator **handle, std::string_view *iterator) noexcept;
void destroy(Iterator *handle) noexcept;

// ---- GetRecords ----------------------------------------------------------------------------------------------------

struct Records;
[[nodiscard]] Status start_get_records(Client *client, Session *session, std::string_view iterator, std::uint32_t limit,
                                       Now now, Call **call) noexcept;
[[nodiscard]] Status take_records(Call *call, NulCharacters nul_characters, Records **handle,
                                  RecordsPage *page) noexcept;
void destroy(Records *handle) noexcept;

}  // namespace podyn::engine
