// See modify.h. Writes go on their way without being waited for, many at once, and are waited for at the end of the
// statement; but where what becomes of a row has to be known at once (ON CONFLICT DO NOTHING, UPDATE … RETURNING).
// DynamoDB knows nothing of transactions: what was sent before an error or a ROLLBACK stays.
#include "fdw/modify.h"

#include "fdw/modify_rows.h"
#include "fdw/old_row.h"
#include "fdw/open_writes.h"
#include "raise.h"
#include "settings.h"
#include "write/rows_to_items.h"
#include "write/writing.h"

namespace podyn {
namespace {

struct Modify {
    ForeignTable *table;
    RowWriter rows;
    Writing writing;
    bool dry_run;
    bool only_new;             // ON CONFLICT DO NOTHING
    bool returns_rows;         // UPDATE, DELETE: an UPDATE is then waited for, row by row
    bool *compared;            // UPDATE: the columns that it sets; with triggers that may set others, all but the key's
    AttrNumber old_row;        // UPDATE, DELETE: in the plan's slot
    TupleTableSlot *old_slot;  // for that
    MemoryContext context;     // of one row
    uint64 row;
    bool *existed;              // of a batch's rows
    TupleTableSlot **inserted;  // the others of them
    uint64 first;               // row of the batch
    uint64 existed_count;
    uint64 gone;
    ErrorContextCallback errors;
    bool told;  // how much was written, by the error itself
};

Oid writer_of(ResultRelInfo *relation, EState *estate)
{
#if PG_VERSION_NUM >= 160000
    return ExecGetResultRelCheckAsUser(relation, estate);
#else
    bool routed = relation->ri_RangeTableIndex == 0;  // to a partition
    const ResultRelInfo *named = routed ? relation->ri_RootResultRelInfo : relation;
    Oid role = exec_rt_fetch(named->ri_RangeTableIndex, estate)->checkAsUser;
    return OidIsValid(role) ? role : GetUserId();
#endif
}

Modify *begin(ResultRelInfo *relation, EState *estate)
{
    auto *modify = static_cast<Modify *>(palloc0(sizeof(Modify)));
    Relation foreign = relation->ri_RelationDesc;
    modify->table = open_foreign_table(RelationGetRelid(foreign), writer_of(relation, estate));
    modify->rows = make_row_writer(*modify->table, RelationGetDescr(foreign));
    modify->writing = begin_writing(loop_of(modify->table->connection), session_of(modify->table->connection),
                                    modify->table->source, 0);
    note_open_writes(CurrentMemoryContext, modify->table->source.arn, &modify->writing);
    modify->dry_run = settings::dry_run;
    modify->context = AllocSetContextCreate(CurrentMemoryContext, "podyn foreign row", ALLOCSET_DEFAULT_SIZES);
    relation->ri_FdwState = modify;
    return modify;
}

// ---- what becomes of writes -----------------------------------------------------------------------------------------

void tell_written(void *argument)
{
    auto *modify = static_cast<Modify *>(argument);
    engine::WriterCounts counts = engine::writer_counts(modify->writing.writer);
    if (!modify->told && counts.written + counts.under_way > 0)
        errcontext(
            "writing to foreign table \"%s\": %llu writes of this statement were carried out before, %llu may "
            "have been; they stay",
            modify->table->relation_name, static_cast<unsigned long long>(counts.written),
            static_cast<unsigned long long>(counts.under_way));
}

// Between these two, a cancel and the errors of others say how much was written.
void begin_telling(Modify *modify)
{
    modify->errors = {error_context_stack, tell_written, modify};
    error_context_stack = &modify->errors;
}

void end_telling(Modify *modify)
{
    error_context_stack = modify->errors.previous;
}

[[noreturn]] void raise_failure(Modify *modify, const char *key, const engine::Status &status)
{
    stop_writing(&modify->writing);
    modify->told = true;
    engine::WriterCounts counts = engine::writer_counts(modify->writing.writer);
    const char *s = status.sqlstate;
    ereport(ERROR, (errcode(MAKE_SQLSTATE(s[0], s[1], s[2], s[3], s[4])),
                    errmsg("item with key %s of DynamoDB table \"%s\" was not written: %s", key,
                           modify->table->table_name, status.message),
                    errdetail("%s%s%llu writes of this statement were sent before; they stay.", status.detail,
                              status.detail[0] ? " " : "", static_cast<unsigned long long>(counts.written))));
}

// Errors after which nothing can be written any more.
void check_writer(Modify *modify)
{
    engine::Status status = engine::writer_status(modify->writing.writer);
    if (status.ok())
        return;
    stop_writing(&modify->writing);
    modify->told = true;
    ereport(NOTICE, (errmsg("%llu writes of this statement were sent before the error; they stay",
                            static_cast<unsigned long long>(engine::writer_counts(modify->writing.writer).written))));
    check(status);
}

void take_outcomes(Modify *modify)
{
    engine::WriteOutcome outcome;
    while (engine::writer_next(modify->writing.writer, &outcome)) {
        if (outcome.result == engine::WriteResult::kFailed)
            raise_failure(modify, copy_string(outcome.key), outcome.status);
        if (outcome.result == engine::WriteResult::kGone)
            ++modify->gone;
        else if (modify->existed != nullptr)
            modify->existed[outcome.row - modify->first] = true;
        if (outcome.result == engine::WriteResult::kExisted)
            ++modify->existed_count;
    }
    check_writer(modify);
}

void finish_writes(Modify *modify)
{
    drain(&modify->writing);
    take_outcomes(modify);
}

// ---- sending --------------------------------------------------------------------------------------------------------

void check_item(Modify *modify, const ItemValues &item, const engine::WriteRequest &request,
                engine::CheckedWrite *checked)
{
    engine::Status status = {};
    if (item.refusal == nullptr) {
        status = engine::writer_check(modify->writing.writer, request, checked);
        if (status.ok())
            return;
        if (status.failure != engine::Failure::kInvalid)
            check(status);
    } else {
        strlcpy(status.sqlstate, "22023", sizeof status.sqlstate);
        strlcpy(status.message, item.refusal, sizeof status.message);
    }
    raise_failure(modify, describe_key(item, modify->table->source.keys), status);
}

void send_or_tell(Modify *modify, const char *what)
{
    if (modify->dry_run)
        ereport(NOTICE, (errmsg("dry run: would %s", what)));
    else
        send(&modify->writing);
    take_outcomes(modify);
}

const char *tell(const char *what, std::string_view json)
{
    return psprintf("%s %s", what, copy_string(json));
}

void put(Modify *modify, TupleTableSlot *slot)
{
    MemoryContext old = MemoryContextSwitchTo(modify->context);
    ItemValues item = item_of(modify->rows, slot, nullptr);
    engine::CheckedWrite checked;
    auto kind = modify->only_new ? engine::WriteKind::kPutNew : engine::WriteKind::kPut;
    check_item(modify, item, {kind, item.all(), {}, modify->row++}, &checked);
    send_or_tell(modify,
                 modify->dry_run ? tell(modify->only_new ? "put, unless it exists," : "put", checked.json) : "");
    MemoryContextSwitchTo(old);
    MemoryContextReset(modify->context);
}

// ---- INSERT and COPY ------------------------------------------------------------------------------------------------

// PostgreSQL looks at these only when a row has been written, and then undoes it; or, of a partition, not at all. Rows
// that have been routed to a partition belong there, but for what its triggers make of them.
void check_row(ResultRelInfo *relation, TupleTableSlot *slot, EState *estate, bool changed)
{
    bool routed = relation->ri_RootResultRelInfo != nullptr;
    if (relation->ri_RelationDesc->rd_rel->relispartition && (changed || !routed))
        ExecPartitionCheck(relation, slot, estate, true);
    if (relation->ri_WithCheckOptions != NIL)
        ExecWithCheckOptions(WCO_VIEW_CHECK, relation, slot, estate);
}

TupleTableSlot *insert_row(EState *estate, ResultRelInfo *relation, TupleTableSlot *slot, TupleTableSlot *)
{
    auto *modify = static_cast<Modify *>(relation->ri_FdwState);
    const TriggerDesc *triggers = relation->ri_TrigDesc;
    begin_telling(modify);
    check_row(relation, slot, estate, triggers != nullptr && triggers->trig_insert_before_row);
    uint64 existed = modify->existed_count;
    modify->first = modify->row;
    put(modify, slot);
    if (modify->only_new)
        finish_writes(modify);
    end_telling(modify);
    return modify->existed_count == existed ? slot : nullptr;
}

// For ON CONFLICT DO NOTHING: gives back the rows that were not there.
TupleTableSlot **insert_rows(EState *, ResultRelInfo *relation, TupleTableSlot **slots, TupleTableSlot **, int *count)
{
    auto *modify = static_cast<Modify *>(relation->ri_FdwState);
    begin_telling(modify);
    memset(modify->existed, 0, static_cast<size_t>(*count));
    modify->first = modify->row;
    for (int i = 0; i < *count; ++i)
        put(modify, slots[i]);
    finish_writes(modify);
    end_telling(modify);
    int inserted_count = 0;
    for (int i = 0; i < *count; ++i)
        if (!modify->existed[i])
            modify->inserted[inserted_count++] = slots[i];
    *count = inserted_count;
    return modify->inserted;
}

int most_rows_of_batch()
{
    return settings::write_connections * 4;
}

// Rows are handed over in batches only where each has to be waited for.
int batch_size(ResultRelInfo *relation)
{
    auto *modify = static_cast<Modify *>(relation->ri_FdwState);
    const TriggerDesc *triggers = relation->ri_TrigDesc;
    bool one_by_one = relation->ri_projectReturning != nullptr || relation->ri_WithCheckOptions != NIL ||
                      (triggers != nullptr && (triggers->trig_insert_before_row || triggers->trig_insert_after_row));
    return modify == nullptr || !modify->only_new || one_by_one ? 1 : most_rows_of_batch();
}

// A row that an UPDATE moves to a partition could be found there by the same UPDATE, and be changed once more.
void refuse_moving_here(const ResultRelInfo *relation)
{
    const char *name = RelationGetRelationName(relation->ri_RelationDesc);
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("cannot move rows to foreign table \"%s\", which the same statement updates", name),
                    errhint("Leave it out by a condition on the partition key, or delete the rows and insert them "
                            "again.")));
}

