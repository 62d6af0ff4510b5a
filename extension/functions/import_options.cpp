// See import_options.h.
#include "functions/import_options.h"

#include "functions/arguments.h"
#include "load/distribute.h"

namespace podyn {
namespace {

// In the order of the SQL declaration.
enum Argument : int {
    kSource,
    kTarget,
    kName,
    kServer,
    kKey,
    kOnConflict,
    kFilter,
    kProfile,
    kAllowGaps,
    kBatchSize,
    kCitus,
    kConversionMode,
    kLowerCaseColumns,
    kWorkers,
    kNulCharacters,
    kStart,
};

constexpr int kMostKeys = 2;  // developer guide, "Primary key": a partition key, and a sort key or none
constexpr int32 kMostBatchSize = 100000;

char *some_text(const Arguments &arguments, int i, const char *option)
{
    char *text = arguments.string(i);
    if (text == nullptr || text[0] == '\0')
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must not be empty", option),
                        errhint("Give a value.")));
    return text;
}

void read_key(const Arguments &arguments, ImportOptions *options)
{
    if (arguments.null(kKey))
        return;
    Datum *names;
    bool *nulls;
    deconstruct_array(DatumGetArrayTypeP(arguments.datum(kKey)), TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls,
                      &options->key_count);
    bool sound = options->key_count >= 1 && options->key_count <= kMostKeys;
    options->key = static_cast<char **>(palloc0(sizeof(char *) * kMostKeys));
    for (int i = 0; sound && i < options->key_count; ++i) {
        sound = !nulls[i];
        options->key[i] = sound ? TextDatumGetCString(names[i]) : nullptr;
    }
    if (sound && options->key_count == kMostKeys)
        sound = strcmp(options->key[0], options->key[1]) != 0;
    if (!sound)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("key must name one or two attributes"),
                        errhint("Give the partition key, and the sort key if there is one, as the array "
                                "ARRAY['partition key', 'sort key'].")));
}

int32 read_batch_size(const Arguments &arguments)
{
    if (arguments.null(kBatchSize))
        refuse_null("batch_size");
    int32 size = DatumGetInt32(arguments.datum(kBatchSize));
    if (size < 1 || size > kMostBatchSize)
        ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("batch_size %d is out of range", size),
                        errhint("Give how many rows one statement writes, from 1 to %d.", kMostBatchSize)));
    return size;
}

}  // namespace

ImportOptions read_import_options(FunctionCallInfo fcinfo)
{
    Arguments arguments = {fcinfo, 0};
    ImportOptions options = {};
    options.source = some_text(arguments, kSource, "source");
    options.target = some_text(arguments, kTarget, "target");
    options.name = arguments.null(kName) ? nullptr : some_text(arguments, kName, "name");
    options.server = arguments.string(kServer);
    if (options.server == nullptr)
        refuse_null("server");
    read_key(arguments, &options);
    options.on_conflict = static_cast<OnConflict>(word(arguments, kOnConflict, "on_conflict", kOnConflictWords));
    options.filter = arguments.string(kFilter);
    options.profile = arguments.string(kProfile);
    options.allow_gaps = boolean(arguments, kAllowGaps, "allow_gaps");
    options.batch_size = read_batch_size(arguments);
    options.citus = boolean(arguments, kCitus, "citus");
    check_citus_options(options.citus, nullptr);
    options.conversion_mode =
        static_cast<ConversionMode>(word(arguments, kConversionMode, "conversion_mode", kConversionModeWords));
    options.lower_case_columns = boolean(arguments, kLowerCaseColumns, "lower_case_columns");
    options.workers = read_workers(arguments, kWorkers);
    options.nul_characters =
        static_cast<NulCharacters>(word(arguments, kNulCharacters, "nul_characters", kNulCharactersWords));
    options.start = boolean(arguments, kStart, "start");
    return options;
}

}  // namespace podyn
