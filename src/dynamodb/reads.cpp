// See reads.h.
#include "dynamodb/reads.h"

#include "dynamodb/expressions.h"
#include "json/writer.h"

namespace podyn::dynamodb {

namespace {

void add(json::ObjectWriter &writer, std::string_view name, const std::string &expression)
{
    if (!expression.empty())
        writer.string(name, expression);
}

void add_placeholders(json::ObjectWriter &writer, const Expressions &expressions)
{
    if (const std::string names = expressions.names_json(); !names.empty())
        writer.raw("ExpressionAttributeNames", names);
    if (const std::string values = expressions.values_json(); !values.empty())
        writer.raw("ExpressionAttributeValues", values);
}

// What Query and Scan have in common.
void add_options(json::ObjectWriter &writer, const ReadOptions &options, Expressions &expressions)
{
    writer.string("TableName", options.table);
    if (!options.index.empty())
        writer.string("IndexName", options.index);
    add(writer, "FilterExpression", expressions.filter(options.filter));
    if (options.count_only)
        writer.string("Select", "COUNT");
    else
        add(writer, "ProjectionExpression", expressions.projection(options.projection));
    add_placeholders(writer, expressions);
    writer.boolean("ConsistentRead", options.consistent);
    if (options.limit > 0)
        writer.number("Limit", options.limit);
    if (!options.exclusive_start_key.empty())
        writer.raw("ExclusiveStartKey", options.exclusive_start_key);
    writer.string("ReturnConsumedCapacity", "TOTAL");
}

void add_projection(json::ObjectWriter &writer, const ReadOptions &options)
{
    Expressions expressions;
    add(writer, "ProjectionExpression", expressions.projection(options.projection));
    add_placeholders(writer, expressions);
    writer.boolean("ConsistentRead", options.consistent);
}

}  // namespace

std::string query_request(const dynamodb::QueryRequest &request)
{
    Expressions expressions;
    json::ObjectWriter writer;
    writer.string("KeyConditionExpression", expressions.key_condition(request.partition, request.sort));
    writer.boolean("ScanIndexForward", !request.backwards);
    add_options(writer, request.read, expressions);
    return writer.finish();
}

std::string read_request(const dynamodb::ReadRequest &request)
{
    Expressions expressions;
    json::ObjectWriter writer;
    if (request.total_segments > 1)
        writer.number("Segment", request.segment).number("TotalSegments", request.total_segments);
    add_options(writer, request.read, expressions);
    return writer.finish();
}

std::string get_request(const dynamodb::ReadOptions &options, std::string_view key)
{
    json::ObjectWriter writer;
    writer.string("TableName", options.table).raw("Key", key);
    add_projection(writer, options);
    writer.string("ReturnConsumedCapacity", "TOTAL");
    return writer.finish();
}

std::string batch_get_request(const dynamodb::ReadOptions &options, std::span<const std::string_view> keys)
{
    std::string list = "[";
    for (const std::string_view key : keys)
        list.append(list.size() > 1 ? "," : "").append(key);
    list += ']';
    json::ObjectWriter asked;
    asked.raw("Keys", list);
    add_projection(asked, options);
    return json::ObjectWriter()
        .raw("RequestItems", json::ObjectWriter().raw(options.table, asked.finish()).finish())
        .string("ReturnConsumedCapacity", "TOTAL")
        .finish();
}

}  // namespace podyn::dynamodb
