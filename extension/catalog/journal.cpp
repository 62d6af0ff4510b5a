// See journal.h.
#include "catalog/journal.h"

#include "catalog/sql.h"

namespace podyn::catalog {

void record_event(Oid owner, const char *name, const char *event, const char *message)
{
    execute("INSERT INTO podyn.event (owner, name, event, message) VALUES ($1, $2, $3, $4)",
            {regrole(owner), text(name), text(event), text(message)});
}

void record_rejected(const char *name, const RejectedItem &rejected)
{
    execute(
        "INSERT INTO podyn.error (name, source, position, operation, item, sqlstate, message, detail) "
        "VALUES ($1, $2, $3, $4, $5::json, $6, $7, $8)",
        {text(name), text(rejected.source), text_or_null(rejected.position), text(rejected.operation),
         text_or_null(rejected.item), text(rejected.sqlstate), text(rejected.message), text_or_null(rejected.detail)});
}

}  // namespace podyn::catalog
