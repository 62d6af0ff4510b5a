// PostgreSQL's headers as C++ sees them, and what differs between PostgreSQL 14 and 18. The one place for both.
#pragma once

#include <string_view>

// utils/pg_locale.h includes ICU's headers, whose C++ half cannot stand in extern "C": PostgreSQL hides it itself only
// since late minor releases (14.13 and 16.2 do not).
#define U_SHOW_CPLUSPLUS_API 0
#define U_SHOW_CPLUSPLUS_HEADER_API 0

extern "C" {
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/itup.h"
#include "access/nbtree.h"
#include "access/relation.h"
#include "access/reloptions.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "catalog/pg_user_mapping.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/explain.h"
#include "commands/extension.h"
#include "common/base64.h"
#include "common/hashfn.h"
#include "common/jsonapi.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "foreign/fdwapi.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "optimizer/appendinfo.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/paramassign.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "pgstat.h"
#include "port/atomics.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/lockdefs.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/pg_locale.h"
#include "utils/queryenvironment.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/selfuncs.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"
#include "utils/tuplesort.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"
#include "utils/uuid.h"
#include "utils/varlena.h"
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif
}

// PostgreSQL's translation macros are not used, and gettext's names get in the way of C++ headers.
#undef gettext
#undef dgettext
#undef ngettext
#undef dngettext

#if PG_VERSION_NUM < 140000 || PG_VERSION_NUM >= 190000
#error "podyn is written for PostgreSQL 14 to 18"
#endif

// PostgreSQL 18's magic block may tell name and version.
#ifdef PG_MODULE_MAGIC_EXT
#define PODYN_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "podyn", .version = PODYN_VERSION)
#else
#define PODYN_MODULE_MAGIC PG_MODULE_MAGIC
#endif

