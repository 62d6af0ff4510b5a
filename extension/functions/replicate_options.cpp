// See replicate_options.h.
#include "functions/replicate_options.h"

#include "functions/arguments.h"
#include "functions/export.h"
#include "load/distribute.h"

namespace podyn {
namespace {

// Scan's limit on TotalSegments (API reference, Scan).
constexpr int32 kMaxSegments = 1000000;
constexpr int kDefaultScanRate = 25;

// The shared arguments in the order of the SQL declaration.
enum Argument : int {
    kServer,
    kSchema,
    kData,
    kChanges,
    kCitus,
    kColocateWith,
    kConversionMode,
    kLowerCaseColumns,
    kScanRate,
    kSegments,
    kWorkers,
    kConsistentRead,
    kBackfill,
    kExportTo,
    kEnableStream,
    kOnExisting,
    kDeletes,
    kTtlDeletes,
    kNulCharacters,
    kProfile,
    kStart,
    kArguments,
};

// The arguments of podyn_alter, in the order of its SQL declaration.
constexpr Argument kAlterable[] = {kScanRate, kSegments,   kWorkers,       kConsistentRead,
                                   kDeletes,  kTtlDeletes, kNulCharacters, kOnExisting};
static_assert(std::size(kAlterable) == kAlterableOptions);

// Where exports are: not one of the words.
bool is_place(const char *backfill)
{
    return is_in_s3(backfill) || backfill[0] == '/';
}

void check_combination(const Arguments &arguments, const ReplicateOptions &options)
{
    bool exports = options.backfill == Backfill::kExport;
    if (!options.data && options.backfill != Backfill::kScan)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("backfill needs data"),
                        errhint("Leave backfill out: with data => false nothing is copied.")));
    if (exports && arguments.null(kExportTo))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("backfill => 'export' needs export_to"),
                        errhint("Say where DynamoDB shall write the export: export_to => 's3://bucket/prefix'.")));
    if (!exports && !arguments.null(kExportTo))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("export_to needs backfill => 'export'"),
                        errhint("Leave export_to out, or give backfill => 'export', too.")));
}

void read_backfill(const Arguments &arguments, ReplicateOptions *options)
{
    if (!arguments.null(kBackfill) && is_place(arguments.string(kBackfill))) {
        options->backfill = Backfill::kFiles;
        options->files_at = arguments.string(kBackfill);
    } else {
        options->backfill = static_cast<Backfill>(word(arguments, kBackfill, "backfill", kBackfillWords));
    }
    check_combination(arguments, *options);
    if (options->backfill == Backfill::kExport) {
        options->files_at = arguments.string(kExportTo);
        (void)read_destination(options->files_at);
    }
}

double read_scan_rate(const Arguments &arguments)
{
    if (arguments.null(kScanRate))
        refuse_null("scan_rate");
    double rate = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, arguments.datum(kScanRate)));
    if (!(rate >= 0) || rate > 1e9)
        ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                        errmsg("scan_rate %s is out of range",
                               DatumGetCString(DirectFunctionCall1(numeric_out, arguments.datum(kScanRate)))),
                        errhint("Give read units per second, from 0 (no limit) to 1000000000.")));
    return rate;
}

bool read_enable_stream(const Arguments &arguments)
{
    bool enable = boolean(arguments, kEnableStream, "enable_stream");
    if (enable && !boolean(arguments, kChanges, "changes"))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("enable_stream needs changes"),
                        errhint("Leave enable_stream out: without changes the stream is not read.")));
    return enable;
}

int32 read_segments(const Arguments &arguments)
{
    if (arguments.null(kSegments))
        return 0;
    int32 segments = DatumGetInt32(arguments.datum(kSegments));
    if (segments < 1 || segments > kMaxSegments)
        ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("segments %d is out of range", segments),
                        errhint("Give a number from 1 to %d, or leave it out.", kMaxSegments)));
    return segments;
}

}  // namespace

