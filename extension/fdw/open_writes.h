// The writes of statements on foreign tables that are still going on. They are waited for at the statement's end, but a
// trigger or a function that reads their table, or writes to it, before that finds them carried out.
#pragma once

#include "write/writing.h"

namespace podyn {

// Until the memory context ends. `writing` has to live as long.
void note_open_writes(MemoryContext context, std::string_view table_arn, Writing *writing);
// Waits for what has been sent to this table; what becomes of it is its own statement's affair.
void finish_open_writes(std::string_view table_arn);

}  // namespace podyn
