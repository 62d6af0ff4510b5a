// See stored_errors.h.
#include "functions/stored_errors.h"

#include "arrays.h"
#include "engine/operations.h"
#include "raise.h"
#include "settings.h"

namespace podyn {
namespace {

// Lines that are no items are kept as JSON strings. A key in which U+0000 is shown as U+2400 is another one.
constexpr char kColumns[] =
    "id, at, operation = 'remove', CASE WHEN json_typeof(coalesce(item, key)) <> 'object' THEN NULL "
    "WHEN strpos(key::text, '\u2400') > 0 AND (strpos(item::text, '\\u0000') > 0 "
    "OR item IS NULL AND sqlstate = '22P05') THEN NULL WHEN $1 THEN coalesce(item, key)::text ELSE key::text END";

StoredErrors take_rows(MemoryContext context, uint64 rows)
{
    MemoryContext spi = MemoryContextSwitchTo(context);
    StoredErrors stored = {make_array<StoredError>(static_cast<int>(rows)), static_cast<int>(rows)};
    for (uint64 row = 0; row < rows; ++row)
        stored.errors[row] = {catalog::get_int8(row, 1), DatumGetTimestampTz(catalog::value(row, 2)),
                              catalog::get_boolean(row, 3), view(catalog::string(context, row, 4)), nullptr};
    MemoryContextSwitchTo(spi);
    return stored;
}

}  // namespace

StoredErrors next_errors(const catalog::Replication &replication, const char *source, int64 after, int most)
{
    MemoryContext context = CurrentMemoryContext;
    char *statement = psprintf(
        "SELECT %s FROM (SELECT *, sum(size) OVER (ORDER BY id) - size AS before FROM "
        "(SELECT *, octet_length(coalesce(item, key)::text) AS size FROM podyn.error "
        "WHERE name = $2 AND id > $3 AND ($4 IS NULL OR source = $4) ORDER BY id LIMIT $5 FOR UPDATE) AS portion) "
        "AS sized WHERE coalesce(before, 0) < $6 ORDER BY id",
        kColumns);
    catalog::Scope scope = catalog::enter();
    uint64 rows = catalog::run(statement, {catalog::boolean(replication.imports), catalog::text(replication.name),
                                           catalog::int8(after), catalog::text_or_null(source), catalog::int4(most),
                                           catalog::int8(static_cast<int64>(settings::batch_kilobytes) * 1024)});
    StoredErrors stored = take_rows(context, rows);
    catalog::leave(scope);
    return stored;
}

StoredErrors errors_of(const int64 *ids, int count)
{
    auto *numbers = make_array<Datum>(count);
    for (int i = 0; i < count; ++i)
        numbers[i] = Int64GetDatum(ids[i]);
    Datum array =
        PointerGetDatum(construct_array(numbers, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
    MemoryContext context = CurrentMemoryContext;
    char *statement = psprintf(
        "SELECT %s FROM podyn.error JOIN unnest($2) WITH ORDINALITY AS wanted (number, place) ON number = id "
        "ORDER BY place FOR UPDATE OF error",
        kColumns);
    catalog::Scope scope = catalog::enter();
    uint64 rows = catalog::run(statement, {catalog::boolean(true), catalog::datum(INT8ARRAYOID, array)});
    StoredErrors stored = take_rows(context, rows);
    catalog::leave(scope);
    return stored;
}

std::span<const engine::Item> parse(const StoredErrors &stored, engine::NulCharacters nul_characters)
{
    auto *documents = make_array<std::string_view>(stored.count);
    for (int i = 0; i < stored.count; ++i)
        documents[i] = stored.errors[i].document;
    engine::Items *handle = nullptr;
    std::span<const engine::Item> items;
    check(engine::parse_items({documents, static_cast<size_t>(stored.count)}, nul_characters, &handle, &items));
    own<engine::Items>(CurrentMemoryContext, handle, engine::destroy);
    return items;
}

bool settle(const StoredError &stored, const Reason &reason)
{
    if (reason.sqlstate == nullptr)
        return catalog::execute("DELETE FROM podyn.error WHERE id = $1", {catalog::int8(stored.id)}) > 0;
    catalog::execute(
        "UPDATE podyn.error SET at = clock_timestamp(), sqlstate = $2, message = $3, detail = $4 WHERE id = $1",
        {catalog::int8(stored.id), catalog::text(reason.sqlstate), catalog::text(reason.message),
         catalog::text_or_null(reason.detail)});
    return false;
}

void count_items(const Origin &origin, int64 written, int64 skipped)
{
    if (origin.task != 0)
        catalog::execute("UPDATE podyn.task SET items = items + $2, skipped = skipped + $3 WHERE id = $1",
                         {catalog::int8(origin.task), catalog::int8(written), catalog::int8(skipped)});
}

}  // namespace podyn
