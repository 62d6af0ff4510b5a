// See replicate_options.h.
#include "functions/replicate_options.h"

namespace podyn {
namespace {

// Scan's limit on TotalSegments (API reference, Scan).
constexpr int32 kMaxSegments = 1000000;

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
};

struct Arguments {
    FunctionCallInfo call;
    int first;

    [[nodiscard]] bool null(int i) const { return call->args[first + i].isnull; }
    [[nodiscard]] Datum datum(int i) const { return call->args[first + i].value; }
    [[nodiscard]] char *string(int i) const { return null(i) ? nullptr : TextDatumGetCString(datum(i)); }
};

[[noreturn]] void refuse(const char *option, const char *only)
{
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("option \"%s\" is not supported in podyn " PODYN_VERSION, option),
                    errhint("Leave it out; the only value possible is %s.", only)));
}

[[noreturn]] void refuse_null(const char *option)
{
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("option \"%s\" must not be null", option),
                    errhint("Leave it out for its default.")));
}

bool boolean(const Arguments &arguments, int i, const char *option)
{
    if (arguments.null(i))
        refuse_null(option);
    return DatumGetBool(arguments.datum(i));
}

void only_false(const Arguments &arguments, int i, const char *option)
{
    if (boolean(arguments, i, option))
        refuse(option, "false");
}

void only_null(const Arguments &arguments, int i, const char *option)
{
    if (!arguments.null(i))
        refuse(option, "NULL");
}

// The enumerator of an option's value.
int word(const Arguments &arguments, int i, const char *option, std::span<const char *const> words)
{
    if (arguments.null(i))
        refuse_null(option);
    const char *given = arguments.string(i);
    int found = find_word(words, given);
    if (found >= 0)
        return found;
    StringInfoData known;
    initStringInfo(&known);
    for (const char *known_word : words)
        appendStringInfo(&known, "%s'%s'", known.len ? ", " : "", known_word);
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown %s \"%s\"", option, given),
                    errhint("The option knows %s.", known.data)));
}

// Of the words only the first is supported.
int only_first(const Arguments &arguments, int i, const char *option, std::span<const char *const> words)
{
    int found = word(arguments, i, option, words);
    if (found > 0)
        refuse(option, quote_literal_cstr(words[0]));
    return found;
}

// A backfill may also be the place of an export, which this version cannot read.
void only_scan(const Arguments &arguments)
{
    const char *given = arguments.null(kBackfill) ? "" : arguments.string(kBackfill);
    if (strncmp(given, "s3://", 5) == 0 || given[0] == '/')
        refuse("backfill", "'scan'");
    constexpr const char *kWords[] = {"scan", "export"};
    only_first(arguments, kBackfill, "backfill", kWords);
}

void only_all_workers(const Arguments &arguments)
{
    if (!arguments.null(kWorkers) && DatumGetInt32(arguments.datum(kWorkers)) < 1)
        ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                        errmsg("workers %d is out of range", DatumGetInt32(arguments.datum(kWorkers))),
                        errhint("Leave it out: podyn.max_workers is the limit.")));
    only_null(arguments, kWorkers, "workers");
}

void refuse_unsupported(const Arguments &arguments)
{
    only_false(arguments, kCitus, "citus");
    only_null(arguments, kColocateWith, "colocate_with");
    only_all_workers(arguments);
    only_scan(arguments);
    only_null(arguments, kExportTo, "export_to");
    only_false(arguments, kEnableStream, "enable_stream");
    only_null(arguments, kTtlDeletes, "ttl_deletes");
    only_null(arguments, kProfile, "profile");
}

bool read_conversion_mode(const Arguments &arguments)
{
    const char *mode = arguments.string(kConversionMode);
    if (mode == nullptr)
        refuse_null("conversion_mode");
    if (strcmp(mode, "jsonb") == 0)
        return true;
    if (strcmp(mode, "columns") != 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown conversion_mode \"%s\"", mode),
                        errhint("Use 'columns' or 'jsonb'.")));
    return false;
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
    refuse_unsupported(arguments);
    ReplicateOptions options = {};
    options.server = arguments.string(kServer);
    if (options.server == nullptr)
        refuse_null("server");
    options.schema = boolean(arguments, kSchema, "schema");
    options.data = boolean(arguments, kData, "data");
    options.changes = boolean(arguments, kChanges, "changes");
    options.jsonb_mode = read_conversion_mode(arguments);
    options.lower_case_columns = boolean(arguments, kLowerCaseColumns, "lower_case_columns");
    options.scan_rate_value = read_scan_rate(arguments);
    options.scan_rate = arguments.datum(kScanRate);
    options.segments = read_segments(arguments);
    options.consistent_read =
        static_cast<ConsistentRead>(only_first(arguments, kConsistentRead, "consistent_read", kConsistentReadWords));
    options.on_existing = static_cast<OnExisting>(only_first(arguments, kOnExisting, "on_existing", kOnExistingWords));
    options.deletes = static_cast<Deletes>(only_first(arguments, kDeletes, "deletes", kDeletesWords));
    options.nul_characters =
        static_cast<NulCharacters>(only_first(arguments, kNulCharacters, "nul_characters", kNulCharactersWords));
    options.start = boolean(arguments, kStart, "start");
    return options;
}

}  // namespace podyn
