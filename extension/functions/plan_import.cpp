// See plan_import.h.
#include "functions/plan_import.h"

#include <cmath>

#include "catalog/replications.h"
#include "event_loop.h"
#include "functions/import.h"
#include "functions/plan_sample.h"
#include "functions/plan_trial.h"
#include "imports/hooks.h"
#include "imports/record_writer.h"
#include "setting_change.h"

namespace podyn {
namespace {

constexpr int kSampleItems = 1000;
constexpr int kEnoughToMeasure = 500;  // of fewer items, most of the time is that of beginning

// ---- Arguments -----------------------------------------------------------------------------------------------------

// The arguments of podyn_plan, by their places.
constexpr int kImportOnly = 24;  // from here on
constexpr int kArguments = 29;
// Which of them are podyn_import's, in its order.
constexpr int kArgumentsOfImport[] = {0, 1, 2, 3, 24, 25, 26, 22, 27, 28, 7, 9, 10, 13, 21, 23};
// Those that only a table has.
constexpr int kArgumentsOfTables[] = {4, 5, 6, 8, 11, 12, 14, 15, 16, 17, 18, 19, 20};

// Options are declared by name, with defaults: what differs from its default has been given.
void require_default(FunctionCallInfo fcinfo, int argument, const char *function)
{
    catalog::Scope scope = catalog::enter();
    catalog::run("SELECT proargnames[$2 + 1], pg_get_function_arg_default(oid, $2 + 1) FROM pg_proc WHERE oid = $1",
                 {catalog::oid(fcinfo->flinfo->fn_oid), catalog::int4(argument)});
    const char *name = catalog::string(CurrentMemoryContext, 0, 1);
    const char *standard = catalog::string(CurrentMemoryContext, 0, 2);
    Oid type = get_fn_expr_argtype(fcinfo->flinfo, argument);
    bool given = !PG_ARGISNULL(argument);
    char *statement = psprintf("SELECT $1 IS DISTINCT FROM (%s)", standard);
    catalog::Argument value =
        given ? catalog::datum(type, PG_GETARG_DATUM(argument)) : catalog::Argument{type, Datum{0}, true};
    catalog::run(statement, {value});
    if (catalog::get_boolean(0, 1))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s has no option %s", function, name),
                        errhint("Leave it out.")));
    catalog::leave(scope);
}

ImportOptions read_options(FunctionCallInfo fcinfo)
{
    for (int argument : kArgumentsOfTables)
        require_default(fcinfo, argument, "podyn_import");
    LOCAL_FCINFO(call, lengthof(kArgumentsOfImport));
    int count = 0;
    for (int argument : kArgumentsOfImport)
        call->args[count++] = fcinfo->args[argument];
    return read_import_options(call);
}

// ---- What there is -------------------------------------------------------------------------------------------------

struct PlannedImport {
    PlanRows *rows;
    Importing import;
    // What the trial has shown
    int written;
    int skipped;
    int rejected;
    bool tried;
    int64 microseconds;
};

char *time_text(int64 unix_us)
{
    return pstrdup(timestamptz_to_str(to_timestamp(unix_us)));
}

void add_export(PlanRows *rows, const ImportFiles &files, int stage)
{
    const ImportExport &one = files.chain[stage];
    int count = 0;
    int64 stored = 0;
    for (int i = 0; i < files.count; ++i) {
        bool its = files.files[i].stage == stage;
        count += its;
        stored += its ? files.files[i].size : 0;
    }
    char *kind = one.incremental ? psprintf("incremental export (%s) of the changes from %s to %s", one.view,
                                            time_text(one.from), time_text(one.to))
                                 : psprintf("full export of %s", time_text(one.to));
    add_row(rows, "source",
            "%s at %s: files %d, items " INT64_FORMAT ", bytes " INT64_FORMAT ", as stored " INT64_FORMAT, kind,
            one.place, count, one.item_count, one.billed_bytes, stored);
}

