// See tables.h.
#include "dynamodb/tables.h"

#include <cstddef>
#include <utility>

#include "json/path_sink.h"
#include "json/writer.h"

namespace podyn::dynamodb {

namespace {

constexpr unsigned kTablesPerPage = 100;  // the most that ListTables takes
// Far above what a table may have (two key attributes, 25 indexes of up to eight key attributes): a longer list is no
// table's, and looking types up in it would take for ever.
constexpr std::size_t kMaxListed = 1000;

class TableListSink final : public json::PathSink {
  public:
    using PathSink::PathSink;

    std::vector<std::string_view> names;
    std::string_view last_name;
    bool has_names = false;

  protected:
    void on_value(std::string_view path, const json::Scalar &value) override
    {
        if (path == "TableNames[]")
            names.push_back(keep_string(path, value));
        else if (path == "LastEvaluatedTableName")
            last_name = keep_string(path, value);
    }

    void on_array(std::string_view path) override { has_names |= path == "TableNames"; }

    [[nodiscard]] bool needs_scalar(std::string_view path) const override
    {
        return path == "TableNames[]" || path == "LastEvaluatedTableName";
    }
};

// An element of KeySchema, or of AttributeDefinitions.
struct NameAndType {
    std::string_view name;
    std::string_view type;
};

struct IndexElement {
    std::string_view name;
    std::vector<NameAndType> schema;
    bool local;
    std::string_view projection;
    std::vector<std::string_view> included;
    std::string_view status;
};

class TableSink final : public json::PathSink {
  public:
    TableSink(base::Arena &arena, TableDescription &description) : PathSink(arena), table_(description) {}

    std::vector<NameAndType> definitions;
    std::vector<NameAndType> schema;
    std::vector<IndexElement> indexes;

  protected:
    json::Sink *on_object(std::string_view path, std::size_t) override
    {
        if (definitions.size() + schema.size() + indexes.size() > kMaxListed ||
            (!indexes.empty() && indexes.back().schema.size() > kMaxListed))
            json::refuse("response lists too many key attributes");
        if (path == "Table.AttributeDefinitions[]")
            definitions.emplace_back();
        else if (path == "Table.KeySchema[]")
            schema.emplace_back();
        else if (path == "Table.GlobalSecondaryIndexes[]" || path == "Table.LocalSecondaryIndexes[]")
            indexes.push_back({{}, {}, path == "Table.LocalSecondaryIndexes[]", {}, {}, {}});
        else if (index_member(path) == "KeySchema[]")
            indexes.back().schema.emplace_back();
        return this;
    }

    void on_value(std::string_view path, const json::Scalar &value) override
    {
        if (const std::string_view member = index_member(path); !member.empty())
            set_index(member, path, value);
        else if (path == "Table.AttributeDefinitions[].AttributeName")
            definitions.back().name = keep_string(path, value);
        else if (path == "Table.AttributeDefinitions[].AttributeType")
            definitions.back().type = keep_string(path, value);
        else if (path == "Table.KeySchema[].AttributeName")
            schema.back().name = keep_string(path, value);
        else if (path == "Table.KeySchema[].KeyType")
            schema.back().type = keep_string(path, value);
        else
            set_property(path, value);
    }

  private:
    // The rest of the path of a member of an index; empty if it is none.
    static std::string_view index_member(std::string_view path)
    {
        for (const std::string_view list : {"Table.GlobalSecondaryIndexes[].", "Table.LocalSecondaryIndexes[]."})
            if (path.starts_with(list))
                return path.substr(list.size());
        return {};
    }

    void set_index(std::string_view member, std::string_view path, const json::Scalar &value)
    {
        IndexElement &index = indexes.back();
        if (member == "IndexName")
            index.name = keep_string(path, value);
        else if (member == "KeySchema[].AttributeName")
            index.schema.back().name = keep_string(path, value);
        else if (member == "KeySchema[].KeyType")
            index.schema.back().type = keep_string(path, value);
        else if (member == "IndexStatus")
            index.status = keep_string(path, value);
        else if (member == "Projection.ProjectionType")
            index.projection = keep_string(path, value);
        else if (member == "Projection.NonKeyAttributes[]")
            index.included.push_back(keep_string(path, value));
    }

