// See retry_records.h.
#include "functions/retry_records.h"

#include "arrays.h"
#include "catalog/journal.h"
#include "imports/hooks.h"
#include "imports/record_writer.h"

namespace podyn {
namespace {

// The numbers of rejected items, those of a group side by side.
struct Numbers {
    int64 *ids;
    int *groups;
    int count;
};

// What is tried together: some groups.
struct Portion {
    const catalog::Replication *replication;
    const Origin *origin;
    PageItem *items;
    StoredError **stored;  // whose items they are
    Datum *documents;
    int *groups;
    Reason *reasons;
    int count;
};

Numbers find_numbers(const catalog::Replication &replication, const Origin &origin)
{
    MemoryContext context = CurrentMemoryContext;
    catalog::Scope scope = catalog::enter();
    uint64 rows = catalog::run(
        "SELECT id, min(id) OVER (PARTITION BY source, coalesce(group_position, 'alone ' || id)) AS first_id "
        "FROM podyn.error WHERE name = $1 AND ($2 IS NULL OR source = $2) ORDER BY first_id, id",
        {catalog::text(replication.name), catalog::text_or_null(origin.source)});
    MemoryContext spi = MemoryContextSwitchTo(context);
    auto count = static_cast<int>(rows);
    Numbers numbers = {make_array<int64>(count), make_array<int>(count), count};
    for (int i = 0; i < count; ++i) {
        auto row = static_cast<uint64>(i);
        numbers.ids[i] = catalog::get_int8(row, 1);
        bool begins = i > 0 && catalog::get_int8(row, 2) != catalog::get_int8(row - 1, 2);
        numbers.groups[i] = i == 0 ? 0 : numbers.groups[i - 1] + begins;
    }
    MemoryContextSwitchTo(spi);
    catalog::leave(scope);
    return numbers;
}

// As many as a batch has, and the rest of the last group.
int end_of_portion(const Numbers &numbers, int first, int batch_size)
{
    int end = Min(first + batch_size, numbers.count);
    while (end < numbers.count && numbers.groups[end] == numbers.groups[end - 1])
        ++end;
    return end;
}

// True: the item is to be a record; false: parse or a filter leaves it out.
bool screen(Portion *portion, int number)
{
    Screening screening = {portion->origin->profile, portion->replication->filter, false};
    return screen_items(screening, &portion->items[number], 1, &portion->documents[number]) == 1;
}

// Lines that are no items are not tried. Returns how many hooks and filters leave out.
int64 fill(Portion *portion, const StoredErrors &read, const Numbers &numbers, int first)
{
    std::span<const engine::Item> items = parse(read, portion->replication->nul_characters);
    int64 skipped = 0;
    for (int i = 0; i < read.count; ++i) {
        while (numbers.ids[first] != read.errors[i].id)  // somebody has removed that one
            ++first;
        if (items[static_cast<size_t>(i)].problem.exists())
            continue;
        int number = portion->count;
        portion->items[number] = {&items[static_cast<size_t>(i)], {}, nullptr, false, 0};
        portion->stored[number] = &read.errors[i];
        portion->groups[number] = numbers.groups[first];
        if (screen(portion, number))
            ++portion->count;
        else
            skipped += settle(read.errors[i], {});
    }
    return skipped;
}

void reject(void *context, int item, const Rejection &rejection)
{
    static_cast<Portion *>(context)->reasons[item] = {pstrdup(rejection.sqlstate), rejection.message, rejection.detail};
}

void retry_portion(const Numbers &numbers, int first, int end, Portion *portion, Outcome *outcome)
{
    int most = end - first;
    portion->items = make_array<PageItem>(most);
    portion->stored = make_array<StoredError *>(most);
    portion->documents = make_array<Datum>(most);
    portion->groups = make_array<int>(most);
    portion->reasons = make_array<Reason>(most);
    portion->count = 0;
    StoredErrors read = errors_of(numbers.ids + first, most);
    int64 skipped = fill(portion, read, numbers, first);
    WrittenCounts counts =
        write_records({portion->replication, portion->origin->profile, portion->items, portion->count,
                       portion->documents, portion->groups, reject, portion, nullptr});
    for (int i = 0; i < portion->count; ++i)
        outcome->taken += settle(*portion->stored[i], portion->reasons[i]);
    outcome->taken += skipped;
    count_items(*portion->origin, counts.written, counts.skipped + skipped);
}

}  // namespace

void retry_records(const catalog::Replication &replication, const Origin &origin, Outcome *outcome)
{
    Numbers numbers = find_numbers(replication, origin);
    Portion portion = {};
    portion.replication = &replication;
    portion.origin = &origin;
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "podyn rejected items", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(context);
    for (int first = 0; first < numbers.count;) {
        CHECK_FOR_INTERRUPTS();
        int end = end_of_portion(numbers, first, replication.batch_size);
        retry_portion(numbers, first, end, &portion, outcome);
        first = end;
        MemoryContextReset(context);
    }
    MemoryContextSwitchTo(old);
    MemoryContextDelete(context);
}

}  // namespace podyn
