// See arguments.h.
#include "functions/arguments.h"

namespace podyn {

void refuse_null(const char *option)
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

int32 read_workers(const Arguments &arguments, int i)
{
    if (arguments.null(i))
        return 0;
    int32 workers = DatumGetInt32(arguments.datum(i));
    if (workers < 1)
        ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("workers %d is out of range", workers),
                        errhint("Give the most workers that may copy at once, or leave it out: then only "
                                "podyn.max_workers is the limit.")));
    return workers;
}

}  // namespace podyn
