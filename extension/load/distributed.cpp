// See distributed.h.
#include "load/distributed.h"

#include "catalog/sql.h"
#include "setting_change.h"

namespace podyn {
namespace {

// Milliseconds. A batch waits for nodes to commit as long as for a lock (a worker's lock_timeout).
constexpr int kPatience = 1000, kTryAgain = 10;

// Transactions that the coordinator has committed and a node has not, only those of $1 if it is given; and what a node
// answers that cannot say which it has.
constexpr char kPending[] =
    "SELECT pg_catalog.array_agg(committed.gid) FILTER (WHERE committed.gid IS NOT NULL),"
    " pg_catalog.max(node.result) FILTER (WHERE NOT node.success)"
    " FROM pg_catalog.run_command_on_workers($$SELECT pg_catalog.string_agg(gid, ',')"
    " FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database()$$) AS node"
    " LEFT JOIN pg_catalog.pg_dist_transaction AS committed"
    " ON committed.gid = ANY (pg_catalog.string_to_array(node.result, ','))"
    " AND ($1 IS NULL OR committed.gid = ANY ($1))";

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

uint64 execute(const char *statement)
{
    int result = SPI_execute(statement, false, 0);
    if (result < 0)
        elog(ERROR, "could not change a table of Citus: %s", SPI_result_code_string(result));
    return SPI_processed;
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

// Which of `among` (null: of all) nodes have not committed yet; null: none.
ArrayType *pending(ArrayType *among)
{
    Oid types[] = {TEXTARRAYOID};
    Datum values[] = {PointerGetDatum(among)};
    int result = SPI_execute_with_args(kPending, 1, types, values, among == nullptr ? "n" : " ", false, 1);
    if (result != SPI_OK_SELECT || SPI_processed != 1)
        elog(ERROR, "could not ask the nodes for prepared transactions: %s", SPI_result_code_string(result));
    HeapTuple row = SPI_tuptable->vals[0];
    if (char *refusal = SPI_getvalue(row, SPI_tuptable->tupdesc, 2))
        ereport(ERROR, (errcode(ERRCODE_CONNECTION_FAILURE),
                        errmsg("could not ask a node for its prepared transactions"), errdetail("%s", refusal)));
    bool none;
    Datum found = SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &none);
    return none ? nullptr : DatumGetArrayTypePCopy(found);
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
    set_for_transaction("synchronous_commit", "on");
    use_two_phases();
    // Otherwise one batch at a time would be written to a shard, whatever its keys. Batches at the same time have
    // different keys; those of a user's transaction that make a deadlock are found by Citus, and tried again.
    set_for_transaction("citus.enable_deadlock_prevention", "off");
}

uint64 run_on_nodes(const Batch &batch, const char *batch_name, const char *statement, Tuplestorestate *rows,
                    const Reader *reader)
{
    volatile uint64 processed = 0;
    char *whole = psprintf("WITH %s AS MATERIALIZED (SELECT * FROM podyn.batch() AS batch (%s)) %s", batch_name,
                           column_definitions(batch.descriptor), statement);
    SPI_connect();
    source = {rows, batch.descriptor};
    PG_TRY();
    {
        limit_waits_on_nodes();
        processed = execute(whole);
        if (reader != nullptr)
            reader->take(reader->context);
    }
    PG_FINALLY();
    {
        source = {};
    }
    PG_END_TRY();
    SPI_finish();
    return processed;
}

void wait_until_nodes_have_committed()
{
    TimestampTz begun = GetCurrentTimestamp();
    SPI_connect();
    for (ArrayType *left = pending(nullptr); left != nullptr; left = pending(left)) {
        if (TimestampDifferenceExceeds(begun, GetCurrentTimestamp(), kPatience))
            ereport(ERROR,
                    (errcode(ERRCODE_OBJECT_IN_USE),
                     errmsg("a transaction that has been committed on the coordinator is still prepared on a node"),
                     errdetail("A deletion would not see the rows that it has put."),
                     errhint("Citus commits it there, at most citus.recover_2pc_interval after the node or the "
                             "coordinator has come back.")));
        (void)WaitLatch(MyLatch, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, kTryAgain, PG_WAIT_EXTENSION);
        CHECK_FOR_INTERRUPTS();
    }
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
