// See old_row.h.
#include "fdw/old_row.h"

namespace podyn {
namespace {

constexpr int kWholeRow = 0 - FirstLowInvalidHeapAttributeNumber;

bool is_changed(PlannerInfo *root, const RelOptInfo &relation)
{
    CmdType command = root->parse->commandType;
    return (command == CMD_UPDATE || command == CMD_DELETE) &&
           static_cast<int>(relation.relid) == root->parse->resultRelation;
}

bool have_row_trigger(const TriggerDesc *triggers, CmdType command)
{
    if (triggers == nullptr)
        return false;
    return command == CMD_UPDATE ? triggers->trig_update_before_row || triggers->trig_update_after_row
                                 : triggers->trig_delete_before_row || triggers->trig_delete_after_row;
}

// Generated columns are computed from any others.
bool is_seen_by_others(const ForeignTable &table, CmdType command)
{
    Relation relation = table_open(table.relation, NoLock);
    const TupleConstr *constraints = RelationGetDescr(relation)->constr;
    bool generates = command == CMD_UPDATE && constraints != nullptr && constraints->has_generated_stored;
    bool seen = generates || have_row_trigger(relation->trigdesc, command);
    table_close(relation, NoLock);
    return seen;
}

// What the statement says of the relation, beside the old row that PostgreSQL asks for.
Bitmapset *columns_named(PlannerInfo *root, const RelOptInfo &relation)
{
    const Query &query = *root->parse;
    const RangeTblEntry *entry = planner_rt_fetch(relation.relid, root);
    Bitmapset *named = nullptr;
    auto add = [&](const void *node) {
        pull_varattnos(static_cast<Node *>(const_cast<void *>(node)), relation.relid, &named);
    };
    ListCell *cell;
    foreach (cell, root->processed_tlist) {
        auto *target = static_cast<TargetEntry *>(lfirst(cell));
        if (!target->resjunk || target->resname == nullptr || strcmp(target->resname, kOldRow) != 0)
            add(target);
    }
    add(query.jointree);
    add(query.returningList);
    add(query.withCheckOptions);
    add(entry->securityQuals);
    return named;
}

Bitmapset *add_column(Bitmapset *columns, AttrNumber number)
{
    return bms_add_member(columns, number - FirstLowInvalidHeapAttributeNumber);
}

// An UPDATE compares what it sets with what was there.
Bitmapset *add_keys_and_assigned(PlannerInfo *root, const ForeignTable &table, Bitmapset *columns)
{
    for (int i = 0; i < table.key_count; ++i)
        if (table.keys[i] != kNoForeignColumn)
            columns = add_column(columns, table.columns[table.keys[i]].number);
    ListCell *cell;
    foreach (cell, root->update_colnos)
        columns = add_column(columns, static_cast<AttrNumber>(lfirst_int(cell)));
    return columns;
}

}  // namespace

Bitmapset *narrow_to_old_row(PlannerInfo *root, const RelOptInfo &relation, const ForeignTable &table,
                             Bitmapset *needed)
{
    if (!bms_is_member(kWholeRow, needed) || !is_changed(root, relation) ||
        is_seen_by_others(table, root->parse->commandType))
        return needed;
    Bitmapset *named = columns_named(root, relation);
    if (bms_is_member(kWholeRow, named))
        return needed;
    return add_keys_and_assigned(root, table, bms_add_members(bms_del_member(needed, kWholeRow), named));
}

}  // namespace podyn
