// Rows of podyn.replication. Their states and who moves them:
//
//   starting   podyn_replicate, podyn_start after podyn_reset      a task of kind setup exists
//   copying    the setup task, with the start positions of all     segments (or files, or an export) and shards exist;
//              shards, in one transaction                          changes go to the spool
//              a task of kind export ends with the files' tasks. A copy that upserts ends with a task of kind prune,
//              which the supervisor adds after the last segment or file
//   merging    the supervisor, when all of that is done            a task of kind merge exists; changes go to the spool
//   streaming  the merge task, when the stream has passed the      changes go to the target
//              backfill's end and the spool is empty; or the setup task where no data is copied
//   completed  the supervisor or the setup task, where nothing is left to do
//
// Beside the phase stand `enabled` (podyn_start, podyn_stop) and `failure` (a worker: failed, needs_resync).
#pragma once

#include "catalog/options.h"
#include "catalog/sql.h"
#include "compat.h"

namespace podyn::catalog {

struct Replication {
    int32 id;
    char *name;
    Oid owner;
    char *server;
    char *source;
    Oid target;
    bool copy_data;
    bool replay_changes;
    bool jsonb_mode;      // key columns and one column for the whole item
    bool typed_document;  // jsonb mode: as DynamoDB JSON
    bool lower_case_columns;
    double scan_rate;  // read units per second; 0: no limit
    int32 segments;    // as asked for; 0: chosen from the table's size
    int32 workers;     // most of them; 0: podyn.max_workers
    ConsistentRead consistent_read;
    OnExisting on_existing;
    Deletes deletes;
    Deletes ttl_deletes;
    NulCharacters nul_characters;
    bool imports;  // podyn_import: the source is where the files are
    OnConflict on_conflict;
    char *filter;   // null: none
    char *profile;  // its hooks (catalog/profiles.h); null: none
    Backfill backfill;
    char *files_at;              // where files are that are loaded, or will be exported to; null: none are
    TimestampTz exported_until;  // Backfill::kFiles: what they contain ends then; else 0
    int32 batch_size;            // rows in one statement; 0: as many as a transaction has
    bool loads_fresh;            // an import that began with an empty table
    int32 revision;
    int32 copy_segments;  // of the copy under way; 0: not set up yet
    int key_count;
    char *keys[2];             // attribute names: partition key, sort key
    char *stream_arn;          // null before the first setup
    bool rereads_items;        // the stream's records carry no new images (its view type, which never changes)
    bool target_made;          // by podyn, not its owner's own table
    bool adds_columns;         // to it, for attributes that have none
    bool target_is_ours;       // a copy has begun
    bool copy_upserts;         // the copy under way: rows are upserted, and those of other keys pruned at its end
    TimestampTz positions_at;  // when the shards' start positions were committed; 0: not yet
};

// What a transaction must know before it applies anything.
struct Standing {
    bool exists;
    Oid owner;
    bool runs;                 // enabled, no failure
    bool spooling;             // changes go to the spool
    TimestampTz positions_at;  // tells one copy from the next, after podyn_reset; 0: not set up yet
    int32 revision;            // of the options
    NulCharacters nul_characters;
};

// Reads a replication into `context`; null if there is none.
Replication *find_replication(MemoryContext context, int32 id);
Replication *find_replication(MemoryContext context, const char *name);
// The same for a user's call: an error if it does not exist or the user may not touch it.
Replication *get_own_replication(MemoryContext context, const char *name);
Standing replication_standing(int32 id);

// Ends a replication's work: failure is "failed" or "needs_resync". False: it had ended before.
bool set_failure(const Replication &replication, const char *failure, const char *reason);

}  // namespace podyn::catalog
