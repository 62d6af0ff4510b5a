// Transactions of background processes.
#pragma once

namespace podyn {

void begin_transaction();
void commit_transaction();

// In PG_CATCH: writes the error to the server's log and ends the transaction.
void report_and_abort();

}  // namespace podyn
