// See explain.h. Attributes are called as DynamoDB has them, values as the plan has them.
#include "fdw/explain.h"

#include "fdw/options.h"

namespace podyn {
namespace {

using engine::Test;

struct Explaining {
    ForeignScanState *node;
    const PlannedScan *plan;
    ExplainState *state;
    TableOptions options;
    List *context;
};

const char *attribute_of(const Explaining &explaining, AttrNumber column)
{
    ColumnOptions options = read_column_options(explaining.plan->relation, column, explaining.options);
    return quote_identifier(options.attribute != nullptr ? options.attribute
                                                         : get_attname(explaining.plan->relation, column, false));
}

const char *value_of(const Explaining &explaining, const PlannedCondition &condition)
{
    auto *plan = reinterpret_cast<ForeignScan *>(explaining.node->ss.ps.plan);
    auto *value = static_cast<Node *>(list_nth(plan->fdw_exprs, condition.value));
    return deparse_expression(value, explaining.context, false, false);
}

const char *leaf_text(const Explaining &explaining, const PlannedCondition &condition)
{
    const char *attribute = attribute_of(explaining, condition.column);
    if (condition.value < 0)
        return psprintf("%s %s", attribute, condition.test == Test::kIsNull ? "IS NULL" : "IS NOT NULL");
    const char *value = value_of(explaining, condition);
    if (condition.pattern)
        return psprintf("%s LIKE %s", attribute, value);
    if (condition.test == Test::kBeginsWith || condition.test == Test::kContains)
        return psprintf("%s(%s, %s)", condition.test == Test::kContains ? "contains" : "begins_with", attribute, value);
    if (condition.array)
        return psprintf("%s %s (%s)", attribute, condition.test == Test::kIn ? "= ANY" : "<> ALL", value);
    return psprintf("%s %s %s", attribute, engine::symbol_of(condition.test), value);
}

// Appends the condition at `at`; gives the place behind it.
int append_condition(StringInfo text, const Explaining &explaining, const PlannedCondition *conditions, int at)
{
    const PlannedCondition &condition = conditions[at++];
    if (condition.test != Test::kAll && condition.test != Test::kAny) {
        appendStringInfoString(text, leaf_text(explaining, condition));
        return at;
    }
    appendStringInfoChar(text, '(');
    for (int i = 0; i < condition.children; ++i) {
        appendStringInfoString(text, i == 0 ? "" : condition.test == Test::kAll ? " AND " : " OR ");
        at = append_condition(text, explaining, conditions, at);
    }
    appendStringInfoChar(text, ')');
    return at;
}

void append_conditions(StringInfo text, const Explaining &explaining, const PlannedCondition *conditions, int count)
{
    for (int at = 0; at < count;) {
        appendStringInfoString(text, text->len ? " AND " : "");
        at = append_condition(text, explaining, conditions, at);
    }
}

void show(const Explaining &explaining, const char *label, const StringInfoData &text)
{
    if (text.len > 0)
        ExplainPropertyText(label, text.data, explaining.state);
}

void show_key_condition(const Explaining &explaining)
{
    StringInfoData text;
    initStringInfo(&text);
    append_conditions(&text, explaining, explaining.plan->partition, explaining.plan->partition_count);
    append_conditions(&text, explaining, explaining.plan->sort, explaining.plan->sort_count);
    show(explaining, "Key Condition", text);
}

void show_filter(const Explaining &explaining)
{
    StringInfoData text;
    initStringInfo(&text);
    append_conditions(&text, explaining, explaining.plan->filter, explaining.plan->filter_count);
    show(explaining, "Filter Expression", text);
}

bool is_among(const List *names, const char *name)
{
    ListCell *cell;
    foreach (cell, names)
        if (strcmp(static_cast<const char *>(lfirst(cell)), name) == 0)
            return true;
    return false;
}

void show_projection(const Explaining &explaining)
{
    if (explaining.plan->count) {
        ExplainPropertyText("Select", "COUNT", explaining.state);
        return;
    }
    StringInfoData text;
    initStringInfo(&text);
    List *shown = NIL;  // several columns may show one attribute
    for (int member = -1; (member = bms_next_member(explaining.plan->needed, member)) >= 0;) {
        auto column = static_cast<AttrNumber>(member + FirstLowInvalidHeapAttributeNumber);
        if (column < 0)
            continue;
        const char *name = column == 0 ? "*" : attribute_of(explaining, column);
        if (is_among(shown, name))
            continue;
        shown = lappend(shown, const_cast<char *>(name));
        appendStringInfo(&text, "%s%s", text.len ? ", " : "", name);
    }
    show(explaining, "Projection", text);
}

const char *name_of(Request request)
{
    switch (request) {
        case Request::kGetItem:
            return "GetItem";
        case Request::kBatchGetItem:
            return "BatchGetItem";
        case Request::kQuery:
            return "Query";
        default:
            return "Scan";
    }
}

}  // namespace

void explain_scan(ForeignScanState *node, const PlannedScan &plan, ExplainState *state)
{
    Explaining explaining = {node, &plan, state, read_table_options(plan.relation), NIL};
    explaining.context = set_deparse_context_plan(state->deparse_cxt, node->ss.ps.plan, NIL);
    const char *table = explaining.options.table_name;
    ExplainPropertyText("Request", name_of(plan.request), state);
    if (state->verbose)
        ExplainPropertyText("DynamoDB Table", table != nullptr ? table : get_rel_name(plan.relation), state);
    if (plan.index != nullptr)
        ExplainPropertyText("DynamoDB Index", plan.index, state);
    show_key_condition(explaining);
    show_filter(explaining);
    if (plan.count || state->verbose)
        show_projection(explaining);
    if (plan.ordered)
        ExplainPropertyText("Order", plan.backwards ? "descending" : "ascending", state);
    if (plan.limit > 0)
        ExplainPropertyInteger("Limit", nullptr, plan.limit, state);
}

void explain_figures(const FetchFigures &figures, ExplainState *state)
{
    ExplainPropertyInteger("Requests", nullptr, figures.requests, state);
    ExplainPropertyFloat("Read Units", nullptr, figures.read_units, 1, state);
}

}  // namespace podyn
