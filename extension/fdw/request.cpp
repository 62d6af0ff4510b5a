// See request.h.
#include "fdw/request.h"

#include "engine/keys.h"
#include "fdw/conditions.h"
#include "fdw/values.h"
#include "raise.h"

namespace podyn {
namespace {

using engine::Operand;
using engine::Test;
using engine::ValueType;

struct Operands {
    Operand *list;
    int count;
};

struct Making {
    const ForeignTable *table;
    const PlanValue *values;
};

const ForeignColumn &column_of(const Making &making, const PlannedCondition &condition)
{
    return making.table->columns[find_column(*making.table, condition.column)];
}

// ---- Keys ----------------------------------------------------------------------------------------------------------

// A value that no key can have is left out.
void add_key(Operands *operands, const ForeignColumn &column, Writer *writer, Datum value, bool sort)
{
    Operand operand;
    if (make_operand(column, writer, value, &operand) && can_be_key(operand, sort))
        operands->list[operands->count++] = operand;
}

int by_text(const void *left, const void *right)
{
    return static_cast<const Operand *>(left)->text.compare(static_cast<const Operand *>(right)->text);
}

// Keys are asked for once each. Their order does not matter.
void leave_out_repeated(Operands *operands)
{
    qsort(operands->list, static_cast<size_t>(operands->count), sizeof(Operand), by_text);
    int kept = 0;
    for (int i = 0; i < operands->count; ++i)
        if (kept == 0 || operands->list[kept - 1].text != operands->list[i].text)
            operands->list[kept++] = operands->list[i];
    operands->count = kept;
}

// The values of = or = ANY.
Operands key_values(const Making &making, const PlannedCondition &condition, bool sort)
{
    const PlanValue &value = making.values[condition.value];
    const ForeignColumn &column = column_of(making, condition);
    Operands operands = {};
    if (value.null)
        return operands;
    if (!condition.array) {
        Writer writer = make_writer(value.type);
        operands.list = static_cast<Operand *>(palloc(sizeof(Operand)));
        add_key(&operands, column, &writer, value.datum, sort);
        return operands;
    }
    Writer writer = make_writer(get_element_type(value.type));
    Datum *elements;
    bool *nulls;
    int count;
    deconstruct_values(value.datum, &elements, &nulls, &count);
    operands.list = static_cast<Operand *>(palloc(sizeof(Operand) * static_cast<size_t>(count + 1)));
    for (int i = 0; i < count; ++i)
        if (!nulls[i])
            add_key(&operands, column, &writer, elements[i], sort);
    leave_out_repeated(&operands);
    return operands;
}

std::string_view attribute_of(const Making &making, const PlannedCondition &condition)
{
    return column_of(making, condition).attribute;
}

constexpr int64 kMostLookups = 1000 * 1000;

int checked_lookups(int64 count)
{
    if (count > kMostLookups)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("the conditions ask for " INT64_FORMAT " keys at once", count),
                        errhint("Ask for at most " INT64_FORMAT ".", kMostLookups)));
    return static_cast<int>(count);
}

// Every combination of the values of the key's attributes.
bool make_partitions(const Making &making, const PlannedScan &plan, Wanted *wanted)
{
    auto *each = static_cast<Operands *>(palloc(sizeof(Operands) * static_cast<size_t>(plan.partition_count + 1)));
    int64 count = 1;
    for (int i = 0; i < plan.partition_count; ++i) {
        each[i] = key_values(making, plan.partition[i], false);
        count = checked_lookups(count * each[i].count);
    }
    wanted->partition_size = plan.partition_count;
    wanted->partition_count = static_cast<int>(count);
    wanted->partitions = static_cast<engine::KeyValue **>(
        palloc_extended(sizeof(engine::KeyValue *) * static_cast<size_t>(count + 1), MCXT_ALLOC_HUGE));
    for (int n = 0; n < wanted->partition_count; ++n) {
        auto *partition = static_cast<engine::KeyValue *>(
            palloc0(sizeof(engine::KeyValue) * static_cast<size_t>(plan.partition_count + 1)));
        int rest = n;
        for (int i = 0; i < plan.partition_count; ++i) {
            partition[i] = {attribute_of(making, plan.partition[i]), each[i].list[rest % each[i].count]};
            rest /= each[i].count;
        }
        wanted->partitions[n] = partition;
    }
    return count > 0;
}

