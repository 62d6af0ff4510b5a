// podyn_verify: compares a replication's source and target, item by item.
//
//   1  the stream is waited for, as podyn_sync does
//   2  the source is scanned. Each page is compared with the rows of its keys; what is not equal is a candidate
//   3  the target's keys are walked. Those that the scan has not met are candidates
//   4  candidates are settled (settling.h): only what is sure goes to podyn.difference
//
// Bounded memory: the keys that either side has (128 bits of each) and the candidates are sorted and kept on disk
// beyond a few megabytes. The target is looked at with fresh snapshots, and no lock on it outlasts a look.
#include "catalog/journal.h"
#include "catalog/profiles.h"
#include "functions/as_owner.h"
#include "functions/difference_store.h"
#include "functions/look.h"
#include "functions/settling.h"
#include "functions/source_scan.h"
#include "functions/wait.h"
#include "load/apply.h"
#include "load/key_document.h"
#include "load/rows.h"
#include "locks.h"
#include "raise.h"
#include "subtransaction.h"

namespace podyn {
namespace {

constexpr int kSortKilobytes = 8 * 1024, kStoreKilobytes = 4 * 1024;
constexpr int kWalkRows = 2000;
constexpr int kMostSettled = 20000;                    // at once
constexpr size_t kMostSettledBytes = 4 * 1024 * 1024;  // of their keys
constexpr int64 kTellEvery = 10 * USECS_PER_SEC;
constexpr uint32 kSegments = 4, kMostSegments = 1000;  // of a whole scan; of one of which only a share is read
constexpr int64 kItemsPerSegment = 500;                // of the latter

struct Verification {
    const catalog::Replication *replication;
    Source source;
    shared::Replication *budget;
    Target *target;  // as it was when the verification began: only its keys count
    double sample;
    uint64 salt;  // which rows are in the sample
    TimestampTz begun;
    Tuplesortstate *scanned;  // KeyHash
    Tuplesortstate *walked;   // KeyHash and key columns
    TupleDesc walked_row;
    Tuplestorestate *candidates;  // keys, DynamoDB JSON
    TupleDesc candidate_row;
    int64 candidate_count;
    int64 settled;
    int64 items;
    int64 item_bytes;
    int64 rows;
    int64 found[4];    // by Finding
    bool former_gone;  // the findings of the verification before
    double read_units;
    const char *doing;
    int64 told_at;  // monotonic
};

// ---- Progress ------------------------------------------------------------------------------------------------------

void tick(void *context)
{
    auto *verification = static_cast<Verification *>(context);
    CHECK_FOR_INTERRUPTS();
    int64 time = now().monotonic_us;
    if (time < verification->told_at + kTellEvery)
        return;
    verification->told_at = time;
    ereport(NOTICE, (errmsg("replication \"%s\": %s, " INT64_FORMAT " items and " INT64_FORMAT
                            " rows read, " INT64_FORMAT " of " INT64_FORMAT " keys looked at again",
                            verification->replication->name, verification->doing, verification->items,
                            verification->rows, verification->settled, verification->candidate_count)));
}

// ---- Candidates and findings ---------------------------------------------------------------------------------------

void add_candidate(Verification *verification, const char *key)
{
    Datum values[] = {CStringGetTextDatum(key)};
    bool nulls[] = {false};
    tuplestore_putvalues(verification->candidates, verification->candidate_row, values, nulls);
    ++verification->candidate_count;
}

// Not earlier than the first new one, or the end: until then this transaction has written nothing.
void forget_former(Verification *verification)
{
    if (!verification->former_gone)
        forget_differences(*verification->replication);
    verification->former_gone = true;
}

void take_difference(void *context, const char *key, bool askable, const Subject &subject)
{
    auto *verification = static_cast<Verification *>(context);
    forget_former(verification);
    ++verification->found[static_cast<int>(subject.finding)];
    record_difference(*verification->replication, verification->begun,
                      {key, askable, subject.finding, subject.reason, subject.differences});
}

// ---- The source ----------------------------------------------------------------------------------------------------

void note_scanned(Verification *verification, const KeyHash &hash)
{
    tuplesort_putdatum(verification->scanned, UUIDPGetDatum(&hash), false);
}

// U+0000 in a key cannot be told from U+2400 by now: nobody can ask for the item, and no row can have it.
bool has_lost_nul(const engine::Item &key)
{
    return key.json.find("\u2400") != std::string_view::npos;
}

void take_unreadable(Verification *verification, const engine::Item &item, const engine::Item &key)
{
    Subject subject = {};
    subject.finding = Finding::kMissing;
    engine::Problem problem = check_item(*verification->target, item);
    subject.reason = copy_string(problem.message);
    take_difference(verification, copy_string(key.json), false, subject);
}

// The items whose keys can be looked up; the others are missing.
Subject *make_subjects(Verification *verification, std::span<const engine::Item> items, int *count)
{
    auto *subjects = static_cast<Subject *>(palloc0(sizeof(Subject) * (items.size() + 1)));
    *count = 0;
    for (const engine::Item &item : items) {
        const engine::Item *key = &item;
        if (check_item(*verification->target, item).exists())
            key = key_of_unsound(*verification->target, item);
        if (key != &item && (has_lost_nul(*key) || check_item(*verification->target, *key).exists())) {
            take_unreadable(verification, item, *key);
            continue;
        }
        subjects[*count].key = key;
        subjects[(*count)++].item = &item;
    }
    return subjects;
}

void take_page(void *context, std::span<const engine::Item> items)
{
    auto *verification = static_cast<Verification *>(context);
    int count;
    Subject *subjects = make_subjects(verification, items, &count);
    if (count > 0)
        look({verification->replication, CurrentMemoryContext, subjects, count, false});
    for (int i = 0; i < count; ++i) {
        if (subjects[i].hashed)
            note_scanned(verification, subjects[i].hash);
        if (subjects[i].finding != Finding::kSame)
            add_candidate(verification, key_document(*verification->target, *subjects[i].key));
    }
    for (const engine::Item &item : items)
        verification->item_bytes += static_cast<int64>(item.json.size());
    verification->items += static_cast<int64>(items.size());
    tick(verification);
}

uint64 random_bits()
{
    uint64 bits;
    if (!pg_strong_random(&bits, sizeof(bits)))
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate a random number")));
    return bits;
}

// The segments that are read: all of a few, or a random share of many.
uint32 *choose_segments(const Verification &verification, int64 items_total, uint32 *total, int *count)
{
    bool whole = verification.sample >= 1;
    *total = whole ? kSegments
                   : static_cast<uint32>(Min(Max(items_total / kItemsPerSegment, static_cast<int64>(kSegments * 4)),
                                             static_cast<int64>(kMostSegments)));
    *count = whole ? static_cast<int>(*total)
                   : Max(1, static_cast<int>(rint(verification.sample * static_cast<double>(*total))));
    auto *segments = static_cast<uint32 *>(palloc(sizeof(uint32) * *total));
    for (uint32 i = 0; i < *total; ++i)
        segments[i] = i;
    for (int i = 0; i < *count && !whole; ++i) {
        auto other = static_cast<uint32>(i) + static_cast<uint32>(random_bits() % (*total - static_cast<uint32>(i)));
        uint32 segment = segments[other];
        segments[other] = segments[i];
        segments[i] = segment;
    }
    return segments;
}

void scan(Verification *verification)
{
    verification->doing = "scanning the source";
    engine::TableDescription table = describe_table(verification->source, verification->replication->source);
    SourceScan scan = {};
    scan.source = &verification->source;
    scan.replication = verification->replication;
    scan.budget = verification->budget;
    scan.segments = choose_segments(*verification, table.item_count, &scan.total_segments, &scan.segment_count);
    scan.take = take_page;
    scan.context = verification;
    scan_source(&scan);
    verification->read_units += scan.read_units;
}

// ---- The target ----------------------------------------------------------------------------------------------------

// Where the walk has come to, and the portion that it reads from there.
struct Walk {
    Verification *verification;
    MemoryContext context;  // of the portion
    Datum last[2];
    bool begun;
    Datum (*keys)[2];
    KeyHash *hashes;
    bool *marked;
    int count;
};

const FormData_pg_attribute &key_column(const Target &target, TupleDesc descriptor, int key)
{
    return *TupleDescAttr(descriptor, target.columns[target.keys[key]].number - 1);
}

// Rows with a key that is NULL are nobody's.
char *walk_statement(const Target &target, TupleDesc descriptor, bool begun)
{
    StringInfoData columns, after, condition;
    for (StringInfo list : {&columns, &after, &condition})
        initStringInfo(list);
    for (int i = 0; i < target.key_count; ++i) {
        const char *column = quote_identifier(target.columns[target.keys[i]].name);
        const FormData_pg_attribute &type = key_column(target, descriptor, i);
        appendStringInfo(&columns, "%s%s", i ? ", " : "", column);
        appendStringInfo(&after, "%s$%d::%s", i ? ", " : "", i + 1,
                         format_type_extended(type.atttypid, -1, FORMAT_TYPE_FORCE_QUALIFY));
        appendStringInfo(&condition, "%s%s IS NOT NULL", i ? " AND " : "", column);
    }
    if (begun)
        appendStringInfo(&condition, " AND (%s) > (%s)", columns.data, after.data);
    const char *marked =
        target.deleted_at == InvalidAttrNumber ? "false" : psprintf("%s IS NOT NULL", kDeletedAtColumn);
    return psprintf("SELECT %s, %s FROM %s WHERE %s ORDER BY %s LIMIT %d", columns.data, marked, target.relation_name,
                    condition.data, columns.data, kWalkRows);
}

void keep_row(Walk *walk, KeyHasher *hasher, const Target &target, TupleDesc descriptor, uint64 row)
{
    MemoryContext old = MemoryContextSwitchTo(walk->context);
    Datum *keys = walk->keys[walk->count];
    for (int i = 0; i < target.key_count; ++i) {
        const FormData_pg_attribute &column = key_column(target, descriptor, i);
        Datum value = catalog::value(row, i + 1);
        keys[i] = column.attlen == -1 ? PointerGetDatum(PG_DETOAST_DATUM_COPY(value))
                                      : datumCopy(value, column.attbyval, column.attlen);
    }
    walk->hashes[walk->count] = hash_key(hasher, keys);
    walk->marked[walk->count++] = catalog::get_boolean(row, target.key_count + 1);
    MemoryContextSwitchTo(old);
}

void read_portion(void *argument)
{
    auto *walk = static_cast<Walk *>(argument);
    LockRelationOid(walk->verification->replication->target, AccessShareLock);
    AcceptInvalidationMessages();
    Target *target = load_target(CurrentMemoryContext, *walk->verification->replication);
    Batch batch = open_batch_for_reading(*target);
    KeyHasher hasher = make_key_hasher(CurrentMemoryContext, *target, batch.descriptor);
    Oid types[2];
    for (int i = 0; i < target->key_count; ++i)
        types[i] = key_column(*target, batch.descriptor, i).atttypid;
    char *statement = walk_statement(*target, batch.descriptor, walk->begun);
    SPI_connect();
    int result =
        SPI_execute_with_args(statement, walk->begun ? target->key_count : 0, types, walk->last, nullptr, false, 0);
    if (result != SPI_OK_SELECT)
        elog(ERROR, "could not read the keys of target %s", target->relation_name);
    for (uint64 row = 0; row < SPI_processed; ++row)
        keep_row(walk, &hasher, *target, batch.descriptor, row);
    SPI_finish();
    close_batch(batch);
}

bool is_in_sample(const Verification &verification, const KeyHash &hash)
{
    uint64 bits;
    memcpy(&bits, &hash, sizeof(bits));
    return verification.sample >= 1 ||
           static_cast<double>(hash_combine64(bits, verification.salt)) < verification.sample * 0x1p64;
}

void note_walked(Verification *verification, TupleTableSlot *slot, const KeyHash &hash, const Datum *keys)
{
    ExecClearTuple(slot);
    slot->tts_values[0] = UUIDPGetDatum(&hash);
    slot->tts_isnull[0] = false;
    for (int i = 0; i < verification->target->key_count; ++i) {
        slot->tts_values[i + 1] = keys[i];
        slot->tts_isnull[i + 1] = false;
    }
    ExecStoreVirtualTuple(slot);
    tuplesort_puttupleslot(verification->walked, slot);
}

// Rows with a mark are those of items that are gone.
void take_portion(Verification *verification, TupleTableSlot *slot, const Walk &walk)
{
    for (int i = 0; i < walk.count; ++i) {
        if (walk.marked[i] || !is_in_sample(*verification, walk.hashes[i]))
            continue;
        ++verification->rows;
        note_walked(verification, slot, walk.hashes[i], walk.keys[i]);
    }
}

void keep_last(Walk *walk, MemoryContext context)
{
    MemoryContextReset(context);
    MemoryContext old = MemoryContextSwitchTo(context);
    for (int i = 0; i < walk->verification->target->key_count; ++i) {
        Form_pg_attribute column = TupleDescAttr(walk->verification->walked_row, i + 1);
        walk->last[i] = datumCopy(walk->keys[walk->count - 1][i], column->attbyval, column->attlen);
    }
    walk->begun = true;
    MemoryContextSwitchTo(old);
}

void walk_target(Verification *verification)
{
    verification->doing = "reading the target's keys";
    Walk walk = {};
    walk.verification = verification;
    walk.context = AllocSetContextCreate(CurrentMemoryContext, "podyn walk", ALLOCSET_DEFAULT_SIZES);
    MemoryContext last = AllocSetContextCreate(CurrentMemoryContext, "podyn last key", ALLOCSET_SMALL_SIZES);
    walk.keys = static_cast<Datum(*)[2]>(palloc0(sizeof(Datum[2]) * kWalkRows));
    walk.hashes = static_cast<KeyHash *>(palloc(sizeof(KeyHash) * kWalkRows));
    walk.marked = static_cast<bool *>(palloc(sizeof(bool) * kWalkRows));
    TupleTableSlot *slot = MakeSingleTupleTableSlot(verification->walked_row, &TTSOpsVirtual);
    do {
        MemoryContextReset(walk.context);
        walk.count = 0;
        MemoryContext old = MemoryContextSwitchTo(walk.context);
        run_and_undo(read_portion, &walk);
        MemoryContextSwitchTo(old);
        if (walk.count > 0)
            keep_last(&walk, last);
        take_portion(verification, slot, walk);
        tick(verification);
    } while (walk.count == kWalkRows);
    ExecDropSingleTupleTableSlot(slot);
    MemoryContextDelete(last);
    MemoryContextDelete(walk.context);
}

// ---- Rows that the scan has not met --------------------------------------------------------------------------------

// The scanned keys, in order.
struct Scanned {
    Tuplesortstate *sort;
    KeyHash hash;
    bool there;
};

void advance(Scanned *scanned)
{
    Datum value;
    scanned->there = next_sorted(scanned->sort, &value);
    if (scanned->there)
        scanned->hash = *DatumGetUUIDP(value);
}

int compare_hashes(const KeyHash &one, const KeyHash &other)
{
    return memcmp(one.data, other.data, sizeof(one.data));
}

void find_unmet_rows(Verification *verification)
{
    verification->doing = "comparing the keys";
    tuplesort_performsort(verification->scanned);
    tuplesort_performsort(verification->walked);
    Scanned scanned = {verification->scanned, {}, false};
    advance(&scanned);
    TupleTableSlot *slot = MakeSingleTupleTableSlot(verification->walked_row, &TTSOpsMinimalTuple);
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "podyn key", ALLOCSET_DEFAULT_SIZES);
    while (tuplesort_gettupleslot(verification->walked, true, false, slot, nullptr)) {
        slot_getallattrs(slot);
        KeyHash hash = *DatumGetUUIDP(slot->tts_values[0]);
        while (scanned.there && compare_hashes(scanned.hash, hash) < 0)
            advance(&scanned);
        if (!scanned.there || compare_hashes(scanned.hash, hash) != 0) {
            MemoryContext old = MemoryContextSwitchTo(context);
            add_candidate(verification, key_document(*verification->target, slot->tts_values + 1));
            MemoryContextSwitchTo(old);
            MemoryContextReset(context);
        }
        tick(verification);
    }
    ExecDropSingleTupleTableSlot(slot);
    MemoryContextDelete(context);
    tuplesort_end(verification->scanned);
    tuplesort_end(verification->walked);
}

// ---- Settling ------------------------------------------------------------------------------------------------------

// The next candidates; 0: there are none left.
int read_candidates(Verification *verification, TupleTableSlot *slot, const char **keys)
{
    int count = 0;
    size_t bytes = 0;
    while (count < kMostSettled && bytes < kMostSettledBytes &&
           tuplestore_gettupleslot(verification->candidates, true, false, slot)) {
        slot_getallattrs(slot);
        char *key = TextDatumGetCString(slot->tts_values[0]);
        keys[count++] = key;
        bytes += strlen(key);
    }
    return count;
}

void settle_candidates(Verification *verification)
{
    verification->doing = "looking again at what has moved";
    Settling settling = {};
    settling.replication = verification->replication;
    settling.source = &verification->source;
    settling.budget = verification->budget;
    settling.target = verification->target;
    settling.bytes_per_item =
        static_cast<uint32>(verification->items > 0 ? verification->item_bytes / verification->items : 0);
    settling.differs = take_difference;
    settling.tick = tick;
    settling.context = verification;
    auto **keys = static_cast<const char **>(palloc(sizeof(char *) * kMostSettled));
    TupleTableSlot *slot = MakeSingleTupleTableSlot(verification->candidate_row, &TTSOpsMinimalTuple);
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "podyn candidates", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(context);
    for (int count; (count = read_candidates(verification, slot, keys)) > 0;) {
        settle(&settling, keys, count);
        verification->settled += count;
        MemoryContextReset(context);
    }
    MemoryContextSwitchTo(old);
    MemoryContextDelete(context);
    ExecDropSingleTupleTableSlot(slot);
    tuplestore_end(verification->candidates);
    verification->read_units += settling.read_units;
    if (settling.restless > 0)
        ereport(NOTICE, (errmsg(INT64_FORMAT " keys changed too often to be compared", settling.restless),
                         errdetail("The stream writes their rows again and again, and the whole of them each time.")));
}

// ---- Whether, and as whom ------------------------------------------------------------------------------------------

void require_source(const catalog::Replication &replication)
{
    if (replication.imports)
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("\"%s\" is an import", replication.name),
                 errdetail("What it has loaded from files has no table in DynamoDB to be compared with."),
                 errhint("podyn_status tells how many items were written and rejected.")));
    if (replication.profile != nullptr &&
        catalog::get_profile(CurrentMemoryContext, replication.profile, replication.owner)->makes_records())
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("what \"%s\" has copied was written by profile \"%s\"", replication.name, replication.profile),
                 errdetail("Nothing tells which records its hooks have made of an item."),
                 errhint("podyn_status tells how many items were written and rejected.")));
}

