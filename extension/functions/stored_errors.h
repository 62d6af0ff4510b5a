// Rows of podyn.error that podyn_retry_errors tries again: read, parsed, and settled.
#pragma once

#include <span>

#include "catalog/profiles.h"
#include "catalog/replications.h"
#include "compat.h"
#include "engine/item.h"
#include "functions/reason.h"

namespace podyn {

struct StoredError {
    int64 id;
    TimestampTz at;
    bool remove;
    std::string_view document;  // DynamoDB JSON: the item, or its key where it is read again. Empty: it cannot be tried
    StoredError *next;          // of the same key; null: none
};

struct StoredErrors {
    StoredError *errors;
    int count;
};

// Where rejected items come from: a file, or anything that a replication reads.
struct Origin {
    int64 task;          // of a file
    const char *source;  // null: any
    bool changes;        // an incremental export's
    OnConflict on_conflict;
    const catalog::Profile *profile;  // null: none
};

struct Outcome {
    int64 taken;
    double read_units;
};

// At most so many behind number `after`, by their numbers, and not much more of them than a worker's transaction would
// write. Locked, as all that is read here.
StoredErrors next_errors(const catalog::Replication &replication, const char *source, int64 after, int most);
// Those of these numbers that are there, in the order of the numbers, with whole items.
StoredErrors errors_of(const int64 *ids, int count);
// What the documents say; an unsound item for one that is not there.
std::span<const engine::Item> parse(const StoredErrors &stored, engine::NulCharacters nul_characters);

// One that is taken leaves podyn.error (true), another one gets its new reason.
bool settle(const StoredError &stored, const Reason &reason);

// Of a file: they are counted as if they had been taken when it was loaded.
void count_items(const Origin &origin, int64 written, int64 skipped);

}  // namespace podyn
