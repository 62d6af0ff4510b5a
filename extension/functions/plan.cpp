// podyn_plan: what podyn_replicate would do and cost, without doing it. DynamoDB is only asked; the target and the
// replication are really made, in a subtransaction that is always rolled back, so that the DDL and the items that are
// refused are the true ones. What would fail is a row, where the plan can go on without it.
#include "catalog/replications.h"
#include "compat.h"
#include "functions/backfill.h"
#include "functions/ddl_recorder.h"
#include "functions/enable_stream.h"
#include "functions/plan_cost.h"
#include "functions/plan_rows.h"
#include "functions/plan_sample.h"
#include "functions/replicate.h"
#include "raise.h"
#include "shared.h"

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
    ImportFiles files;  // exports that are there
    RecordedDdl ddl;

    [[nodiscard]] const char *name() const { return options.name != nullptr ? options.name : source_name; }
};

// Undoes what was done, without being an error.
constexpr int kPlanned = MAKE_SQLSTATE('R', 'B', 'A', 'C', 'K');

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
    check_profile(plan->options, &plan->sample);
}

void add_rights(Planning *plan)
{
    bool may_replicate = catalog::execute(
                             "SELECT FROM pg_proc WHERE proname = 'podyn_replicate' AND pronamespace = $1 AND "
                             "has_function_privilege($2, oid, 'EXECUTE')",
                             {catalog::oid(plan->functions_schema), catalog::oid(GetUserId())}) > 0;
    if (!may_replicate)
        add_row(&plan->rows, "error",
                "role %s may not execute podyn_replicate; GRANT EXECUTE ON FUNCTION "
                "podyn_replicate TO %s (SQLSTATE 42501)",
                quote_identifier(GetUserNameFromId(GetUserId(), false)),
                quote_identifier(GetUserNameFromId(GetUserId(), false)));
    shared::attach();
    if (shared::count_processes(shared::Role::kLauncher, InvalidOid, InvalidOid) == 0)
        add_row(&plan->rows, "warning",
                "podyn is not preloaded: a restart of the server would end the work; add podyn "
                "to shared_preload_libraries");
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

void set_for_trial(const char *name, const char *value)
{
    (void)set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}

// Ends with an error in any case: of the trial, or kPlanned.
void make_and_undo(void *argument)
{
    auto *plan = static_cast<Planning *>(argument);
    set_for_trial("client_min_messages", "error");  // rows tell it
    set_for_trial("lock_timeout", "1s");
    TargetRequest request =
        make_replication(plan->source_name, plan->name(), plan->options, plan->table, plan->sample).target;
    catalog::Replication *replication = catalog::find_replication(CurrentMemoryContext, plan->name());
    add_row(&plan->rows, "target", "%s%s", quote_qualified_identifier(request.schema, request.table),
            !replication->target_made ? ", which exists"
            : plan->options.citus     ? ", distributed by its partition key"
                                      : "");
    if (plan->options.data) {
        plan_columns(&plan->rows, *replication, plan->sample.items);
        plan_writes(&plan->rows, *replication, plan->sample.items);
    }
    ereport(ERROR, (errcode(kPlanned), errmsg("planned")));
}

void try_target(Planning *plan)
{
    plan->ddl = {CurrentMemoryContext, NIL};
    ErrorData *volatile error = nullptr;
    PG_TRY();
    {
        record_ddl(&plan->ddl);
        error = attempt(make_and_undo, plan);
    }
    PG_CATCH();
    {
        stop_recording_ddl();
        PG_RE_THROW();
    }
    PG_END_TRY();
    stop_recording_ddl();
    ListCell *cell;
    foreach (cell, plan->ddl.statements)
        add_row(&plan->rows, "ddl", "%s", static_cast<const char *>(lfirst(cell)));
    if (error->sqlerrcode != kPlanned)
        add_error(&plan->rows, *error);
}

void add_result(Planning *plan)
{
    PlanRows *rows = &plan->rows;
    if (rows->errors > 0)
        add_row(rows, "result", "podyn_replicate would fail: errors %d, warnings %d", rows->errors, rows->warnings);
    else
        add_row(rows, "result", "podyn_replicate would succeed: warnings %d", rows->warnings);
}

void make_plan(Planning *plan)
{
    attempt(&plan->rows, check_caller_step, plan);
    add_rights(plan);
    plan->source = connect(plan->options.server);
    plan->table = describe_table(plan->source, plan->source_name);
    add_source(plan);
    add_stream(plan);
    add_sample(plan);
    attempt(&plan->rows, check_profile_step, plan);
    if (attempt(&plan->rows, check_name_step, plan))
        try_target(plan);
    plan_cost(&plan->rows, plan->options, plan->table);
    add_result(plan);
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
    plan.options = read_all_options(fcinfo);
    plan.functions_schema = get_func_namespace(fcinfo->flinfo->fn_oid);
    plan.rows.context = CurrentMemoryContext;
    return_set(fcinfo, false);
    auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    make_plan(&plan);
    ListCell *cell;
    foreach (cell, plan.rows.rows) {
        auto *row = static_cast<PlanRow *>(lfirst(cell));
        Datum values[] = {CStringGetTextDatum(row->step), CStringGetTextDatum(row->detail)};
        bool nulls[] = {false, false};
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    return Datum{0};
}
}