engine::Condition *make_sort(const Making &making, const PlannedCondition &condition, Test test, Operand *operands,
                             int count)
{
    auto *sort = static_cast<engine::Condition *>(palloc0(sizeof(engine::Condition)));
    *sort = {test, 0, attribute_of(making, condition), {operands, static_cast<size_t>(count)}, 0};
    return sort;
}

bool make_sort_points(const Making &making, const PlannedCondition &condition, Wanted *wanted)
{
    Operands points = key_values(making, condition, true);
    auto *sorts =
        static_cast<engine::Condition *>(palloc(sizeof(engine::Condition) * static_cast<size_t>(points.count + 1)));
    for (int i = 0; i < points.count; ++i)
        sorts[i] = *make_sort(making, condition, Test::kEqual, &points.list[i], 1);
    wanted->sorts = sorts;
    wanted->sort_count = points.count;
    return points.count > 0;
}

// Of LIKE's pattern, the beginning.
Datum prefix_of(Datum pattern)
{
    LikeRest rest;
    return CStringGetTextDatum(like_prefix(TextDatumGetCString(pattern), &rest));
}

// A bound of the sort key. False: it is none that DynamoDB could take; then every key is read and looked at here.
bool make_bound(const Making &making, const PlannedCondition &condition, Operand *operand)
{
    const PlanValue &value = making.values[condition.value];
    Writer writer = make_writer(value.type);
    Datum datum = condition.pattern ? prefix_of(value.datum) : value.datum;
    return make_operand(column_of(making, condition), &writer, datum, operand) && can_be_key(*operand, true);
}

bool make_sort_range(const Making &making, const PlannedScan &plan, Wanted *wanted)
{
    auto *operands = static_cast<Operand *>(palloc(sizeof(Operand) * 2));
    const PlannedCondition *last = nullptr;
    int count = 0;
    for (int i = 0; i < plan.sort_count; ++i) {
        if (making.values[plan.sort[i].value].null)
            return false;
        if (make_bound(making, plan.sort[i], &operands[count])) {
            ++count;
            last = &plan.sort[i];
        }
    }
    if (count == 0)
        return true;
    if (count == 2 && compare(operands[0], operands[1]) > 0)
        return false;
    wanted->sorts = make_sort(making, *last, count == 2 ? Test::kBetween : last->test, operands, count);
    wanted->sort_count = 1;
    return true;
}

bool has_sort_points(const PlannedScan &plan)
{
    return plan.sort_count == 1 && (plan.sort[0].test == Test::kEqual || plan.sort[0].test == Test::kIn);
}

// Of GetItem and BatchGetItem.
struct Key {
    engine::KeyValue values[2];
    size_t count;

    [[nodiscard]] std::span<const engine::KeyValue> attributes() const { return {values, count}; }
};

// Each partition key goes with each sort key.
Key key_at(const Wanted &wanted, int i)
{
    int sorts = Max(wanted.sort_count, 1);
    Key key = {{wanted.partitions[i / sorts][0], {}}, 1};
    if (wanted.sort_count > 0)
        key.values[key.count++] = {wanted.sorts[i % sorts].attribute, wanted.sorts[i % sorts].operands[0]};
    return key;
}

void make_keys(Wanted *wanted)
{
    int sorts = Max(wanted->sort_count, 1);
    wanted->key_count = checked_lookups(static_cast<int64>(wanted->partition_count) * sorts);
    wanted->keys = static_cast<std::string_view *>(
        palloc_extended(sizeof(std::string_view) * static_cast<size_t>(wanted->key_count + 1), MCXT_ALLOC_HUGE));
    for (int i = 0; i < wanted->key_count; ++i)
        wanted->keys[i] = key_json(key_at(*wanted, i).attributes());
}

bool make_key_request(const Making &making, const PlannedScan &plan, Wanted *wanted)
{
    if (!make_partitions(making, plan, wanted))
        return false;
    if (plan.sort_count > 0 && !(has_sort_points(plan) ? make_sort_points(making, plan.sort[0], wanted)
                                                       : make_sort_range(making, plan, wanted)))
        return false;
    if (plan.request != Request::kQuery)
        make_keys(wanted);
    else
        wanted->lookups = checked_lookups(static_cast<int64>(wanted->partition_count) * Max(wanted->sort_count, 1));
    return true;
}

