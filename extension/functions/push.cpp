// podyn_push: writes the rows of a query as items into a DynamoDB table, in the caller's session. DynamoDB knows
// nothing of the caller's transaction: what was sent stays, whatever becomes of it.
#include <cmath>

#include "functions/arguments.h"
#include "functions/push_preview.h"
#include "functions/replicate.h"
#include "raise.h"
#include "settings.h"
#include "write/rows_to_items.h"
#include "write/writing.h"

namespace podyn {
namespace {

constexpr long kFetch = 64;  // rows of at most 400 KB each
constexpr int kMostWarnings = 10;
constexpr int64 kProgressEvery = 10 * USECS_PER_SEC;

constexpr const char *kConflictWords[] = {"replace", "skip", "error"};

struct PushOptions {
    const char *query;
    const char *table;
    const char *server;
    PutConflict on_conflict;
    bool dry_run;
    double write_rate;
    ValueOptions values;
};

struct Push {
    PushOptions options;
    engine::TableDescription table;
    Writing writing;
    PushPreview *preview;  // null: things are sent
    RowsToItems rows;
    MemoryContext row_context;
    uint64 read;
    uint64 refused;  // before they were sent
    int warnings;
    int64 told_at;
    const char *existing_key;  // on_conflict 'error': the first that there is
    bool told;                 // how much was written, by the error itself
};

double read_write_rate(FunctionCallInfo fcinfo, int argument)
{
    if (PG_ARGISNULL(argument))
        refuse_null("write_rate");
    double rate = DatumGetFloat8(DirectFunctionCall1(numeric_float8, PG_GETARG_DATUM(argument)));
    if (!(rate >= 0) || std::isinf(rate))
        ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("write_rate must not be negative"),
                        errhint("Give write units per second; 0 means no limit.")));
    return rate;
}

PushOptions read_push_options(FunctionCallInfo fcinfo)
{
    Arguments arguments = {fcinfo, 0};
    PushOptions options = {};
    options.query = required_text(fcinfo, 0, "query");
    options.table = required_text(fcinfo, 1, "target_table");
    options.server = required_text(fcinfo, 2, "server");
    options.on_conflict = static_cast<PutConflict>(word(arguments, 3, "on_conflict", kConflictWords));
    options.dry_run = boolean(arguments, 4, "dry_run") || settings::dry_run;
    options.write_rate = read_write_rate(fcinfo, 5);
    options.values.sets = boolean(arguments, 6, "sets");
    options.values.nulls = boolean(arguments, 7, "nulls");
    return options;
}

void warn(Push *push, uint64 row, const char *key, const char *reason, const char *detail)
{
    if (++push->warnings <= kMostWarnings)
        ereport(WARNING,
                (errmsg("row %llu with key %s was not written: %s", static_cast<unsigned long long>(row), key, reason),
                 detail[0] ? errdetail("%s", detail) : 0));
}

void warn_of_the_rest(const Push &push)
{
    if (push.warnings > kMostWarnings)
        ereport(WARNING, (errmsg("%d more rows were not written", push.warnings - kMostWarnings),
                          errdetail("The first %d are named above.", kMostWarnings)));
}

void take_outcomes(Push *push)
{
    engine::WriteOutcome outcome;
    while (engine::writer_next(push->writing.writer, &outcome)) {
        char *key = copy_string(outcome.key);
        if (outcome.result == engine::WriteResult::kFailed)
            warn(push, outcome.row, key, outcome.status.message, outcome.status.detail);
        else if (push->options.on_conflict == PutConflict::kError && push->existing_key == nullptr)
            push->existing_key = MemoryContextStrdup(GetMemoryChunkContext(push), key);
    }
}

// A cancel, or an error of the query.
void tell_written(void *argument)
{
    auto *push = static_cast<Push *>(argument);
    engine::WriterCounts counts = engine::writer_counts(push->writing.writer);
    if (!push->told && push->preview == nullptr)
        errcontext(
            "pushing to DynamoDB table \"%s\": %llu rows read, %llu items were written before, %llu may have "
            "been; they stay",
            push->options.table, static_cast<unsigned long long>(push->read),
            static_cast<unsigned long long>(counts.written), static_cast<unsigned long long>(counts.under_way));
}

[[noreturn]] void raise_existing(Push *push)
{
    push->told = true;
    engine::WriterCounts counts = engine::writer_counts(push->writing.writer);
    ereport(ERROR,
            (errcode(ERRCODE_UNIQUE_VIOLATION),
             errmsg("DynamoDB table \"%s\" has an item with key %s", push->options.table, push->existing_key),
             errdetail("%llu items were written before; they stay.", static_cast<unsigned long long>(counts.written)),
             errhint("With on_conflict => 'skip' items that exist are left as they are, with 'replace' they are "
                     "replaced.")));
}

// Errors after which nothing can be written any more; what was written before is told.
void check_writer(Push *push)
{
    engine::Status status = engine::writer_status(push->writing.writer);
    if (status.ok())
        return;
    stop_writing(&push->writing);
    push->told = true;
    ereport(NOTICE, (errmsg("%llu items were written before the error; they stay",
                            static_cast<unsigned long long>(engine::writer_counts(push->writing.writer).written))));
    check(status);
}

