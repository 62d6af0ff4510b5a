// See filter.h.
#include "load/filter.h"

#include "catalog/sql.h"
#include "load/document.h"
#include "raise.h"
#include "subtransaction.h"

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

struct Filtering {
    const char *filter;
    const PageItem *items;
    int count;
    bool *keeps;
};

void filter_step(void *argument)
{
    auto *filtering = static_cast<Filtering *>(argument);
    int count = filtering->count;
    auto *documents = static_cast<Datum *>(palloc(sizeof(Datum) * static_cast<size_t>(count + 1)));
    for (int i = 0; i < count; ++i) {
        documents[i] = jsonb_from_attributes(filtering->items[i].item->values, nullptr);
        filtering->keeps[i] = false;
    }
    Datum array = array_of(documents, count);
    SPI_connect();
    run(filtering->filter, array);
    for (uint64 row = 0; row < SPI_processed; ++row)
        filtering->keeps[DatumGetInt64(catalog::value(row, 1)) - 1] = true;
    SPI_finish();
}

void filter_one(const char *filter, PageItem *item, MemoryContext context, bool *keeps)
{
    Filtering one = {filter, item, 1, keeps};
    ErrorData *error = attempt(filter_step, &one);
    if (error == nullptr)
        return;
    MemoryContext old = MemoryContextSwitchTo(context);
    auto *bad = static_cast<engine::Item *>(palloc0(sizeof(engine::Item)));
    *bad = *item->item;
    strlcpy(bad->problem.sqlstate, unpack_sql_state(error->sqlerrcode), sizeof bad->problem.sqlstate);
    bad->problem.message = view(psprintf("the filter failed: %s", error->message));
    item->item = bad;
    MemoryContextSwitchTo(old);
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

void apply_filter(const char *filter, PageItem *items, int count, MemoryContext context, bool *keeps)
{
    Filtering all = {filter, items, count, keeps};
    if (attempt(filter_step, &all) != nullptr)
        for (int i = 0; i < count; ++i)
            filter_one(filter, &items[i], context, &keeps[i]);
    for (int i = 0; i < count; ++i)
        keeps[i] = keeps[i] || items[i].item->problem.exists() || items[i].remove;
}

}  // namespace podyn