// Of a copy without changes: nothing is on its way, but the copy itself has to be complete.
void require_completed(const catalog::Replication &replication)
{
    State state = current_state(replication);
    raise_if_failed(replication, state);
    if (strcmp(state.name, "completed") != 0)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("replication \"%s\" is in state %s", replication.name, state.name),
                        errhint("Wait until it is completed; podyn_wait('%s', 'completed') does.", replication.name)));
}

void wait_until_in_sync(Verification *verification)
{
    const catalog::Replication &replication = *verification->replication;
    if (!replication.replay_changes) {
        require_completed(replication);
        return;
    }
    verification->doing = "waiting for the stream";
    TimestampTz since = in_stream_by();
    while (!wait_for_changes(replication, since, GetCurrentTimestamp() + USECS_PER_SEC))
        tick(verification);
}

void make_stores(Verification *verification)
{
    TypeCacheEntry *uuid = lookup_type_cache(UUIDOID, TYPECACHE_LT_OPR);
    verification->scanned =
        tuplesort_begin_datum(UUIDOID, uuid->lt_opr, InvalidOid, false, kSortKilobytes, nullptr, kSortOnce);
    Relation relation = relation_open(verification->replication->target, AccessShareLock);
    const Target &target = *verification->target;
    verification->walked_row = CreateTemplateTupleDesc(target.key_count + 1);
    TupleDescInitEntry(verification->walked_row, 1, "hash", UUIDOID, -1, 0);
    for (int i = 0; i < target.key_count; ++i)
        TupleDescCopyEntry(verification->walked_row, static_cast<AttrNumber>(i + 2), RelationGetDescr(relation),
                           target.columns[target.keys[i]].number);
    relation_close(relation, AccessShareLock);
    AttrNumber first[] = {1};
    Oid collations[] = {InvalidOid};
    bool nulls_first[] = {false};
    verification->walked = tuplesort_begin_heap(verification->walked_row, 1, first, &uuid->lt_opr, collations,
                                                nulls_first, kSortKilobytes, nullptr, kSortOnce);
    verification->candidate_row = CreateTemplateTupleDesc(1);
    TupleDescInitEntry(verification->candidate_row, 1, "key", TEXTOID, -1, 0);
    verification->candidates = tuplestore_begin_heap(false, false, kStoreKilobytes);
}

