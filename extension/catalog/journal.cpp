// See journal.h.
#include "catalog/journal.h"

#include "catalog/sql.h"

namespace podyn::catalog {

void record_event(Oid owner, const char *name, const char *event, const char *message)
{
    execute("INSERT INTO podyn.event (owner, name, event, message) VALUES ($1, $2, $3, $4)",
            {regrole(owner), text(name), text(event), text(message)});
    if (strcmp(event, "column") != 0)
        notify(event, name);
}

// A full queue would be an error at commit, and take the transaction's rows with it: whoever leaves half of it (8 GB
// in all) unread is told nothing more. A name may be of any length, the payload not of 8,000 bytes.
void notify(const char *event, const char *name)
{
    execute(
        "SELECT pg_notify('podyn', json_build_object('event', $1, 'name', left($2, 255), 'state', s.state, "
        "'items_copied', r.items + t.items, 'items_total', r.items_total, 'items_per_second', "
        "round(l.items_per_second::numeric, 1), 'changes_applied', r.changes + t.changes, 'spooled', t.spooled, "
        "'read_units', r.read_units + t.read_units, 'throttled', r.throttled + t.throttled, 'at', "
        "clock_timestamp())::text) FROM (SELECT) AS one LEFT JOIN podyn.replication AS r ON r.name = $2 "
        "LEFT JOIN podyn.replication_state AS s ON s.id = r.id "
        "LEFT JOIN podyn.live_replications() AS l ON l.replication = r.id "
        "CROSS JOIN LATERAL (SELECT coalesce(sum(items), 0) AS items, coalesce(sum(changes), 0) AS changes, "
        "coalesce(sum(spooled), 0) AS spooled, coalesce(sum(read_units), 0) AS read_units, "
        "coalesce(sum(throttled), 0) AS throttled FROM podyn.task WHERE replication = r.id) AS t "
        "WHERE pg_notification_queue_usage() < 0.5",
        {text(event), text(name)});
}

namespace {

// A line of a file may be anything: what is no JSON is kept as a JSON string.
std::string_view as_json(std::string_view item)
{
    if (is_json(item))
        return item;
    StringInfoData string;
    initStringInfo(&string);
    escape_json(&string, pnstrdup(item.data(), item.size()));
    return {string.data, static_cast<size_t>(string.len)};
}

}  // namespace

void record_rejected(const char *name, const RejectedItem &rejected)
{
    // The key is taken from the item as it was received; of a removed item nothing else is known. PostgreSQL reads no
    // JSON that contains U+0000, wherever it stands: for this purpose the character is shown as U+2400.
    // The backfill and the stream may both bring the same item: then there is one row, with the later place and reason.
    // In the files of an import each line counts.
    execute(
        "WITH rejected AS (SELECT r.name, $5::json AS item, CASE WHEN json_typeof($5::json) = 'object' THEN "
        "(SELECT json_object_agg(k, regexp_replace($5, '(?<!\\\\)((?:\\\\\\\\)*)\\\\u0000', '\\1\u2400', 'g')::json -> "
        "k) "
        "FROM unnest(r.key_names) AS k) END AS key FROM podyn.replication AS r WHERE r.name = $1), "
        "again AS (UPDATE podyn.error AS e SET at = clock_timestamp(), source = $2, position = $3, sqlstate = $6, "
        "message = $7, detail = $8, group_position = $9 WHERE e.name = $1 AND e.operation = $4 AND $4 <> 'remove' "
        "AND hashtextextended(podyn.canonical_item(e.item), 0) = hashtextextended(podyn.canonical_item($5::json), 0) "
        "AND podyn.canonical_item(e.item) = podyn.canonical_item($5::json) "
        "AND ($2 NOT LIKE 'file %' OR e.source = $2 AND e.position = $3) RETURNING e.id) "
        "INSERT INTO podyn.error (name, source, position, operation, key, item, sqlstate, message, detail, "
        "group_position) "
        "SELECT name, $2, $3, $4, key, CASE WHEN $4 <> 'remove' THEN item END, $6, $7, $8, $9 FROM rejected "
        "WHERE NOT EXISTS (SELECT FROM again)",
        {text(name), text(rejected.source), text_or_null(rejected.position), text(rejected.operation),
         text_or_null(as_json(rejected.item)), text(rejected.sqlstate), text(rejected.message),
         text_or_null(rejected.detail), text_or_null(rejected.group_position)});
}

}  // namespace podyn::catalog
