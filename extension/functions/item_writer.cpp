// See item_writer.h.
#include "functions/item_writer.h"

#include "arrays.h"
#include "load/halving.h"
#include "raise.h"
#include "subtransaction.h"

namespace podyn {
namespace {

void reject_row(void *context, const Row &row, ErrorData *error)
{
    auto *writer = static_cast<ItemWriter *>(context);
    writer->reasons[writer->numbers[&row - writer->rows]] = {pstrdup(unpack_sql_state(error->sqlerrcode)),
                                                             view(error->message), view(error->detail)};
}

// The items that can be rows; the others are rejected here.
PageItem *sound_items(ItemWriter *writer, int *count)
{
    auto *sound = make_array<PageItem>(writer->count);
    *count = 0;
    for (int i = 0; i < writer->count; ++i) {
        writer->reasons[i] = {};
        if (writer->items[i].item == nullptr)
            continue;
        engine::Problem problem = check_item(*writer->target, *writer->items[i].item);
        if (problem.exists()) {
            writer->reasons[i] = {pstrdup(problem.sqlstate), problem.message, {}};
            continue;
        }
        writer->numbers[*count] = i;
        sound[(*count)++] = writer->items[i];
    }
    return sound;
}

void write(void *argument)
{
    auto *writer = static_cast<ItemWriter *>(argument);
    int count;
    PageItem *sound = sound_items(writer, &count);
    Batch batch = open_batch(*writer->target, writer->on_conflict);
    writer->rows = make_rows(batch, sound, count);
    writer->written = 0;
    int most = writer->replication->batch_size > 0 ? writer->replication->batch_size : count;
    for (int done = 0; done < count; done += most)
        writer->written +=
            apply_or_reject(batch, writer->target, writer->rows + done, Min(most, count - done), reject_row, writer);
    close_batch(batch);
}

void make_columns(ItemWriter *writer, const MissingColumns &missing, bool with_rest)
{
    map_columns(*writer->replication, missing, with_rest);
    writer->target = load_target(CurrentMemoryContext, *writer->replication);
}

PageItem *items_to_write(const ItemWriter &writer, int *count)
{
    auto *items = make_array<PageItem>(writer.count);
    *count = 0;
    for (int i = 0; i < writer.count; ++i)
        if (writer.items[i].item != nullptr)
            items[(*count)++] = writer.items[i];
    return items;
}

}  // namespace

ItemWriter make_item_writer(const catalog::Replication &replication, Target *target, int most)
{
    ItemWriter writer = {};
    writer.replication = &replication;
    writer.target = target;
    writer.items = make_array<PageItem>(most);
    writer.reasons = make_array<Reason>(most);
    writer.numbers = make_array<int>(most);
    return writer;
}

int find_key(const ItemWriter &writer, const uint8 *digest)
{
    for (int i = 0; i < writer.count; ++i)
        if (memcmp(writer.items[i].key_digest, digest, engine::kKeyDigestBytes) == 0)
            return i;
    return -1;
}

void read_current_items(ItemWriter *writer, const Source &source, double *read_units)
{
    auto *keys = make_array<std::string_view>(writer->count);
    for (int i = 0; i < writer->count; ++i)
        keys[i] = writer->items[i].item->json;
    List *current = read_items(source, *writer->replication, {keys, static_cast<size_t>(writer->count)}, read_units);
    ListCell *cell;
    foreach (cell, current) {
        auto *item = static_cast<engine::CurrentItem *>(lfirst(cell));
        int number = find_key(*writer, item->key_digest);
        if (number < 0)
            raise_unknown_item();
        writer->items[number].item = &item->item;
        writer->items[number].remove = false;
    }
}

void write_items(ItemWriter *writer)
{
    int count;
    PageItem *items = items_to_write(*writer, &count);
    MissingColumns missing = missing_columns(*writer->target, items, count);
    if (missing.count > 0)
        make_columns(writer, missing, false);
    ErrorData *error = attempt(write, writer);
    if (error != nullptr && writer->target->wants_rest) {
        make_columns(writer, {}, true);
        error = attempt(write, writer);
    }
    if (error != nullptr)
        ReThrowError(error);
}

void count_read_units(int32 replication, double read_units)
{
    if (read_units > 0)
        catalog::execute("UPDATE podyn.replication SET read_units = read_units + $2 WHERE id = $1",
                         {catalog::int4(replication), catalog::float8(read_units)});
}

}  // namespace podyn
