// See seen.h.
#include "load/seen.h"

#include "catalog/sql.h"
#include "engine/operations.h"
#include "load/key_document.h"
#include "load/rows.h"

namespace podyn {
namespace {

constexpr uint64 kForgottenAtOnce = 20000;

// Null: no row can have this key.
const uint8 *digest_of_row(const Target &target, const engine::Item &item)
{
    return check_item(target, item).exists() ? nullptr : digest_of(target, item);
}

Datum bytes_array(const uint8 *const *digests, int count)
{
    auto *values = static_cast<Datum *>(palloc(sizeof(Datum) * static_cast<size_t>(count + 1)));
    for (int i = 0; i < count; ++i)
        values[i] = PointerGetDatum(
            cstring_to_text_with_len(reinterpret_cast<const char *>(digests[i]), engine::kKeyDigestBytes));
    return PointerGetDatum(construct_array(values, count, BYTEAOID, -1, false, TYPALIGN_INT));
}

}  // namespace

void note_seen_items(int32 replication, const Target &target, const PageItem *items, int count)
{
    auto *digests = static_cast<const uint8 **>(palloc(sizeof(uint8 *) * static_cast<size_t>(count + 1)));
    int known = 0;
    for (int i = 0; i < count; ++i) {
        if (items[i].remove)
            continue;
        const engine::Item &item = *items[i].item;
        const engine::Item &key = item.problem.exists() ? *key_of_unsound(target, item) : item;
        const uint8 *digest = digest_of_row(target, key);
        if (digest != nullptr)
            digests[known++] = digest;
    }
    note_seen(replication, digests, known);
}

void note_seen(int32 replication, const uint8 *const *digests, int count)
{
    if (count == 0)
        return;
    catalog::execute(
        "INSERT INTO podyn.seen (replication, key) SELECT $1, key FROM unnest($2) AS key ORDER BY key "
        "ON CONFLICT DO NOTHING",
        {catalog::int4(replication), catalog::datum(BYTEAARRAYOID, bytes_array(digests, count))});
}

bool *find_unseen(int32 replication, const Target &target, std::span<const engine::Item> items)
{
    auto count = static_cast<int>(items.size());
    auto *unseen = static_cast<bool *>(palloc0(sizeof(bool) * (items.size() + 1)));
    auto *digests = static_cast<const uint8 **>(palloc(sizeof(uint8 *) * (items.size() + 1)));
    static constexpr uint8 kOfNoKey[engine::kKeyDigestBytes] = {};
    for (int i = 0; i < count; ++i) {
        const uint8 *digest = digest_of_row(target, items[static_cast<size_t>(i)]);
        digests[i] = digest != nullptr ? digest : kOfNoKey;
    }
    catalog::Scope scope = catalog::enter();
    uint64 rows = catalog::run(
        "SELECT n::integer FROM unnest($2) WITH ORDINALITY AS row (key, n) "
        "WHERE NOT EXISTS (SELECT FROM podyn.seen AS s WHERE s.replication = $1 AND s.key = row.key) "
        "AND NOT EXISTS (SELECT FROM podyn.spool AS s WHERE s.replication = $1 AND s.key = row.key)",
        {catalog::int4(replication), catalog::datum(BYTEAARRAYOID, bytes_array(digests, count))});
    for (uint64 row = 0; row < rows; ++row)
        unseen[catalog::get_int4(row, 1) - 1] = true;
    catalog::leave(scope);
    return unseen;
}

bool forget_some_seen(int32 replication)
{
    return catalog::execute(
               "DELETE FROM podyn.seen WHERE replication = $1 AND key IN "
               "(SELECT key FROM podyn.seen WHERE replication = $1 ORDER BY key LIMIT $2)",
               {catalog::int4(replication), catalog::int8(static_cast<int64>(kForgottenAtOnce))}) == kForgottenAtOnce;
}

}  // namespace podyn
