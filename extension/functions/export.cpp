// podyn_export and podyn_exports: DynamoDB's exports of a table to S3, begun and listed in the caller's session. podyn
// keeps nothing of them: AWS does. Loading them is podyn_import's affair.
#include "functions/export.h"

#include "functions/replicate.h"
#include "imports/requested_export.h"
#include "raise.h"

namespace podyn {
namespace {

constexpr int64 kMillisecond = 1000;  // microseconds

constexpr int64 kShortestPeriod = 15 * SECS_PER_MINUTE;  // of an incremental export, in seconds (developer guide,
constexpr int64 kLongestPeriod = SECS_PER_DAY;           // "DynamoDB data export to Amazon S3: how it works")

// DescribeExport is throttled after a burst of some 15 calls.
constexpr int64 kPatience = USECS_PER_MINUTE;
constexpr int64 kAskAgain = USECS_PER_SEC;

struct ExportOptions {
    const char *table;
    Place to;
    // Milliseconds of Unix time, or kUnknown.
    int64 from_ms;
    int64 to_ms;
};

}  // namespace

Place read_destination(const char *export_to)
{
    if (!is_in_s3(export_to))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" is no place in S3", export_to),
                        errhint("Give export_to as 's3://bucket/prefix'.")));
    return parse_place(export_to);
}

engine::BackupsDescription describe_backups(const Source &source, const char *table)
{
    engine::Call *call = nullptr;
    check(engine::start_describe_backups(source.loop->client, source.session, table, now(), &call));
    finish(source.loop, own_call(call));
    engine::Backups *handle = nullptr;
    engine::BackupsDescription description;
    check(engine::take_backups(call, &handle, &description));
    own<engine::Backups>(CurrentMemoryContext, handle, engine::destroy);
    return description;
}

void require_recovery(const engine::BackupsDescription &backups, const char *table)
{
    if (!backups.point_in_time_recovery)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("point-in-time recovery of DynamoDB table \"%s\" is off", table),
                        errdetail("DynamoDB exports tables from what it keeps for their recovery."),
                        errhint("Turn it on with: aws dynamodb update-continuous-backups --table-name %s "
                                "--point-in-time-recovery-specification PointInTimeRecoveryEnabled=true",
                                table)));
}

namespace {

char *describe_time(int64 unix_us)
{
    return pstrdup(timestamptz_to_str(to_timestamp(unix_us)));
}

int64 now_in_ms()
{
    return now().unix_us / kMillisecond;
}

int64 read_time(FunctionCallInfo fcinfo, int argument, const char *name)
{
    if (PG_ARGISNULL(argument))
        return engine::kUnknown;
    TimestampTz time = PG_GETARG_TIMESTAMPTZ(argument);
    int64 ms = TIMESTAMP_NOT_FINITE(time) ? 0 : (time - to_timestamp(0)) / kMillisecond;
    if (ms <= 0 || ms > now_in_ms())
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("%s %s is no time in the past", name, timestamptz_to_str(time)),
                        errhint("Give a time within the table's point-in-time recovery, or leave it out.")));
    return ms;
}

void check_period(int64 from_ms, int64 to_ms)
{
    int64 length = ((to_ms == engine::kUnknown ? now_in_ms() : to_ms) - from_ms) / 1000;
    if (length < kShortestPeriod || length > kLongestPeriod)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("an incremental export cannot be of the %lld seconds from %s to %s",
                        static_cast<long long>(length), describe_time(from_ms * kMillisecond),
                        to_ms == engine::kUnknown ? "now" : describe_time(to_ms * kMillisecond)),
                 errhint("DynamoDB exports periods of 15 minutes to 24 hours: give from_time and to_time so, and "
                         "several of them for a longer period. Without from_time the export is a full one.")));
}

ExportOptions read_export_options(FunctionCallInfo fcinfo)
{
    ExportOptions options = {};
    options.table = required_text(fcinfo, 0, "source_table");
    options.to = read_destination(required_text(fcinfo, 1, "export_to"));
    options.from_ms = read_time(fcinfo, 2, "from_time");
    options.to_ms = read_time(fcinfo, 3, "to_time");
    if (options.from_ms != engine::kUnknown)
        check_period(options.from_ms, options.to_ms);
    return options;
}

void require_recoverable_time(const engine::BackupsDescription &backups, const ExportOptions &options)
{
    bool incremental = options.from_ms != engine::kUnknown;
    int64 first = incremental ? options.from_ms : options.to_ms;
    if (first != engine::kUnknown && first < backups.earliest_us / kMillisecond)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("%s %s is too early to be exported", incremental ? "from_time" : "to_time",
                               describe_time(first * kMillisecond)),
                        errdetail("Point-in-time recovery of DynamoDB table \"%s\" goes back to %s "
                                  "(EarliestRestorableDateTime).",
                                  options.table, describe_time(backups.earliest_us)),
                        errhint("Give a later time, or make a full export of now.")));
}

