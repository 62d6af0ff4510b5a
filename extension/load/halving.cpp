// See halving.h.
#include "load/halving.h"

#include "load/bulk.h"
#include "subtransaction.h"

namespace podyn {
namespace {

struct Attempt {
    const Batch *batch;
    Row *rows;
    int count;
    void (*between)();
    int taken;  // outcome: rows written, or as good as written
};

// Constraints that are checked at commit would fail there for the whole batch: their turn is now. They may be those of
// a partition, or of another table that a trigger writes to.
void check_deferred_constraints(const Batch &batch)
{
    if (batch.relation->trigdesc == nullptr && batch.relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
        return;
    SPI_connect();
    SPI_execute("SET CONSTRAINTS ALL IMMEDIATE", false, 0);
    SPI_finish();
}

void write_columns(Attempt *attempt)
{
    attempt->taken = apply_rows(*attempt->batch, attempt->rows, attempt->count, false);
    check_deferred_constraints(*attempt->batch);
}

void write_compact(Attempt *attempt)
{
    attempt->taken = apply_rows(*attempt->batch, attempt->rows, attempt->count, true);
    check_deferred_constraints(*attempt->batch);
}

void write_bulk(Attempt *attempt)
{
    bulk_insert(*attempt->batch, attempt->rows, attempt->count, attempt->between);
}

// Without ON CONFLICT, Citus copies the rows to the shards.
void write_insert(Attempt *attempt)
{
    insert_rows(*attempt->batch, attempt->rows, attempt->count);
}

// A policy's refusal of this row has the SQLSTATE of missing rights (executor, ExecWithCheckOptions).
bool violates_row_security(const ErrorData &error)
{
    return error.sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE && error.funcname != nullptr &&
           strcmp(error.funcname, "ExecWithCheckOptions") == 0;
}

// What an action's statements leave in memory goes with it.
void in_own_memory(void (*action)(void *), void *argument)
{
    MemoryContext context = AllocSetContextCreate(CurTransactionContext, "podyn batch", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(context);
    action(argument);
    MemoryContextSwitchTo(old);
    MemoryContextDelete(context);
}

struct Work {
    void (*action)(Attempt *);
    Attempt *attempt;
};

void work_in_own_memory(void *argument)
{
    in_own_memory(
        [](void *inner) {
            auto *work = static_cast<Work *>(inner);
            work->action(work->attempt);
        },
        argument);
}

struct Part {
    const Parts *parts;
    int first;
    int count;
};

void part_in_own_memory(void *argument)
{
    in_own_memory(
        [](void *inner) {
            auto *part = static_cast<Part *>(inner);
            part->parts->work(part->parts->context, part->first, part->count);
        },
        argument);
}

// Null: it is done. Otherwise it is undone, and this is why, in the current context. Errors that are not the item's own
// are raised. `anonymous`: one that has lost its SQLSTATE on its way from a node counts as an item's own, too.
ErrorData *attempt_for_items(void (*action)(Attempt *), Attempt *items, bool anonymous = false)
{
    Work work = {action, items};
    ErrorData *error = attempt(work_in_own_memory, &work);
    if (error != nullptr && !is_item_error(error->sqlerrcode) && !violates_row_security(*error) &&
        !(anonymous && error->sqlerrcode == ERRCODE_INTERNAL_ERROR))
        ReThrowError(error);
    return error;
}

// Raises an error if an index cannot hold the key. The index's own order of columns may differ, which changes a few
// bytes of padding; then the compact form is tried in vain.
void form_key(Attempt *attempt)
{
    const Batch &batch = *attempt->batch;
    const Target &target = *batch.target;
    const Row *row = attempt->rows;
    fill_row(target, batch.descriptor, Form::kKeyOnly, attempt->rows);
    TupleDesc descriptor = CreateTemplateTupleDesc(target.key_count);
    Datum values[2];
    bool nulls[2] = {};
    for (int i = 0; i < target.key_count; ++i) {
        AttrNumber number = target.columns[target.keys[i]].number;
        TupleDescCopyEntry(descriptor, static_cast<AttrNumber>(i + 1), batch.descriptor, number);
        values[i] = row->values[number - 1];
    }
    IndexTuple tuple = index_form_tuple(descriptor, values, nulls);
    if (MAXALIGN(IndexTupleSize(tuple)) > kMaxIndexTuple)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("key is too big for an index")));
}

int write_one_compact(const Batch &batch, Target *target, Row *row, ErrorData *too_big, Reject reject, void *context)
{
    if (target->rest == InvalidAttrNumber && !target->adds_columns) {
        reject(context, *row, too_big);
        return 0;
    }
    if (target->rest == InvalidAttrNumber) {
        target->wants_rest = true;
        ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                        errmsg("target %s needs column %s", target->relation_name, kRestColumn)));
    }
    Attempt alone = {&batch, row, 1, nullptr, 0};
    if (attempt_for_items(write_compact, &alone) == nullptr)
        return alone.taken;
    reject(context, *row, too_big);
    return 0;
}

}  // namespace

