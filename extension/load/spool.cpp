// See spool.h.
#include "load/spool.h"

#include "catalog/sql.h"
#include "engine/operations.h"

namespace podyn {
namespace {

constexpr int kFetch = 64;                      // rows fetched at once while bytes are counted
constexpr TimestampTz kNotMarked = DT_NOBEGIN;  // in an array without NULLs

Datum make_array(Datum *values, int count, Oid type)
{
    int16 length;
    bool by_value;
    char alignment;
    get_typlenbyvalalign(type, &length, &by_value, &alignment);
    return PointerGetDatum(construct_array(values, count, type, length, by_value, alignment));
}

Datum *make_datums(int count)
{
    return static_cast<Datum *>(palloc(sizeof(Datum) * static_cast<size_t>(count + 1)));
}

Datum bytes(const void *data, size_t size)
{
    return PointerGetDatum(cstring_to_text_with_len(static_cast<const char *>(data), static_cast<int>(size)));
}

std::string_view varlena_view(MemoryContext context, Datum datum)
{
    MemoryContext old = MemoryContextSwitchTo(context);
    struct varlena *copy = PG_DETOAST_DATUM_COPY(datum);
    MemoryContextSwitchTo(old);
    return {VARDATA(copy), VARSIZE(copy) - VARHDRSZ};
}

// Fetches from the portal until rows or bytes are reached.
SpooledChanges fetch(MemoryContext context, Portal portal, int rows, int64 most_bytes)
{
    SpooledChanges result = {};
    result.changes = static_cast<SpooledChange *>(
        MemoryContextAllocHuge(context, sizeof(SpooledChange) * static_cast<size_t>(rows)));
    int64 size = 0;
    while (result.count < rows && size < most_bytes) {
        SPI_cursor_fetch(portal, true, Min(kFetch, rows - result.count));
        if (SPI_processed == 0)
            break;
        for (uint64 row = 0; row < SPI_processed && size < most_bytes; ++row) {
            SpooledChange &change = result.changes[result.count++];
            change.key = varlena_view(context, catalog::value(row, 1));
            change.deleted = catalog::get_boolean(row, 2);
            change.item = varlena_view(context, catalog::value(row, 3));
            change.deleted_at = catalog::is_null(row, 4) ? 0 : DatumGetTimestampTz(catalog::value(row, 4));
            size += static_cast<int64>(change.item.size());
        }
        SPI_freetuptable(SPI_tuptable);
    }
    return result;
}

}  // namespace

int64 spool_changes(int32 replication, const PageItem *items, int count)
{
    if (count == 0)
        return 0;
    Datum *keys = make_datums(count), *deleted = make_datums(count), *documents = make_datums(count);
    Datum *marks = make_datums(count);
    for (int i = 0; i < count; ++i) {
        keys[i] = bytes(items[i].key_digest, engine::kKeyDigestBytes);
        deleted[i] = BoolGetDatum(items[i].remove);
        documents[i] = bytes(items[i].item->json.data(), items[i].item->json.size());
        marks[i] = TimestampTzGetDatum(items[i].deleted_at != 0 ? items[i].deleted_at : kNotMarked);
    }
    return catalog::count(  // in the order of keys, as the merge locks them
        "WITH spooled AS (INSERT INTO podyn.spool AS s (replication, key, deleted, item, deleted_at) "
        "SELECT $1, key, deleted, item, nullif(deleted_at, '-infinity') "
        "FROM unnest($2, $3, $4, $5) AS change (key, deleted, item, deleted_at) ORDER BY key "
        "ON CONFLICT (replication, key) DO UPDATE SET (deleted, item, deleted_at) = ROW ("
        // A mark leaves the image that is there, and says nothing where a deletion has been applied.
        "excluded.deleted AND (s.deleted OR excluded.deleted_at IS NULL), "
        "CASE WHEN excluded.deleted AND excluded.deleted_at IS NOT NULL THEN s.item ELSE excluded.item END, "
        "CASE WHEN excluded.deleted AND s.deleted AND s.deleted_at IS NULL THEN NULL ELSE excluded.deleted_at END) "
        "RETURNING s.xmax = 0 AS fresh) SELECT count(*) FROM spooled WHERE fresh",
        {catalog::int4(replication), catalog::datum(BYTEAARRAYOID, make_array(keys, count, BYTEAOID)),
         catalog::datum(BOOLARRAYOID, make_array(deleted, count, BOOLOID)),
         catalog::datum(TEXTARRAYOID, make_array(documents, count, TEXTOID)),
         catalog::datum(TIMESTAMPTZARRAYOID, make_array(marks, count, TIMESTAMPTZOID))});
}

SpooledChanges read_spool(int32 replication, std::string_view after, int rows, int64 most_bytes)
{
    MemoryContext context = CurrentMemoryContext;
    Oid types[] = {INT4OID, BYTEAOID};
    Datum values[] = {Int32GetDatum(replication), bytes(after.data(), after.size())};
    catalog::Scope scope = catalog::enter();
    Portal portal = SPI_cursor_open_with_args(nullptr,
                                              "SELECT key, deleted, item, deleted_at FROM podyn.spool WHERE "
                                              "replication = $1 AND key > $2 ORDER BY key FOR UPDATE",
                                              2, types, values, nullptr, false, CURSOR_OPT_FAST_PLAN);
    SpooledChanges result = fetch(context, portal, rows, most_bytes);
    SPI_cursor_close(portal);
    catalog::leave(scope);
    return result;
}

void delete_from_spool(int32 replication, const SpooledChanges &changes)
{
    Datum *keys = make_datums(changes.count);
    for (int i = 0; i < changes.count; ++i)
        keys[i] = bytes(changes.changes[i].key.data(), changes.changes[i].key.size());
    catalog::execute(
        "DELETE FROM podyn.spool WHERE replication = $1 AND key = ANY ($2)",
        {catalog::int4(replication), catalog::datum(BYTEAARRAYOID, make_array(keys, changes.count, BYTEAOID))});
}

}  // namespace podyn