// ---- Filter --------------------------------------------------------------------------------------------------------

uint32 bit(ValueType type)
{
    return 1U << static_cast<unsigned>(type);
}

uint32 types_of(const ForeignColumn &column)
{
    switch (column.type) {
        case engine::ColumnType::kText:
            return bit(ValueType::kString);
        case engine::ColumnType::kNumeric:
            return bit(ValueType::kNumber);
        case engine::ColumnType::kBytea:
            return bit(ValueType::kBinary);
        case engine::ColumnType::kBoolean:
            return bit(ValueType::kBool);
        default:
            return bit(ValueType::kMap) | bit(ValueType::kList) | bit(ValueType::kStringSet) |
                   bit(ValueType::kNumberSet) | bit(ValueType::kBinarySet);
    }
}

enum class Said : uint8 { kYes, kEqualsNothing, kNo };

// Whether a value can stand in a filter. An empty one may not where the attribute is a key.
Said say(const ForeignColumn &column, Writer *writer, Datum value, Operand *operand)
{
    if (!make_operand(column, writer, value, operand))
        return column.type == engine::ColumnType::kNumeric ? Said::kEqualsNothing : Said::kNo;
    bool empty = (operand->type == ValueType::kString || operand->type == ValueType::kBinary) && operand->text.empty();
    return empty || !is_unambiguous(*operand) ? Said::kNo : Said::kYes;
}

constexpr engine::Condition kUnknown = {Test::kUnknown, 0, {}, {}, 0};

engine::Condition array_condition(const ForeignColumn &column, Test test, const PlanValue &value)
{
    Writer writer = make_writer(get_element_type(value.type));
    Datum *elements;
    bool *nulls;
    int count;
    deconstruct_values(value.datum, &elements, &nulls, &count);
    auto *operands = static_cast<Operand *>(palloc(sizeof(Operand) * static_cast<size_t>(count + 1)));
    size_t said = 0;
    for (int i = 0; i < count; ++i) {
        if (nulls[i] && test == Test::kNotIn)
            return kUnknown;
        Said outcome = nulls[i] ? Said::kEqualsNothing : say(column, &writer, elements[i], &operands[said]);
        if (outcome == Said::kNo)
            return kUnknown;
        said += outcome == Said::kYes ? 1 : 0;
    }
    return said == 0 ? kUnknown : engine::Condition{test, 0, column.attribute, {operands, said}, types_of(column)};
}

engine::Condition leaf_condition(const Making &making, const PlannedCondition &planned)
{
    const ForeignColumn &column = column_of(making, planned);
    if (planned.value < 0)
        return {planned.test, 0, column.attribute, {}, types_of(column)};
    const PlanValue &value = making.values[planned.value];
    if (value.null)
        return kUnknown;
    if (planned.array)
        return array_condition(column, planned.test, value);
    Writer writer = make_writer(value.type);
    auto *operand = static_cast<Operand *>(palloc(sizeof(Operand)));
    Datum datum = planned.pattern ? prefix_of(value.datum) : value.datum;
    if (say(column, &writer, datum, operand) != Said::kYes)
        return kUnknown;
    return {planned.test, 0, column.attribute, {operand, 1}, types_of(column)};
}

std::span<const engine::Condition> make_filter(const Making &making, const PlannedScan &plan)
{
    auto *conditions = static_cast<engine::Condition *>(
        palloc(sizeof(engine::Condition) * static_cast<size_t>(plan.filter_count + 1)));
    for (int i = 0; i < plan.filter_count; ++i) {
        const PlannedCondition &planned = plan.filter[i];
        bool group = planned.test == Test::kAll || planned.test == Test::kAny;
        conditions[i] = group ? engine::Condition{planned.test, static_cast<uint32>(planned.children), {}, {}, 0}
                              : leaf_condition(making, planned);
    }
    return {conditions, static_cast<size_t>(plan.filter_count)};
}

// ---- Projection ----------------------------------------------------------------------------------------------------