void compare(Verification *verification)
{
    wait_until_in_sync(verification);
    verification->target = load_target(CurrentMemoryContext, *verification->replication);
    make_stores(verification);
    scan(verification);
    walk_target(verification);
    find_unmet_rows(verification);
    settle_candidates(verification);
    forget_former(verification);
    tell_reasons(*verification->replication);
}

int64 found(const Verification &verification, Finding finding)
{
    return verification.found[static_cast<int>(finding)];
}

void record(const Verification &verification)
{
    const catalog::Replication &replication = *verification.replication;
    catalog::record_event(
        replication.owner, replication.name, "verified",
        psprintf("%s" INT64_FORMAT " items and " INT64_FORMAT " rows compared by podyn_verify: " INT64_FORMAT
                 " missing, " INT64_FORMAT " extra, " INT64_FORMAT " different; %.1f read units",
                 verification.sample < 1 ? "a sample of " : "", verification.items, verification.rows,
                 found(verification, Finding::kMissing), found(verification, Finding::kExtra),
                 found(verification, Finding::kDifferent), verification.read_units));
}

Verification verify(const char *name, double sample)
{
    Verification verification = {};
    catalog::Replication *replication = catalog::get_own_replication(CurrentMemoryContext, name);
    require_source(*replication);
    require_committed(*replication);
    locks::own_differences(replication->id);
    verification.replication = replication;
    verification.sample = sample;
    verification.salt = random_bits();
    verification.begun = GetCurrentTimestamp();
    verification.told_at = now().monotonic_us;
    Identity caller = become_owner(*replication);
    verification.source = connect(replication->server);
    verification.budget = shared::replication(replication->id, replication->owner);
    compare(&verification);
    become_caller(caller);
    record(verification);
    return verification;
}

}  // namespace
}  // namespace podyn

extern "C" {

PG_FUNCTION_INFO_V1(podyn_verify);

Datum podyn_verify(PG_FUNCTION_ARGS)
{
    using namespace podyn;
    PreventCommandIfReadOnly("podyn_verify()");
    require_fresh_snapshots("podyn_verify");
    double sample = PG_GETARG_FLOAT8(1);
    if (!(sample > 0 && sample <= 1))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("sample must be above 0 and at most 1"),
                        errhint("It is the share that is compared: 0.01 for one percent.")));
    shared::attach();
    Verification done = verify(text_to_cstring(PG_GETARG_TEXT_PP(0)), sample);
    return_set(fcinfo, false);
    auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    Datum values[] = {Int64GetDatum(done.items), Int64GetDatum(done.rows),
                      Int64GetDatum(found(done, Finding::kMissing)), Int64GetDatum(found(done, Finding::kExtra)),
                      Int64GetDatum(found(done, Finding::kDifferent))};
    bool nulls[lengthof(values)] = {};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    return Datum{0};
}
}
