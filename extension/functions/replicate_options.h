// The options of podyn_replicate and podyn_replicate_all, checked.
#pragma once

#include "catalog/options.h"
#include "compat.h"

namespace podyn {

struct ReplicateOptions {
    const char *target;  // null: the source's name in the first schema of search_path
    const char *name;    // null: the source's name
    const char *server;
    bool schema;
    bool data;
    bool changes;
    bool citus;
    const char *colocate_with;  // null: where Citus would put it
    ConversionMode conversion_mode;
    bool lower_case_columns;
    Datum scan_rate;  // numeric
    double scan_rate_value;
    int32 segments;  // 0: chosen from the table's size
    int32 workers;   // 0: podyn.max_workers
    ConsistentRead consistent_read;
    bool enable_stream;
    OnExisting on_existing;
    Deletes deletes;
    const char *ttl_deletes;  // null: as deletes
    NulCharacters nul_characters;
    bool start;
    Backfill backfill;
    const char *files_at;   // Backfill::kExport: where to; kFiles: where exports are; else null
    const char *profile;    // its name; null: none
    bool reads_as_default;  // scan_rate, segments and consistent_read, which are about scans only
};

// Reads the arguments that both functions share, the first of which (`server`) stands at `first`.
ReplicateOptions read_replicate_options(FunctionCallInfo fcinfo, int first);

// The same for podyn_alter's arguments behind the name, checked alike: those that are null have their default here. 0
// and 'default' stand for a NULL of podyn_replicate.
constexpr int kAlterableOptions = 8;
ReplicateOptions read_altered_options(FunctionCallInfo fcinfo, int first);

}  // namespace podyn
