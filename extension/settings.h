// podyn's settings (postgresql.conf, podyn.*), as docs/options.md describes them.
#pragma once

namespace podyn::settings {

extern int max_workers;          // worker processes in the whole server
extern int poll_interval;        // milliseconds between two reads of an idle shard
extern int batch_rows;           // items or changes in one transaction at most
extern int batch_kilobytes;      // and their size at most, where it is ours to choose
extern int stream_delay;         // milliseconds after which an acknowledged write is in the stream, for podyn_sync
extern char *allowed_endpoints;  // hosts that servers may name
extern bool allow_credential_process;
extern bool dry_run;           // writes to DynamoDB are told of, and not sent
extern int write_connections;  // requests that one statement has under way at once at most, where it writes

// DynamoDB's own limit on a page of GetRecords (API reference, GetRecords).
inline constexpr int kMaxRecords = 1000;

void define();

}  // namespace podyn::settings
