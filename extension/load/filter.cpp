// See filter.h.
#include "load/filter.h"

#include "catalog/sql.h"
#include "load/document.h"

namespace podyn {
namespace {

// The line end closes a comment at the filter's end.
char *statement_of(const char *filter)
{
    return psprintf("SELECT number FROM unnest($1) WITH ORDINALITY AS items (item, number) WHERE (%s\n)", filter);
}

void run(const char *filter, Datum items)
{
    Oid types[] = {JSONBARRAYOID};
    SPIPlanPtr plan = SPI_prepare(statement_of(filter), 1, types);
    if (plan == nullptr || SPI_execute_plan(plan, &items, nullptr, true, 0) != SPI_OK_SELECT)
        ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR), errmsg("filter \"%s\" is no condition", filter),
                        errhint("Give an SQL condition over item, a jsonb, such as item ->> 'type' = 'order'.")));
}

Datum array_of(Datum *documents, int count)
{
    return PointerGetDatum(construct_array(documents, count, JSONBOID, -1, false, TYPALIGN_INT));
}

}  // namespace

void try_filter(const char *filter)
{
    int level = NewGUCNestLevel();
    (void)set_config_option("search_path", "", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    SPI_connect();
    run(filter, array_of(nullptr, 0));
    SPI_finish();
    AtEOXact_GUC(true, level);
}

void apply_filter(const char *filter, const engine::Item *const *items, int count, bool *keeps)
{
    auto *documents = static_cast<Datum *>(palloc(sizeof(Datum) * static_cast<size_t>(count + 1)));
    for (int i = 0; i < count; ++i) {
        documents[i] = jsonb_from_attributes(items[i]->values, nullptr);
        keeps[i] = false;
    }
    Datum array = array_of(documents, count);
    SPI_connect();
    run(filter, array);
    for (uint64 row = 0; row < SPI_processed; ++row)
        keeps[DatumGetInt64(catalog::value(row, 1)) - 1] = true;
    SPI_finish();
}

}  // namespace podyn