    void set_property(std::string_view path, const json::Scalar &value)
    {
        if (value.is_null())
            return;
        if (path == "Table.TableName")
            table_.name = keep_string(path, value);
        else if (path == "Table.TableArn")
            table_.arn = keep_string(path, value);
        else if (path == "Table.TableId")
            table_.id = keep_string(path, value);
        else if (path == "Table.TableStatus")
            table_.status = keep_string(path, value);
        else if (path == "Table.ItemCount")
            table_.item_count = json::to_count(path, value);
        else if (path == "Table.TableSizeBytes")
            table_.size_bytes = json::to_count(path, value);
        else if (path == "Table.LatestStreamArn")
            table_.stream_arn = keep_string(path, value);
        else if (path == "Table.StreamSpecification.StreamEnabled")
            table_.stream_enabled = value.boolean;
        else if (path == "Table.StreamSpecification.StreamViewType")
            table_.stream_view_type = keep_string(path, value);
    }

    TableDescription &table_;
};

char type_of(std::string_view attribute, const std::vector<NameAndType> &definitions)
{
    for (const NameAndType &definition : definitions)
        if (definition.name == attribute &&
            (definition.type == "S" || definition.type == "N" || definition.type == "B"))
            return definition.type.front();
    json::refuse("response defines no type for key attribute " + std::string(attribute));
}

void append_keys(std::vector<KeyAttribute> &keys, const std::vector<NameAndType> &schema, std::string_view key_type,
                 const std::vector<NameAndType> &definitions)
{
    for (const NameAndType &element : schema)
        if (element.type == key_type)
            keys.push_back({element.name, type_of(element.name, definitions), key_type == "RANGE"});
}

// The partition key's attributes in their order, then the sort key's.
std::vector<KeyAttribute> keys_of(const std::vector<NameAndType> &schema, const std::vector<NameAndType> &definitions)
{
    std::vector<KeyAttribute> keys;
    append_keys(keys, schema, "HASH", definitions);
    json::require(!keys.empty(), "a partition key");
    append_keys(keys, schema, "RANGE", definitions);
    if (keys.size() != schema.size())
        json::refuse("unknown type of key in KeySchema");
    return keys;
}

Projection projection_of(const IndexElement &index)
{
    if (index.projection == "KEYS_ONLY")
        return Projection::kKeysOnly;
    return index.projection == "INCLUDE" ? Projection::kInclude : Projection::kAll;
}

}  // namespace

std::string list_tables_request(std::string_view after)
{
    json::ObjectWriter writer;
    writer.number("Limit", kTablesPerPage);
    if (!after.empty())
        writer.string("ExclusiveStartTableName", after);
    return writer.finish();
}

std::string describe_table_request(std::string_view table)
{
    return json::ObjectWriter().string("TableName", table).finish();
}

std::string enable_stream_request(std::string_view table, std::string_view view_type)
{
    const std::string stream =
        json::ObjectWriter().boolean("StreamEnabled", true).string("StreamViewType", view_type).finish();
    return json::ObjectWriter().string("TableName", table).raw("StreamSpecification", stream).finish();
}

TableList::TableList(std::string body) : body_(std::move(body))
{
    TableListSink sink(arena_);
    json::read(body_, sink);
    json::require(sink.has_names, "TableNames");
    names_ = std::move(sink.names);
    last_name_ = sink.last_name;
}

TableInfo::TableInfo(std::string body) : body_(std::move(body))
{
    TableSink sink(arena_, description_);
    json::read(body_, sink);
    json::require(!description_.name.empty(), "Table.TableName");
    json::require(!description_.status.empty(), "Table.TableStatus");

    keys_ = keys_of(sink.schema, sink.definitions);
    for (const IndexElement &index : sink.indexes) {
        json::require(!index.name.empty(), "IndexName");
        index_keys_.push_back(keys_of(index.schema, sink.definitions));
        included_.push_back(index.included);
        indexes_.push_back({index.name, index_keys_.back(), index.local, projection_of(index), included_.back(),
                            index.status != "CREATING"});
    }
    description_.keys = keys_;
    description_.indexes = indexes_;
    if (!description_.stream_enabled)
        description_.stream_view_type = {};
}

}  // namespace podyn::dynamodb