// Gaps are looked for here, so that the plan can go on behind them.
void add_gap(PlanRows *rows, const ImportFiles &files, int stage, bool allowed)
{
    const ImportExport &before = files.chain[stage - 1], &next = files.chain[stage];
    if (next.from > before.to)
        add_row(rows, allowed ? "warning" : "error", "no export contains the changes from %s to %s%s",
                time_text(before.to), time_text(next.from),
                allowed ? "" : "; export that period too, or give allow_gaps => true (SQLSTATE 55000)");
}

void add_files(const PlannedImport &plan)
{
    const ImportFiles &files = plan.import.files;
    for (int stage = 0; stage < files.exports; ++stage) {
        if (stage > 0)
            add_gap(plan.rows, files, stage, plan.import.options.allow_gaps);
        add_export(plan.rows, files, stage);
    }
    if (files.exports == 0)
        add_row(plan.rows, "source", "file %s: as stored " INT64_FORMAT " bytes", plan.import.options.source,
                files.files[0].size);
    ListCell *cell;
    foreach (cell, files.left_out)
        add_row(plan.rows, "source", "export at %s is left out: all its changes are older than the full export",
                static_cast<const char *>(lfirst(cell)));
}

// ---- The sample ----------------------------------------------------------------------------------------------------

PageItem *page_of_sample(const ImportSample &sample)
{
    auto *items = static_cast<PageItem *>(palloc0(sizeof(PageItem) * static_cast<size_t>(sample.read_count + 1)));
    for (int i = 0; i < sample.read_count; ++i) {
        char *line = psprintf(UINT64_FORMAT, sample.read[i].line);
        items[i] = {&sample.read[i].item, line, nullptr, sample.read[i].remove, 0};
    }
    return items;
}

Screening screening_of(const Importing &import)
{
    return {import.profile, import.options.filter, import.sample.file->changes};
}

void write_as_rows(PlannedImport *plan, const catalog::Replication &replication)
{
    const ImportSample &sample = plan->import.sample;
    PageItem *items = page_of_sample(sample);
    bool changes = sample.file->changes;
    int count = screen_rows(screening_of(plan->import), replication.nul_characters, items, sample.read_count);
    SampleCounts counts = plan_writes(
        plan->rows, replication,
        {items, count, changes ? OnConflict::kUpdate : replication.on_conflict, replication.loads_fresh && !changes});
    plan->tried = counts.tried;
    plan->written = counts.written;
    plan->rejected = counts.rejected;
    plan->skipped = sample.read_count - counts.written - counts.rejected;
}

struct Refusing {
    PlannedImport *plan;
    const PageItem *items;
};

void refuse_record(void *context, int number, const Rejection &rejection)
{
    auto *refusing = static_cast<Refusing *>(context);
    add_refusal(refusing->plan->rows, ++refusing->plan->rejected,
                psprintf("line %s", refusing->items[number].position.data()), rejection.sqlstate,
                pnstrdup(rejection.message.data(), rejection.message.size()));
}

// What the writer has noted about members without a column.
void add_notes(PlanRows *rows, const char *name)
{
    catalog::Scope scope = catalog::enter();
    uint64 count = catalog::run("SELECT message FROM podyn.event WHERE name = $1 AND event = 'column' ORDER BY id",
                                {catalog::text(name)});
    for (uint64 row = 0; row < count; ++row)
        add_row(rows, "warning", "%s", catalog::string(CurrentMemoryContext, row, 1));
    catalog::leave(scope);
}

void write_as_records(PlannedImport *plan, const catalog::Replication &replication)
{
    const ImportSample &sample = plan->import.sample;
    PageItem *items = page_of_sample(sample);
    auto *documents = static_cast<Datum *>(palloc(sizeof(Datum) * static_cast<size_t>(sample.read_count + 1)));
    int count = screen_items(screening_of(plan->import), items, sample.read_count, documents);
    Refusing refusing = {plan, items};
    WrittenCounts counts = write_records(
        {&replication, plan->import.profile, items, count, documents, nullptr, refuse_record, &refusing, nullptr});
    plan->tried = true;
    plan->written = static_cast<int>(counts.written);
    plan->skipped = sample.read_count - plan->written - plan->rejected;
    add_notes(plan->rows, replication.name);
}