namespace podyn {

// PostgreSQL 17 lets a background worker run as a role without LOGIN.
#ifdef BGWORKER_BYPASS_ROLELOGINCHECK
inline constexpr bool kWorkersNeedLogin = false;
inline constexpr uint32 kWorkerConnectionFlags = BGWORKER_BYPASS_ROLELOGINCHECK;
#else
inline constexpr bool kWorkersNeedLogin = true;
inline constexpr uint32 kWorkerConnectionFlags = 0;
#endif

// The most that an entry of a btree may take: BTMaxItemSize, a macro over a page before PostgreSQL 18.
inline constexpr Size kMaxIndexTuple =
    MAXALIGN_DOWN(
        (BLCKSZ - MAXALIGN(SizeOfPageHeaderData + 3 * sizeof(ItemIdData)) - MAXALIGN(sizeof(BTPageOpaqueData))) / 3) -
    MAXALIGN(sizeof(ItemPointerData));

// PostgreSQL 17 has transaction_timeout.
inline constexpr bool kHasTransactionTimeout = PG_VERSION_NUM >= 170000;

inline WaitEventSet *make_wait_event_set(MemoryContext context, int events)
{
#if PG_VERSION_NUM >= 170000
    (void)context;
    return CreateWaitEventSet(nullptr, events);
#else
    return CreateWaitEventSet(context, events);
#endif
}

// InvalidOid: there is none that is checked at once.
inline Oid primary_key_index(Relation relation)
{
#if PG_VERSION_NUM >= 180000
    return RelationGetPrimaryKeyIndex(relation, false);
#else
    return RelationGetPrimaryKeyIndex(relation);
#endif
}

// Whether strings are ordered by their bytes.
inline bool is_bytewise(Oid collation)
{
    if (!OidIsValid(collation))
        return false;
#if PG_VERSION_NUM >= 180000
    return pg_newlocale_from_collation(collation)->collate_is_c;
#else
    return lc_collate_is_c(collation);
#endif
}

inline bool is_descending(const PathKey &key)
{
#if PG_VERSION_NUM >= 180000
    return key.pk_cmptype == COMPARE_GT;
#else
    return key.pk_strategy == BTGreaterStrategyNumber;
#endif
}

// The role that a relation of a plan is read as.
inline Oid reader_of(ForeignScanState *node)
{
    auto *plan = reinterpret_cast<ForeignScan *>(node->ss.ps.plan);
#if PG_VERSION_NUM >= 160000
    Oid role = plan->checkAsUser;
#else
    Index relation =
        plan->scan.scanrelid > 0 ? plan->scan.scanrelid : static_cast<Index>(bms_next_member(plan->fs_relids, -1));
    Oid role = exec_rt_fetch(relation, node->ss.ps.state)->checkAsUser;
#endif
    return OidIsValid(role) ? role : GetUserId();
}

inline ForeignPath *make_foreign_path(PlannerInfo *root, RelOptInfo *relation, double rows, Cost startup, Cost total,
                                      List *pathkeys, Relids outer, List *details)
{
#if PG_VERSION_NUM >= 180000
    return create_foreignscan_path(root, relation, nullptr, rows, 0, startup, total, pathkeys, outer, nullptr, NIL,
                                   details);
#elif PG_VERSION_NUM >= 170000
    return create_foreignscan_path(root, relation, nullptr, rows, startup, total, pathkeys, outer, nullptr, NIL,
                                   details);
#else
    return create_foreignscan_path(root, relation, nullptr, rows, startup, total, pathkeys, outer, nullptr, details);
#endif
}

inline ForeignPath *make_foreign_upper_path(PlannerInfo *root, RelOptInfo *relation, PathTarget *target, double rows,
                                            Cost startup, Cost total, List *details)
{
#if PG_VERSION_NUM >= 180000
    return create_foreign_upper_path(root, relation, target, rows, 0, startup, total, NIL, nullptr, NIL, details);
#elif PG_VERSION_NUM >= 170000
    return create_foreign_upper_path(root, relation, target, rows, startup, total, NIL, nullptr, NIL, details);
#else
    return create_foreign_upper_path(root, relation, target, rows, startup, total, NIL, nullptr, details);
#endif
}

// Custom paths and scans that make every target list: PostgreSQL 14 takes that for granted.
#ifdef CUSTOMPATH_SUPPORT_PROJECTION
inline constexpr uint32 kCustomPathsProject = CUSTOMPATH_SUPPORT_PROJECTION;
#else
inline constexpr uint32 kCustomPathsProject = 0;
#endif

// PostgreSQL 18 counts the nodes of a path that are disabled.
inline void count_disabled_of(Path *path, const Path &child)
{
#if PG_VERSION_NUM >= 180000
    path->disabled_nodes = child.disabled_nodes;
#else
    (void)path;
    (void)child;
#endif
}

// Whether a column is of this relation. Numbers of relations became signed in columns with PostgreSQL 15.
inline bool is_column_of(const Var &column, const RelOptInfo &relation)
{
    return static_cast<Index>(column.varno) == relation.relid;
}

// Whether two nodes are the same column, or the same placeholder, before or behind an outer join.
inline bool is_same_column(const Node *left, const Node *right)
{
    if (nodeTag(left) != nodeTag(right))
        return false;
    if (IsA(left, PlaceHolderVar))
        return reinterpret_cast<const PlaceHolderVar *>(left)->phid ==
               reinterpret_cast<const PlaceHolderVar *>(right)->phid;
    if (!IsA(left, Var))
        return false;
    auto *one = reinterpret_cast<const Var *>(left);
    auto *other = reinterpret_cast<const Var *>(right);
    return one->varno == other->varno && one->varattno == other->varattno && one->varlevelsup == other->varlevelsup;
}

// PostgreSQL 16 tells a column from the same one behind an outer join, and sees to that only in parameters of its own
// joins. Expressions over the columns of a target list get them as they stand there.
#if PG_VERSION_NUM >= 160000
inline Node *as_in_target_list_mutator(Node *node, void *target)
{
    if (node == nullptr)
        return nullptr;
    ListCell *cell;
    foreach (cell, static_cast<List *>(target))
        if (auto *column = reinterpret_cast<Node *>(static_cast<TargetEntry *>(lfirst(cell))->expr);
            is_same_column(node, column))
            return static_cast<Node *>(copyObjectImpl(column));
    return expression_tree_mutator(node, as_in_target_list_mutator, target);
}
#endif

inline List *as_in_target_list(List *expressions, List *target)
{
#if PG_VERSION_NUM >= 160000
    return reinterpret_cast<List *>(as_in_target_list_mutator(reinterpret_cast<Node *>(expressions), target));
#else
    (void)target;
    return expressions;
#endif
}

// Whether a text is JSON, by PostgreSQL's own parser.
inline bool is_json(std::string_view text)
{
    char *copy = pnstrdup(text.data(), text.size());
    auto length = static_cast<int>(text.size());
#if PG_VERSION_NUM >= 170000
    JsonLexContext *lexer = makeJsonLexContextCstringLen(nullptr, copy, length, PG_UTF8, false);
#else
    JsonLexContext *lexer = makeJsonLexContextCstringLen(copy, length, PG_UTF8, false);
#endif
    return pg_parse_json(lexer, &nullSemAction) == JSON_SUCCESS;
}

inline bool may(Oid class_oid, Oid object, Oid role, AclMode mode)
{
#if PG_VERSION_NUM >= 160000
    return object_aclcheck(class_oid, object, role, mode) == ACLCHECK_OK;
#else
    switch (class_oid) {
        case ForeignServerRelationId:
            return pg_foreign_server_aclcheck(object, role, mode) == ACLCHECK_OK;
        case NamespaceRelationId:
            return pg_namespace_aclcheck(object, role, mode) == ACLCHECK_OK;
        case DatabaseRelationId:
            return pg_database_aclcheck(object, role, mode) == ACLCHECK_OK;
        case ProcedureRelationId:
            return pg_proc_aclcheck(object, role, mode) == ACLCHECK_OK;
        default:
            return false;
    }
#endif
}

inline bool owns_database(Oid database, Oid role)
{
#if PG_VERSION_NUM >= 160000
    return object_ownercheck(DatabaseRelationId, database, role);
#else
    return pg_database_ownercheck(database, role);
#endif
}

inline void insert_index_entries(ResultRelInfo *relation, TupleTableSlot *slot, EState *estate)
{
#if PG_VERSION_NUM >= 160000
    ExecInsertIndexTuples(relation, slot, estate, false, false, nullptr, NIL, false);
#else
    ExecInsertIndexTuples(relation, slot, estate, false, false, nullptr, NIL);
#endif
}

// Of a sort whose outcome is read once, forwards.
#if PG_VERSION_NUM >= 150000
inline constexpr int kSortOnce = TUPLESORT_NONE;
#else
inline constexpr bool kSortOnce = false;
#endif

// The next datum in order; false: that was the last. What is by reference lives until the next call.
inline bool next_sorted(Tuplesortstate *sort, Datum *value)
{
    bool null;
#if PG_VERSION_NUM >= 160000
    return tuplesort_getdatum(sort, true, false, value, &null, nullptr);
#else
    return tuplesort_getdatum(sort, true, value, &null, nullptr);
#endif
}

// Returns the length, negative if there is not enough room.
inline int encode_base64(const char *bytes, int size, char *text, int capacity)
{
#if PG_VERSION_NUM >= 180000
    return pg_b64_encode(reinterpret_cast<const uint8 *>(bytes), size, text, capacity);
#else
    return pg_b64_encode(bytes, size, text, capacity);
#endif
}

// To be called by _PG_init in the postmaster: `request` asks for shared memory when its time has come.
inline void request_memory_with(void (*request)())
{
#if PG_VERSION_NUM >= 150000
    static shmem_request_hook_type previous;
    static void (*mine)();
    previous = shmem_request_hook;
    mine = request;
    shmem_request_hook = [] {
        if (previous != nullptr)
            previous();
        mine();
    };
#else
    request();
#endif
}

// No setting of this prefix is known beyond those that are defined by now.
inline void reserve_settings(const char *prefix)
{
#if PG_VERSION_NUM >= 150000
    MarkGUCPrefixReserved(prefix);
#else
    EmitWarningsOnPlaceholders(prefix);
#endif
}

// Prepares a function that returns a set through a tuplestore. `scalar`: of single values, not rows.
inline void return_set(FunctionCallInfo fcinfo, bool scalar)
{
#if PG_VERSION_NUM >= 150000
    InitMaterializedSRF(fcinfo, scalar ? MAT_SRF_USE_EXPECTED_DESC : 0);
#else
    auto *info = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    if (info == nullptr || !IsA(info, ReturnSetInfo) || !(info->allowedModes & SFRM_Materialize))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("set-valued function called in context that cannot accept a set")));
    MemoryContext old = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
    TupleDesc descriptor;
    if (scalar)
        descriptor = CreateTupleDescCopy(info->expectedDesc);
    else if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    info->returnMode = SFRM_Materialize;
    info->setResult = tuplestore_begin_heap(true, false, work_mem);
    info->setDesc = descriptor;
    MemoryContextSwitchTo(old);
#endif
}

}  // namespace podyn