ReplicateOptions read_replicate_options(FunctionCallInfo fcinfo, int first)
{
    Arguments arguments = {fcinfo, first};
    ReplicateOptions options = {};
    options.server = arguments.string(kServer);
    if (options.server == nullptr)
        refuse_null("server");
    options.schema = boolean(arguments, kSchema, "schema");
    options.data = boolean(arguments, kData, "data");
    options.changes = boolean(arguments, kChanges, "changes");
    options.citus = boolean(arguments, kCitus, "citus");
    options.colocate_with = arguments.string(kColocateWith);
    check_citus_options(options.citus, options.colocate_with);
    options.conversion_mode =
        static_cast<ConversionMode>(word(arguments, kConversionMode, "conversion_mode", kConversionModeWords));
    options.lower_case_columns = boolean(arguments, kLowerCaseColumns, "lower_case_columns");
    options.scan_rate_value = read_scan_rate(arguments);
    options.scan_rate = arguments.datum(kScanRate);
    options.segments = read_segments(arguments);
    options.workers = read_workers(arguments, kWorkers);
    options.consistent_read =
        static_cast<ConsistentRead>(word(arguments, kConsistentRead, "consistent_read", kConsistentReadWords));
    options.enable_stream = read_enable_stream(arguments);
    options.on_existing = static_cast<OnExisting>(word(arguments, kOnExisting, "on_existing", kOnExistingWords));
    options.deletes = static_cast<Deletes>(word(arguments, kDeletes, "deletes", kDeletesWords));
    if (!arguments.null(kTtlDeletes))
        options.ttl_deletes = kDeletesWords[word(arguments, kTtlDeletes, "ttl_deletes", kDeletesWords)];
    options.nul_characters =
        static_cast<NulCharacters>(word(arguments, kNulCharacters, "nul_characters", kNulCharactersWords));
    options.start = boolean(arguments, kStart, "start");
    read_backfill(arguments, &options);
    options.profile = arguments.string(kProfile);
    options.reads_as_default = options.scan_rate_value == kDefaultScanRate && options.segments == 0 &&
                               options.consistent_read == ConsistentRead::kAuto;
    return options;
}

namespace {

// A call of podyn_replicate with nothing but defaults.
FunctionCallInfo make_default_call()
{
    auto *call = static_cast<FunctionCallInfo>(palloc0(SizeForFunctionCallInfo(kArguments)));
    for (int i = 0; i < kArguments; ++i)
        call->args[i].isnull = true;
    auto give = [call](Argument argument, Datum value) { call->args[argument] = {value, false}; };
    give(kServer, CStringGetTextDatum("dynamodb"));
    for (Argument on : {kSchema, kData, kChanges, kStart})
        give(on, BoolGetDatum(true));
    for (Argument off : {kCitus, kLowerCaseColumns, kEnableStream})
        give(off, BoolGetDatum(false));
    give(kConversionMode, CStringGetTextDatum("columns"));
    give(kScanRate, DirectFunctionCall1(int4_numeric, Int32GetDatum(kDefaultScanRate)));
    give(kConsistentRead, CStringGetTextDatum(kConsistentReadWords[0]));
    give(kBackfill, CStringGetTextDatum(kBackfillWords[0]));
    give(kOnExisting, CStringGetTextDatum(kOnExistingWords[0]));
    give(kDeletes, CStringGetTextDatum(kDeletesWords[0]));
    give(kNulCharacters, CStringGetTextDatum(kNulCharactersWords[0]));
    return call;
}

// What podyn_alter takes for "as if it had never been given", where podyn_replicate's default is NULL.
bool means_default(Argument argument, Datum value)
{
    if (argument == kSegments || argument == kWorkers)
        return DatumGetInt32(value) == 0;
    return argument == kTtlDeletes && strcmp(TextDatumGetCString(value), "default") == 0;
}

}  // namespace

ReplicateOptions read_altered_options(FunctionCallInfo fcinfo, int first)
{
    FunctionCallInfo call = make_default_call();
    for (int i = 0; i < kAlterableOptions; ++i) {
        const NullableDatum &given = fcinfo->args[first + i];
        if (!given.isnull && !means_default(kAlterable[i], given.value))
            call->args[kAlterable[i]] = given;
    }
    return read_replicate_options(call, 0);
}

}  // namespace podyn