// Every call asks for an export of its own. The engine's retries send the same token, so that an answer that was lost
// does not make two of one.
engine::ExportDescription begin_export(const Source &source, const ExportOptions &options)
{
    engine::TableDescription table = describe_table(source, options.table);
    engine::BackupsDescription backups = describe_backups(source, options.table);
    require_recovery(backups, options.table);
    require_recoverable_time(backups, options);
    engine::ExportRequest request = {table.arn,           options.to.bucket, options.to.path,
                                     make_client_token(), options.from_ms,   options.to_ms};
    engine::Call *call = nullptr;
    check(engine::start_export(source.loop->client, source.session, request, now(), &call));
    finish(source.loop, own_call(call));
    return take_export(call);
}

engine::ExportDescription describe_export(const Source &source, std::string_view arn)
{
    int64 deadline = now().monotonic_us + kPatience;
    for (;;) {
        engine::Call *call = nullptr;
        check(engine::start_describe_export(source.loop->client, source.session, arn, now(), &call));
        engine::Status status = wait_for_call(source.loop, own_call(call));
        if (status.failure != engine::Failure::kThrottled || now().monotonic_us > deadline) {
            check(status);
            return take_export(call);
        }
        pause(source, kAskAgain);
    }
}

void report_failure(const engine::ExportDescription &found)
{
    ereport(NOTICE, (errmsg("export %s has failed: %s", copy_string(found.arn), copy_string(found.failure_code)),
                     errdetail("%s", copy_string(found.failure_message))));
}

Datum text_datum(std::string_view text)
{
    return PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
}

void add_row(ReturnSetInfo *result, const engine::ExportDescription &found)
{
    int64 time = found.incremental ? found.to_time_us : found.export_time_us;
    bool written = found.status == "COMPLETED" && !found.manifest_key.empty();
    Datum values[] = {text_datum(found.arn),
                      text_datum(found.status),
                      text_datum(found.incremental ? "incremental" : "full"),
                      TimestampTzGetDatum(to_timestamp(time)),
                      Int64GetDatum(found.item_count),
                      Int64GetDatum(found.billed_bytes),
                      written ? CStringGetTextDatum(describe(location_of(found))) : Datum{0}};
    bool nulls[] = {false,
                    false,
                    false,
                    time == engine::kUnknown,
                    found.item_count == engine::kUnknown,
                    found.billed_bytes == engine::kUnknown,
                    !written};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

void list_one(const Source &source, std::string_view arn, ReturnSetInfo *result)
{
    engine::ExportDescription found = describe_export(source, arn);
    if (found.status == "FAILED")
        report_failure(found);
    add_row(result, found);
}

void list_exports(const Source &source, const char *table, ReturnSetInfo *result)
{
    engine::TableDescription described = describe_table(source, table);
    MemoryContext one = AllocSetContextCreate(CurrentMemoryContext, "podyn export", ALLOCSET_SMALL_SIZES);
    std::string_view after;
    do {
        engine::Call *call = nullptr;
        check(engine::start_list_exports(source.loop->client, source.session, described.arn, after, now(), &call));
        finish(source.loop, own_call(call));
        engine::Exports *handle = nullptr;
        engine::ExportsPage page;
        check(engine::take_exports(call, &handle, &page));
        own<engine::Exports>(CurrentMemoryContext, handle, engine::destroy);
        for (std::string_view arn : page.arns) {
            MemoryContext old = MemoryContextSwitchTo(one);
            list_one(source, arn, result);
            MemoryContextSwitchTo(old);
            MemoryContextReset(one);
        }
        after = page.next_token;
    } while (!after.empty());
    MemoryContextDelete(one);
}

}  // namespace
}  // namespace podyn

extern "C" {

PG_FUNCTION_INFO_V1(podyn_export);

Datum podyn_export(PG_FUNCTION_ARGS)
{
    using namespace podyn;
    ExportOptions options = read_export_options(fcinfo);
    Source source = connect(required_text(fcinfo, 4, "server"));
    PreventCommandIfReadOnly("podyn_export()");
    PG_RETURN_TEXT_P(DatumGetTextPP(text_datum(begin_export(source, options).arn)));
}

PG_FUNCTION_INFO_V1(podyn_exports);

Datum podyn_exports(PG_FUNCTION_ARGS)
{
    using namespace podyn;
    const char *table = required_text(fcinfo, 0, "source_table");
    Source source = connect(required_text(fcinfo, 1, "server"));
    return_set(fcinfo, false);
    list_exports(source, table, reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo));
    return Datum{0};
}
}
