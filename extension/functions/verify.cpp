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
#include "functions/key_merge.h"
#include "functions/look.h"
#include "functions/settling.h"
#include "functions/source_scan.h"
#include "functions/target_walk.h"
#include "functions/wait.h"
#include "load/key_document.h"
#include "load/rows.h"
#include "locks.h"
#include "raise.h"

namespace podyn {
namespace {

constexpr int kStoreKilobytes = 4 * 1024;
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
    KeyMerge keys;
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
            add_item(&verification->keys, subjects[i].hash);
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

bool is_in_sample(const Verification &verification, const KeyHash &hash)
{
    uint64 bits;
    memcpy(&bits, &hash, sizeof(bits));
    return verification.sample >= 1 ||
           static_cast<double>(hash_combine64(bits, verification.salt)) < verification.sample * 0x1p64;
}

// Rows with a mark are those of items that are gone.
void take_rows(void *context, const WalkedRow *rows, int count)
{
    auto *verification = static_cast<Verification *>(context);
    for (int i = 0; i < count; ++i) {
        if (rows[i].marked || !is_in_sample(*verification, rows[i].hash))
            continue;
        ++verification->rows;
        add_row(&verification->keys, rows[i].hash, rows[i].keys);
    }
    tick(verification);
}

void walk(Verification *verification)
{
    verification->doing = "reading the target's keys";
    walk_target({verification->replication, take_rows, verification});
}

void take_unmet(void *context, const Datum *keys)
{
    auto *verification = static_cast<Verification *>(context);
    add_candidate(verification, key_document(*verification->target, keys));
}

void compare_keys(Verification *verification)
{
    verification->doing = "comparing the keys";
    find_unmet_rows(&verification->keys, take_unmet, tick, verification);
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
    verification->keys = make_key_merge(*verification->target, verification->replication->target);
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
    walk(verification);
    compare_keys(verification);
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
