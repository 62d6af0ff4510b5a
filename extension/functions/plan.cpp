// podyn_plan: what podyn_replicate would do and cost, without doing it. DynamoDB is only asked; the target and the
// replication are really made, in a subtransaction that is always rolled back, so that the DDL and the items that are
// refused are the true ones. What would fail is a row, where the plan can go on without it.
//
// Of a place of files it is podyn_import that is planned (plan_import.h).
#include "catalog/replications.h"
#include "compat.h"
#include "functions/backfill.h"
#include "functions/check_table.h"
#include "functions/enable_stream.h"
#include "functions/plan_cost.h"
#include "functions/plan_import.h"
#include "functions/plan_rows.h"
#include "functions/plan_sample.h"
#include "functions/plan_trial.h"
#include "functions/replicate.h"
#include "imports/file_tasks.h"
#include "imports/place.h"
#include "raise.h"

namespace podyn {
namespace {

constexpr uint32 kSampleItems = 1000;  // at most 1 MB, a page of a Scan

struct Planning {
    PlanRows rows;
    const char *source_name;
    ReplicateOptions options;
    Oid functions_schema;
    Source source;
    engine::TableDescription table;
    engine::ScanPage sample;
    ImportFiles files;          // exports that are there
    catalog::Profile *profile;  // null: none

    [[nodiscard]] const char *name() const { return options.name != nullptr ? options.name : source_name; }
};

void check_caller_step(Planning *)
{
    check_caller();
}

void check_name_step(Planning *plan)
{
    require_free_name(plan->name());
}

void check_stream_step(Planning *plan)
{
    ReplicateOptions options = plan->options;
    options.data = false;
    (void)check_table(plan->source, plan->table, options);
}

void take_sample_step(Planning *plan)
{
    ReplicateOptions options = plan->options;
    options.changes = false;
    plan->source.sample_items = kSampleItems;
    plan->sample = check_table(plan->source, plan->table, options);
}

void check_backfill_step(Planning *plan)
{
    plan->files = check_backfill(plan->source, plan->table, plan->options, &plan->sample);
}

void check_profile_step(Planning *plan)
{
    plan->profile = check_profile(plan->options, &plan->sample);
}

void add_source(Planning *plan)
{
    const engine::TableDescription &table = plan->table;
    add_row(&plan->rows, "source", "DynamoDB table \"%s\" at %s: status %s, about %lld items, %lld bytes",
            plan->source_name, copy_string(engine::session_endpoint(plan->source.session)), copy_string(table.status),
            static_cast<long long>(table.item_count), static_cast<long long>(table.size_bytes));
}

// A stream that would be enabled is not asked for anything yet.
void add_stream(Planning *plan)
{
    if (!plan->options.changes) {
        attempt(&plan->rows, check_stream_step, plan);  // the table's status, too
        add_row(&plan->rows, "stream", "not needed with changes => false");
        return;
    }
    const engine::TableDescription &table = plan->table;
    if (enables_stream(plan->options, table)) {
        add_row(&plan->rows, "stream", "disabled; would be enabled with view type %s", kEnabledViewType);
        return;
    }
    if (table.stream_enabled)
        add_row(&plan->rows, "stream", "enabled, view type %s", copy_string(table.stream_view_type));
    else
        add_row(&plan->rows, "stream", "disabled");
    attempt(&plan->rows, check_stream_step, plan);
}

void add_sample(Planning *plan)
{
    if (!plan->options.data) {
        add_row(&plan->rows, "sample", "none with data => false: columns are made as changes bring attributes");
        return;
    }
    if (!attempt(&plan->rows, take_sample_step, plan) || !attempt(&plan->rows, check_backfill_step, plan))
        return;
    if (plan->files.count > 0)
        add_row(&plan->rows, "export", "%s at %s, up to %s", describe_files(plan->files), plan->options.files_at,
                timestamptz_to_str(to_timestamp(plan->files.until_us)));
    add_row(&plan->rows, "sample", "%d items read for this plan, at %g read units",
            static_cast<int>(plan->sample.items.size()), plan->sample.read_units);
}

// What the hooks do cannot be undone, if it is outside of this database: they are not called.
void make_hooked(Planning *plan)
{
    TargetRequest target =
        make_hooked_copy(plan->source_name, plan->name(), plan->options, plan->table, *plan->profile, plan->files)
            .target;
    add_row(&plan->rows, "target", "%s, which exists", quote_qualified_identifier(target.schema, target.table));
    add_row(&plan->rows, "sample", "not written for trial: profile \"%s\" makes or writes the records",
            plan->profile->name);
}

void make_target(void *argument)
{
    auto *plan = static_cast<Planning *>(argument);
    if (plan->profile != nullptr && plan->profile->makes_records()) {
        make_hooked(plan);
        return;
    }
    TargetRequest request =
        make_replication(plan->source_name, plan->name(), plan->options, plan->table, plan->sample).target;
    catalog::Replication *replication = catalog::find_replication(CurrentMemoryContext, plan->name());
    add_row(&plan->rows, "target", "%s%s", quote_qualified_identifier(request.schema, request.table),
            !replication->target_made ? ", which exists"
            : plan->options.citus     ? ", distributed by its partition key"
                                      : "");
    if (plan->options.data) {
        plan_columns(&plan->rows, *replication, plan->sample.items);
        plan_scan(&plan->rows, *replication, plan->sample.items);
    }
}

void make_plan(Planning *plan)
{
    attempt(&plan->rows, check_caller_step, plan);
    add_rights(&plan->rows, plan->functions_schema, "podyn_replicate");
    plan->source = connect(plan->options.server);
    plan->table = describe_table(plan->source, plan->source_name);
    add_source(plan);
    add_stream(plan);
    add_sample(plan);
    bool known = attempt(&plan->rows, check_profile_step, plan);
    if (attempt(&plan->rows, check_name_step, plan) && known)
        try_and_undo(&plan->rows, make_target, plan);
    plan_cost(&plan->rows, plan->options, plan->table);
    add_result(&plan->rows, "podyn_replicate");
}

void return_rows(const PlanRows &rows, FunctionCallInfo fcinfo)
{
    auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    ListCell *cell;
    foreach (cell, rows.rows) {
        auto *row = static_cast<PlanRow *>(lfirst(cell));
        Datum values[] = {CStringGetTextDatum(row->step), CStringGetTextDatum(row->detail)};
        bool nulls[] = {false, false};
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
}

}  // namespace
}  // namespace podyn

extern "C" {

PG_FUNCTION_INFO_V1(podyn_plan);

Datum podyn_plan(PG_FUNCTION_ARGS)
{
    using namespace podyn;
    Planning plan = {};
    plan.source_name = required_text(fcinfo, 0, "source_table");
    plan.functions_schema = get_func_namespace(fcinfo->flinfo->fn_oid);
    plan.rows.context = CurrentMemoryContext;
    return_set(fcinfo, false);
    if (is_place(plan.source_name)) {
        plan_import(&plan.rows, fcinfo);
    } else {
        refuse_import_options(fcinfo);
        plan.options = read_all_options(fcinfo);
        make_plan(&plan);
    }
    return_rows(plan.rows, fcinfo);
    return Datum{0};
}
}
