// See difference_store.h.
#include "functions/difference_store.h"

namespace podyn {
namespace {

const char *word(Finding finding)
{
    return finding == Finding::kMissing ? "missing" : finding == Finding::kExtra ? "extra" : "different";
}

catalog::Argument jsonb_or_null(Jsonb *document)
{
    return {JSONBOID, JsonbPGetDatum(document), document == nullptr};
}

void insert(const catalog::Replication &replication, TimestampTz verified_at, const FoundKey &found,
            const AttributeDifference &difference)
{
    catalog::execute(
        "INSERT INTO podyn.difference (name, verified_at, kind, key, attribute, source_value, target_value, detail, "
        "mendable) VALUES ($1, $2, $3, $4::json, $5, $6, $7, $8, $9)",
        {catalog::text(replication.name),
         catalog::timestamp_or_null(verified_at),
         catalog::text(word(found.finding)),
         catalog::text(found.key),
         // An attribute's name may be empty.
         {TEXTOID, difference.attribute ? CStringGetTextDatum(difference.attribute) : Datum{0},
          difference.attribute == nullptr},
         jsonb_or_null(difference.source),
         jsonb_or_null(difference.target),
         catalog::text_or_null(found.reason),
         catalog::boolean(found.askable)});
}

}  // namespace

void forget_differences(const catalog::Replication &replication)
{
    catalog::execute("DELETE FROM podyn.difference WHERE name = $1", {catalog::text(replication.name)});
}

void record_difference(const catalog::Replication &replication, TimestampTz verified_at, const FoundKey &found)
{
    if (found.differences == NIL)
        insert(replication, verified_at, found, {});
    ListCell *cell;
    foreach (cell, found.differences)
        insert(replication, verified_at, found, *static_cast<AttributeDifference *>(lfirst(cell)));
}

void tell_reasons(const catalog::Replication &replication)
{
    catalog::execute(
        "UPDATE podyn.difference AS d SET detail = e.message FROM "
        "(SELECT DISTINCT ON (key::jsonb) key::jsonb AS key, message FROM podyn.error WHERE name = $1 "
        "AND json_typeof(key) = 'object' ORDER BY key::jsonb, at DESC) AS e "
        "WHERE d.name = $1 AND d.kind <> 'extra' AND d.key::jsonb = e.key",
        {catalog::text(replication.name)});
}

}  // namespace podyn
