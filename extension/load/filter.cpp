// See filter.h.
#include "load/filter.h"
#include "setting_change.h"

namespace podyn {

// The line end closes a comment at the filter's end.
char *filter_statement(const char *filter)
{
    return psprintf("SELECT number, item FROM unnest($1) WITH ORDINALITY AS items (item, number) WHERE (%s\n)", filter);
}

void try_filter(const char *filter)
{
    int level = NewGUCNestLevel();
    set_for_a_while("search_path", "");
    SPI_connect();
    Oid types[] = {JSONBARRAYOID};
    Datum nothing = PointerGetDatum(construct_empty_array(JSONBOID));
    SPIPlanPtr plan = SPI_prepare(filter_statement(filter), 1, types);
    if (plan == nullptr || SPI_execute_plan(plan, &nothing, nullptr, true, 0) != SPI_OK_SELECT)
        ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR), errmsg("filter \"%s\" is no condition", filter),
                        errhint("Give an SQL condition over item, a jsonb, such as item ->> 'type' = 'order'.")));
    SPI_finish();
    AtEOXact_GUC(true, level);
}

}  // namespace podyn
