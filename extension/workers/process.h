// What every background process of podyn does at its start.
#pragma once

#include "compat.h"
#include "shared.h"

namespace podyn {

// Signals: SIGTERM ends at the next interrupt check, SIGHUP re-reads the configuration, SIGUSR1 is PostgreSQL's own.
void set_up_signals();

// For processes that give much memory back and soon take it again, page after page: it is kept meanwhile, up to some
// megabytes. To give it to the kernel each time cost an import a tenth of its processor time.
void keep_freed_memory();

// Whether a worker may log in as this role: before PostgreSQL 17 that needs LOGIN.
bool worker_may_log_in(Oid role);

// The beginning of a supervisor or worker, by the argument that it was launched with: takes its place in shared memory,
// connects to its database as its owner (none: the bootstrap superuser) and sets what statements of podyn rely on,
// whatever the role's or database's own settings are. False: nobody waits for it any more.
bool start_process(Datum argument, shared::Process *self);

// Waits for the latch, at most so long (-1: without limit), and serves interrupts and requests to re-read the
// configuration. For processes that wait for nothing else. True: the latch was set.
bool wait_for_latch(long milliseconds);

// Re-reads the configuration if somebody asked for it.
void reload_configuration_if_asked();

}  // namespace podyn