void begin_insert(ModifyTableState *state, ResultRelInfo *relation)
{
    if (relation->ri_FdwState != nullptr)
        refuse_moving_here(relation);
    MemoryContext old = MemoryContextSwitchTo(state->ps.state->es_query_cxt);
    Modify *modify = begin(relation, state->ps.state);
    auto *plan = reinterpret_cast<ModifyTable *>(state->ps.plan);  // none in COPY
    modify->only_new = plan != nullptr && plan->onConflictAction == ONCONFLICT_NOTHING;
    if (modify->only_new) {
        auto most = static_cast<size_t>(most_rows_of_batch());
        modify->existed = static_cast<bool *>(palloc0(sizeof(bool) * most));
        modify->inserted = static_cast<TupleTableSlot **>(palloc0(sizeof(TupleTableSlot *) * most));
    }
    MemoryContextSwitchTo(old);
}

void end(EState *, ResultRelInfo *relation)
{
    auto *modify = static_cast<Modify *>(relation->ri_FdwState);
    if (modify == nullptr)
        return;
    begin_telling(modify);
    finish_writes(modify);
    end_telling(modify);
    if (modify->gone > 0 && !modify->returns_rows)
        ereport(WARNING, (errmsg("%llu items that the statement counts as updated were deleted meanwhile",
                                 static_cast<unsigned long long>(modify->gone)),
                          errdetail("They were not made again.")));
}

