// Targets that Citus knows (distributed tables, reference tables, local ones): a batch on its way to the nodes.
//
// Citus plans ordinary statements only: neither a multi-insert nor an ephemeral named relation reaches the shards. So a
// batch stands in a common table expression over podyn.batch(), a function that returns the batch's rows; all else of
// a statement is as for any other target. INSERT without ON CONFLICT becomes a COPY to the shards, with ON CONFLICT one
// statement for each shard; DELETE and UPDATE send the batch to the nodes and join it there.
//
// Rows on the nodes and podyn's own tables, which stay on the coordinator, commit together: Citus prepares on the
// nodes, commits here, then commits there. See docs/scaling-out.md.
#pragma once

#include "load/apply.h"

namespace podyn {

// Whether the extension citus is in this database.
bool citus_installed();

// Whether a table is one of Citus's.
bool is_citus_table(Oid relation);

// Makes this transaction commit on all nodes or on none, before it changes anything there.
void commit_on_all_nodes();

// Runs a statement that reads the batch under the name `batch_name`. Inside a subtransaction: outside of one, in a
// process without BEGIN, Citus would let a statement for one shard commit by itself. Returns how many rows it changed;
// those that a SELECT found are given to `reader`.
uint64 run_on_nodes(const Batch &batch, const char *batch_name, const char *statement, Tuplestorestate *rows,
                    const Reader *reader = nullptr);

// Waits until nodes have committed what the coordinator has committed so far; raises an error after a second. Where the
// coordinator crashed, or lost a node, between the two, they commit when Citus's recovery finds it, and until then no
// statement sees the rows.
void wait_until_nodes_have_committed();

// Runs a statement that changes the table itself (ALTER TABLE, TRUNCATE), with commit_on_all_nodes().
void alter_on_nodes(const char *statement);

}  // namespace podyn
