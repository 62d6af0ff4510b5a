// The steps of podyn_replicate, in the order in which it takes them; podyn_plan takes the same, and undoes them.
#pragma once

#include "engine/operations.h"
#include "event_loop.h"
#include "functions/replicate_options.h"
#include "load/create_target.h"

namespace podyn {

struct Source {
    EventLoop *loop;
    engine::Session *session;
    uint32 sample_items;  // how many items check_table reads
};

// An argument that may be neither null nor empty.
char *required_text(FunctionCallInfo fcinfo, int argument, const char *name);

// What follows raises an error where podyn_replicate could not go on. Memory is that of the current context.
void check_caller();
Source connect(const char *server);
void require_free_name(const char *name);
engine::TableDescription describe_table(const Source &source, const char *table);
// Asks for what the options need (the stream, a scan); gives some items, whose attributes show what columns there will
// be.
engine::ScanPage check_table(const Source &source, const engine::TableDescription &table,
                             const ReplicateOptions &options);
// Makes or adopts the target, with a column for each attribute of the sample, and writes the replication down.
TargetRequest make_replication(const char *table_name, const char *name, const ReplicateOptions &options,
                               const engine::TableDescription &table, const engine::ScanPage &sample);

}  // namespace podyn
