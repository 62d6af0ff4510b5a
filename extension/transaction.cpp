// See transaction.h.
#include "transaction.h"

#include "compat.h"

namespace podyn {

void begin_transaction()
{
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    PushActiveSnapshot(GetTransactionSnapshot());
}

void commit_transaction()
{
    PopActiveSnapshot();
    CommitTransactionCommand();
    pgstat_report_stat(true);
}

void report_and_abort()
{
    HOLD_INTERRUPTS();
    EmitErrorReport();
    FlushErrorState();
    AbortOutOfAnyTransaction();
    RESUME_INTERRUPTS();
}

}  // namespace podyn
