// See shipment.h.
#include "engine/shipment.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string_view>
#include <utility>

#include "dynamodb/key_digest.h"
#include "dynamodb/writes.h"

namespace podyn::engine {

namespace {

constexpr double kUnitBytes = 1024;  // developer guide, "Read/write capacity mode"

std::vector<std::string> value_texts(std::span<const Value> values, const dynamodb::KeyRules &rules,
                                     std::vector<std::string_view> &names)
{
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < values.size(); i += values[i].span) {
        const std::string_view name = values[i].name;
        const bool is_key = std::any_of(rules.keys.begin(), rules.keys.end(),
                                        [name](const dynamodb::KeyAttribute &key) { return key.name == name; });
        if (is_key)
            continue;
        std::size_t size = 0;
        names.push_back(name);
        dynamodb::append_value(texts.emplace_back(), values[i], name, size);
    }
    return texts;
}

std::string update_body(const std::string &table, const dynamodb::KeyRules &rules, const WriteRequest &request,
                        const std::string &key)
{
    std::vector<std::string_view> names;
    const std::vector<std::string> texts = value_texts(request.values, rules, names);
    return dynamodb::update_request({table, rules.keys.front().name, key, names, texts, request.removed});
}

std::vector<Value> key_values(std::span<const Value> values, const dynamodb::KeyRules &rules)
{
    std::vector<Value> found;
    for (std::size_t i = 0; i < values.size(); i += values[i].span)
        for (const dynamodb::KeyAttribute &key : rules.keys)
            if (key.name == values[i].name)
                found.push_back(values[i]);
    return found;
}

}  // namespace

bool goes_in_batches(WriteKind kind)
{
    return kind == WriteKind::kPut || kind == WriteKind::kDelete;
}

Entry make_entry(const std::string &table, const dynamodb::KeyRules &rules, const WriteRequest &request)
{
    dynamodb::WrittenItem item = dynamodb::write_item(request.values, rules);
    const base::Sha256 digest = dynamodb::key_digest(key_values(request.values, rules), dynamodb::Tape{});
    const double units = std::max(1.0, std::ceil(static_cast<double>(item.size) / kUnitBytes));
    std::string json = request.kind == WriteKind::kUpdate   ? update_body(table, rules, request, item.key)
                       : request.kind == WriteKind::kDelete ? item.key
                                                            : std::move(item.json);
    return {request.kind, request.row, std::move(json), std::move(item.key), digest, units};
}

Operation operation_of(const Shipment &shipment)
{
    const WriteKind kind = shipment.entries.front().kind;
    return kind == WriteKind::kPutNew   ? Operation::kPutItem
           : kind == WriteKind::kUpdate ? Operation::kUpdateItem
                                        : Operation::kBatchWriteItem;
}

std::string body_of(const Shipment &shipment, const std::string &table, const dynamodb::KeyRules &rules)
{
    const Entry &first = shipment.entries.front();
    if (first.kind == WriteKind::kPutNew)
        return dynamodb::put_new_request(table, rules.keys.front().name, first.json);
    if (first.kind == WriteKind::kUpdate)
        return first.json;
    std::vector<dynamodb::BatchedWrite> writes;
    for (const Entry &entry : shipment.entries)
        writes.push_back({entry.kind == WriteKind::kDelete, entry.json});
    return dynamodb::batch_write_request(table, writes);
}

double units_of(const Shipment &shipment)
{
    double units = 0;
    for (const Entry &entry : shipment.entries)
        units += entry.units;
    return units;
}

}  // namespace podyn::engine
