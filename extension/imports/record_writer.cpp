// See record_writer.h.
#include "imports/record_writer.h"

#include "catalog/journal.h"
#include "imports/hooks.h"
#include "load/halving.h"
#include "load/records.h"
#include "locks.h"
#include "raise.h"

namespace podyn {
namespace {

using catalog::Hook;

// A batch's items, group by group.
struct Groups {
    int *items;   // indexes of the page's items
    int *begins;  // where each group begins among them, and behind the last one their end
    int count;
};

struct Writing {
    const RecordPage *page;
    RecordTarget *target;  // null: upsert writes
    Groups groups;
    const char *stage;  // what is under way, for messages; null: podyn's own write
    WrittenCounts counts;
};

struct Records {
    Datum *records;
    int count;
    bool *given;  // by group: whether it gave any
};

// ---- Groups --------------------------------------------------------------------------------------------------------

Groups make_groups(int most)
{
    auto size = sizeof(int) * static_cast<size_t>(most + 1);
    return {static_cast<int *>(palloc(size)), static_cast<int *>(palloc(size)), 0};
}

Groups each_alone(const int *items, int count)
{
    Groups groups = make_groups(count);
    for (int i = 0; i < count; ++i) {
        groups.items[i] = items[i];
        groups.begins[i] = i;
    }
    groups.begins[count] = count;
    groups.count = count;
    return groups;
}

// Gives each item's number and that of its group's first item; groups are in the order of these.
char *group_statement(const catalog::Profile &profile)
{
    StringInfoData key;
    initStringInfo(&key);
    for (int i = 0; i < profile.group_by_count; ++i)
        appendStringInfo(&key, "%sitem -> %s", i ? ", " : "", quote_literal_cstr(profile.group_by[i]));
    return psprintf(
        "SELECT number, min(number) OVER (PARTITION BY jsonb_build_array(%s)) FROM unnest($1) WITH ORDINALITY "
        "AS items (item, number) ORDER BY 2, 1",
        key.data);
}

Groups by_attributes(const catalog::Profile &profile, const Datum *documents, const int *items, int count)
{
    Groups groups = make_groups(count);
    auto *of_items = static_cast<Datum *>(palloc(sizeof(Datum) * static_cast<size_t>(count + 1)));
    for (int i = 0; i < count; ++i)
        of_items[i] = documents[items[i]];
    Oid types[] = {JSONBARRAYOID};
    Datum values[] = {jsonb_array(of_items, count)};
    SPI_connect();
    if (SPI_execute_with_args(group_statement(profile), 1, types, values, nullptr, true, 0) != SPI_OK_SELECT)
        elog(ERROR, "could not group items");
    for (int i = 0; i < count; ++i) {
        auto row = static_cast<uint64>(i);
        if (i == 0 || catalog::get_int8(row, 2) != catalog::get_int8(row - 1, 2))
            groups.begins[groups.count++] = i;
        groups.items[i] = items[catalog::get_int8(row, 1) - 1];
    }
    groups.begins[groups.count] = count;
    SPI_finish();
    return groups;
}

Groups as_given(const int *numbers, const int *items, int count)
{
    Groups groups = each_alone(items, count);
    groups.count = 0;
    for (int i = 0; i < count; ++i)
        if (i == 0 || numbers[items[i]] != numbers[items[i - 1]])
            groups.begins[groups.count++] = i;
    groups.begins[groups.count] = count;
    return groups;
}

// ---- A part of a batch ---------------------------------------------------------------------------------------------

// Items go in with the numbers of their groups, records come out with them.
char *transform_statement(const char *function)
{
    return psprintf(
        "SELECT g.number, r.record FROM (SELECT number, array_agg(item ORDER BY place) AS items "
        "FROM unnest($1, $2) WITH ORDINALITY AS u (item, number, place) GROUP BY number) AS g "
        "CROSS JOIN LATERAL %s(g.items) WITH ORDINALITY AS r (record, place) "
        "WHERE r.record IS NOT NULL ORDER BY g.number, r.place",
        function);
}

void transform(Writing *writing, int first, int end, Datum *items, int count, Records *records)
{
    writing->stage = catalog::kHookNames[static_cast<int>(Hook::kTransform)];
    const Groups &groups = writing->groups;
    auto *numbers = static_cast<Datum *>(palloc(sizeof(Datum) * static_cast<size_t>(count)));
    for (int group = first, i = 0; group < end; ++group)
        for (int item = groups.begins[group]; item < groups.begins[group + 1]; ++item)
            numbers[i++] = Int32GetDatum(group - first);
    Oid types[] = {JSONBARRAYOID, INT4ARRAYOID};
    Datum values[] = {jsonb_array(items, count),
                      PointerGetDatum(construct_array(numbers, count, INT4OID, sizeof(int32), true, TYPALIGN_INT))};
    char *statement = transform_statement(writing->page->profile->function(Hook::kTransform));
    if (SPI_execute_with_args(statement, 2, types, values, nullptr, false, 0) != SPI_OK_SELECT)
        elog(ERROR, "could not execute: %s", statement);
    records->count = static_cast<int>(SPI_processed);
    records->records = static_cast<Datum *>(palloc(sizeof(Datum) * (SPI_processed + 1)));
    for (uint64 row = 0; row < SPI_processed; ++row) {
        records->given[catalog::get_int4(row, 1)] = true;
        records->records[row] = catalog::value(row, 2);
    }
}

// Connected to SPI, whose memory the records are in.
Records make_records(Writing *writing, int first, int end)
{
    const Groups &groups = writing->groups;
    int begin = groups.begins[first], count = groups.begins[end] - begin;
    auto *items = static_cast<Datum *>(palloc(sizeof(Datum) * static_cast<size_t>(count)));
    for (int i = 0; i < count; ++i)
        items[i] = writing->page->documents[groups.items[begin + i]];
    Records records = {items, count, static_cast<bool *>(palloc0(sizeof(bool) * static_cast<size_t>(end - first)))};
    if (writing->page->profile->function(Hook::kTransform) != nullptr)
        transform(writing, first, end, items, count, &records);
    else
        memset(records.given, true, static_cast<size_t>(end - first));
    return records;
}

// Returns how many of the records have been taken, as the hook says.
int64 upsert(Writing *writing, const Records &records)
{
    writing->stage = catalog::kHookNames[static_cast<int>(Hook::kUpsert)];
    char *statement = psprintf("SELECT %s($1, $2)", writing->page->profile->function(Hook::kUpsert));
    Oid types[] = {REGCLASSOID, JSONBARRAYOID};
    Datum values[] = {ObjectIdGetDatum(writing->page->replication->target),
                      jsonb_array(records.records, records.count)};
    if (SPI_execute_with_args(statement, 2, types, values, nullptr, false, 0) != SPI_OK_SELECT || SPI_processed != 1)
        elog(ERROR, "could not execute: %s", statement);
    return catalog::is_null(0, 1) ? records.count : catalog::get_int8(0, 1);
}

int64 write(Writing *writing, const Records &records)
{
    if (records.count == 0)
        return 0;
    if (writing->target == nullptr)
        return upsert(writing, records);
    writing->stage = nullptr;
    return insert_records(writing->target, records.records, records.count);
}

// Constraints that are checked at commit would fail there for the whole page.
void check_deferred_constraints()
{
    SPI_execute("SET CONSTRAINTS ALL IMMEDIATE", false, 0);
}

void count_items(Writing *writing, int first, int end, const Records &records, int64 taken)
{
    const Groups &groups = writing->groups;
    int items = groups.begins[end] - groups.begins[first], written = 0;
    bool one_each = items == end - first && items == records.count;
    for (int group = first; group < end; ++group)
        if (records.given[group - first])
            written += groups.begins[group + 1] - groups.begins[group];
    one_each = one_each && written == items;
    if (one_each)
        written = static_cast<int>(Min(Max(taken, INT64CONST(0)), static_cast<int64>(items)));
    writing->counts.written += written;
    writing->counts.skipped += items - written;
}

void write_part(void *context, int first, int count)
{
    auto *writing = static_cast<Writing *>(context);
    SPI_connect();
    Records records = make_records(writing, first, first + count);
    int64 taken = write(writing, records);
    check_deferred_constraints();
    count_items(writing, first, first + count, records, taken);
    SPI_finish();
}

void reject(Writing *writing, int item, const Rejection &rejection)
{
    writing->page->reject(writing->page->context, item, rejection);
    ++writing->counts.rejected;
}

void reject_group(void *context, int group, ErrorData *error)
{
    auto *writing = static_cast<Writing *>(context);
    const Groups &groups = writing->groups;
    const char *message = error->message;
    if (writing->stage != nullptr)
        message = psprintf("%s failed: %s", writing->stage, error->message);
    int first = groups.items[groups.begins[group]];
    bool alone = groups.begins[group] + 1 == groups.begins[group + 1];
    for (int i = groups.begins[group]; i < groups.begins[group + 1]; ++i)
        reject(writing, groups.items[i],
               {unpack_sql_state(error->sqlerrcode), view(message), view(error->detail), alone ? -1 : first});
}

// ---- A page --------------------------------------------------------------------------------------------------------

void write_batch(Writing *writing, const int *items, int count)
{
    const catalog::Profile &profile = *writing->page->profile;
    if (writing->page->groups != nullptr)
        writing->groups = as_given(writing->page->groups, items, count);
    else if (profile.group_by_count > 0)
        writing->groups = by_attributes(profile, writing->page->documents, items, count);
    else
        writing->groups = each_alone(items, count);
    work_in_halves({write_part, reject_group, writing}, 0, writing->groups.count);
}

// Each member that the table has no column for is told of once in an import.
void tell_of_unknown(const catalog::Replication &replication, const RecordTarget &target)
{
    if (target.unknown == NIL)
        return;
    locks::own_schema(replication.id);
    ListCell *cell;
    foreach (cell, target.unknown) {
        const char *member = static_cast<const char *>(lfirst(cell));
        char *message = psprintf("member \"%s\" of records has no column in table %s that can be written: left out",
                                 member, target.title);
        if (catalog::execute("SELECT FROM podyn.event WHERE name = $1 AND event = 'column' AND message = $2",
                             {catalog::text(replication.name), catalog::text(message)}) > 0)
            continue;
        ereport(LOG, (errmsg("import \"%s\": %s", replication.name, message)));
        catalog::record_event(replication.owner, replication.name, "column", message);
    }
}

// The page's sound items; the others are rejected here.
int *sound_items(Writing *writing, int *count)
{
    const RecordPage &page = *writing->page;
    auto *items = static_cast<int *>(palloc(sizeof(int) * static_cast<size_t>(page.count + 1)));
    *count = 0;
    for (int i = 0; i < page.count; ++i) {
        const engine::Problem &problem = page.items[i].item->problem;
        if (problem.exists())
            reject(writing, i, {problem.sqlstate, problem.message, {}, -1});
        else
            items[(*count)++] = i;
    }
    return items;
}

}  // namespace

WrittenCounts write_records(const RecordPage &page)
{
    const catalog::Replication &replication = *page.replication;
    Writing writing = {};
    writing.page = &page;
    if (page.profile->function(Hook::kUpsert) == nullptr)
        writing.target = open_record_target(replication.target, replication.on_conflict);
    else if (get_rel_name(replication.target) == nullptr)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                        errmsg("the target of import \"%s\" does not exist any more", replication.name)));
    int count;
    int *items = sound_items(&writing, &count);
    int most = page.groups != nullptr ? count : replication.batch_size;
    for (int done = 0; done < count; done += most) {
        write_batch(&writing, items + done, Min(most, count - done));
        if (page.between != nullptr)
            page.between();
    }
    if (writing.target != nullptr)
        tell_of_unknown(replication, *writing.target);
    return writing.counts;
}

}  // namespace podyn
