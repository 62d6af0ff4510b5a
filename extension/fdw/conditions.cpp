// See conditions.h. SQL's conditions have three values, DynamoDB's two: a condition here is true exactly where SQL's
// is, so AND and OR go over as they are, and NOT only where it stands for another condition.
#include "fdw/conditions.h"

#include "fdw/values.h"
#include "raise.h"

namespace podyn {
namespace {

using engine::ColumnType;
using engine::Test;

constexpr Oid kTextLike = 1209;        // text ~~ text
constexpr Oid kTextStartsWith = 3877;  // text ^@ text

// What a term is being made of.
struct Building {
    const Clauses *clauses;
    Condition *list;
    int count;
    int capacity;
    bool exact;
};

Condition *add(Building *building, Test test)
{
    if (building->count == building->capacity) {
        building->capacity *= 2;
        building->list = static_cast<Condition *>(
            repalloc(building->list, sizeof(Condition) * static_cast<size_t>(building->capacity)));
    }
    Condition *condition = &building->list[building->count++];
    *condition = {};
    condition->test = test;
    return condition;
}

const ForeignColumn *column_of(const Building &building, Node *node)
{
    node = strip(node);
    if (!IsA(node, Var))
        return nullptr;
    auto *var = reinterpret_cast<Var *>(node);
    if (!is_column_of(*var, *building.clauses->relation) || var->varlevelsup != 0)
        return nullptr;
    const ForeignTable &table = *building.clauses->table;
    int column = find_column(table, var->varattno);
    return column == kNoForeignColumn || column == table.document ? nullptr : &table.columns[column];
}

// Whether its value is known before the request: constants, parameters, columns of the outer side of a join.
bool is_value(const Building &building, Node *node)
{
    const Clauses &clauses = *building.clauses;
    return !contain_volatile_functions(node) && !contain_subplans(node) &&
           !bms_is_member(static_cast<int>(clauses.relation->relid), pull_varnos(clauses.root, node));
}

// The kinds of values that are compared in the same way on both sides.
enum class Kind : uint8 { kNone, kText, kNumber, kBinary, kBool, kSpelled };

bool is_number_type(Oid type)
{
    return type == INT2OID || type == INT4OID || type == INT8OID || type == NUMERICOID;
}

bool is_text_type(Oid type)
{
    return type == TEXTOID || type == VARCHAROID;
}

Kind kind_of(const ForeignColumn &column)
{
    if (column.type == ColumnType::kText && is_text_type(column.base_type))
        return Kind::kText;
    if (column.type == ColumnType::kNumeric && is_number_type(column.base_type))
        return Kind::kNumber;
    if (column.type == ColumnType::kBytea && column.base_type == BYTEAOID)
        return Kind::kBinary;
    if (column.type == ColumnType::kBoolean && column.base_type == BOOLOID)
        return Kind::kBool;
    // Keys of other types have one spelling each.
    return column.key != KeyRole::kNone ? Kind::kSpelled : Kind::kNone;
}

bool takes_values_of(const ForeignColumn &column, Oid type)
{
    type = getBaseType(type);
    switch (kind_of(column)) {
        case Kind::kText:
            return is_text_type(type);
        case Kind::kNumber:
            return is_number_type(type);
        case Kind::kBinary:
            return type == BYTEAOID;
        case Kind::kBool:
            return type == BOOLOID;
        case Kind::kSpelled:
            return type == column.base_type;
        default:
            return false;
    }
}

// The place of an operator in an order of a btree; 0: in none of these.
int strategy_of(Oid operation, const ForeignColumn &column)
{
    Oid families[] = {InvalidOid, InvalidOid};
    switch (kind_of(column)) {
        case Kind::kText:
            families[0] = TEXT_BTREE_FAM_OID;
            families[1] = TEXT_PATTERN_BTREE_FAM_OID;
            break;
        case Kind::kNone:
            return 0;
        default: {
            TypeCacheEntry *entry = lookup_type_cache(column.base_type, TYPECACHE_BTREE_OPFAMILY);
            families[0] = entry->btree_opf;
        }
    }
    for (Oid family : families)
        if (OidIsValid(family))
            if (int strategy = get_op_opfamily_strategy(operation, family); strategy != 0)
                return strategy;
    return 0;
}

bool orders_by_bytes(Oid operation, Oid collation)
{
    return is_bytewise(collation) || get_op_opfamily_strategy(operation, TEXT_PATTERN_BTREE_FAM_OID) != 0;
}

bool finds_equal_bytes(Oid collation)
{
    return !OidIsValid(collation) || get_collation_isdeterministic(collation);
}

enum class Comparison : uint8 { kNone, kEqual, kNotEqual, kOrder };

Comparison comparison_of(Oid operation, Oid collation, const ForeignColumn &column, Test *test)
{
    Kind kind = kind_of(column);
    int strategy = strategy_of(operation, column);
    if (strategy == BTEqualStrategyNumber)
        return finds_equal_bytes(collation) ? Comparison::kEqual : Comparison::kNone;
    if (strategy == 0) {
        Oid negator = get_negator(operation);
        bool unequal = OidIsValid(negator) && strategy_of(negator, column) == BTEqualStrategyNumber;
        return unequal && kind != Kind::kSpelled && finds_equal_bytes(collation) ? Comparison::kNotEqual
                                                                                 : Comparison::kNone;
    }
    if (kind == Kind::kBool || kind == Kind::kSpelled ||
        (kind == Kind::kText && !orders_by_bytes(operation, collation)))
        return Comparison::kNone;
    *test = strategy == BTLessStrategyNumber        ? Test::kLess
            : strategy == BTLessEqualStrategyNumber ? Test::kLessOrEqual
            : strategy == BTGreaterStrategyNumber   ? Test::kGreater
                                                    : Test::kGreaterOrEqual;
    return Comparison::kOrder;
}

void add_comparison(Building *building, Test test, const ForeignColumn &column, Node *value)
{
    Condition *condition = add(building, test);
    condition->column = column.number;
    condition->value = reinterpret_cast<Expr *>(value);
    bool changed_strings_pass = kind_of(column) == Kind::kText && test >= Test::kLess && test <= Test::kGreaterOrEqual;
    building->exact = building->exact && !changed_strings_pass && is_exact_constant(column, value);
}

bool is_exact_value(const ForeignColumn &column, Writer *writer, Datum value)
{
    engine::Operand operand;
    return make_operand(column, writer, value, &operand) && is_unambiguous(operand) &&
           (operand.type == engine::ValueType::kBool || can_be_key(operand, true));
}

Node *text_constant(const char *value)
{
    return reinterpret_cast<Node *>(
        makeConst(TEXTOID, -1, DEFAULT_COLLATION_OID, -1, CStringGetTextDatum(value), false, false));
}

// The pattern %x% with nothing else in it that is special.
const char *like_middle(const char *pattern)
{
    size_t length = strlen(pattern);
    if (length < 3 || pattern[0] != '%' || pattern[length - 1] != '%')
        return nullptr;
    const char *middle = pnstrdup(pattern + 1, length - 2);
    return strpbrk(middle, "%_\\") == nullptr ? middle : nullptr;
}

bool translate_like_constant(Building *building, const ForeignColumn &column, const Const *pattern)
{
    const char *like = TextDatumGetCString(pattern->constvalue);
    if (const char *middle = like_middle(like); middle != nullptr) {
        add_comparison(building, Test::kContains, column, text_constant(middle));
        return true;
    }
    LikeRest rest;
    const char *prefix = like_prefix(like, &rest);
    if (rest == LikeRest::kInvalid || (prefix[0] == '\0' && rest != LikeRest::kNothing))
        return false;
    add_comparison(building, rest == LikeRest::kNothing ? Test::kEqual : Test::kBeginsWith, column,
                   text_constant(prefix));
    building->exact = building->exact && rest != LikeRest::kSomething;
    return true;
}

bool translate_like(Building *building, const ForeignColumn &column, Node *pattern)
{
    if (IsA(pattern, Const))
        return !reinterpret_cast<Const *>(pattern)->constisnull &&
               translate_like_constant(building, column, reinterpret_cast<Const *>(pattern));
    add_comparison(building, Test::kBeginsWith, column, pattern);
    building->list[building->count - 1].pattern = true;
    building->exact = false;
    return true;
}

bool translate_text_search(Building *building, Oid operation, Oid collation, Node *left, Node *right)
{
    const ForeignColumn *column = column_of(*building, left);
    right = strip(right);
    if (column == nullptr || kind_of(*column) != Kind::kText || !is_value(*building, right) ||
        !is_text_type(exprType(right)) || !finds_equal_bytes(collation))
        return false;
    if (operation == kTextLike)
        return translate_like(building, *column, right);
    add_comparison(building, Test::kBeginsWith, *column, right);
    return true;
}

bool translate_operator(Building *building, const OpExpr *clause)
{
    if (list_length(clause->args) != 2)
        return false;
    auto *left = static_cast<Node *>(linitial(clause->args));
    auto *right = static_cast<Node *>(lsecond(clause->args));
    Oid operation = clause->opno;
    if (operation == kTextLike || operation == kTextStartsWith)
        return translate_text_search(building, operation, clause->inputcollid, left, right);
    const ForeignColumn *column = column_of(*building, left);
    if (column == nullptr) {
        column = column_of(*building, right);
        operation = get_commutator(operation);
        right = left;
    }
    if (column == nullptr || !OidIsValid(operation))
        return false;
    right = strip(right);
    if (!is_value(*building, right) || !takes_values_of(*column, exprType(right)))
        return false;
    Test test = Test::kEqual;
    switch (comparison_of(operation, clause->inputcollid, *column, &test)) {
        case Comparison::kNone:
            return false;
        case Comparison::kNotEqual:
            test = Test::kNotIn;
            break;
        default:
            break;
    }
    add_comparison(building, test, *column, right);
    return true;
}

// As is_exact_constant. Counts the values of a constant array, too.
bool is_exact_array(const ForeignColumn &column, Node *array, int *count)
{
    if (!IsA(array, Const) || reinterpret_cast<Const *>(array)->constisnull || kind_of(column) == Kind::kSpelled)
        return false;
    auto *constant = reinterpret_cast<Const *>(array);
    Datum *elements;
    bool *nulls;
    deconstruct_values(constant->constvalue, &elements, &nulls, count);
    Writer writer = make_writer(get_element_type(constant->consttype));
    for (int i = 0; i < *count; ++i)
        if (nulls[i] || !is_exact_value(column, &writer, elements[i]))
            return false;
    return *count > 0;
}

bool translate_array(Building *building, const ScalarArrayOpExpr *clause)
{
    const ForeignColumn *column = column_of(*building, static_cast<Node *>(linitial(clause->args)));
    Node *array = strip(static_cast<Node *>(lsecond(clause->args)));
    if (column == nullptr || !is_value(*building, array))
        return false;
    Oid element = get_element_type(exprType(array));
    if (!OidIsValid(element) || !takes_values_of(*column, element))
        return false;
    Test unused;
    Comparison comparison = comparison_of(clause->opno, clause->inputcollid, *column, &unused);
    if (comparison != (clause->useOr ? Comparison::kEqual : Comparison::kNotEqual))
        return false;
    Condition *condition = add(building, clause->useOr ? Test::kIn : Test::kNotIn);
    condition->column = column->number;
    condition->value = reinterpret_cast<Expr *>(array);
    condition->array = true;
    building->exact = is_exact_array(*column, array, &condition->values) && building->exact;
    return true;
}

bool translate_null_test(Building *building, const NullTest *clause)
{
    const ForeignColumn *column = column_of(*building, reinterpret_cast<Node *>(clause->arg));
    if (column == nullptr || clause->argisrow)
        return false;
    add(building, clause->nulltesttype == IS_NULL ? Test::kIsNull : Test::kIsNotNull)->column = column->number;
    return true;
}

bool translate_boolean(Building *building, Node *node, bool wanted)
{
    const ForeignColumn *column = column_of(*building, node);
    if (column == nullptr || kind_of(*column) != Kind::kBool)
        return false;
    add_comparison(building, Test::kEqual, *column, makeBoolConst(wanted, false));
    return true;
}

bool translate_node(Building *building, Node *node);

// Of AND, what can be said; of OR, all or nothing.
bool translate_group(Building *building, const BoolExpr *group)
{
    bool all = group->boolop == AND_EXPR;
    int head = building->count;
    add(building, all ? Test::kAll : Test::kAny);
    int children = 0;
    ListCell *cell;
    foreach (cell, group->args) {
        int before = building->count;
        if (translate_node(building, static_cast<Node *>(lfirst(cell)))) {
            ++children;
            continue;
        }
        if (!all)
            return false;
        building->count = before;
        building->exact = false;
    }
    building->list[head].children = children;
    return children > 0;
}

bool translate_not(Building *building, const BoolExpr *negation)
{
    return translate_boolean(building, static_cast<Node *>(linitial(negation->args)), false);
}

bool translate_boolean_test(Building *building, const BooleanTest *test)
{
    if (test->booltesttype != IS_TRUE && test->booltesttype != IS_FALSE)
        return false;
    return translate_boolean(building, reinterpret_cast<Node *>(test->arg), test->booltesttype == IS_TRUE);
}

bool translate_function(Building *building, const FuncExpr *call)
{
    return call->funcid == F_STARTS_WITH &&
           translate_text_search(building, kTextStartsWith, call->inputcollid,
                                 static_cast<Node *>(linitial(call->args)), static_cast<Node *>(lsecond(call->args)));
}

bool translate_node(Building *building, Node *node)
{
    check_stack_depth();
    switch (nodeTag(node)) {
        case T_OpExpr:
            return translate_operator(building, reinterpret_cast<OpExpr *>(node));
        case T_ScalarArrayOpExpr:
            return translate_array(building, reinterpret_cast<ScalarArrayOpExpr *>(node));
        case T_NullTest:
            return translate_null_test(building, reinterpret_cast<NullTest *>(node));
        case T_BooleanTest:
            return translate_boolean_test(building, reinterpret_cast<BooleanTest *>(node));
        case T_FuncExpr:
            return translate_function(building, reinterpret_cast<FuncExpr *>(node));
        case T_BoolExpr: {
            auto *group = reinterpret_cast<BoolExpr *>(node);
            return group->boolop == NOT_EXPR ? translate_not(building, group) : translate_group(building, group);
        }
        default:
            return translate_boolean(building, node, true);
    }
}

}  // namespace

Term *translate(const Clauses &clauses, RestrictInfo *clause)
{
    constexpr int kFirstCapacity = 4;
    Building building = {&clauses, nullptr, 0, kFirstCapacity, true};
    building.list = static_cast<Condition *>(palloc(sizeof(Condition) * kFirstCapacity));
    if (clause->pseudoconstant || !translate_node(&building, reinterpret_cast<Node *>(clause->clause)))
        return nullptr;
    auto *term = static_cast<Term *>(palloc(sizeof(Term)));
    *term = {clause, building.list, building.count, building.exact};
    return term;
}

bool is_exact_constant(const ForeignColumn &column, Node *value)
{
    if (!IsA(value, Const) || reinterpret_cast<Const *>(value)->constisnull || kind_of(column) == Kind::kSpelled)
        return false;
    auto *constant = reinterpret_cast<Const *>(value);
    Writer writer = make_writer(constant->consttype);
    return is_exact_value(column, &writer, constant->constvalue);
}

char *like_prefix(std::string_view pattern, LikeRest *rest)
{
    auto *prefix = static_cast<char *>(palloc(pattern.size() + 1));
    size_t length = 0;
    size_t i = 0;
    *rest = LikeRest::kNothing;
    for (; i < pattern.size() && pattern[i] != '%' && pattern[i] != '_'; ++i) {
        if (pattern[i] == '\\' && ++i == pattern.size()) {
            *rest = LikeRest::kInvalid;  // an error, if LIKE gets as far as that
            break;
        }
        prefix[length++] = pattern[i];
    }
    prefix[length] = '\0';
    if (i < pattern.size())
        *rest =
            pattern.find_first_not_of('%', i) == std::string_view::npos ? LikeRest::kAnything : LikeRest::kSomething;
    return prefix;
}

Node *strip(Node *node)
{
    while (node != nullptr && IsA(node, RelabelType))
        node = reinterpret_cast<Node *>(reinterpret_cast<RelabelType *>(node)->arg);
    return node;
}

bool has_same_order(const ForeignColumn &column, Oid collation)
{
    switch (kind_of(column)) {
        case Kind::kText:
            return is_bytewise(collation);
        case Kind::kNumber:
        case Kind::kBinary:
            return true;
        default:
            return false;
    }
}

}  // namespace podyn
