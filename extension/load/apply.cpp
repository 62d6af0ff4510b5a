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

// `present`: of an item to be merged, the columns (indexes in Target::columns) of the attributes that it has.
bool is_updated(const Batch &batch, int column, const Bitmapset *present)
{
    return batch.on_conflict != OnConflict::kMerge || bms_is_member(column, present);
}

// Objects are merged, too: in jsonb mode the item itself, else the attributes that have no column.
void add_object(const Batch &batch, ColumnLists *lists, AttrNumber number)
{
    if (batch.on_conflict != OnConflict::kMerge) {
        add_column(batch, lists, number, false);
        return;
    }
    const char *name = quote_identifier(attribute_name(batch, number));
    append_column(&lists->all, ", ", "", attribute_name(batch, number));
    appendStringInfo(&lists->updates, "%s%s = coalesce(target.%s || excluded.%s, excluded.%s, target.%s)",
                     lists->updates.len ? ", " : "", name, name, name, name, name);
}

ColumnLists column_lists(const Batch &batch, const Bitmapset *present = nullptr)
{
    const Target &target = *batch.target;
    ColumnLists lists;
    initStringInfo(&lists.all);
    initStringInfo(&lists.keys);
    initStringInfo(&lists.updates);
    for (int i = 0; i < target.key_count; ++i)
        add_column(batch, &lists, target.columns[target.keys[i]].number, true);
    for (int i = 0; i < target.column_count; ++i)
        if (i != target.keys[0] && (target.key_count == 1 || i != target.keys[1]) && has_its_own_column(target, i) &&
            is_updated(batch, i, present))
            add_column(batch, &lists, target.columns[i].number, false);
    if (target.jsonb_mode)
        add_object(batch, &lists, target.document);
    else if (target.rest != InvalidAttrNumber)
        add_object(batch, &lists, target.rest);
    if (target.deleted_at != InvalidAttrNumber)  // an item that is put again is not deleted any more
        add_column(batch, &lists, target.deleted_at, false);
    return lists;
}

bool leaves_rows_out(const Batch &batch)
{
    return batch.on_conflict == OnConflict::kNothing || batch.on_conflict == OnConflict::kError;
}

