// See extension_identity.h.
#include "extension_identity.h"

namespace podyn {
namespace {

Oid ours = InvalidOid;
bool replaced = false;

}  // namespace

Oid extension_owner()
{
    Relation extensions = table_open(ExtensionRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum("podyn"));
    SysScanDesc scan = systable_beginscan(extensions, ExtensionNameIndexId, true, nullptr, 1, &key);
    HeapTuple tuple = systable_getnext(scan);
    Oid owner = InvalidOid;
    if (HeapTupleIsValid(tuple))
        owner = reinterpret_cast<Form_pg_extension>(GETSTRUCT(tuple))->extowner;
    systable_endscan(scan);
    table_close(extensions, AccessShareLock);
    if (!OidIsValid(owner))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("extension \"podyn\" is not installed"),
                        errhint("Use CREATE EXTENSION podyn.")));
    return owner;
}

bool lock_extension()
{
    Oid extension = get_extension_oid("podyn", true);
    if (!OidIsValid(extension))
        return false;
    if (!OidIsValid(ours))
        ours = extension;
    replaced = extension != ours;
    if (replaced)
        return false;
    LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
    // It may have been dropped, and even made again, while we waited.
    return get_extension_oid("podyn", true) == extension;
}

bool extension_was_replaced()
{
    return replaced;
}

void adopt_extension()
{
    ours = InvalidOid;
    replaced = false;
}

}  // namespace podyn
