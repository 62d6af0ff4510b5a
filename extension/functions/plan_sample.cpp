// See plan_sample.h.
#include "functions/plan_sample.h"

#include "load/halving.h"
#include "load/target.h"
#include "raise.h"

namespace podyn {
namespace {

using engine::ColumnType;
using engine::ValueType;

constexpr int kMostColumnRows = 1600;  // PostgreSQL's most columns; what is more than a table can hold is only counted
constexpr int kMostRejectedRows = 20;
constexpr int kMostKeyBytes = 100;
constexpr const char *kTypeNames[] = {"S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"};

// An attribute with values that go to the same type of column.
struct Attribute {
    std::string_view name;
    ColumnType type;
    uint32 kinds;  // bits: ValueType
    int items;
};

struct Attributes {
    Attribute *list;
    int count;
    int capacity;
    engine::Layout *known;  // attribute and type -> index in list
    engine::Layout *nulls;  // those seen as NULL, as if of type text
    List *null_names;       // char *
};

engine::Layout *make_layout()
{
    engine::Layout *layout = nullptr;
    check(engine::layout_create(&layout));
    return own<engine::Layout>(CurrentMemoryContext, layout, engine::destroy);
}

void add_null(Attributes *attributes, std::string_view name)
{
    if (engine::layout_knows(attributes->nulls, name))
        return;
    check(engine::layout_add(attributes->nulls, name, ColumnType::kText, 0));
    attributes->null_names = lappend(attributes->null_names, copy_string(name));
}

void add_value(Attributes *attributes, const engine::Value &value)
{
    ColumnType type = engine::column_type(value.type);
    if (type == ColumnType::kNone) {
        add_null(attributes, value.name);
        return;
    }
    int index = engine::layout_find(attributes->known, value.name, type);
    if (index == engine::kNoColumn) {
        if (attributes->count == attributes->capacity) {
            attributes->capacity *= 2;
            attributes->list = static_cast<Attribute *>(
                repalloc(attributes->list, sizeof(Attribute) * static_cast<size_t>(attributes->capacity)));
        }
        index = attributes->count++;
        attributes->list[index] = {value.name, type, 0, 0};
        check(engine::layout_add(attributes->known, value.name, type, index));
    }
    attributes->list[index].kinds |= 1U << static_cast<unsigned>(value.type);
    ++attributes->list[index].items;
}

Attributes read_attributes(std::span<const engine::Item> items)
{
    Attributes attributes = {};
    attributes.capacity = 64;
    attributes.list = static_cast<Attribute *>(palloc(sizeof(Attribute) * 64));
    attributes.known = make_layout();
    attributes.nulls = make_layout();
    for (const engine::Item &item : items)
        for (size_t i = 0; !item.problem.exists() && i < item.values.size(); i += item.values[i].span)
            add_value(&attributes, item.values[i]);
    return attributes;
}

const char *kinds_text(uint32 kinds)
{
    StringInfoData text;
    initStringInfo(&text);
    for (unsigned i = 0; i < lengthof(kTypeNames); ++i)
        if (kinds & 1U << i)
            appendStringInfo(&text, "%s%s", text.len ? ", " : "", kTypeNames[i]);
    return text.data;
}

// The column that an attribute goes to; null: none of its own.
const TargetColumn *column_of(const Target &target, const Attribute &attribute)
{
    int index = engine::layout_find(target.layout, attribute.name, attribute.type);
    bool has_one = index != engine::kNoColumn && target.columns[index].number != InvalidAttrNumber;
    return has_one ? &target.columns[index] : nullptr;
}

const char *place_of(const Target &target, const Attribute &attribute)
{
    const TargetColumn *column = column_of(target, attribute);
    if (column != nullptr)
        return psprintf("%s %s", quote_identifier(column->name),
                        format_type_be(get_atttype(target.relation, column->number)));
    bool kept = target.adds_columns || target.rest != InvalidAttrNumber;
    return kept ? psprintf("%s jsonb", kRestColumn) : "left out, the table has no column for it";
}

void add_conflict(PlanRows *rows, const Target &target, const Attributes &attributes, const Attribute &first)
{
    StringInfoData types;
    initStringInfo(&types);
    int count = 0;
    for (size_t i = 0; i < engine::kColumnTypes; ++i) {
        int index = engine::layout_find(attributes.known, first.name, static_cast<ColumnType>(i));
        if (index == engine::kNoColumn)
            continue;
        const Attribute &each = attributes.list[index];
        if (&each < &first)
            return;  // told already, with the one that came first
        ++count;
        appendStringInfo(&types, "%s%s in %d items, column %s", types.len ? "; " : "", kinds_text(each.kinds),
                         each.items, place_of(target, each));
    }
    if (count > 1)
        add_row(rows, "conflict", "attribute \"%s\" has several types: %s", copy_string(first.name), types.data);
}

void add_column(PlanRows *rows, const Target &target, const Attribute &attribute, int item_count)
{
    const TargetColumn *column = column_of(target, attribute);
    const char *name = copy_string(attribute.name);
    add_row(rows, "column", "\"%s\" (%s) -> %s, in %d of %d items", name, kinds_text(attribute.kinds),
            place_of(target, attribute), attribute.items, item_count);
    if (column != nullptr && attribute.name != column->name)
        add_row(rows, "renamed", "attribute \"%s\" of type %s goes to column %s", name, kinds_text(attribute.kinds),
                quote_identifier(column->name));
}

void no_pause() {}

struct Refusals {
    PlanRows *rows;
    const Target *target;
    int count;
};

const char *shortened(std::string_view text)
{
    int length = pg_mbcliplen(text.data(), static_cast<int>(text.size()), kMostKeyBytes);
    return pnstrdup(text.data(), static_cast<Size>(length));
}

// The item's key as users write it, whatever else is in it. An unsound item was read as far as its fault only, which
// may stand before the key: it is shown by its beginning.
const char *describe_item(const Target &target, const engine::Item &item)
{
    StringInfoData key;
    initStringInfo(&key);
    for (int k = 0; k < target.key_count; ++k)
        for (size_t i = 0; i < item.values.size(); i += item.values[i].span)
            if (item.values[i].name == target.key_attributes[k])
                appendStringInfo(&key, "%s\"%s\" = %s", key.len ? ", " : "", target.key_attributes[k],
                                 item.values[i].type == ValueType::kBinary
                                     ? "(binary)"
                                     : quote_literal_cstr(shortened(item.values[i].text)));
    return key.len ? psprintf("with %s", key.data) : shortened(item.json);
}

void refuse(Refusals *refusals, const engine::Item &item, const char *sqlstate, const char *message)
{
    add_refusal(refusals->rows, ++refusals->count, psprintf("item %s", describe_item(*refusals->target, item)),
                sqlstate, message);
}

void refuse_row(void *context, const Row &row, ErrorData *error)
{
    refuse(static_cast<Refusals *>(context), *row.item, unpack_sql_state(error->sqlerrcode), error->message);
}

struct Writing {
    Target *target;
    SampleWrite sample;
    Refusals refusals;
    int written;
};

void write(void *argument)
{
    auto *writing = static_cast<Writing *>(argument);
    Target *target = writing->target;
    const SampleWrite &sample = writing->sample;
    Batch batch = open_batch(*target, sample.on_conflict);
    auto *sound = static_cast<PageItem *>(palloc(sizeof(PageItem) * static_cast<size_t>(sample.count + 1)));
    int count = 0;
    for (int i = 0; i < sample.count; ++i) {
        engine::Problem problem = check_item(*target, *sample.items[i].item);
        if (problem.exists())
            refuse(&writing->refusals, *sample.items[i].item, problem.sqlstate, copy_string(problem.message));
        else
            sound[count++] = sample.items[i];
    }
    Row *rows = make_rows(batch, sound, count);
    writing->written = sample.fresh && load_rows(batch, rows, count, no_pause)
                           ? count
                           : apply_or_reject(batch, target, rows, count, refuse_row, &writing->refusals);
    close_batch(batch);
}

bool has_triggers(const Target &target)
{
    Relation relation = relation_open(target.relation, AccessShareLock);
    bool found = relation->trigdesc != nullptr;
    relation_close(relation, AccessShareLock);
    return found;
}

}  // namespace

void plan_columns(PlanRows *rows, const catalog::Replication &replication, std::span<const engine::Item> items)
{
    Target *target = load_target(CurrentMemoryContext, replication);
    Attributes attributes = read_attributes(items);
    int count = static_cast<int>(items.size());
    if (replication.jsonb_mode) {
        add_row(rows, "column", "data jsonb holds the whole item%s; attributes in the sample: %d",
                replication.typed_document ? " as DynamoDB JSON" : "", attributes.count);
        return;
    }
    for (int i = 0; i < attributes.count && i < kMostColumnRows; ++i)
        add_column(rows, *target, attributes.list[i], count);
    if (attributes.count > kMostColumnRows)
        add_row(rows, "warning", "%d more attributes in the sample than a table can have columns go to %s",
                attributes.count - kMostColumnRows, kRestColumn);
    for (int i = 0; i < attributes.count && i < kMostColumnRows; ++i)
        add_conflict(rows, *target, attributes, attributes.list[i]);
    ListCell *cell;
    foreach (cell, attributes.null_names)
        if (!engine::layout_knows(attributes.known, static_cast<const char *>(lfirst(cell))))
            add_row(rows, "column", "\"%s\" (NULL) -> no column before it has a value",
                    static_cast<const char *>(lfirst(cell)));
}

void add_refusal(PlanRows *rows, int number, const char *what, const char *sqlstate, const char *message)
{
    if (number <= kMostRejectedRows)
        add_row(rows, "rejected", "%s would go to podyn.error: %s (SQLSTATE %s)", what, message, sqlstate);
}

void add_refusal_count(PlanRows *rows, int count, int of)
{
    if (count > kMostRejectedRows)
        add_row(rows, "rejected", "%d more items of the sample", count - kMostRejectedRows);
    if (count > 0)
        add_row(rows, "warning", "%d of %d items of the sample would be rejected", count, of);
}

SampleCounts plan_writes(PlanRows *rows, const catalog::Replication &replication, const SampleWrite &sample)
{
    Writing writing = {load_target(CurrentMemoryContext, replication), sample, {rows, nullptr, 0}, 0};
    writing.refusals.target = writing.target;
    if (!replication.target_made && has_triggers(*writing.target)) {
        add_row(rows, "sample", "not written to the target for trial, because its triggers would run");
        return {};
    }
    int length = list_length(rows->rows);
    ErrorData *error = attempt(write, &writing);
    if (error != nullptr && writing.target->wants_rest) {
        rows->rows = list_truncate(rows->rows, length);
        map_columns(replication, {}, true);
        add_row(rows, "column", "%s jsonb holds what does not fit into a row's columns", kRestColumn);
        writing.target = load_target(CurrentMemoryContext, replication);
        writing.refusals = {rows, writing.target, 0};
        error = attempt(write, &writing);
    }
    if (error != nullptr)
        add_error(rows, *error);
    return {error == nullptr, writing.written, writing.refusals.count};
}

void plan_scan(PlanRows *rows, const catalog::Replication &replication, std::span<const engine::Item> items)
{
    auto *page = static_cast<PageItem *>(palloc0(sizeof(PageItem) * (items.size() + 1)));
    int count = 0;
    for (const engine::Item &item : items)
        page[count++].item = &item;
    SampleCounts counts = plan_writes(rows, replication, {page, count, OnConflict::kUpdate, true});
    add_refusal_count(rows, counts.rejected, count);
}

}  // namespace podyn
