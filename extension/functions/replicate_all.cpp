// podyn_replicate_all: podyn_replicate for every table whose name is LIKE a pattern, and that is not replicated yet.
#include "catalog/journal.h"
#include "catalog/sql.h"
#include "functions/replicate.h"
#include "subtransaction.h"

namespace podyn {
namespace {

bool matches(const char *table, const char *pattern)
{
    return DatumGetBool(DirectFunctionCall2Coll(textlike, DEFAULT_COLLATION_OID, CStringGetTextDatum(table),
                                                CStringGetTextDatum(pattern)));
}

// By the caller: of other owners' replications it does not know.
bool is_replicated(const char *table, const char *server)
{
    return catalog::execute(
               "SELECT FROM podyn.replication WHERE source = $1 AND server = $2 AND pg_has_role($3, owner, 'USAGE')",
               {catalog::text(table), catalog::text(server), catalog::oid(GetUserId())}) > 0;
}

struct OneOfMany {
    const Source *source;
    const char *table;
    const ReplicateOptions *options;
};

void replicate_one(void *argument)
{
    auto *one = static_cast<OneOfMany *>(argument);
    replicate_table(*one->source, one->table, *one->options);
}

// One table of many: its error becomes a warning, and nothing of it is left behind. True if it is replicated now.
bool try_replicate_table(const Source &source, const char *table, const ReplicateOptions &options)
{
    OneOfMany one = {&source, table, &options};
    ErrorData *error = attempt(replicate_one, &one);
    if (error == nullptr)
        return true;
    ereport(WARNING,
            (errcode(error->sqlerrcode), errmsg("table %s is not replicated: %s", table, error->message),
             error->detail ? errdetail("%s", error->detail) : 0, error->hint ? errhint("%s", error->hint) : 0));
    catalog::record_event(GetUserId(), table, "skipped", error->message);
    return false;
}

struct Matching {
    List *fresh;  // not replicated yet
    int known;    // replicated from this server already
};

Matching find_matching(const Source &source, const char *pattern, const char *server)
{
    Matching matching = {};
    ListCell *cell;
    foreach (cell, list_tables(source)) {
        auto *table = static_cast<char *>(lfirst(cell));
        if (!matches(table, pattern))
            continue;
        if (is_replicated(table, server))
            ++matching.known;
        else
            matching.fresh = lappend(matching.fresh, table);
    }
    return matching;
}

// Whoever calls podyn_replicate_all again and again wants to know what has come since.
void report_new_table(const char *table, int known)
{
    ereport(NOTICE, (errmsg("table %s is new", table)));
    catalog::record_event(GetUserId(), table, "new",
                          psprintf("found by podyn_replicate_all beside %d tables that are replicated already", known));
}

}  // namespace
}  // namespace podyn

extern "C" {

PG_FUNCTION_INFO_V1(podyn_replicate_all);

Datum podyn_replicate_all(PG_FUNCTION_ARGS)
{
    using namespace podyn;
    char *pattern = required_text(fcinfo, 0, "pattern");
    ReplicateOptions options = read_replicate_options(fcinfo, 1);
    if (options.backfill == Backfill::kFiles)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("backfill cannot be \"%s\" for several tables", options.files_at),
                        errdetail("The exports at one place are of one table."),
                        errhint("Give backfill => 'export' and export_to, so that each table gets its own export, or "
                                "call podyn_replicate for each table.")));
    PreventCommandIfReadOnly("podyn_replicate_all()");
    check_caller();
    return_set(fcinfo, true);
    auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);

    Source source = connect(options.server);
    Matching matching = find_matching(source, pattern, options.server);
    if (matching.known > 0)
        ereport(NOTICE, (errmsg_plural("%d table is replicated already", "%d tables are replicated already",
                                       static_cast<unsigned long>(matching.known), matching.known)));
    ListCell *cell;
    foreach (cell, matching.fresh) {
        auto *table = static_cast<char *>(lfirst(cell));
        if (!try_replicate_table(source, table, options))
            continue;
        if (matching.known > 0)
            report_new_table(table, matching.known);
        Datum name = CStringGetTextDatum(table);
        bool null = false;
        tuplestore_putvalues(result->setResult, result->setDesc, &name, &null);
    }
    if (matching.known == 0 && matching.fresh == NIL)
        ereport(WARNING, (errcode(ERRCODE_NO_DATA), errmsg("no DynamoDB table matches the pattern \"%s\"", pattern),
                          errhint("The pattern is that of LIKE; the server's region counts.")));
    return Datum{0};
}
}
