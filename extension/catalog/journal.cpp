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
    // The key is taken from the item as it was received; of a removed item nothing else is known. PostgreSQL reads no
    // JSON that contains U+0000, wherever it stands: for this purpose the character is shown as U+2400.
    // The backfill and the stream may both bring the same item: then there is one row, with the later place and reason.
    execute(
        "WITH rejected AS (SELECT r.name, $5::json AS item, (SELECT json_object_agg(k, regexp_replace($5, "
        "'(?<!\\\\)((?:\\\\\\\\)*)\\\\u0000', '\\1\u2400', 'g')::json -> k) FROM unnest(r.key_names) AS k) AS key "
        "FROM podyn.replication AS r WHERE r.name = $1), "
        "again AS (UPDATE podyn.error AS e SET at = clock_timestamp(), source = $2, position = $3, sqlstate = $6, "
        "message = $7, detail = $8 WHERE e.name = $1 AND e.operation = $4 AND $4 <> 'remove' "
        "AND hashtextextended(e.item::text, 0) = hashtextextended($5, 0) AND e.item::text = $5 RETURNING e.id) "
        "INSERT INTO podyn.error (name, source, position, operation, key, item, sqlstate, message, detail) "
        "SELECT name, $2, $3, $4, key, CASE WHEN $4 <> 'remove' THEN item END, $6, $7, $8 FROM rejected "
        "WHERE NOT EXISTS (SELECT FROM again)",
        {text(name), text(rejected.source), text_or_null(rejected.position), text(rejected.operation),
         text_or_null(rejected.item), text(rejected.sqlstate), text(rejected.message), text_or_null(rejected.detail)});
}

}  // namespace podyn::catalog
