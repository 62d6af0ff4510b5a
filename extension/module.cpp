// The module's door: settings, shared memory, the launcher, joins, and what must happen around DROP DATABASE.
#include "compat.h"
#include "database_guard.h"
#include "fdw/look_ahead.h"
#include "fdw/look_ahead_planner.h"
#include "settings.h"
#include "shared.h"

extern "C" {

PODYN_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);
}

namespace podyn {
namespace {

shmem_startup_hook_type previous_shmem_startup = nullptr;

void start_memory()
{
    if (previous_shmem_startup != nullptr)
        previous_shmem_startup();
    shared::start();
}

void register_launcher()
{
    BackgroundWorker launcher = {};
    launcher.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    launcher.bgw_start_time = BgWorkerStart_RecoveryFinished;  // never on a standby
    launcher.bgw_restart_time = 1;
    strlcpy(launcher.bgw_library_name, "podyn", sizeof launcher.bgw_library_name);
    strlcpy(launcher.bgw_function_name, "podyn_launcher_main", sizeof launcher.bgw_function_name);
    strlcpy(launcher.bgw_name, "podyn launcher", sizeof launcher.bgw_name);
    strlcpy(launcher.bgw_type, "podyn launcher", sizeof launcher.bgw_type);
    RegisterBackgroundWorker(&launcher);
}

}  // namespace
}  // namespace podyn

void _PG_init(void)
{
    using namespace podyn;
    settings::define();
    guard_databases();
    register_look_ahead();
    plan_look_aheads();
    if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
        return;
    request_memory_with(shared::request);
    previous_shmem_startup = shmem_startup_hook;
    shmem_startup_hook = start_memory;
    register_launcher();
}