void tell_progress(Push *push)
{
    int64 time = now().monotonic_us;
    if (time - push->told_at < kProgressEvery)
        return;
    push->told_at = time;
    engine::WriterCounts counts = engine::writer_counts(push->writing.writer);
    ereport(NOTICE,
            (errmsg("pushing to DynamoDB table %s: %llu rows read, %llu written, %llu skipped, %llu failed, "
                    "%.0f write units, %llu requests throttled",
                    push->options.table, static_cast<unsigned long long>(push->read),
                    static_cast<unsigned long long>(counts.written), static_cast<unsigned long long>(counts.existed),
                    static_cast<unsigned long long>(counts.failed + push->refused), counts.write_units,
                    static_cast<unsigned long long>(counts.throttled))));
}

// False: the row can be no item, and has been told of.
bool check_row(Push *push, const ItemValues &item)
{
    engine::CheckedWrite checked;
    engine::Status status = {};
    if (item.refusal == nullptr) {
        auto kind =
            push->options.on_conflict == PutConflict::kReplace ? engine::WriteKind::kPut : engine::WriteKind::kPutNew;
        status = engine::writer_check(push->writing.writer, {kind, item.all(), {}, push->read}, &checked);
        if (status.ok()) {
            if (push->preview != nullptr)
                preview_put(push->preview, checked);
            return true;
        }
        if (status.failure != engine::Failure::kInvalid)
            check(status);
    }
    ++push->refused;
    warn(push, push->read, describe_key(item, push->table.keys), item.refusal ? item.refusal : status.message, "");
    return false;
}

void push_row(Push *push, TupleDesc descriptor, HeapTuple row)
{
    CHECK_FOR_INTERRUPTS();
    ++push->read;
    MemoryContext old = MemoryContextSwitchTo(push->row_context);
    if (check_row(push, row_to_item(push->rows, descriptor, row)) && push->preview == nullptr)
        send(&push->writing);
    take_outcomes(push);
    check_writer(push);
    tell_progress(push);
    MemoryContextSwitchTo(old);
    MemoryContextReset(push->row_context);
}

Portal open_query(const char *query)
{
    SPIPlanPtr plan = SPI_prepare(query, 0, nullptr);
    if (plan == nullptr)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("the query cannot be run: %s", SPI_result_code_string(SPI_result))));
    if (!SPI_is_cursor_plan(plan))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the query returns no rows"),
                        errhint("Give one SELECT, or another statement that returns rows.")));
    return SPI_cursor_open(nullptr, plan, nullptr, nullptr, false);
}

void push_rows(Push *push)
{
    MemoryContext caller = CurrentMemoryContext;
    SPI_connect();
    Portal portal = open_query(push->options.query);
    MemoryContext spi = MemoryContextSwitchTo(caller);
    push->rows = read_row_shape(portal->tupDesc, push->options.values);
    MemoryContextSwitchTo(spi);
    for (;;) {
        SPI_cursor_fetch(portal, true, kFetch);
        if (SPI_processed == 0 || push->existing_key != nullptr)
            break;
        for (uint64 i = 0; i < SPI_processed && push->existing_key == nullptr; ++i)
            push_row(push, SPI_tuptable->tupdesc, SPI_tuptable->vals[i]);
        SPI_freetuptable(SPI_tuptable);
    }
    SPI_cursor_close(portal);
    SPI_finish();
}

void finish_push(Push *push)
{
    engine::writer_flush(push->writing.writer, now());
    while (!engine::writer_idle(push->writing.writer)) {
        wait_for_writes(&push->writing, push->told_at + kProgressEvery);
        check_writer(push);
        take_outcomes(push);
        tell_progress(push);
    }
    take_outcomes(push);
    if (push->existing_key != nullptr)
        raise_existing(push);
    warn_of_the_rest(*push);
}

void return_counts(FunctionCallInfo fcinfo, const Push &push, uint64 written, uint64 skipped, uint64 failed)
{
    auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    Datum values[] = {Int64GetDatum(static_cast<int64>(push.read)), Int64GetDatum(static_cast<int64>(written)),
                      Int64GetDatum(static_cast<int64>(skipped)),
                      Int64GetDatum(static_cast<int64>(failed + push.refused))};
    bool nulls[] = {false, false, false, false};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Push *begin_push(const PushOptions &options)
{
    auto *push = static_cast<Push *>(palloc0(sizeof(Push)));
    push->options = options;
    Source source = connect(options.server);
    push->table = describe_table(source, options.table);
    push->writing = begin_writing(source.loop, source.session, push->table, options.write_rate);
    if (options.dry_run)
        push->preview = make_push_preview(source, push->table, options.on_conflict);
    push->row_context = AllocSetContextCreate(CurrentMemoryContext, "podyn push row", ALLOCSET_DEFAULT_SIZES);
    push->told_at = now().monotonic_us;
    return push;
}

}  // namespace
}  // namespace podyn

extern "C" {

PG_FUNCTION_INFO_V1(podyn_push);

Datum podyn_push(PG_FUNCTION_ARGS)
{
    using namespace podyn;
    PushOptions options = read_push_options(fcinfo);
    if (!options.dry_run)
        PreventCommandIfReadOnly("podyn_push()");
    return_set(fcinfo, false);
    Push *push = begin_push(options);
    ErrorContextCallback errors = {error_context_stack, tell_written, push};
    error_context_stack = &errors;
    push_rows(push);
    if (push->preview == nullptr)
        finish_push(push);
    error_context_stack = errors.previous;
    if (push->preview != nullptr) {
        PreviewCounts counts = finish_preview(push->preview);
        warn_of_the_rest(*push);
        return_counts(fcinfo, *push, counts.written, counts.skipped, 0);
        return Datum{0};
    }
    engine::WriterCounts counts = engine::writer_counts(push->writing.writer);
    return_counts(fcinfo, *push, counts.written, counts.existed, counts.failed);
    return Datum{0};
}
}
