// The options of podyn_import, checked.
#pragma once

#include "catalog/options.h"
#include "compat.h"

namespace podyn {

struct ImportOptions {
    const char *source;
    const char *target;
    const char *name;  // null: the target's name
    const char *server;
    char **key;     // attributes: partition key, sort key
    int key_count;  // 0: to be found out
    OnConflict on_conflict;
    const char *filter;   // null: none
    const char *profile;  // null: none
    bool allow_gaps;
    int32 batch_size;
    bool citus;
    ConversionMode conversion_mode;
    bool lower_case_columns;
    int32 workers;  // 0: podyn.max_workers
    NulCharacters nul_characters;
    bool start;
};

ImportOptions read_import_options(FunctionCallInfo fcinfo);

}  // namespace podyn
