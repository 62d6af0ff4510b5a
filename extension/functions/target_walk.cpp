// See target_walk.h.
#include "functions/target_walk.h"

#include "catalog/sql.h"
#include "load/apply.h"
#include "subtransaction.h"

namespace podyn {
namespace {

constexpr int kPortionRows = 2000;

// Where the walk has come to, and the portion that it reads from there.
struct Walking {
    const catalog::Replication *replication;
    Datum last[2];
    bool begun;
    FormData_pg_attribute columns[2];  // of the key
    int key_count;
    MemoryContext context;  // of the portion's keys
    WalkedRow *rows;
    int count;
};

void take_columns(Walking *walking, const Target &target, TupleDesc descriptor)
{
    walking->key_count = target.key_count;
    for (int i = 0; i < target.key_count; ++i)
        walking->columns[i] = *TupleDescAttr(descriptor, target.columns[target.keys[i]].number - 1);
}

// Rows with a key that is NULL are nobody's.
char *portion_statement(const Walking &walking, const Target &target)
{
    StringInfoData columns, after, condition;
    for (StringInfo list : {&columns, &after, &condition})
        initStringInfo(list);
    for (int i = 0; i < target.key_count; ++i) {
        const char *column = quote_identifier(target.columns[target.keys[i]].name);
        appendStringInfo(&columns, "%s%s", i ? ", " : "", column);
        appendStringInfo(&after, "%s$%d::%s", i ? ", " : "", i + 1,
                         format_type_extended(walking.columns[i].atttypid, -1, FORMAT_TYPE_FORCE_QUALIFY));
        appendStringInfo(&condition, "%s%s IS NOT NULL", i ? " AND " : "", column);
    }
    if (walking.begun)
        appendStringInfo(&condition, " AND (%s) > (%s)", columns.data, after.data);
    const char *marked =
        target.deleted_at == InvalidAttrNumber ? "false" : psprintf("%s IS NOT NULL", kDeletedAtColumn);
    return psprintf("SELECT %s, %s FROM %s WHERE %s ORDER BY %s LIMIT %d", columns.data, marked, target.relation_name,
                    condition.data, columns.data, kPortionRows);
}

void keep_row(Walking *walking, KeyHasher *hasher, uint64 row)
{
    MemoryContext old = MemoryContextSwitchTo(walking->context);
    WalkedRow *kept = &walking->rows[walking->count++];
    for (int i = 0; i < walking->key_count; ++i) {
        const FormData_pg_attribute &column = walking->columns[i];
        Datum value = catalog::value(row, i + 1);
        kept->keys[i] = column.attlen == -1 ? PointerGetDatum(PG_DETOAST_DATUM_COPY(value))
                                            : datumCopy(value, column.attbyval, column.attlen);
    }
    kept->hash = hash_key(hasher, kept->keys);
    kept->marked = catalog::get_boolean(row, walking->key_count + 1);
    MemoryContextSwitchTo(old);
}

void read_portion(void *argument)
{
    auto *walking = static_cast<Walking *>(argument);
    LockRelationOid(walking->replication->target, AccessShareLock);
    AcceptInvalidationMessages();
    Target *target = load_target(CurrentMemoryContext, *walking->replication);
    Batch batch = open_batch_for_reading(*target);
    KeyHasher hasher = make_key_hasher(CurrentMemoryContext, *target, batch.descriptor);
    take_columns(walking, *target, batch.descriptor);
    Oid types[] = {walking->columns[0].atttypid, walking->columns[1].atttypid};
    char *statement = portion_statement(*walking, *target);
    SPI_connect();
    int result = SPI_execute_with_args(statement, walking->begun ? target->key_count : 0, types, walking->last, nullptr,
                                       false, 0);
    if (result != SPI_OK_SELECT)
        elog(ERROR, "could not read the keys of target %s", target->relation_name);
    for (uint64 row = 0; row < SPI_processed; ++row)
        keep_row(walking, &hasher, row);
    SPI_finish();
    close_batch(batch);
}

void keep_last(Walking *walking, MemoryContext context)
{
    MemoryContextReset(context);
    MemoryContext old = MemoryContextSwitchTo(context);
    for (int i = 0; i < walking->key_count; ++i)
        walking->last[i] = datumCopy(walking->rows[walking->count - 1].keys[i], walking->columns[i].attbyval,
                                     walking->columns[i].attlen);
    walking->begun = true;
    MemoryContextSwitchTo(old);
}

}  // namespace

void walk_target(const TargetWalk &walk)
{
    Walking walking = {};
    walking.replication = walk.replication;
    walking.context = AllocSetContextCreate(CurrentMemoryContext, "podyn walk", ALLOCSET_DEFAULT_SIZES);
    walking.rows = static_cast<WalkedRow *>(palloc0(sizeof(WalkedRow) * kPortionRows));
    MemoryContext last = AllocSetContextCreate(CurrentMemoryContext, "podyn last key", ALLOCSET_SMALL_SIZES);
    do {
        MemoryContextReset(walking.context);
        walking.count = 0;
        MemoryContext old = MemoryContextSwitchTo(walking.context);
        run_and_undo(read_portion, &walking);
        MemoryContextSwitchTo(old);
        if (walking.count > 0)
            keep_last(&walking, last);
        walk.take(walk.context, walking.rows, walking.count);
    } while (walking.count == kPortionRows);
    MemoryContextDelete(last);
    MemoryContextDelete(walking.context);
}

}  // namespace podyn
