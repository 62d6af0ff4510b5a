// See operations.h: connects each typed operation with its request's body, its call and its response's parser.
#include "engine/operations.h"

#include <memory>
#include <optional>
#include <string>

#include "dynamodb/batch_get.h"
#include "dynamodb/decimal.h"
#include "dynamodb/exports.h"
#include "dynamodb/reads.h"
#include "dynamodb/scan.h"
#include "dynamodb/tables.h"
#include "engine/call.h"
#include "engine/guard.h"
#include "engine/json_exchange.h"
#include "engine/take.h"
#include "streams/records.h"
#include "streams/shards.h"

namespace podyn::engine {

struct Tables : dynamodb::TableList {
    using TableList::TableList;
};
struct Table : dynamodb::TableInfo {
    using TableInfo::TableInfo;
};
struct Backups : dynamodb::BackupsInfo {
    using BackupsInfo::BackupsInfo;
};
struct Export : dynamodb::ExportInfo {
    using ExportInfo::ExportInfo;
};
struct Exports : dynamodb::ExportList {
    using ExportList::ExportList;
};
struct Items : dynamodb::ItemPage {
    using ItemPage::ItemPage;
};
struct CurrentItems : dynamodb::CurrentItemPage {
    using CurrentItemPage::CurrentItemPage;
};
struct Shards : streams::ShardList {
    using ShardList::ShardList;
};
struct Iterator : streams::ShardIterator {
    using ShardIterator::ShardIterator;
};
struct Records : streams::RecordPage {
    using RecordPage::RecordPage;
};

namespace {

// Where a request goes, apart from what it says.
struct Target {
    Client *client;
    Session *session;
    Now now;
};

template <typename MakeBody>
Status start(const Target &target, Operation operation, Call **call, MakeBody &&make_body) noexcept
{
    return start(target.client, target.session, target.now, call,
                 [&] { return std::make_unique<JsonExchange>(*target.session, operation, make_body()); });
}

}  // namespace

Status start_list_tables(Client *client, Session *session, std::string_view after, Now now, Call **call) noexcept
{
    return start({client, session, now}, Operation::kListTables, call,
                 [&] { return dynamodb::list_tables_request(after); });
}

Status take_tables(Call *call, Tables **handle, TablesPage *page) noexcept
{
    return take(call, handle, page);
}

void destroy(Tables *handle) noexcept
{
    delete handle;
}

Status start_describe_table(Client *client, Session *session, std::string_view table, Now now, Call **call) noexcept
{
    return start({client, session, now}, Operation::kDescribeTable, call,
                 [&] { return dynamodb::describe_table_request(table); });
}

Status take_table(Call *call, Table **handle, TableDescription *description) noexcept
{
    return take(call, handle, description);
}

void destroy(Table *handle) noexcept
{
    delete handle;
}

Status start_enable_stream(Client *client, Session *session, std::string_view table, std::string_view view_type,
                           Now now, Call **call) noexcept
{
    return start({client, session, now}, Operation::kUpdateTable, call,
                 [&] { return dynamodb::enable_stream_request(table, view_type); });
}

Status start_describe_backups(Client *client, Session *session, std::string_view table, Now now, Call **call) noexcept
{
    return start({client, session, now}, Operation::kDescribeContinuousBackups, call,
                 [&] { return dynamodb::describe_backups_request(table); });
}

Status take_backups(Call *call, Backups **handle, BackupsDescription *description) noexcept
{
    return take(call, handle, description);
}

void destroy(Backups *handle) noexcept
{
    delete handle;
}

Status start_export(Client *client, Session *session, const ExportRequest &request, Now now, Call **call) noexcept
{
    return start({client, session, now}, Operation::kExportTableToPointInTime, call,
                 [&] { return dynamodb::export_request(request); });
}

Status start_describe_export(Client *client, Session *session, std::string_view export_arn, Now now,
                             Call **call) noexcept
{
    return start({client, session, now}, Operation::kDescribeExport, call,
                 [&] { return dynamodb::describe_export_request(export_arn); });
}

Status take_export(Call *call, Export **handle, ExportDescription *description) noexcept
{
    return take(call, handle, description);
}

void destroy(Export *handle) noexcept
{
    delete handle;
}

Status start_list_exports(Client *client, Session *session, std::string_view table_arn, std::string_view after, Now now,
                          Call **call) noexcept
{
    return start({client, session, now}, Operation::kListExports, call,
                 [&] { return dynamodb::list_exports_request(table_arn, after); });
}

Status take_exports(Call *call, Exports **handle, ExportsPage *page) noexcept
{
    return take(call, handle, page);
}

void destroy(Exports *handle) noexcept
{
    delete handle;
}

Status start_scan(Client *client, Session *session, const ScanRequest &request, Now now, Call **call) noexcept
{
    return start({client, session, now}, Operation::kScan, call, [&] { return dynamodb::scan_request(request); });
}

Status take_scan(Call *call, NulCharacters nul_characters, Items **handle, ScanPage *page) noexcept
{
    return take(call, handle, page, nul_characters);
}

std::string_view guess_last_key(const Call *call) noexcept
{
    return dynamodb::guess_last_key(call_body(call));
}

Status parse_items(std::span<const std::string_view> documents, NulCharacters nul_characters, Items **handle,
                   std::span<const Item> *items) noexcept
{
    *handle = nullptr;
    return guarded([&] {
        auto parsed = std::make_unique<Items>(documents, nul_characters);
        *items = parsed->page().items;
        *handle = parsed.release();
        return Status{};
    });
}

void destroy(Items *handle) noexcept
{
    delete handle;
}

Status start_query(Client *client, Session *session, const QueryRequest &request, Now now, Call **call) noexcept
{
    return start({client, session, now}, Operation::kQuery, call, [&] { return dynamodb::query_request(request); });
}

Status start_read(Client *client, Session *session, const ReadRequest &request, Now now, Call **call) noexcept
{
    return start({client, session, now}, Operation::kScan, call, [&] { return dynamodb::read_request(request); });
}

Status start_get_item(Client *client, Session *session, const ReadOptions &options, std::string_view key, Now now,
                      Call **call) noexcept
{
    return start({client, session, now}, Operation::kGetItem, call,
                 [&] { return dynamodb::get_request(options, key); });
}

Status take_count(Call *call, Items **handle, ScanPage *page) noexcept
{
    return take(call, handle, page, NulCharacters::kReplace, dynamodb::ItemPage::Answer::kCount);
}

Status take_item(Call *call, NulCharacters nul_characters, Items **handle, ScanPage *page) noexcept
{
    return take(call, handle, page, nul_characters, dynamodb::ItemPage::Answer::kItem);
}

bool is_number(std::string_view digits) noexcept
{
    const std::optional<dynamodb::Decimal> decimal = dynamodb::parse_decimal(digits);
    return decimal && dynamodb::fits_dynamodb(*decimal);
}

Status start_batch_get_item(Client *client, Session *session, const ReadOptions &options,
                            std::span<const std::string_view> keys, Now now, Call **call) noexcept
{
    return start({client, session, now}, Operation::kBatchGetItem, call,
                 [&] { return dynamodb::batch_get_request(options, keys); });
}

Status start_batch_get_item(Client *client, Session *session, std::string_view table,
                            std::span<const std::string_view> keys, Now now, Call **call) noexcept
{
    return start({client, session, now}, Operation::kBatchGetItem, call,
                 [&] { return dynamodb::batch_get_request(table, keys); });
}

Status take_current_items(Call *call, NulCharacters nul_characters, std::span<const std::string_view> key_attributes,
                          CurrentItems **handle, CurrentItemsPage *page) noexcept
{
    return take(call, handle, page, nul_characters, key_attributes);
}

void destroy(CurrentItems *handle) noexcept
{
    delete handle;
}

Status start_describe_stream(Client *client, Session *session, std::string_view stream_arn, std::string_view after,
                             Now now, Call **call) noexcept
{
    return start({client, session, now}, Operation::kDescribeStream, call,
                 [&] { return streams::describe_stream_request(stream_arn, after); });
}

Status take_shards(Call *call, Shards **handle, StreamDescription *description) noexcept
{
    return take(call, handle, description);
}

void destroy(Shards *handle) noexcept
{
    delete handle;
}

Status start_get_shard_iterator(Client *client, Session *session, std::string_view stream_arn, std::string_view shard,
                                std::string_view after_sequence_number, Now now, Call **call) noexcept
{
    return start({client, session, now}, Operation::kGetShardIterator, call,
                 [&] { return streams::shard_iterator_request(stream_arn, shard, after_sequence_number); });
}

Status take_shard_iterator(Call *call, Iterator **handle, std::string_view *iterator) noexcept
{
    return take(call, handle, iterator);
}

void destroy(Iterator *handle) noexcept
{
    delete handle;
}

Status start_get_records(Client *client, Session *session, std::string_view iterator, std::uint32_t limit, Now now,
                         Call **call) noexcept
{
    return start({client, session, now}, Operation::kGetRecords, call,
                 [&] { return streams::records_request(iterator, limit); });
}

Status take_records(Call *call, NulCharacters nul_characters, Records **handle, RecordsPage *page) noexcept
{
    return take(call, handle, page, nul_characters);
}

void destroy(Records *handle) noexcept
{
    delete handle;
}

}  // namespace podyn::engine