char *upsert_statement(const Batch &batch, const Bitmapset *present)
{
    ColumnLists lists = column_lists(batch, present);
    bool update = lists.updates.len > 0 && !leaves_rows_out(batch);
    const char *action = update ? psprintf("UPDATE SET %s", lists.updates.data) : "NOTHING";
    return psprintf("INSERT INTO %s AS target (%s) SELECT %s FROM %s ON CONFLICT (%s) DO %s",
                    batch.target->relation_name, lists.all.data, lists.all.data, kBatchName, lists.keys.data, action);
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

char *exists_statement(const Batch &batch)
{
    return psprintf("SELECT FROM %s AS target JOIN %s AS gone ON %s", batch.target->relation_name, kBatchName,
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

// Without an index there is nothing to conflict with.
bool inserts_only(const Batch &batch)
{
    return !batch.target->indexed || (batch.on_conflict == OnConflict::kError && !batch.target->citus);
}

char *statement_of(const Batch &batch, Action action, const Bitmapset *present)
{
    switch (action) {
        case Action::kRemove:
            return delete_statement(batch);
        case Action::kMark:
            return mark_statement(batch);
        default:
            return inserts_only(batch) ? insert_statement(batch) : upsert_statement(batch, present);
    }
}

// Returns how many rows the statement has written.
uint64 run_on_batch(const Batch &batch, const char *statement, Tuplestorestate *rows, int count,
                    const Reader *reader = nullptr)
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
    uint64 processed = SPI_processed;
    if (reader != nullptr)
        reader->take(reader->context);
    SPI_finish();
    return processed;
}

// Of rows that ON CONFLICT DO NOTHING leaves out, Citus says that it has processed them: they are counted beforehand.
uint64 put_new_rows_on_nodes(const Batch &batch, const char *statement, Tuplestorestate *rows, int count)
{
    uint64 existing = run_on_nodes(batch, kBatchName, exists_statement(batch), rows);
    run_on_nodes(batch, kBatchName, statement, rows);
    return static_cast<uint64>(count) - existing;
}

// An upsert waits for a row of its key that is still prepared on a node. A deletion, or a mark, passes it by: one that
// has found fewer rows than it has keys looks again when there is nothing of that kind.
uint64 run_on_batch_on_nodes(const Batch &batch, const char *statement, Tuplestorestate *rows, int count, Action action)
{
    if (action == Action::kPut && leaves_rows_out(batch))
        return put_new_rows_on_nodes(batch, statement, rows, count);
    uint64 changed = run_on_nodes(batch, kBatchName, statement, rows);
    if (action == Action::kPut || changed >= static_cast<uint64>(count))
        return changed;
    wait_until_nodes_have_committed();
    return changed + run_on_nodes(batch, kBatchName, statement, rows);
}

struct Selected {
    Row **rows;
    int count;
};

Selected select(Row *rows, int count, Action action)
{
    Selected selected = {static_cast<Row **>(palloc(sizeof(Row *) * static_cast<size_t>(count + 1))), 0};
    for (int i = 0; i < count; ++i)
        if (action_of(rows[i]) == action)
            selected.rows[selected.count++] = &rows[i];
    return selected;
}

Tuplestorestate *store_rows(const Batch &batch, const Selected &rows, Form form)
{
    Tuplestorestate *store = tuplestore_begin_heap(false, false, work_mem);
    for (int i = 0; i < rows.count; ++i) {
        Row *row = rows.rows[i];
        fill_row(*batch.target, batch.descriptor, form, row);
        tuplestore_putvalues(store, batch.descriptor, row->values, row->nulls);
    }
    return store;
}

// Returns how many rows the statement has written.
uint64 write(const Batch &batch, const Selected &rows, Action action, const char *statement, Form form)
{
    Tuplestorestate *store = store_rows(batch, rows, form);
    uint64 written = batch.target->citus ? run_on_batch_on_nodes(batch, statement, store, rows.count, action)
                                         : run_on_batch(batch, statement, store, rows.count);
    tuplestore_end(store);
    return written;
}

// The columns of the item's attributes, whatever the type that they have here.
Bitmapset *columns_of(const Target &target, const engine::Item &item)
{
    Bitmapset *columns = nullptr;
    for (size_t i = 0; i < item.values.size(); i += item.values[i].span)
        for (size_t type = 0; type < engine::kColumnTypes; ++type) {
            int column = engine::layout_find(target.layout, item.values[i].name, static_cast<engine::ColumnType>(type));
            if (column != engine::kNoColumn)
                columns = bms_add_member(columns, column);
        }
    return columns;
}

// What an item lacks keeps its value: rows with the same attributes share a statement, which updates only these.
void merge(const Batch &batch, const Selected &rows, Form form)
{
    auto *attributes = static_cast<Bitmapset **>(palloc(sizeof(Bitmapset *) * static_cast<size_t>(rows.count + 1)));
    for (int i = 0; i < rows.count; ++i)
        attributes[i] = columns_of(*batch.target, *rows.rows[i]->item);
    auto *done = static_cast<bool *>(palloc0(sizeof(bool) * static_cast<size_t>(rows.count + 1)));
    Selected alike = {static_cast<Row **>(palloc(sizeof(Row *) * static_cast<size_t>(rows.count + 1))), 0};
    for (int first = 0; first < rows.count; ++first) {
        if (done[first])
            continue;
        alike.count = 0;
        for (int i = first; i < rows.count; ++i)
            if (!done[i] && bms_equal(attributes[i], attributes[first])) {
                alike.rows[alike.count++] = rows.rows[i];
                done[i] = true;
            }
        write(batch, alike, Action::kPut, statement_of(batch, Action::kPut, attributes[first]), form);
    }
}

Batch open_relation(const Target &target, OnConflict on_conflict, LOCKMODE mode)
{
    Batch batch;
    batch.target = &target;
    batch.on_conflict = on_conflict;
    batch.relation = table_open(target.relation, mode);
    batch.descriptor = CreateTupleDescCopy(RelationGetDescr(batch.relation));
    return batch;
}

}  // namespace

Batch open_batch_for_reading(const Target &target)
{
    return open_relation(target, OnConflict::kUpdate, AccessShareLock);
}

Batch open_batch(const Target &target, OnConflict on_conflict)
{
    Batch batch = open_relation(target, on_conflict, RowExclusiveLock);
    if (target.citus)
        commit_on_all_nodes();
    return batch;
}

Row *make_rows(const Batch &batch, const PageItem *items, int count)
{
    size_t width = static_cast<size_t>(batch.descriptor->natts);
    // One row's arrays are enough: each is filled, stored and filled anew.
    auto *values = static_cast<Datum *>(palloc(sizeof(Datum) * width));
    auto *nulls = static_cast<bool *>(palloc(sizeof(bool) * width));
    auto *rows = static_cast<Row *>(palloc(sizeof(Row) * static_cast<size_t>(count + 1)));
    for (int i = 0; i < count; ++i)
        rows[i] = {items[i].item, values, nulls, items[i].position, items[i].remove, items[i].deleted_at};
    return rows;
}

void close_batch(const Batch &batch)
{
    table_close(batch.relation, NoLock);
}

int apply_rows(const Batch &batch, Row *rows, int count, bool compact)
{
    for (Action action : {Action::kRemove, Action::kMark})
        if (Selected gone = select(rows, count, action); gone.count > 0)
            write(batch, gone, action, statement_of(batch, action, nullptr), Form::kKeyOnly);
    Selected puts = select(rows, count, Action::kPut);
    Form form = compact ? Form::kCompact : Form::kColumns;
    if (batch.on_conflict == OnConflict::kMerge) {
        merge(batch, puts, form);
        return count;
    }
    if (puts.count == 0)
        return count;
    uint64 written = write(batch, puts, Action::kPut, statement_of(batch, Action::kPut, nullptr), form);
    int left_out = puts.count - static_cast<int>(written);
    // An INSERT without ON CONFLICT is a COPY to the shards, whose errors do not tell what they are about.
    if (batch.on_conflict == OnConflict::kError && batch.target->citus && left_out > 0)
        ereport(ERROR, (errcode(ERRCODE_UNIQUE_VIOLATION),
                        errmsg("target %s has a row with this key already", batch.target->relation_name)));
    return batch.on_conflict == OnConflict::kNothing ? count - left_out : count;
}

void insert_rows(const Batch &batch, Row *rows, int count)
{
    write(batch, select(rows, count, Action::kPut), Action::kPut, insert_statement(batch), Form::kColumns);
}

void find_rows(const Batch &batch, Row *rows, int count, const char *columns, const Reader &reader)
{
    Selected all = {static_cast<Row **>(palloc(sizeof(Row *) * static_cast<size_t>(count + 1))), count};
    for (int i = 0; i < count; ++i)
        all.rows[i] = &rows[i];
    Tuplestorestate *store = store_rows(batch, all, Form::kKeyOnly);
    const char *statement = psprintf("SELECT %s FROM %s AS target JOIN %s AS gone ON %s", columns,
                                     batch.target->relation_name, kBatchName, key_condition(batch));
    if (batch.target->citus)
        run_on_nodes(batch, kBatchName, statement, store, &reader);
    else
        run_on_batch(batch, statement, store, count, &reader);
    tuplestore_end(store);
}

}  // namespace podyn
