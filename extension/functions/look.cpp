// See look.h.
#include "functions/look.h"

#include "arrays.h"
#include "catalog/profiles.h"
#include "functions/compare.h"
#include "imports/hooks.h"
#include "load/apply.h"
#include "load/document.h"
#include "load/halving.h"
#include "raise.h"
#include "setting_change.h"
#include "subtransaction.h"

namespace podyn {
namespace {

// The subjects by their keys' hashes.
struct Entry {
    KeyHash hash;
    Subject *subject;
};

struct Looking {
    const Look *look;
    Target *target;
    Batch batch;
    KeyHasher hasher;
    AttrNumber *columns;  // of the descriptor, as they are selected
    int column_count;
    const char *selected;
    // One part of it
    HTAB *by_key;
};

// ---- What is selected ----------------------------------------------------------------------------------------------

void select_column(Looking *looking, StringInfo list, AttrNumber number)
{
    for (int i = 0; i < looking->column_count; ++i)
        if (looking->columns[i] == number)
            return;
    if (number == InvalidAttrNumber)
        return;
    looking->columns[looking->column_count++] = number;
    appendStringInfo(list, "%starget.%s", list->len ? ", " : "",
                     quote_identifier(NameStr(TupleDescAttr(looking->batch.descriptor, number - 1)->attname)));
}

void select_columns(Looking *looking)
{
    const Target &target = *looking->target;
    StringInfoData list;
    initStringInfo(&list);
    looking->columns =
        static_cast<AttrNumber *>(palloc(sizeof(AttrNumber) * static_cast<size_t>(looking->batch.descriptor->natts)));
    for (int i = 0; i < target.key_count; ++i)
        select_column(looking, &list, target.columns[target.keys[i]].number);
    for (int i = 0; i < target.column_count && !target.jsonb_mode; ++i)
        select_column(looking, &list, target.columns[i].number);
    select_column(looking, &list, target.document);
    select_column(looking, &list, target.rest);
    select_column(looking, &list, target.deleted_at);
    const char *version = has_versions(target) ? "target.tableoid::pg_catalog.text || target.ctid::pg_catalog.text || "
                                                 "target.xmin::pg_catalog.text"
                                               : psprintf("ROW(%s)::pg_catalog.text", list.data);
    appendStringInfo(&list, ", pg_catalog.hashtextextended(%s, 0)", version);
    looking->selected = list.data;
}

// ---- A row that was found ------------------------------------------------------------------------------------------

struct Listing {
    const Looking *looking;
    const TargetRow *row;
    Subject *subject;
};

// As it would stand in the row.
Jsonb *source_document(const Target &target, const engine::Value &value)
{
    if (target.typed_document)
        return typed_document(value);
    if (value.type != engine::ValueType::kBinary)
        return DatumGetJsonbP(jsonb_from_value(value));
    engine::Value text = value;  // bytes at top level
    text.text = base64(value.text);
    return DatumGetJsonbP(jsonb_from_value(text));
}

void list_difference(void *context, const Difference &difference)
{
    const auto *listing = static_cast<Listing *>(context);
    MemoryContext old = MemoryContextSwitchTo(listing->looking->look->context);
    auto *listed = static_cast<AttributeDifference *>(palloc0(sizeof(AttributeDifference)));
    listed->attribute = copy_string(difference.attribute);
    if (difference.source != nullptr)
        listed->source = source_document(*listing->looking->target, *difference.source);
    if (difference.column != InvalidAttrNumber)
        listed->target = column_document(*TupleDescAttr(listing->looking->batch.descriptor, difference.column - 1),
                                         listing->row->values[difference.column - 1]);
    else if (difference.document != nullptr)
        listed->target = DatumGetJsonbPCopy(JsonbPGetDatum(difference.document));
    listing->subject->differences = lappend(listing->subject->differences, listed);
    MemoryContextSwitchTo(old);
}

// An extra row is nothing to speak of where it was left on purpose, or bears a mark.
Finding without_item(const Looking &looking, const TargetRow &row)
{
    const catalog::Replication &replication = *looking.look->replication;
    AttrNumber mark = looking.target->deleted_at;
    bool stays = replication.deletes == Deletes::kIgnore || replication.ttl_deletes == Deletes::kIgnore ||
                 (mark != InvalidAttrNumber && !row.nulls[mark - 1]);
    return stays ? Finding::kSame : Finding::kExtra;
}

void compare_row(const Looking &looking, const TargetRow &row, Subject *subject)
{
    if (subject->item == nullptr) {
        subject->finding = without_item(looking, row);
        return;
    }
    subject->finding = Finding::kDifferent;  // should the item turn out to be no row at all
    engine::Problem problem = check_item(*looking.target, *subject->item);
    if (problem.exists()) {
        subject->reason = MemoryContextStrdup(looking.look->context, copy_string(problem.message));
        return;
    }
    Listing listing = {&looking, &row, subject};
    subject->differences = NIL;
    Comparison comparison = {looking.target, looking.batch.descriptor,
                             looking.look->lists_differences ? list_difference : nullptr, &listing};
    if (is_same(comparison, *subject->item, row))
        subject->finding = Finding::kSame;
}

Subject *find_subject(Looking *looking, const Datum *values)
{
    Datum keys[2];
    for (int i = 0; i < looking->target->key_count; ++i)
        keys[i] = values[looking->target->columns[looking->target->keys[i]].number - 1];
    KeyHash hash = hash_key(&looking->hasher, keys);
    auto *entry = static_cast<Entry *>(hash_search(looking->by_key, &hash, HASH_FIND, nullptr));
    return entry == nullptr ? nullptr : entry->subject;
}

void take_rows(void *context)
{
    auto *looking = static_cast<Looking *>(context);
    auto width = static_cast<size_t>(looking->batch.descriptor->natts);
    auto *values = static_cast<Datum *>(palloc0(sizeof(Datum) * width));
    auto *nulls = static_cast<bool *>(palloc(sizeof(bool) * width));
    memset(nulls, true, width);
    MemoryContext context_of_row =
        AllocSetContextCreate(CurrentMemoryContext, "podyn compared row", ALLOCSET_DEFAULT_SIZES);
    for (uint64 n = 0; n < SPI_processed; ++n) {
        CHECK_FOR_INTERRUPTS();
        MemoryContext old = MemoryContextSwitchTo(context_of_row);
        HeapTuple tuple = SPI_tuptable->vals[n];
        for (int i = 0; i < looking->column_count; ++i) {
            AttrNumber number = looking->columns[i];
            values[number - 1] = SPI_getbinval(tuple, SPI_tuptable->tupdesc, i + 1, &nulls[number - 1]);
        }
        if (Subject *subject = find_subject(looking, values)) {
            bool null;
            subject->row = true;
            subject->version = static_cast<uint64>(
                DatumGetInt64(SPI_getbinval(tuple, SPI_tuptable->tupdesc, looking->column_count + 1, &null)));
            compare_row(*looking, {values, nulls}, subject);
        }
        MemoryContextSwitchTo(old);
        MemoryContextReset(context_of_row);
    }
}

// ---- The whole look ------------------------------------------------------------------------------------------------

void forget_findings(Subject *subject)
{
    subject->finding = subject->item == nullptr ? Finding::kSame : Finding::kMissing;
    subject->row = subject->hashed = false;
    subject->version = 0;
    subject->reason = nullptr;
    subject->differences = NIL;
}

// The keys, as rows of which nothing else is known.
Row *key_rows(const Looking &looking, const Subject *subjects, int count)
{
    auto *items = static_cast<PageItem *>(palloc0(sizeof(PageItem) * static_cast<size_t>(count + 1)));
    for (int i = 0; i < count; ++i) {
        items[i].item = subjects[i].key;
        items[i].remove = true;
    }
    return make_rows(looking.batch, items, count);
}

void hash_subject(Looking *looking, Row *row, Subject *subject)
{
    fill_row(*looking->target, looking->batch.descriptor, Form::kKeyOnly, row);
    Datum keys[2];
    for (int i = 0; i < looking->target->key_count; ++i)
        keys[i] = row->values[looking->target->columns[looking->target->keys[i]].number - 1];
    subject->hash = hash_key(&looking->hasher, keys);
    subject->hashed = true;
    auto *entry = static_cast<Entry *>(hash_search(looking->by_key, &subject->hash, HASH_ENTER, nullptr));
    entry->subject = subject;
}

void switch_off(const char *setting)
{
    set_for_a_while(setting, "off");
}

// Each key by the index that upserts need, too: the planner may take it for cheaper to read a whole table of some
// megabytes into a hash, for each page again.
void find_by_index(Looking *looking, Row *rows, int count)
{
    int level = NewGUCNestLevel();
    switch_off("enable_hashjoin");
    switch_off("enable_mergejoin");
    find_rows(looking->batch, rows, count, looking->selected, {take_rows, looking});
    AtEOXact_GUC(true, level);
}

void look_at_part(void *context, int first, int count)
{
    auto *looking = static_cast<Looking *>(context);
    Subject *subjects = looking->look->subjects + first;
    HASHCTL control = {};
    control.keysize = sizeof(KeyHash);
    control.entrysize = sizeof(Entry);
    control.hcxt = CurrentMemoryContext;
    looking->by_key = hash_create("podyn keys", count, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    Row *rows = key_rows(*looking, subjects, count);
    for (int i = 0; i < count; ++i) {
        forget_findings(&subjects[i]);
        hash_subject(looking, &rows[i], &subjects[i]);
    }
    find_by_index(looking, rows, count);
}

// The item cannot be a row; what its row is all the same has been found out, if there is one.
void refuse(void *context, int which, ErrorData *error)
{
    const auto *looking = static_cast<Looking *>(context);
    Subject *subject = &looking->look->subjects[which];
    subject->reason = MemoryContextStrdup(looking->look->context, error->message);
}

// Attributes that podyn has not met so far, where others have filled the table.
void note_new_columns(Looking *looking)
{
    const Look &look = *looking->look;
    auto **items = static_cast<const engine::Item **>(palloc(sizeof(engine::Item *) * static_cast<size_t>(look.count)));
    int count = 0;
    for (int i = 0; i < look.count; ++i)
        if (look.subjects[i].item != nullptr)
            items[count++] = look.subjects[i].item;
    note_columns(*look.replication, looking->target, missing_columns(*looking->target, items, count));
}

// The items as the replication's profile has them when they are written. One that it leaves out has no row.
void screen_items_of(const Look &look)
{
    const catalog::Replication &replication = *look.replication;
    if (replication.profile == nullptr)
        return;
    auto *items = make_array<PageItem>(look.count);
    auto **subjects = make_array<Subject *>(look.count);
    int count = 0;
    for (int i = 0; i < look.count; ++i)
        if (look.subjects[i].item != nullptr) {
            subjects[count] = &look.subjects[i];
            items[count++].item = look.subjects[i].item;
        }
    catalog::Profile *profile = catalog::get_profile(CurrentMemoryContext, replication.profile, replication.owner);
    (void)screen_rows({profile, nullptr, true, &replication}, replication.nul_characters, items, count);
    for (int i = 0; i < count; ++i)
        subjects[i]->item = items[i].remove ? nullptr : items[i].item;
}

void look_at_all(void *argument)
{
    const auto *look = static_cast<const Look *>(argument);
    screen_items_of(*look);
    Looking looking = {};
    looking.look = look;
    // Locked first: what other sessions did to it before is known then.
    LockRelationOid(look->replication->target, AccessShareLock);
    AcceptInvalidationMessages();
    looking.target = load_target(CurrentMemoryContext, *look->replication);
    looking.batch = open_batch_for_reading(*looking.target);
    looking.hasher = make_key_hasher(CurrentMemoryContext, *looking.target, looking.batch.descriptor);
    note_new_columns(&looking);
    select_columns(&looking);
    work_in_halves({look_at_part, refuse, &looking}, 0, look->count);
    close_batch(looking.batch);
}

}  // namespace

bool has_versions(const Target &target)
{
    return !target.citus;
}

void look(const Look &look)
{
    MemoryContext own = AllocSetContextCreate(CurrentMemoryContext, "podyn look", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(own);
    auto **items = make_array<const engine::Item *>(look.count);
    for (int i = 0; i < look.count; ++i)
        items[i] = look.subjects[i].item;
    run_and_undo(look_at_all, const_cast<Look *>(&look));
    for (int i = 0; i < look.count; ++i)
        look.subjects[i].item = items[i];
    MemoryContextSwitchTo(old);
    MemoryContextDelete(own);
}

}  // namespace podyn
