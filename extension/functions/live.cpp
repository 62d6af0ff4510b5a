// What the views and policies ask: shared memory, and whose a replication is; and the library's version. A view calls
// its functions with the reader's rights, so everyone may execute these, and they show to each what is his.
#include "catalog/replications.h"
#include "compat.h"
#include "shared.h"

namespace podyn {
namespace {

bool may_see(Oid owner)
{
    return has_privs_of_role(GetUserId(), owner) || has_privs_of_role(GetUserId(), ROLE_PG_MONITOR);
}

}  // namespace
}  // namespace podyn

extern "C" {

PG_FUNCTION_INFO_V1(podyn_version);
PG_FUNCTION_INFO_V1(podyn_live_replications);
PG_FUNCTION_INFO_V1(podyn_live_tasks);
PG_FUNCTION_INFO_V1(podyn_owns);

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
        if (!may_see(live[i].owner))
            continue;
        Datum values[] = {Int32GetDatum(live[i].id), Float8GetDatum(live[i].items_per_second),
                          Float8GetDatum(live[i].changes_per_second), Float8GetDatum(live[i].read_units),
                          TimestampTzGetDatum(live[i].filled_at)};
        bool nulls[] = {false, false, false, false, live[i].filled_at == 0};
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
        if (!may_see(live[i].owner))
            continue;
        Datum values[] = {Int64GetDatum(live[i].id), Int32GetDatum(live[i].worker),
                          TimestampTzGetDatum(live[i].read_through)};
        bool nulls[] = {false, false, live[i].read_through == 0};
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    return Datum{0};
}

Datum podyn_owns(PG_FUNCTION_ARGS)
{
    using namespace podyn;
    catalog::Replication *replication =
        catalog::find_replication(CurrentMemoryContext, text_to_cstring(PG_GETARG_TEXT_PP(0)));
    PG_RETURN_BOOL(replication != nullptr && may_see(replication->owner));
}
}
