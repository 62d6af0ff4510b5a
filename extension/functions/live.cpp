// What the views ask shared memory, and the library's version.
#include "compat.h"
#include "shared.h"

extern "C" {

PG_FUNCTION_INFO_V1(podyn_version);
PG_FUNCTION_INFO_V1(podyn_live_replications);
PG_FUNCTION_INFO_V1(podyn_live_tasks);

Datum podyn_version(PG_FUNCTION_ARGS)
{
    (void)fcinfo;
    PG_RETURN_TEXT_P(cstring_to_text(PODYN_VERSION));
}

Datum podyn_live_replications(PG_FUNCTION_ARGS)
{
    using namespace podyn;
    return_set(fcinfo, false);
    auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    shared::attach();
    int count;
    shared::LiveReplication *live = shared::live_replications(&count);
    for (int i = 0; i < count; ++i) {
        Datum values[] = {Int32GetDatum(live[i].id), Float8GetDatum(live[i].items_per_second),
                          Float8GetDatum(live[i].changes_per_second)};
        bool nulls[] = {false, false, false};
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    return Datum{0};
}

Datum podyn_live_tasks(PG_FUNCTION_ARGS)
{
    using namespace podyn;
    return_set(fcinfo, false);
    auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    shared::attach();
    int count;
    shared::Task *live = shared::live_tasks(&count);
    for (int i = 0; i < count; ++i) {
        Datum values[] = {Int64GetDatum(live[i].id), Int32GetDatum(live[i].worker),
                          TimestampTzGetDatum(live[i].read_through)};
        bool nulls[] = {false, false, live[i].read_through == 0};
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    return Datum{0};
}
}
