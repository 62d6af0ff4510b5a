// How a foreign table can be asked for its rows: GetItem or BatchGetItem by key, Query of the table or an index, Scan.
// Each way is what planning calls an access; it knows which terms it uses for what.
#pragma once

#include "compat.h"
#include "fdw/conditions.h"

namespace podyn {

enum class Request : uint8 { kScan, kQuery, kGetItem, kBatchGetItem };

struct Access {
    Request request;
    const engine::IndexDescription *index;  // null: the table itself
    List *partition;                        // const Term *: one for each attribute of the partition key
    List *sort;                             // const Term *: none, one, or a lower and an upper bound
    List *filter;                           // const Term *
    bool exact;                             // every clause is said in full
    bool ordered;                           // rows come in the order of sort_column
    int sort_column;                        // in ForeignTable; kNoForeignColumn: none
    double requests;                        // estimated
    double rows_read;                       // estimated, before the filter
    double rows;                            // estimated
};

// All that make sense, in the current memory context: Access *. `clauses`: RestrictInfo *. `needed`: column numbers,
// pull_varattnos' way.
List *find_accesses(const Clauses &planning, List *clauses, Bitmapset *needed);

}  // namespace podyn
