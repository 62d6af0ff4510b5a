// What may fail without the rest of the transaction: an action in a subtransaction.
#pragma once

#include "compat.h"

namespace podyn {

// Runs the action in the current memory context. Null: it has succeeded and is kept; otherwise it is undone, and this
// is why, in the same context. A cancel is raised.
ErrorData *attempt(void (*action)(void *), void *argument);

// An error's message with its detail, for where there is room for one text.
char *message_of(const ErrorData &error);

// Runs the action in the current memory context and undoes what it did, its locks too. Errors are raised.
void run_and_undo(void (*action)(void *), void *argument);

}  // namespace podyn
