// See bulk.h.
#include "load/bulk.h"

#include "load/hint_bits.h"

namespace podyn {
namespace {

constexpr int kSlots = 256;  // rows in one multi-insert

bool is_mapped(const Target &target, AttrNumber number)
{
    if (number == target.document || number == target.rest || number == target.deleted_at)
        return true;
    for (int i = 0; i < target.column_count; ++i)
        if (target.columns[i].number == number)
            return true;
    return false;
}

struct Inserter {
    EState *estate;
    ResultRelInfo *info;
    BulkInsertState bulk;
    TupleTableSlot *slots[kSlots];
    int slot_count;
    MemoryContext values;  // of the rows in the slots
};

// As the apply worker of logical replication sets one up (worker.c, create_edata_for_relation).
Inserter begin(const Batch &batch, int rows)
{
    Inserter inserter = {};
    inserter.estate = CreateExecutorState();
    inserter.info = makeNode(ResultRelInfo);
    InitResultRelInfo(inserter.info, batch.relation, 0, nullptr, 0);
    ExecOpenIndices(inserter.info, false);
    inserter.bulk = GetBulkInsertState();
    inserter.estate->es_output_cid = GetCurrentCommandId(true);
    inserter.slot_count = Min(rows, kSlots);
    inserter.values = AllocSetContextCreate(CurrentMemoryContext, "podyn rows", ALLOCSET_DEFAULT_SIZES);
    // On the copied descriptor: slots on a reference-counted one cost quadratic time.
    for (int i = 0; i < inserter.slot_count; ++i)
        inserter.slots[i] = MakeSingleTupleTableSlot(batch.descriptor, table_slot_callbacks(batch.relation));
    return inserter;
}

void fill_slot(const Batch &batch, Inserter *inserter, TupleTableSlot *slot, Row row)
{
    ExecClearTuple(slot);
    row.values = slot->tts_values;
    row.nulls = slot->tts_isnull;
    MemoryContext old = MemoryContextSwitchTo(inserter->values);
    fill_row(*batch.target, batch.descriptor, Form::kColumns, &row);
    MemoryContextSwitchTo(old);
    ExecStoreVirtualTuple(slot);
    slot->tts_tableOid = RelationGetRelid(batch.relation);
    if (batch.relation->rd_att->constr != nullptr)
        ExecConstraints(inserter->info, slot, inserter->estate);
}

void flush(const Batch &batch, Inserter *inserter, int count)
{
    table_multi_insert(batch.relation, inserter->slots, count, inserter->estate->es_output_cid, 0, inserter->bulk);
    note_unhinted_rows(batch.target->unhinted, inserter->slots, count);
    for (int i = 0; i < count && inserter->info->ri_NumIndices > 0; ++i) {
        insert_index_entries(inserter->info, inserter->slots[i], inserter->estate);
        ResetPerTupleExprContext(inserter->estate);
    }
    MemoryContextReset(inserter->values);
}

void end(const Batch &batch, Inserter *inserter)
{
    for (int i = 0; i < inserter->slot_count; ++i)
        ExecDropSingleTupleTableSlot(inserter->slots[i]);
    FreeBulkInsertState(inserter->bulk);
    table_finish_bulk_insert(batch.relation, 0);
    ExecCloseIndices(inserter->info);
    FreeExecutorState(inserter->estate);
    MemoryContextDelete(inserter->values);
}

}  // namespace

bool bulk_insert_allowed(const Batch &batch)
{
    Relation relation = batch.relation;
    if (batch.target->citus || relation->rd_rel->relkind != RELKIND_RELATION || relation->trigdesc != nullptr ||
        relation->rd_rules != nullptr || relation->rd_rel->relrowsecurity || relation->rd_rel->relispartition ||
        relation->rd_rel->relhassubclass ||
        pg_class_aclcheck(RelationGetRelid(relation), GetUserId(), ACL_INSERT) != ACLCHECK_OK)
        return false;
    for (int i = 0; i < batch.descriptor->natts; ++i) {
        Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), i);
        if (!attribute->attisdropped && !is_mapped(*batch.target, attribute->attnum) &&
            (attribute->atthasdef || attribute->attidentity != '\0' || attribute->attgenerated != '\0' ||
             get_typtype(attribute->atttypid) == TYPTYPE_DOMAIN))
            return false;
    }
    return true;
}

void bulk_insert(const Batch &batch, const Row *rows, int count, void (*between)())
{
    set_hint_bits(batch.target->unhinted, batch.relation);
    Inserter inserter = begin(batch, count);
    int filled = 0;
    for (int i = 0; i < count; ++i) {
        fill_slot(batch, &inserter, inserter.slots[filled++], rows[i]);
        if (filled == inserter.slot_count || i + 1 == count) {
            flush(batch, &inserter, filled);
            filled = 0;
            between();
        }
    }
    end(batch, &inserter);
    CommandCounterIncrement();
}

}  // namespace podyn
