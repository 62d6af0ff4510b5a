// See plan.h.
#include "fdw/plan.h"

#include <initializer_list>

#include "raise.h"

namespace podyn {
namespace {

constexpr int kNoValue = -1;

List *append_condition(List *numbers, const Condition &condition, List **values)
{
    int value = kNoValue;
    if (condition.value != nullptr) {
        value = list_length(*values);
        *values = lappend(*values, condition.value);
    }
    for (int number : {static_cast<int>(condition.test), condition.children, static_cast<int>(condition.column), value,
                       static_cast<int>(condition.array), static_cast<int>(condition.pattern)})
        numbers = lappend_int(numbers, number);
    return numbers;
}

int count_conditions(List *terms)
{
    int count = 0;
    ListCell *cell;
    foreach (cell, terms)
        count += static_cast<const Term *>(lfirst(cell))->count;
    return count;
}

List *append_terms(List *numbers, List *terms, List **values)
{
    ListCell *cell;
    foreach (cell, terms) {
        auto *term = static_cast<const Term *>(lfirst(cell));
        for (int i = 0; i < term->count; ++i)
            numbers = append_condition(numbers, term->conditions[i], values);
    }
    return numbers;
}

// Goes through a list of integers.
struct Numbers {
    List *list;
    int at;

    int next() { return list_nth_int(list, at++); }
};

PlannedCondition *read_conditions(Numbers *numbers, int count)
{
    auto *conditions = static_cast<PlannedCondition *>(palloc0(sizeof(PlannedCondition) * (count + 1)));
    for (int i = 0; i < count; ++i) {
        conditions[i].test = static_cast<engine::Test>(numbers->next());
        conditions[i].children = numbers->next();
        conditions[i].column = static_cast<AttrNumber>(numbers->next());
        conditions[i].value = numbers->next();
        conditions[i].array = numbers->next() != 0;
        conditions[i].pattern = numbers->next() != 0;
    }
    return conditions;
}

}  // namespace

List *write_plan(const PlannedScan &scan, const Access &access, List **values)
{
    List *head = NIL;
    for (int number :
         {static_cast<int>(access.request), static_cast<int>(scan.relation), static_cast<int>(scan.count),
          static_cast<int>(scan.ordered), static_cast<int>(scan.backwards), scan.limit, scan.ahead,
          count_conditions(access.partition), count_conditions(access.sort), count_conditions(access.filter)})
        head = lappend_int(head, number);
    List *conditions = append_terms(NIL, access.partition, values);
    conditions = append_terms(conditions, access.sort, values);
    conditions = append_terms(conditions, access.filter, values);
    List *needed = NIL;
    for (int column = -1; (column = bms_next_member(scan.needed, column)) >= 0;)
        needed = lappend_int(needed, column);
    List *index = access.index == nullptr ? NIL : list_make1(makeString(copy_string(access.index->name)));
    return list_make4(head, conditions, needed, index);
}

PlannedScan read_plan(List *details)
{
    PlannedScan scan = {};
    Numbers head = {static_cast<List *>(linitial(details)), 0};
    scan.request = static_cast<Request>(head.next());
    scan.relation = static_cast<Oid>(head.next());
    scan.count = head.next() != 0;
    scan.ordered = head.next() != 0;
    scan.backwards = head.next() != 0;
    scan.limit = head.next();
    scan.ahead = head.next();
    scan.partition_count = head.next();
    scan.sort_count = head.next();
    scan.filter_count = head.next();
    Numbers conditions = {static_cast<List *>(lsecond(details)), 0};
    scan.partition = read_conditions(&conditions, scan.partition_count);
    scan.sort = read_conditions(&conditions, scan.sort_count);
    scan.filter = read_conditions(&conditions, scan.filter_count);
    ListCell *cell;
    foreach (cell, static_cast<List *>(lthird(details)))
        scan.needed = bms_add_member(scan.needed, lfirst_int(cell));
    auto *index = static_cast<List *>(lfourth(details));
    scan.index = index == NIL ? nullptr : strVal(linitial(index));
    return scan;
}

List *key_expressions(const Access &access)
{
    List *values = NIL;
    append_terms(NIL, access.partition, &values);
    append_terms(NIL, access.sort, &values);
    return values;
}

}  // namespace podyn
