// See mark_column.h.
#include "load/mark_column.h"

#include "catalog/journal.h"
#include "locks.h"
#include "transaction.h"

namespace podyn {

bool is_mark_column(const FormData_pg_attribute &attribute)
{
    return strcmp(NameStr(attribute.attname), kDeletedAtColumn) == 0 && attribute.atttypid == TIMESTAMPTZOID &&
           attribute.atttypmod == -1 && attribute.attgenerated == '\0' && !attribute.attnotnull;
}

void make_mark_column(const catalog::Replication &replication)
{
    locks::own_schema(replication.id);
    Target *target = load_target(CurrentMemoryContext, replication);
    if (target->deleted_at != InvalidAttrNumber)
        return;  // another process was faster, or the table came with it
    if (get_attnum(target->relation, kDeletedAtColumn) != InvalidAttrNumber)
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("column \"%s\" of target %s cannot hold the time of a deletion", kDeletedAtColumn,
                               target->relation_name),
                        errhint("Make it a column of type timestamptz that may be null, or drop it.")));
    char *message =
        psprintf("adding new column to table %s: \"%s\" timestamptz", get_rel_name(target->relation), kDeletedAtColumn);
    ereport(MyBgworkerEntry != nullptr ? LOG : NOTICE, (errmsg("%s", message)));
    catalog::record_event(replication.owner, replication.name, "column", message);
    alter_target(*target,
                 psprintf("ALTER TABLE %s ADD COLUMN %s timestamptz", target->relation_name, kDeletedAtColumn));
}

void add_mark_column(const catalog::Replication &replication)
{
    begin_transaction();
    make_mark_column(replication);
    commit_transaction();
}

}  // namespace podyn
