// See distributed.h.
#include "load/distributed.h"

#include "catalog/sql.h"

namespace podyn {
namespace {

// What podyn.batch() returns: the rows of the statement that is being run.
struct Source {
    Tuplestorestate *rows;
    TupleDesc descriptor;
};
Source source = {};

// "a" text, "b" numeric
char *column_definitions(TupleDesc descriptor)
{
    StringInfoData list;
    initStringInfo(&list);
    for (int i = 0; i < descriptor->natts; ++i) {
        Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
        if (!attribute->attisdropped)
            appendStringInfo(&list, "%s%s %s", list.len ? ", " : "", quote_identifier(NameStr(attribute->attname)),
                             format_type_with_typemod(attribute->atttypid, attribute->atttypmod));
    }
    return list.data;
}

void execute(const char *statement)
{
    int result = SPI_execute(statement, false, 0);
    if (result < 0)
        elog(ERROR, "could not change a table of Citus: %s", SPI_result_code_string(result));
}

void set_local(const char *name, const char *value)
{
    set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}

// The nodes' sessions have a lock_timeout of their own: ours, for this transaction.
void limit_waits_on_nodes()
{
    execute("SET LOCAL citus.propagate_set_commands = 'local'");
    execute(psprintf("SET LOCAL lock_timeout = %s", GetConfigOption("lock_timeout", false, false)));
}

// A statement that modifies one shard only is committed there in one phase, before the coordinator commits. Citus has
// no setting for that, but a function, which it exports where PostgreSQL's build hides no symbols (before version 16).
void use_two_phases()
{
    auto use = reinterpret_cast<void (*)()>(
        load_external_function("$libdir/citus", "Use2PCForCoordinatedTransaction", false, nullptr));
    if (use != nullptr)
        use();
}

// Rows without the columns that have been dropped, which podyn.batch() cannot name.
void put_row(ReturnSetInfo *result, TupleTableSlot *slot)
{
    TupleDesc descriptor = slot->tts_tupleDescriptor;
    auto *values = static_cast<Datum *>(palloc(sizeof(Datum) * static_cast<size_t>(descriptor->natts + 1)));
    auto *nulls = static_cast<bool *>(palloc(sizeof(bool) * static_cast<size_t>(descriptor->natts + 1)));
    slot_getallattrs(slot);
    int count = 0;
    for (int i = 0; i < descriptor->natts; ++i) {
        if (TupleDescAttr(descriptor, i)->attisdropped)
            continue;
        values[count] = slot->tts_values[i];
        nulls[count++] = slot->tts_isnull[i];
    }
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    pfree(values);
    pfree(nulls);
}

}  // namespace

bool citus_installed()
{
    return OidIsValid(get_extension_oid("citus", true));
}

bool is_citus_table(Oid relation)
{
    return citus_installed() && catalog::execute("SELECT FROM pg_catalog.pg_dist_partition WHERE logicalrelid = $1",
                                                 {catalog::regclass(relation)}) > 0;
}

void commit_on_all_nodes()
{
    // The nodes commit when the coordinator has. Its own commit must not be lost in a crash after that.
    set_local("synchronous_commit", "on");
    use_two_phases();
    // Otherwise one batch at a time would be written to a shard, whatever its keys. Batches at the same time have
    // different keys; those of a user's transaction that make a deadlock are found by Citus, and tried again.
    set_local("citus.enable_deadlock_prevention", "off");
}

void run_on_nodes(const Batch &batch, const char *batch_name, const char *statement, Tuplestorestate *rows)
{
    char *whole = psprintf("WITH %s AS MATERIALIZED (SELECT * FROM podyn.batch() AS batch (%s)) %s", batch_name,
                           column_definitions(batch.descriptor), statement);
    SPI_connect();
    source = {rows, batch.descriptor};
    PG_TRY();
    {
        limit_waits_on_nodes();
        execute(whole);
    }
    PG_FINALLY();
    {
        source = {};
    }
    PG_END_TRY();
    SPI_finish();
}

void alter_on_nodes(const char *statement)
{
    MemoryContext context = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    commit_on_all_nodes();
    BeginInternalSubTransaction(nullptr);  // Citus hands SET LOCAL on in blocks only
    SPI_connect();
    limit_waits_on_nodes();
    execute(statement);
    SPI_finish();
    ReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
}

}  // namespace podyn

extern "C" {

PG_FUNCTION_INFO_V1(podyn_batch);

Datum podyn_batch(PG_FUNCTION_ARGS)
{
    using namespace podyn;
    if (source.rows == nullptr)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("there is no batch"),
                        errdetail("podyn's workers call podyn.batch() while they write to a table of Citus.")));
    return_set(fcinfo, false);
    auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    TupleTableSlot *slot = MakeSingleTupleTableSlot(source.descriptor, &TTSOpsMinimalTuple);
    tuplestore_rescan(source.rows);
    while (tuplestore_gettupleslot(source.rows, true, false, slot))
        put_row(result, slot);
    ExecDropSingleTupleTableSlot(slot);
    return Datum{0};
}
}