// ---- UPDATE and DELETE ----------------------------------------------------------------------------------------------

// The old row tells the key and what has changed. It has the type that it has where the statement itself names it, as
// the planner keeps one whole row only. Partitions and children have no type in common: there it is what PostgreSQL
// adds to an UPDATE by itself.
void add_old_row(PlannerInfo *root, Index relation_index, RangeTblEntry *entry, Relation)
{
    auto number = static_cast<int>(relation_index);
    bool alone = number == root->parse->resultRelation;
    Var *row = alone ? makeWholeRowVar(entry, number, 0, false)
                     : makeVar(number, InvalidAttrNumber, RECORDOID, -1, InvalidOid, 0);
    add_row_identity_var(root, row, relation_index, kOldRow);
}

[[noreturn]] void refuse_key_change(const ForeignTable &table, const ForeignColumn &column)
{
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("column \"%s\" of foreign table \"%s\" cannot be updated", column.name, table.relation_name),
                    errdetail("It is of the key of DynamoDB table \"%s\", and keys never change.", table.table_name),
                    errhint("Insert the item with its new key, and delete the one with the old key.")));
}

bool sets_by_triggers(const ResultRelInfo *relation)
{
    return relation->ri_TrigDesc != nullptr && relation->ri_TrigDesc->trig_update_before_row;
}

