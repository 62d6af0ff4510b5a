// What a plan tries out: really done, in a subtransaction that is always rolled back.
#pragma once

#include "functions/plan_rows.h"

namespace podyn {

// Runs the trial without messages and without waiting for locks for long, and undoes it. The DDL that has run becomes
// rows, and so does an error.
void try_and_undo(PlanRows *rows, void (*trial)(void *), void *argument);

}  // namespace podyn
