// What an UPDATE or DELETE has to read of the rows that it changes.
#pragma once

#include "compat.h"
#include "fdw/table.h"

namespace podyn {

// PostgreSQL's own name for the old row among a plan's columns, see preprocess_targetlist.
inline constexpr const char *kOldRow = "wholerow";

// `needed`: the columns that a scan of the relation gives, pull_varattnos' way. The old row is a whole-row variable,
// which would be every column: this leaves those that the statement looks at. All the same it is the whole row where
// triggers see it, where the statement names it, and in partitions and children.
Bitmapset *narrow_to_old_row(PlannerInfo *root, const RelOptInfo &relation, const ForeignTable &table,
                             Bitmapset *needed);

}  // namespace podyn