void add_writes(const PlannedImport &plan)
{
    const ImportSample &sample = plan.import.sample;
    add_row(plan.rows, "writes", "of %d items in the sample: written %d, skipped %d, rejected %d", sample.read_count,
            plan.written, plan.skipped, plan.rejected);
    add_refusal_count(plan.rows, plan.rejected, sample.read_count);
}

// As the workers would, whose search_path is empty.
void write_sample(PlannedImport *plan, const catalog::Replication &replication)
{
    set_for_transaction("search_path", "");
    TimestampTz begun = GetCurrentTimestamp();
    if (plan->import.by_hooks())
        write_as_records(plan, replication);
    else
        write_as_rows(plan, replication);
    plan->microseconds = GetCurrentTimestamp() - begun;
    if (plan->tried)
        add_writes(*plan);
}

void make_and_write(void *argument)
{
    auto *plan = static_cast<PlannedImport *>(argument);
    Importing *import = &plan->import;
    TargetRequest target = make_import(import).target;
    catalog::Replication *replication = catalog::find_replication(CurrentMemoryContext, import->name);
    add_row(plan->rows, "target", "%s%s", quote_qualified_identifier(target.schema, target.table),
            replication->target_made ? "" : ", which exists");
    if (!import->by_hooks())
        plan_columns(plan->rows, *replication, import->items);
    if (import->sample.file != nullptr)
        write_sample(plan, *replication);
}

// ---- All of it -----------------------------------------------------------------------------------------------------

void check_caller_step(PlannedImport *)
{
    check_caller();
}

void check_name_step(PlannedImport *plan)
{
    require_free_name(plan->import.name);
}

void take_sample_step(PlannedImport *plan)
{
    take_sample(&plan->import, kSampleItems);
}

void add_sample(const PlannedImport &plan)
{
    const ImportSample &sample = plan.import.sample;
    if (sample.file == nullptr)
        add_row(plan.rows, "sample", "none: there are no items");
    else
        add_row(plan.rows, "sample", "the first %d items of %s", sample.read_count,
                describe({plan.import.place.bucket, sample.file->name}));
}

// Measured, not guessed: with too small a sample nothing is told.
void add_time(const PlannedImport &plan)
{
    const ImportSample &sample = plan.import.sample;
    if (!plan.tried || sample.read_count < kEnoughToMeasure || plan.import.files.item_count <= 0)
        return;
    double seconds = static_cast<double>(plan.microseconds) / 1e6;
    double all = seconds / sample.read_count * static_cast<double>(plan.import.files.item_count);
    add_row(plan.rows, "time", "about %.0f seconds of one worker, at the rate of the sample: %d items in %.3f seconds",
            std::ceil(all), sample.read_count, seconds);
}

void add_hook_that_does_not_run(const PlannedImport &plan)
{
    const catalog::Profile *profile = plan.import.profile;
    if (profile != nullptr && profile->function(catalog::Hook::kOnComplete) != nullptr)
        add_row(plan.rows, "sample", "on_complete is not run for the plan");
}

}  // namespace

void plan_import(PlanRows *rows, FunctionCallInfo fcinfo)
{
    PlannedImport plan = {};
    plan.rows = rows;
    ImportOptions options = read_options(fcinfo);
    int level = NewGUCNestLevel();
    set_for_a_while("client_min_messages", "error");  // rows tell it
    attempt(rows, check_caller_step, &plan);
    add_rights(rows, get_func_namespace(fcinfo->flinfo->fn_oid), "podyn_import");
    plan.import = begin_import(options);
    bool free = attempt(rows, check_name_step, &plan);
    find_import_files(&plan.import, true);
    add_files(plan);
    bool sampled = attempt(rows, take_sample_step, &plan);
    if (sampled)
        add_sample(plan);
    add_hook_that_does_not_run(plan);
    if (free && sampled)
        try_and_undo(rows, make_and_write, &plan);
    add_time(plan);
    add_result(rows, "podyn_import");
    AtEOXact_GUC(true, level);
}

void refuse_import_options(FunctionCallInfo fcinfo)
{
    for (int argument = kImportOnly; argument < kArguments; ++argument)
        require_default(fcinfo, argument, "podyn_replicate");
}

}  // namespace podyn
