// See access.h.
#include "fdw/access.h"

#include <initializer_list>

#include "load/create_target.h"
#include "raise.h"

namespace podyn {
namespace {

using engine::IndexDescription;
using engine::KeyAttribute;
using engine::Test;

// Of a table that has not been counted yet (DynamoDB counts every six hours).
constexpr double kRowsUnknown = 1000;
// Under one partition key, if that is all that is asked for.
constexpr double kRowsOfPartition = 20;
// Of an array whose size is not known before it is executed.
constexpr double kValuesUnknown = 10;

struct Search {
    const Clauses *planning;
    List *clauses;  // RestrictInfo *
    List *terms;    // Term *
    Bitmapset *needed;
};

bool is_about(const Term &term, const ForeignColumn &column)
{
    return term.simple() && term.conditions[0].column == column.number;
}

const ForeignColumn *column_of(const Search &search, const KeyAttribute &key)
{
    engine::ColumnType type = key_column_type(key.type);
    int column = find_column(*search.planning->table, key.name, type);
    return column == kNoForeignColumn ? nullptr : &search.planning->table->columns[column];
}

// The first term about the column with one of these tests.
const Term *find_term(const Search &search, const ForeignColumn &column, std::initializer_list<Test> tests)
{
    ListCell *cell;
    for (Test test : tests)
        foreach (cell, search.terms) {
            auto *term = static_cast<const Term *>(lfirst(cell));
            if (is_about(*term, column) && term->conditions[0].test == test)
                return term;
        }
    return nullptr;
}

std::span<const KeyAttribute> keys_of(const Search &search, const IndexDescription *index)
{
    return index == nullptr ? search.planning->table->source.keys : index->keys;
}

const KeyAttribute *sort_key_of(const Search &search, const IndexDescription *index)
{
    for (const KeyAttribute &key : keys_of(search, index))
        if (key.sort)
            return &key;
    return nullptr;
}

bool belongs_to(std::span<const KeyAttribute> keys, std::string_view attribute)
{
    for (const KeyAttribute &key : keys)
        if (key.name == attribute)
            return true;
    return false;
}

bool holds(const ForeignTable &table, const IndexDescription &index, std::string_view attribute)
{
    if (index.projection == engine::Projection::kAll || belongs_to(index.keys, attribute) ||
        belongs_to(table.source.keys, attribute))
        return true;
    for (std::string_view included : index.included)
        if (included == attribute)
            return true;
    return false;
}

bool is_needed(const Search &search, const ForeignColumn &column)
{
    return bms_is_member(column.number - FirstLowInvalidHeapAttributeNumber, search.needed) ||
           bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, search.needed);
}

// The first column that is needed and not in the index. A local index gives the others too, from the table.
const ForeignColumn *find_missing(const Search &search, const IndexDescription &index)
{
    const ForeignTable &table = *search.planning->table;
    for (int i = 0; i < table.column_count && !index.local; ++i) {
        const ForeignColumn &column = table.columns[i];
        bool whole = i == table.document;
        if (is_needed(search, column) &&
            (whole ? index.projection != engine::Projection::kAll : !holds(table, index, column.attribute)))
            return &column;
    }
    return nullptr;
}

// An index has only the items that have its keys. Where a term holds only for these, no other one is missed.
bool asks_for_presence(const Search &search, const KeyAttribute &key)
{
    const ForeignColumn *column = column_of(search, key);
    ListCell *cell;
    if (column != nullptr)
        foreach (cell, search.terms) {
            auto *term = static_cast<const Term *>(lfirst(cell));
            if (is_about(*term, *column) && term->conditions[0].test != Test::kIsNull)
                return true;
        }
    return false;
}

bool has_every_wanted_item(const Search &search, const IndexDescription &index)
{
    const ForeignTable &table = *search.planning->table;
    for (const KeyAttribute &key : index.keys)
        if (!belongs_to(table.source.keys, key.name) && !asks_for_presence(search, key))
            return false;
    return true;
}

bool may_choose(const Search &search, const IndexDescription &index)
{
    bool consistent = search.planning->table->options.consistent_read == ConsistentRead::kOn;
    return index.ready && (index.local || !consistent) && find_missing(search, index) == nullptr &&
           has_every_wanted_item(search, index);
}

double values_of(const Term &term)
{
    const Condition &condition = term.conditions[0];
    if (!condition.array)
        return 1;
    if (IsA(condition.value, Const) && !reinterpret_cast<Const *>(condition.value)->constisnull) {
        ArrayType *array = DatumGetArrayTypeP(reinterpret_cast<Const *>(condition.value)->constvalue);
        return ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
    }
    if (IsA(condition.value, ArrayExpr))
        return list_length(reinterpret_cast<ArrayExpr *>(condition.value)->elements);
    return kValuesUnknown;
}

// Whether the partition key is asked for by equality, which a Query needs.
bool take_partition(const Search &search, Access *access)
{
    std::span<const KeyAttribute> keys = keys_of(search, access->index);
    for (const KeyAttribute &key : keys) {
        if (key.sort)
            continue;
        const ForeignColumn *column = column_of(search, key);
        const Term *term = column == nullptr ? nullptr : find_term(search, *column, {Test::kEqual, Test::kIn});
        if (term == nullptr)
            return false;
        access->partition = lappend(access->partition, const_cast<Term *>(term));
    }
    return true;
}

void take_sort(const Search &search, Access *access)
{
    if (access->sort_column == kNoForeignColumn)
        return;
    const ForeignColumn &column = search.planning->table->columns[access->sort_column];
    const Term *point = find_term(search, column, {Test::kEqual, Test::kIn});
    const Term *lower = find_term(search, column, {Test::kGreaterOrEqual, Test::kGreater});
    const Term *upper = find_term(search, column, {Test::kLessOrEqual, Test::kLess});
    const Term *prefix = find_term(search, column, {Test::kBeginsWith});
    for (const Term *term : {point, lower, upper, prefix}) {
        bool other = term == nullptr || (point != nullptr && term != point) ||
                     (term == prefix && (lower != nullptr || upper != nullptr));
        if (!other)
            access->sort = lappend(access->sort, const_cast<Term *>(term));
    }
}

bool names_key_of(const Search &search, const Access &access, const Term &term)
{
    const ForeignTable &table = *search.planning->table;
    for (int i = 0; i < term.count; ++i) {
        int column = find_column(table, term.conditions[i].column);
        if (column != kNoForeignColumn && belongs_to(keys_of(search, access.index), table.columns[column].attribute))
            return true;
    }
    return false;
}

// GetItem and BatchGetItem have no filter, and Query's may not name keys (API reference, Query).
bool can_filter(const Search &search, const Access &access, const Term &term)
{
    if (access.request == Request::kScan)
        return true;
    return access.request == Request::kQuery && !names_key_of(search, access, term);
}

// Whatever is read has the keys of where it is read from.
bool is_always_true(const Search &search, const Access &access, const Term &term)
{
    if (!term.simple() || term.conditions[0].test != Test::kIsNotNull)
        return false;
    for (std::span<const KeyAttribute> keys : {keys_of(search, access.index), keys_of(search, nullptr)})
        for (const KeyAttribute &key : keys)
            if (const ForeignColumn *column = column_of(search, key); column != nullptr && is_about(term, *column))
                return true;
    return false;
}

// A strict bound is widened where there are two: BETWEEN includes both.
bool says_in_full(const Access &access)
{
    if (list_length(access.sort) < 2)
        return true;
    ListCell *cell;
    foreach (cell, access.sort) {
        Test test = static_cast<const Term *>(lfirst(cell))->conditions[0].test;
        if (test == Test::kGreater || test == Test::kLess)
            return false;
    }
    return true;
}

// What is looked for as a key is found as that, or there is nothing to be found. (Orders of keys know no U+0000.)
bool is_exact_key(const Search &search, const Term &term)
{
    const Condition &condition = term.conditions[0];
    if (term.exact || condition.test == Test::kEqual || condition.test == Test::kIn)
        return true;
    const ForeignTable &table = *search.planning->table;
    return condition.test != Test::kBeginsWith && is_exact_constant(table.columns[find_column(table, condition.column)],
                                                                    reinterpret_cast<Node *>(condition.value));
}

void take_filter(const Search &search, Access *access)
{
    access->exact = list_length(search.terms) == list_length(search.clauses) && says_in_full(*access);
    ListCell *cell;
    foreach (cell, search.terms) {
        auto *term = static_cast<Term *>(lfirst(cell));
        if (list_member_ptr(access->partition, term) || list_member_ptr(access->sort, term)) {
            access->exact = access->exact && is_exact_key(search, *term);
        } else if (is_always_true(search, *access, *term)) {
            continue;
        } else if (can_filter(search, *access, *term)) {
            access->filter = lappend(access->filter, term);
            access->exact = access->exact && term->exact;
        } else {
            access->exact = false;
        }
    }
}

List *clauses_of(List *terms)
{
    List *clauses = NIL;
    ListCell *cell;
    foreach (cell, terms)
        clauses = lappend(clauses, static_cast<Term *>(lfirst(cell))->clause);
    return clauses;
}

double selectivity(const Search &search, List *clauses)
{
    return clauselist_selectivity(search.planning->root, clauses, static_cast<int>(search.planning->relation->relid),
                                  JOIN_INNER, nullptr);
}

double rows_of(const ForeignTable &table)
{
    return table.source.item_count > 0 ? static_cast<double>(table.source.item_count) : kRowsUnknown;
}

double points_of(List *terms)
{
    double points = 1;
    ListCell *cell;
    foreach (cell, terms)
        points *= values_of(*static_cast<Term *>(lfirst(cell)));
    return points;
}

bool has_array(List *terms)
{
    ListCell *cell;
    foreach (cell, terms)
        if (static_cast<Term *>(lfirst(cell))->conditions[0].array)
            return true;
    return false;
}

bool is_point(const Access &access)
{
    if (list_length(access.sort) != 1)
        return false;
    Test test = static_cast<Term *>(linitial(access.sort))->conditions[0].test;
    return test == Test::kEqual || test == Test::kIn;
}

void estimate(const Search &search, Access *access)
{
    const ForeignTable &table = *search.planning->table;
    List *keys = clauses_of(list_concat_copy(access->partition, access->sort));
    access->requests = access->request == Request::kScan ? 1 : points_of(access->partition);
    if (is_point(*access))
        access->requests *= points_of(access->sort);
    bool by_key = access->request == Request::kGetItem || access->request == Request::kBatchGetItem;
    access->rows_read =
        by_key ? Min(access->requests, rows_of(table)) : clamp_row_est(rows_of(table) * selectivity(search, keys));
    if (access->request == Request::kQuery && access->sort == NIL && sort_key_of(search, access->index) != nullptr)
        access->rows_read = Max(access->rows_read, Min(kRowsOfPartition, rows_of(table)));
    access->rows = clamp_row_est(Min(access->rows_read, rows_of(table) * selectivity(search, search.clauses)));
    if (access->request == Request::kBatchGetItem)
        access->requests = ceil(access->requests / static_cast<double>(engine::kMostKeysOfBatchGet));
}

Access *make_access(const Search &search, const IndexDescription *index)
{
    auto *access = static_cast<Access *>(palloc0(sizeof(Access)));
    access->index = index;
    access->sort_column = kNoForeignColumn;
    if (const KeyAttribute *sort = sort_key_of(search, index); sort != nullptr)
        if (const ForeignColumn *column = column_of(search, *sort); column != nullptr)
            access->sort_column = static_cast<int>(column - search.planning->table->columns);
    return access;
}

Access *make_scan(const Search &search, const IndexDescription *index)
{
    Access *access = make_access(search, index);
    access->request = Request::kScan;
    take_filter(search, access);
    estimate(search, access);
    return access;
}

// Null: the conditions do not fit the keys.
Access *make_key_access(const Search &search, const IndexDescription *index)
{
    Access *access = make_access(search, index);
    if (!take_partition(search, access))
        return nullptr;
    take_sort(search, access);
    bool array = has_array(access->partition) || (is_point(*access) && has_array(access->sort));
    bool whole = index == nullptr && (sort_key_of(search, nullptr) == nullptr || is_point(*access));
    access->request = !whole ? Request::kQuery : array ? Request::kBatchGetItem : Request::kGetItem;
    access->ordered = access->request == Request::kQuery && !array;
    take_filter(search, access);
    estimate(search, access);
    return access;
}

List *add(List *accesses, Access *access)
{
    return access == nullptr ? accesses : lappend(accesses, access);
}

[[noreturn]] void raise_not_projected(const Search &search, const IndexDescription &index, const ForeignColumn &column)
{
    ereport(ERROR,
            (errcode(ERRCODE_FDW_COLUMN_NAME_NOT_FOUND),
             errmsg("index \"%s\" of DynamoDB table \"%s\" does not hold attribute \"%s\"", copy_string(index.name),
                    search.planning->table->table_name, column.attribute),
             errdetail("Column \"%s\" of foreign table \"%s\" is read, and option \"index_name\" names the index.",
                       column.name, search.planning->table->relation_name),
             errhint("Leave the column out, or use a foreign table without index_name.")));
}

}  // namespace

List *find_accesses(const Clauses &planning, List *clauses, Bitmapset *needed)
{
    Search search = {&planning, clauses, NIL, needed};
    ListCell *cell;
    foreach (cell, clauses)
        if (Term *term = translate(planning, static_cast<RestrictInfo *>(lfirst(cell))); term != nullptr)
            search.terms = lappend(search.terms, term);
    const ForeignTable &table = *planning.table;
    if (table.options.index_name != nullptr) {
        const IndexDescription *index = find_index(table, table.options.index_name);
        if (const ForeignColumn *missing = find_missing(search, *index); missing != nullptr)
            raise_not_projected(search, *index, *missing);
        return add(list_make1(make_scan(search, index)), make_key_access(search, index));
    }
    List *accesses = add(list_make1(make_scan(search, nullptr)), make_key_access(search, nullptr));
    for (const IndexDescription &index : table.source.indexes)
        if (may_choose(search, index))
            accesses = add(accesses, make_key_access(search, &index));
    return accesses;
}

}  // namespace podyn