size_t add_name(std::string_view *names, size_t count, std::string_view name)
{
    for (size_t i = 0; i < count; ++i)
        if (names[i] == name)
            return count;
    names[count] = name;
    return count + 1;
}

// The attributes of the columns that are looked at, and the key, which errors name. Empty: whole items.
std::span<const std::string_view> make_projection(const ForeignTable &table, const PlannedScan &plan)
{
    auto *names = static_cast<std::string_view *>(
        palloc(sizeof(std::string_view) * (static_cast<size_t>(table.column_count) + table.source.keys.size() + 1)));
    size_t count = 0;
    for (const engine::KeyAttribute &key : table.source.keys)
        count = add_name(names, count, key.name);
    bool all = bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, plan.needed);
    for (int i = 0; i < table.column_count; ++i) {
        const ForeignColumn &column = table.columns[i];
        if (!all && !bms_is_member(column.number - FirstLowInvalidHeapAttributeNumber, plan.needed))
            continue;
        if (i == table.document)
            return {};
        count = add_name(names, count, column.attribute);
    }
    return {names, count};
}

bool reads_consistently(const ForeignTable &table, const engine::IndexDescription *index)
{
    return table.options.consistent_read != ConsistentRead::kOff && (index == nullptr || index->local);
}

Wanted make_wanted(const ForeignTable &table, const PlannedScan &plan, const engine::IndexDescription *index)
{
    Wanted wanted = {};
    wanted.request = plan.request;
    wanted.backwards = plan.backwards;
    wanted.read.table = table.table_name;
    wanted.read.index = view(plan.index);
    wanted.read.consistent = reads_consistently(table, index);
    wanted.read.count_only = plan.count;
    wanted.read.limit = static_cast<uint32>(plan.limit);
    if (!plan.count)
        wanted.read.projection = make_projection(table, plan);
    return wanted;
}

void take_digest(std::span<const engine::KeyValue> key, uint8 *digest)
{
    engine::Value values[2] = {};
    for (size_t i = 0; i < key.size(); ++i) {
        values[i].name = key[i].attribute;
        values[i].type = key[i].value.type;
        values[i].text = key[i].value.text;
    }
    check(engine::key_digest({values, key.size()}, digest));
}

}  // namespace

PlanValue *evaluate(List *expressions, ExprContext *context)
{
    auto *values =
        static_cast<PlanValue *>(palloc(sizeof(PlanValue) * static_cast<size_t>(list_length(expressions) + 1)));
    ListCell *cell;
    int i = 0;
    foreach (cell, expressions) {
        auto *expression = static_cast<ExprState *>(lfirst(cell));
        PlanValue *value = &values[i++];
        value->type = exprType(reinterpret_cast<Node *>(expression->expr));
        value->datum = ExecEvalExpr(expression, context, &value->null);
    }
    return values;
}

bool make_request(const ForeignTable &table, const PlannedScan &plan, const PlanValue *values, Wanted *wanted)
{
    const engine::IndexDescription *index = plan.index == nullptr ? nullptr : find_index(table, plan.index);
    if (plan.index != nullptr && index == nullptr)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                        errmsg("DynamoDB table \"%s\" has no index \"%s\" any more", table.table_name, plan.index),
                        errhint("Prepared statements keep their plans: use DISCARD PLANS.")));
    Making making = {&table, values};
    *wanted = make_wanted(table, plan, index);
    if (plan.request != Request::kScan && !make_key_request(making, plan, wanted))
        return false;
    wanted->read.filter = make_filter(making, plan);
    return true;
}

bool make_key(const ForeignTable &table, const PlannedScan &plan, const PlanValue *values, WantedKey *key)
{
    Wanted wanted = {};
    if (!make_key_request({&table, values}, plan, &wanted))
        return false;
    key->json = wanted.keys[0];
    take_digest(key_at(wanted, 0).attributes(), key->digest);
    return true;
}

Wanted make_lookups(const ForeignTable &table, const PlannedScan &plan, std::string_view *keys, int count)
{
    Wanted wanted = make_wanted(table, plan, nullptr);
    wanted.keys = keys;
    wanted.key_count = count;
    wanted.keeps_items = true;
    return wanted;
}

}  // namespace podyn