// Triggers may have set it.
void require_same_key(const ForeignTable &table, const ItemValues &old_item, const ItemValues &new_item)
{
    for (int i = 0; i < table.key_count; ++i) {
        if (table.keys[i] == kNoForeignColumn)
            continue;
        const ForeignColumn &column = table.columns[table.keys[i]];
        const engine::Value *before = engine::find_attribute(old_item.all(), column.attribute);
        const engine::Value *after = engine::find_attribute(new_item.all(), column.attribute);
        if (before == nullptr || after == nullptr || !engine::same_value(*before, *after))
            refuse_key_change(table, column);
    }
}

void read_compared(Modify *modify, ResultRelInfo *relation, EState *estate)
{
    const ForeignTable &table = *modify->table;
    modify->compared = static_cast<bool *>(palloc0(static_cast<size_t>(table.column_count) + 1));
    const Bitmapset *updated =
        bms_union(ExecGetUpdatedCols(relation, estate), ExecGetExtraUpdatedCols(relation, estate));
    for (int i = 0; i < table.column_count; ++i) {
        bool set = bms_is_member(table.columns[i].number - FirstLowInvalidHeapAttributeNumber, updated);
        bool key = table.columns[i].key != KeyRole::kNone;
        if (set && key)
            refuse_key_change(table, table.columns[i]);
        modify->compared[i] = (set || sets_by_triggers(relation)) && !key;
    }
}

void require_key_columns(const ForeignTable &table)
{
    for (int i = 0; i < table.key_count; ++i) {
        const char *attribute = copy_string(table.source.keys[static_cast<size_t>(i)].name);
        if (table.keys[i] == kNoForeignColumn)
            ereport(ERROR,
                    (errcode(ERRCODE_FDW_COLUMN_NAME_NOT_FOUND),
                     errmsg("foreign table \"%s\" has no column for attribute \"%s\"", table.relation_name, attribute),
                     errdetail("It is of the key of DynamoDB table \"%s\", by which items are updated and deleted.",
                               table.table_name),
                     errhint("Use ALTER FOREIGN TABLE ... ADD COLUMN %s ....", quote_identifier(attribute))));
    }
}

void begin_modify(ModifyTableState *state, ResultRelInfo *relation, List *, int, int flags)
{
    if (flags & EXEC_FLAG_EXPLAIN_ONLY)
        return;
    if (state->operation == CMD_INSERT)
        return begin_insert(state, relation);
    Modify *modify = begin(relation, state->ps.state);
    require_key_columns(*modify->table);
    modify->returns_rows = reinterpret_cast<ModifyTable *>(state->ps.plan)->returningLists != NIL;
    Plan *plan = outerPlanState(state)->plan;
    modify->old_row = ExecFindJunkAttributeInTlist(plan->targetlist, kOldRow);
    if (!AttributeNumberIsValid(modify->old_row))
        elog(ERROR, "could not find the old row among the plan's attributes");
    TupleDesc descriptor = RelationGetDescr(relation->ri_RelationDesc);
    modify->old_slot = ExecInitExtraTupleSlot(state->ps.state, descriptor, &TTSOpsHeapTuple);
    if (state->operation == CMD_UPDATE)
        read_compared(modify, relation, state->ps.state);
}

TupleTableSlot *old_row_of(Modify *modify, TupleTableSlot *plan_slot)
{
    bool null;
    Datum datum = ExecGetJunkAttribute(plan_slot, modify->old_row, &null);
    if (null)
        elog(ERROR, "the old row is NULL");
    HeapTupleHeader header = DatumGetHeapTupleHeader(datum);
    auto *tuple = static_cast<HeapTuple>(palloc0(sizeof(HeapTupleData)));
    tuple->t_len = HeapTupleHeaderGetDatumLength(header);
    tuple->t_data = header;
    ItemPointerSetInvalid(&tuple->t_self);
    return ExecStoreHeapTuple(tuple, modify->old_slot, false);
}

