// See writes.h.
#include "dynamodb/writes.h"

#include "base/guard.h"
#include "dynamodb/item_key.h"
#include "dynamodb/item_writer.h"
#include "dynamodb/key_digest.h"
#include "dynamodb/scan.h"
#include "json/path_sink.h"
#include "json/writer.h"

namespace podyn::dynamodb {

namespace {

bool is_unprocessed(std::string_view path)
{
    return path.starts_with("UnprocessedItems.") &&
           (path.ends_with("[].PutRequest.Item") || path.ends_with("[].DeleteRequest.Key"));
}

bool is_request(std::string_view path)
{
    return path.starts_with("UnprocessedItems.") && path.ends_with("[]");
}

class AnswerSink final : public json::PathSink {
  public:
    AnswerSink(base::Arena &arena, std::string_view body) : PathSink(arena), body_(body) {}

    std::vector<std::string_view> unprocessed;
    std::size_t requests = 0;
    double write_units = 0;

  protected:
    void on_value(std::string_view path, const json::Scalar &value) override
    {
        const bool units = path == "ConsumedCapacity[].CapacityUnits" || path == "ConsumedCapacity.CapacityUnits";
        if (units && !value.is_null())
            write_units += json::to_double(path, value);
    }

    json::Sink *on_object(std::string_view path, std::size_t offset) override
    {
        if (is_request(path))
            ++requests;
        if (!is_unprocessed(path))
            return this;
        offset_ = offset;
        return &ignore_;
    }

    void on_object_end(std::string_view path, std::size_t end) override
    {
        if (is_unprocessed(path))
            unprocessed.push_back(body_.substr(offset_, end - offset_));
    }

  private:
    std::string_view body_;
    json::Ignore ignore_;
    std::size_t offset_ = 0;
};

// The item that a condition's failure tells of.
class ConditionSink final : public json::PathSink {
  public:
    ConditionSink(base::Arena &arena, std::string_view body) : PathSink(arena), body_(body) {}

    std::string_view item;

  protected:
    json::Sink *on_object(std::string_view path, std::size_t offset) override
    {
        if (path != "Item")
            return this;
        offset_ = offset;
        return &ignore_;
    }

    void on_object_end(std::string_view path, std::size_t end) override
    {
        if (path == "Item")
            item = body_.substr(offset_, end - offset_);
    }

  private:
    std::string_view body_;
    json::Ignore ignore_;
    std::size_t offset_ = 0;
};

std::string placeholder(char mark, std::size_t number)
{
    return mark + std::to_string(number);
}

// The attributes' names and values stand for themselves in no expression: names may be reserved words.
struct Expression {
    json::ObjectWriter names{};
    json::ObjectWriter values{};
    std::string text{};
    std::size_t count = 0;

    std::string name(std::string_view attribute)
    {
        const std::string mark = placeholder('#', count);
        names.string(mark, attribute);
        return mark;
    }
    std::string value(std::string_view json)
    {
        const std::string mark = placeholder(':', count);
        values.raw(mark, json);
        return mark;
    }
};

Expression update_expression(const UpdateRequest &request)
{
    Expression expression;
    for (std::size_t i = 0; i < request.set_names.size(); ++i, ++expression.count) {
        expression.text += i == 0 ? "SET " : ", ";
        expression.text += expression.name(request.set_names[i]);
        expression.text += " = " + expression.value(request.set_values[i]);
    }
    for (std::size_t i = 0; i < request.removed.size(); ++i, ++expression.count) {
        expression.text += i > 0 ? ", " : expression.text.empty() ? "REMOVE " : " REMOVE ";
        expression.text += expression.name(request.removed[i]);
    }
    return expression;
}

std::string finish(json::ObjectWriter &request)
{
    return request.string("ReturnConsumedCapacity", "TOTAL").finish();
}

}  // namespace

std::string batch_write_request(std::string_view table, std::span<const BatchedWrite> writes)
{
    std::string list = "[";
    for (const BatchedWrite &write : writes) {
        list += list.size() > 1 ? "," : "";
        list += write.remove ? R"({"DeleteRequest":{"Key":)" : R"({"PutRequest":{"Item":)";
        list += write.json;
        list += "}}";
    }
    list += ']';
    json::ObjectWriter request;
    request.raw("RequestItems", json::ObjectWriter().raw(table, list).finish());
    return finish(request);
}

std::string put_new_request(std::string_view table, std::string_view partition_key, std::string_view item)
{
    json::ObjectWriter request;
    request.string("TableName", table)
        .raw("Item", item)
        .string("ConditionExpression", "attribute_not_exists(#k)")
        .raw("ExpressionAttributeNames", json::ObjectWriter().string("#k", partition_key).finish())
        .string("ReturnValuesOnConditionCheckFailure", "ALL_OLD");
    return finish(request);
}

std::string update_request(const UpdateRequest &update)
{
    Expression expression = update_expression(update);
    json::ObjectWriter request;
    request.string("TableName", update.table).raw("Key", update.key);
    if (!expression.text.empty())
        request.string("UpdateExpression", expression.text);
    request.string("ConditionExpression", "attribute_exists(" + expression.name(update.partition_key) + ")");
    request.raw("ExpressionAttributeNames", expression.names.finish());
    if (!update.set_names.empty())
        request.raw("ExpressionAttributeValues", expression.values.finish());
    return finish(request);
}

WriteAnswer parse_write_answer(std::string_view body, std::span<const std::string_view> key_attributes)
{
    base::Arena arena;
    AnswerSink sink(arena, body);
    json::read(body, sink);
    if (sink.requests != sink.unprocessed.size())
        json::refuse("UnprocessedItems has a request that is neither a put nor a delete");
    WriteAnswer answer;
    answer.write_units = sink.write_units;
    for (const std::string_view item : sink.unprocessed)
        answer.unprocessed.push_back(digest_of_key(item, key_attributes));
    return answer;
}

base::Sha256 digest_of_key(std::string_view item, std::span<const std::string_view> key_attributes)
{
    Tape tape;
    const ParsedItem key = parse_key(item, key_attributes, tape);
    return key_digest(key_values(key.on(tape), key_attributes), tape);
}

bool holds_item(std::string_view error_body, std::string_view item)
{
    base::Arena arena;
    ConditionSink sink(arena, error_body);
    json::read(error_body, sink);
    if (sink.item.empty())
        return false;
    const std::string_view documents[] = {sink.item, item};
    // Rejected: two texts must not become equal by what is replaced in them.
    const ItemPage page(documents, NulCharacters::kReject);
    const std::span<const Item> items = page.page().items;
    return !items[0].problem.exists() && !items[1].problem.exists() && same_item(items[0].values, items[1].values);
}

}  // namespace podyn::dynamodb
