// The foreign-data wrapper: what PostgreSQL calls for foreign tables, import included.
#include "fdw/import_schema.h"
#include "fdw/modify.h"
#include "fdw/planner.h"
#include "fdw/scan.h"

extern "C" {

PG_FUNCTION_INFO_V1(podyn_fdw_handler);

Datum podyn_fdw_handler(PG_FUNCTION_ARGS)
{
    FdwRoutine *routine = makeNode(FdwRoutine);
    podyn::set_planner_routines(routine);
    podyn::set_scan_routines(routine);
    podyn::set_modify_routines(routine);
    routine->ImportForeignSchema = podyn::import_schema;
    PG_RETURN_POINTER(routine);
}
}