void send_change(Modify *modify, const ItemChange &change, const ItemValues &old_item)
{
    engine::CheckedWrite checked;
    engine::WriteRequest request = {
        engine::WriteKind::kUpdate, change.written.all(), {change.removed, change.removed_count}, modify->row++};
    check_item(modify, change.written, request, &checked);
    const char *what = "";
    if (modify->dry_run)
        what = psprintf("update item with key %s: %s", describe_key(old_item, modify->table->source.keys),
                        describe_change(change, old_item, *modify->table));
    send_or_tell(modify, what);
}

TupleTableSlot *update_row(EState *estate, ResultRelInfo *relation, TupleTableSlot *slot, TupleTableSlot *plan_slot)
{
    auto *modify = static_cast<Modify *>(relation->ri_FdwState);
    begin_telling(modify);
    check_row(relation, slot, estate, true);
    MemoryContext old = MemoryContextSwitchTo(modify->context);
    ItemValues old_item = item_of(modify->rows, old_row_of(modify, plan_slot), modify->compared);
    ItemValues new_item = item_of(modify->rows, slot, modify->compared);
    if (sets_by_triggers(relation))
        require_same_key(*modify->table, old_item, new_item);
    ItemChange change = change_of(modify->rows, old_item, new_item);
    uint64 gone = modify->gone;
    if (!change.nothing)
        send_change(modify, change, old_item);
    if (modify->returns_rows)
        finish_writes(modify);
    ExecClearTuple(modify->old_slot);
    MemoryContextSwitchTo(old);
    MemoryContextReset(modify->context);
    end_telling(modify);
    return modify->returns_rows && modify->gone != gone ? nullptr : slot;
}

TupleTableSlot *delete_row(EState *, ResultRelInfo *relation, TupleTableSlot *slot, TupleTableSlot *plan_slot)
{
    auto *modify = static_cast<Modify *>(relation->ri_FdwState);
    MemoryContext old = MemoryContextSwitchTo(modify->context);
    begin_telling(modify);
    TupleTableSlot *old_row = old_row_of(modify, plan_slot);
    ItemValues key = key_of(modify->rows, old_row);
    engine::CheckedWrite checked;
    check_item(modify, key, {engine::WriteKind::kDelete, key.all(), {}, modify->row++}, &checked);
    send_or_tell(modify, modify->dry_run ? tell("delete item with key", checked.key) : "");
    end_telling(modify);
    MemoryContextSwitchTo(old);
    if (modify->returns_rows)
        ExecCopySlot(slot, old_row);
    else
        ExecStoreAllNullTuple(slot);
    ExecClearTuple(modify->old_slot);
    MemoryContextReset(modify->context);
    return slot;
}

// ---- the rest -------------------------------------------------------------------------------------------------------

int updatable(Relation relation)
{
    return read_table_options(RelationGetRelid(relation)).index_name != nullptr
               ? 0
               : (1 << CMD_INSERT) | (1 << CMD_UPDATE) | (1 << CMD_DELETE);
}

void explain(ModifyTableState *state, ResultRelInfo *, List *, int, ExplainState *output)
{
    auto *plan = reinterpret_cast<ModifyTable *>(state->ps.plan);
    bool only_new = state->operation == CMD_INSERT && plan->onConflictAction == ONCONFLICT_NOTHING;
    const char *operation = state->operation == CMD_UPDATE ? "UpdateItem" : only_new ? "PutItem" : "BatchWriteItem";
    ExplainPropertyText("DynamoDB Write", operation, output);
}

}  // namespace

void set_modify_routines(FdwRoutine *routine)
{
    routine->AddForeignUpdateTargets = add_old_row;
    routine->BeginForeignModify = begin_modify;
    routine->BeginForeignInsert = begin_insert;
    routine->ExecForeignInsert = insert_row;
    routine->ExecForeignBatchInsert = insert_rows;
    routine->GetForeignModifyBatchSize = batch_size;
    routine->ExecForeignUpdate = update_row;
    routine->ExecForeignDelete = delete_row;
    routine->EndForeignModify = end;
    routine->EndForeignInsert = end;
    routine->IsForeignRelUpdatable = updatable;
    routine->ExplainForeignModify = explain;
}

}  // namespace podyn
