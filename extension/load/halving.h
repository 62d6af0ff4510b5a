// One bad item never stops the rest: a batch that fails is split in halves inside subtransactions until the failing
// item is alone.
#pragma once

#include "load/apply.h"

namespace podyn {

// Told of an item that cannot be written, inside the batch's transaction. `error` lives in the current context.
using Reject = void (*)(void *context, const Row &row, ErrorData *error);

// Whether an error is the item's own fault (its values, or a constraint or trigger of the target), so that leaving the
// item out helps. Deadlocks, full disks, missing rights, wrong statements and the like are not.
bool is_item_error(int sqlerrcode);

// Does `work` for a part of something, from `first` on, in a subtransaction and in memory that goes with it. Parts that
// fail with an item's own error are halved; what fails alone is told to `refuse`. Any other error is raised.
struct Parts {
    void (*work)(void *context, int first, int count);
    void (*refuse)(void *context, int which, ErrorData *error);
    void *context;
};
void work_in_halves(const Parts &parts, int first, int count);

// Writes rows; items that fail alone are given to `reject`. Any other error is raised. Returns how many have been taken
// (apply_rows).
// `target` may come back with wants_rest set and an error raised: an item needs podyn_rest, which does not exist yet.
int apply_or_reject(const Batch &batch, Target *target, Row *rows, int count, Reject reject, void *context);

// Writes a backfill's rows the fastest way that the target allows. False: it allows none, or some of the rows cannot be
// written; none has been, and the way above is the one to go.
bool load_rows(const Batch &batch, Row *rows, int count, void (*between)());

}  // namespace podyn
