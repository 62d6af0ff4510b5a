// See apply.h.
#include "load/apply.h"

#include "load/distributed.h"

namespace podyn {
namespace {

// The batch as the statements see it: an ephemeral named relation, like a trigger's transition table.
constexpr char kBatchName[] = "podyn_batch";

void append_column(StringInfo list, const char *separator, const char *prefix, const char *column)
{
    appendStringInfo(list, "%s%s%s", list->len ? separator : "", prefix, quote_identifier(column));
}

const char *attribute_name(const Batch &batch, AttrNumber number)
{
    return NameStr(TupleDescAttr(batch.descriptor, number - 1)->attname);
}

struct ColumnLists {
    StringInfoData all;      // a, b, c
    StringInfoData keys;     // a
    StringInfoData updates;  // b = excluded.b, c = excluded.c
};

void add_column(const Batch &batch, ColumnLists *lists, AttrNumber number, bool key)
{
    const char *name = attribute_name(batch, number);
    append_column(&lists->all, ", ", "", name);
    if (key)
        append_column(&lists->keys, ", ", "", name);
    else
        appendStringInfo(&lists->updates, "%s%s = excluded.%s", lists->updates.len ? ", " : "", quote_identifier(name),
                         quote_identifier(name));
}

// Not left out, and no column that an earlier entry, another type of the same attribute, stands for. Only in a table of
// the user's own can it be otherwise.
bool has_its_own_column(const Target &target, int column)
{
    AttrNumber number = target.columns[column].number;
    for (int i = 0; i < column && !target.made; ++i)
        if (target.columns[i].number == number)
            return false;
    return number != InvalidAttrNumber;
}

ColumnLists column_lists(const Batch &batch)
{
    const Target &target = *batch.target;
    ColumnLists lists;
    initStringInfo(&lists.all);
    initStringInfo(&lists.keys);
    initStringInfo(&lists.updates);
    for (int i = 0; i < target.key_count; ++i)
        add_column(batch, &lists, target.columns[target.keys[i]].number, true);
    for (int i = 0; i < target.column_count; ++i)
        if (i != target.keys[0] && (target.key_count == 1 || i != target.keys[1]) && has_its_own_column(target, i))
            add_column(batch, &lists, target.columns[i].number, false);
    if (target.jsonb_mode)
        add_column(batch, &lists, target.document, false);
    else if (target.rest != InvalidAttrNumber)
        add_column(batch, &lists, target.rest, false);
    if (target.deleted_at != InvalidAttrNumber)  // an item that is put again is not deleted any more
        add_column(batch, &lists, target.deleted_at, false);
    return lists;
}

char *upsert_statement(const Batch &batch)
{
    ColumnLists lists = column_lists(batch);
    const char *action = lists.updates.len ? psprintf("UPDATE SET %s", lists.updates.data) : "NOTHING";
    return psprintf("INSERT INTO %s (%s) SELECT %s FROM %s ON CONFLICT (%s) DO %s", batch.target->relation_name,
                    lists.all.data, lists.all.data, kBatchName, lists.keys.data, action);
}

char *insert_statement(const Batch &batch)
{
    ColumnLists lists = column_lists(batch);
    return psprintf("INSERT INTO %s (%s) SELECT %s FROM %s", batch.target->relation_name, lists.all.data,
                    lists.all.data, kBatchName);
}

// The rows of the batch, under the name gone, that the target has.
char *key_condition(const Batch &batch)
{
    StringInfoData condition;
    initStringInfo(&condition);
    for (int i = 0; i < batch.target->key_count; ++i) {
        const char *column = quote_identifier(batch.target->columns[batch.target->keys[i]].name);
        appendStringInfo(&condition, "%starget.%s = gone.%s", i ? " AND " : "", column, column);
    }
    return condition.data;
}

char *delete_statement(const Batch &batch)
{
    return psprintf("DELETE FROM %s AS target USING %s AS gone WHERE %s", batch.target->relation_name, kBatchName,
                    key_condition(batch));
}

char *mark_statement(const Batch &batch)
{
    return psprintf("UPDATE %s AS target SET %s = gone.%s FROM %s AS gone WHERE %s", batch.target->relation_name,
                    kDeletedAtColumn, kDeletedAtColumn, kBatchName, key_condition(batch));
}

// What happens to a row of a batch.
enum class Action : uint8 { kRemove, kMark, kPut };

Action action_of(const Row &row)
{
    return !row.remove ? Action::kPut : row.deleted_at != 0 ? Action::kMark : Action::kRemove;
}

char *statement_of(const Batch &batch, Action action)
{
    switch (action) {
        case Action::kRemove:
            return delete_statement(batch);
        case Action::kMark:
            return mark_statement(batch);
        default:
            return upsert_statement(batch);
    }
}

void run_on_batch(const Batch &batch, const char *statement, Tuplestorestate *rows, int count)
{
    EphemeralNamedRelationData relation = {};
    relation.md.name = const_cast<char *>(kBatchName);
    relation.md.tupdesc = batch.descriptor;
    relation.md.enrtype = ENR_NAMED_TUPLESTORE;
    relation.md.enrtuples = count;
    relation.reldata = rows;
    SPI_connect();
    int result = SPI_register_relation(&relation);
    if (result >= 0)
        result = SPI_execute(statement, false, 0);
    if (result < 0)
        elog(ERROR, "could not write a batch: %s", SPI_result_code_string(result));
    SPI_finish();
}

// An upsert waits for a row of its key that is still prepared on a node. A deletion, or a mark, passes it by: one that
// has found fewer rows than it has keys looks again when there is nothing of that kind.
void run_on_batch_on_nodes(const Batch &batch, const char *statement, Tuplestorestate *rows, int count, Action action)
{
    uint64 changed = run_on_nodes(batch, kBatchName, statement, rows);
    if (action == Action::kPut || changed >= static_cast<uint64>(count))
        return;
    wait_until_nodes_have_committed();
    run_on_nodes(batch, kBatchName, statement, rows);
}

Tuplestorestate *store_rows(const Batch &batch, Row *rows, int count, Action action, Form form, int *stored)
{
    Tuplestorestate *store = tuplestore_begin_heap(false, false, work_mem);
    *stored = 0;
    for (int i = 0; i < count; ++i) {
        if (action_of(rows[i]) != action)
            continue;
        fill_row(*batch.target, batch.descriptor, form, &rows[i]);
        tuplestore_putvalues(store, batch.descriptor, rows[i].values, rows[i].nulls);
        ++*stored;
    }
    return store;
}

void write(const Batch &batch, Row *rows, int count, Action action, Form form)
{
    int stored;
    Tuplestorestate *store = store_rows(batch, rows, count, action, form, &stored);
    if (stored > 0 && batch.target->citus)
        run_on_batch_on_nodes(batch, statement_of(batch, action), store, stored, action);
    else if (stored > 0)
        run_on_batch(batch, statement_of(batch, action), store, stored);
    tuplestore_end(store);
}

}  // namespace

Batch open_batch(const Target &target)
{
    Batch batch;
    batch.target = &target;
    batch.relation = table_open(target.relation, RowExclusiveLock);
    batch.descriptor = CreateTupleDescCopy(RelationGetDescr(batch.relation));
    if (target.citus)
        commit_on_all_nodes();
    return batch;
}

void close_batch(const Batch &batch)
{
    table_close(batch.relation, NoLock);
}

void apply_rows(const Batch &batch, Row *rows, int count, bool compact)
{
    write(batch, rows, count, Action::kRemove, Form::kKeyOnly);
    write(batch, rows, count, Action::kMark, Form::kKeyOnly);
    write(batch, rows, count, Action::kPut, compact ? Form::kCompact : Form::kColumns);
}

void insert_rows(const Batch &batch, Row *rows, int count)
{
    int stored;
    Tuplestorestate *store = store_rows(batch, rows, count, Action::kPut, Form::kColumns, &stored);
    run_on_nodes(batch, kBatchName, insert_statement(batch), store);
    tuplestore_end(store);
}

}  // namespace podyn
