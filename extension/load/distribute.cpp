// See distribute.h.
#include "load/distribute.h"

#include "catalog/sql.h"
#include "load/distributed.h"
#include "raise.h"

namespace podyn {
namespace {

struct Distribution {
    bool exists;        // a table that is spread over shards by the hash of a column
    char *column_type;  // its spelling
};

Distribution distribution_of(Oid relation)
{
    MemoryContext context = CurrentMemoryContext;
    Distribution found = {};
    catalog::Scope scope = catalog::enter();
    found.exists = catalog::run(
                       "SELECT pg_catalog.format_type(a.atttypid, NULL) FROM pg_catalog.pg_dist_partition AS p "
                       "JOIN pg_catalog.pg_attribute AS a ON a.attrelid = p.logicalrelid "
                       "AND a.attname = pg_catalog.column_to_column_name(p.logicalrelid, p.partkey) "
                       "WHERE p.logicalrelid = $1 AND p.partmethod = 'h'",
                       {catalog::regclass(relation)}) > 0;
    if (found.exists)
        found.column_type = catalog::string(context, 0, 1);
    catalog::leave(scope);
    return found;
}

}  // namespace

void check_citus_options(bool citus, const char *colocate_with)
{
    if (!citus && colocate_with != nullptr)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("colocate_with needs citus => true"),
                        errdetail("Only a distributed table shares its placement with another one."),
                        errhint("Add citus => true, or leave colocate_with out.")));
    if (citus && !citus_installed())
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("extension \"citus\" is not in this database"),
                        errdetail("citus => true distributes the target."),
                        errhint("Use CREATE EXTENSION citus, on a server that preloads it, or leave citus out.")));
}

char *check_colocation(const char *colocate_with, engine::ColumnType partition_key)
{
    if (colocate_with == nullptr)
        return nullptr;
    RangeVar *name = makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(colocate_with)));
    Oid relation = RangeVarGetRelid(name, NoLock, true);
    if (!OidIsValid(relation))
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("colocate_with: table %s does not exist", colocate_with),
                 errhint("Name a distributed table, or leave colocate_with out.")));
    Distribution distribution = distribution_of(relation);
    if (!distribution.exists)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("colocate_with: table %s is not distributed by a column", colocate_with),
                        errhint("Name a distributed table, or leave colocate_with out.")));
    const char *type = copy_string(engine::column_type_name(partition_key));
    if (strcmp(distribution.column_type, type) != 0)
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("colocate_with: table %s is distributed by a column of type %s, but the partition key "
                               "here is of type %s",
                               colocate_with, distribution.column_type, type),
                        errhint("Only tables whose distribution columns have the same type can be colocated.")));
    return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), get_rel_name(relation));
}

void distribute(Oid relation, const char *column, const char *colocate_with)
{
    ereport(NOTICE, (errmsg("distributing table %s by column %s", get_rel_name(relation), quote_identifier(column))));
    Oid types[] = {REGCLASSOID, TEXTOID, TEXTOID};
    Datum values[] = {ObjectIdGetDatum(relation), CStringGetTextDatum(column),
                      CStringGetTextDatum(colocate_with != nullptr ? colocate_with : "default")};
    SPI_connect();
    // Citus's objects are in pg_catalog, wherever the extension is asked for.
    int result = SPI_execute_with_args("SELECT pg_catalog.create_distributed_table($1, $2, colocate_with => $3)", 3,
                                       types, values, nullptr, false, 0);
    if (result < 0)
        elog(ERROR, "could not distribute a table: %s", SPI_result_code_string(result));
    SPI_finish();
}

void require_distributed(Oid relation, const char *column)
{
    if (is_citus_table(relation))
        return;
    const char *table =
        quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), get_rel_name(relation));
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("target %s is not distributed", table),
                    errhint("Use SELECT create_distributed_table(%s, %s); or let podyn make the table with "
                            "schema => true.",
                            quote_literal_cstr(table), quote_literal_cstr(column))));
}

}  // namespace podyn
