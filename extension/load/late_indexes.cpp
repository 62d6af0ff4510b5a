// See late_indexes.h.
#include "load/late_indexes.h"

#include "load/empty_target.h"
#include "load/target.h"
#include "setting_change.h"

namespace podyn {
namespace {

// PostgreSQL lets each process that takes part have 32 MB at least (plan_create_index_workers). More made no
// difference.
constexpr int kKilobytes = 32 * 1024;

bool is_unbuilt(Oid index)
{
    HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
    if (!HeapTupleIsValid(tuple))
        return false;
    bool unbuilt = !reinterpret_cast<Form_pg_index>(GETSTRUCT(tuple))->indisready;
    ReleaseSysCache(tuple);
    return unbuilt;
}

void put_off(Relation catalog, Oid index)
{
    HeapTuple tuple = SearchSysCacheCopy1(INDEXRELID, ObjectIdGetDatum(index));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for index %u", index);
    auto *form = reinterpret_cast<Form_pg_index>(GETSTRUCT(tuple));
    form->indisready = false;
    form->indisvalid = false;
    CatalogTupleUpdate(catalog, &tuple->t_self, tuple);
}

// No more than the owner allows.
void limit_setting(const char *name, int most, int current)
{
    set_for_a_while(name, psprintf("%d", Min(most, current)));
}

void build(Oid index)
{
    char *name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(index)), get_rel_name(index));
    SPI_connect();
    if (SPI_execute(psprintf("REINDEX INDEX %s", name), false, 0) != SPI_OK_UTILITY)
        elog(ERROR, "could not build index %s", name);
    SPI_finish();
}

bool has_primary_key(Oid table)
{
    Relation relation = table_open(table, AccessShareLock);
    bool found = OidIsValid(primary_key_index(relation));
    table_close(relation, AccessShareLock);
    return found;
}

void add_primary_key(const Target &target)
{
    StringInfoData columns;
    initStringInfo(&columns);
    for (int i = 0; i < target.key_count; ++i)
        appendStringInfo(&columns, "%s%s", i ? ", " : "", quote_identifier(target.columns[target.keys[i]].name));
    alter_target(target, psprintf("ALTER TABLE %s ADD PRIMARY KEY (%s)", target.relation_name, columns.data));
}

List *indexes_of(Oid table)
{
    Relation relation = table_open(table, AccessShareLock);
    List *indexes = RelationGetIndexList(relation);
    table_close(relation, AccessShareLock);
    return indexes;
}

}  // namespace

void put_off_indexes(Oid table)
{
    List *indexes = indexes_of(table);
    Relation catalog = table_open(IndexRelationId, RowExclusiveLock);
    ListCell *cell;
    foreach (cell, indexes)
        put_off(catalog, lfirst_oid(cell));
    table_close(catalog, RowExclusiveLock);
    CacheInvalidateRelcacheByRelid(table);
    CommandCounterIncrement();
}

bool has_unbuilt_indexes(Relation table)
{
    ListCell *cell;
    foreach (cell, RelationGetIndexList(table))
        if (is_unbuilt(lfirst_oid(cell)))
            return true;
    return false;
}

bool has_unbuilt_indexes(Oid table)
{
    Relation relation = try_relation_open(table, AccessShareLock);
    if (relation == nullptr)
        return false;
    bool found = has_unbuilt_indexes(relation);
    relation_close(relation, AccessShareLock);
    return found;
}

void require_built_indexes(Relation table)
{
    if (has_unbuilt_indexes(table))
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("the indexes of target \"%s\" are not built yet", RelationGetRelationName(table)),
                        errdetail("An import has made the table, and was dropped before it was complete."),
                        errhint("Build them with REINDEX TABLE, or drop the table: it will be made again.")));
}

void build_indexes(const catalog::Replication &replication, int processes)
{
    int level = NewGUCNestLevel();
    limit_setting("max_parallel_maintenance_workers", processes - 1, max_parallel_maintenance_workers);
    limit_setting("maintenance_work_mem", kKilobytes * processes, maintenance_work_mem);
    ListCell *cell;
    foreach (cell, indexes_of(replication.target))
        if (is_unbuilt(lfirst_oid(cell)))
            build(lfirst_oid(cell));
    if (!has_primary_key(replication.target))
        add_primary_key(*load_target(CurrentMemoryContext, replication));
    AtEOXact_GUC(true, level);
}

void empty_and_index(const catalog::Replication &replication)
{
    empty_target(replication);
    build_indexes(replication, 1);  // TRUNCATE leaves them as they are
}

}  // namespace podyn
