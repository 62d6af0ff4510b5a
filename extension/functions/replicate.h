// The steps of podyn_replicate, in the order in which it takes them; podyn_plan takes the same, and undoes them.
#pragma once

#include "catalog/profiles.h"
#include "functions/replicate_options.h"
#include "imports/exports.h"
#include "load/create_target.h"
#include "source_table.h"

namespace podyn {

// An argument that may be neither null nor empty.
char *required_text(FunctionCallInfo fcinfo, int argument, const char *name);
// The options of a function that takes podyn_replicate's arguments.
ReplicateOptions read_all_options(FunctionCallInfo fcinfo);

// What follows raises an error where podyn_replicate could not go on. Memory is that of the current context.
void check_caller();
void require_free_name(const char *name);
// The owner may read its own rejected items, column map and profiles (row security keeps other owners' away).
void grant_reading(Oid owner);
struct NewReplication {
    int32 id;
    TargetRequest target;
};
// An error unless there is such a profile and its hooks can do what a replication with these options needs; null: none
// is asked for. The sample becomes what parse makes of it.
catalog::Profile *check_profile(const ReplicateOptions &options, engine::ScanPage *sample);

// Makes or adopts the target, with a column for each attribute of the sample, and writes the replication down. It has
// no tasks yet.
NewReplication make_replication(const char *table_name, const char *name, const ReplicateOptions &options,
                                const engine::TableDescription &table, const engine::ScanPage &sample);

// The same where a profile's hooks make the records: the target stays as it is, and whatever can be written to will do.
NewReplication make_record_replication(const char *source, const char *name, const ReplicateOptions &options,
                                       const engine::TableDescription &table, const catalog::Profile &profile,
                                       OnConflict on_conflict);

// What a copy without changes does with such a profile.
NewReplication make_hooked_copy(const char *table_name, const char *name, const ReplicateOptions &options,
                                const engine::TableDescription &table, const catalog::Profile &profile,
                                const ImportFiles &files);

// All of it for one table.
void replicate_table(const Source &source, const char *table_name, const ReplicateOptions &options);

}  // namespace podyn
