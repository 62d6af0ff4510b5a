// See process.h.
#include "workers/process.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <csignal>

namespace podyn {
namespace {

void set(const char *name, const char *value)
{
    SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
}

}  // namespace

void set_up_signals()
{
    pqsignal(SIGTERM, die);
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    BackgroundWorkerUnblockSignals();
}

void keep_freed_memory()
{
#ifdef __GLIBC__
    constexpr int kKept = 16 << 20;
    constexpr int kLarge = 4 << 20;  // mapped by itself
    mallopt(M_TRIM_THRESHOLD, kKept);
    mallopt(M_MMAP_THRESHOLD, kLarge);
#endif
}

bool worker_may_log_in(Oid role)
{
    if (!kWorkersNeedLogin)
        return true;
    HeapTuple tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
    bool may = HeapTupleIsValid(tuple) && reinterpret_cast<Form_pg_authid>(GETSTRUCT(tuple))->rolcanlogin;
    if (HeapTupleIsValid(tuple))
        ReleaseSysCache(tuple);
    return may;
}

bool start_process(Datum argument, shared::Process *self)
{
    if (!shared::attach_process(argument, self))
        return false;
    set_up_signals();
    BackgroundWorkerInitializeConnectionByOid(self->database, self->owner,
                                              OidIsValid(self->owner) ? kWorkerConnectionFlags : 0);
    set("search_path", "");
    set("default_transaction_isolation", "read committed");
    set("default_transaction_read_only", "off");
    set("default_transaction_deferrable", "off");
    set("statement_timeout", "0");
    set("idle_in_transaction_session_timeout", "0");
    set("row_security", "on");
    set("standard_conforming_strings", "on");
    // Whoever waits for a lock holds up the other tasks of this process, and for ADD COLUMN readers of the target.
    set("lock_timeout", "1s");
    if (kHasTransactionTimeout)
        set("transaction_timeout", "0");
    // Rows and positions are in the same commit, so what a crash takes back, it takes back together.
    set("synchronous_commit", "off");
    return true;
}

bool wait_for_latch(long milliseconds)
{
    int events = WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (milliseconds >= 0 ? WL_TIMEOUT : 0),
                           milliseconds, PG_WAIT_EXTENSION);
    if (events & WL_LATCH_SET)
        ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
    reload_configuration_if_asked();
    return events & WL_LATCH_SET;
}

void reload_configuration_if_asked()
{
    if (!ConfigReloadPending)
        return;
    ConfigReloadPending = false;
    ProcessConfigFile(PGC_SIGHUP);
}

}  // namespace podyn
