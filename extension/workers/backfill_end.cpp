// See backfill_end.h.
#include "workers/backfill_end.h"

#include "catalog/sql.h"
#include "settings.h"

namespace podyn {

bool stream_has_passed_the_backfill(int32 replication)
{
    catalog::Scope scope = catalog::enter();
    catalog::run(
        "SELECT coalesce(bool_and(coalesce(greatest(f.read_through, live.read_through) >= "
        "r.copied_at + make_interval(secs => $2), false)), false) "
        "FROM podyn.replication AS r JOIN podyn.shard_frontier AS f ON f.replication = r.id "
        "LEFT JOIN podyn.live_tasks() AS live ON live.task = f.id WHERE r.id = $1",
        {catalog::int4(replication), catalog::float8(settings::stream_delay / 1000.0)});
    bool passed = catalog::get_boolean(0, 1);
    catalog::leave(scope);
    return passed;
}

}  // namespace podyn