bool is_item_error(int sqlerrcode)
{
    switch (ERRCODE_TO_CATEGORY(sqlerrcode)) {
        // What concerns the server, the session or the statement, whatever the item.
        case ERRCODE_CONNECTION_EXCEPTION:
        case ERRCODE_FEATURE_NOT_SUPPORTED:
        case ERRCODE_INVALID_TRANSACTION_STATE:
        case ERRCODE_TRANSACTION_ROLLBACK:
        case ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION:
        case ERRCODE_INSUFFICIENT_RESOURCES:
        case ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE:
        case ERRCODE_OPERATOR_INTERVENTION:
        case ERRCODE_SYSTEM_ERROR:
        case ERRCODE_INTERNAL_ERROR:
        case ERRCODE_CONFIG_FILE_ERROR:
            return false;
        default:  // data, constraints, limits, and whatever a trigger raises
            return true;
    }
}

void work_in_halves(const Parts &parts, int first, int count)
{
    if (count == 0)
        return;
    Part part = {&parts, first, count};
    ErrorData *error = attempt(part_in_own_memory, &part);
    if (error == nullptr)
        return;
    if (!is_item_error(error->sqlerrcode) && !violates_row_security(*error))
        ReThrowError(error);
    if (count == 1) {
        parts.refuse(parts.context, first, error);
        return;
    }
    work_in_halves(parts, first, count / 2);
    work_in_halves(parts, first + count / 2, count - count / 2);
}

int apply_or_reject(const Batch &batch, Target *target, Row *rows, int count, Reject reject, void *context)
{
    if (count == 0)
        return 0;
    Attempt all = {&batch, rows, count, nullptr, 0};
    ErrorData *error = attempt_for_items(write_columns, &all);
    if (error == nullptr)
        return all.taken;
    if (count > 1) {
        int half = count / 2;
        int written = apply_or_reject(batch, target, rows, half, reject, context);
        return written + apply_or_reject(batch, target, rows + half, count - half, reject, context);
    }
    // Too wide for a page or an index: unless that is the key's, it may fit when its attributes share one column.
    if (error->sqlerrcode == ERRCODE_PROGRAM_LIMIT_EXCEEDED && !rows[0].remove && !target->jsonb_mode &&
        attempt_for_items(form_key, &all) == nullptr)
        return write_one_compact(batch, target, rows, error, reject, context);
    reject(context, rows[0], error);
    return 0;
}

bool load_rows(const Batch &batch, Row *rows, int count, void (*between)())
{
    Attempt all = {&batch, rows, count, between, count};
    if (count == 0)
        return true;
    // Citus says XX000 for whatever fails in its COPY; the statements of the other way name the reason.
    if (batch.target->citus)
        return attempt_for_items(write_insert, &all, true) == nullptr;
    return bulk_insert_allowed(batch) && attempt_for_items(write_bulk, &all) == nullptr;
}

}  // namespace podyn
