// The worker: runs tasks of one owner's replications, as that owner. One loop over the process's latch and the engine's
// sockets; many stream shards at once, one backfill segment at a time.
#include "backoff.h"
#include "catalog/replications.h"
#include "compat.h"
#include "database_guard.h"
#include "extension_identity.h"
#include "raise.h"
#include "shared.h"
#include "subtransaction.h"
#include "transaction.h"
#include "workers/claims.h"
#include "workers/lock_holder.h"
#include "workers/process.h"
#include "workers/running_task.h"

namespace podyn {
namespace {

constexpr int64 kLookForTasks = 2 * USECS_PER_SEC;  // without being woken
constexpr int64 kStayIdle = 10 * USECS_PER_SEC;
// Of a task, jittered; endless.
constexpr Backoff kRetry = {USECS_PER_SEC / 2, USECS_PER_MINUTE};
// What passes in this server passes sooner than an outage: who has let go of a lock, or made room on a full disk, does
// not wait a minute. A segment's retry reads its page again, so it is no shorter.
constexpr Backoff kRetryHere = {USECS_PER_SEC / 2, 5 * USECS_PER_SEC};
// After so many failures in a row that no rule foresees, the replication fails.
constexpr int kMaxUnforeseenFailures = 10;

EventLoop *loop;
Oid owner;
int64 idle_since;

// ---- Moving tasks on -----------------------------------------------------------------------------------------------

int64 retry_delay(RunningTask *task, const Backoff &backoff)
{
    return jittered(backoff.wait(task->failures++), now().monotonic_us);
}

void retry_later(RunningTask *task, const char *error, const Backoff &backoff = kRetry)
{
    int64 delay = retry_delay(task, backoff);
    begin_transaction();
    if (lock_extension())
        catalog::save_retry(task->id, GetCurrentTimestamp() + delay, error, task->throttled);
    commit_transaction();
    task->throttled = 0;
    task->retrying = true;
    if (takes_all(task->methods))
        shared::set_taken(false);
    wake_after(task, delay);
}

void begin(RunningTask *task)
{
    drop_call(task);
    task->due = -1;
    task->retrying = false;
    task->page_pending = false;
    task->outdated = false;
    task->state = nullptr;
    task->task = nullptr;
    MemoryContextReset(task->run);
    Job *previous = task->job;
    if (previous != nullptr && task->failures > 0)
        previous->stale = true;  // credentials or options may have changed
    catalog::Standing standing;
    Turn turn = begin_turn(task, &standing);
    task->retrying = turn == Turn::kLater;
    if (turn != Turn::kGo)
        return;
    task->task = catalog::find_task(task->run, task->id);
    task->finished = task->task == nullptr;
    if (!task->finished && previous != nullptr && !is_current(*previous, standing)) {
        task->job = nullptr;
        release_job(previous);
    }
    if (!task->finished && task->job == nullptr)
        task->job = use_job(task->replication, standing);
    task->finished = task->finished || task->job == nullptr;
    commit_transaction();
    if (!task->finished && takes_all(task->methods))
        take_all(task);
    if (!task->finished)
        task->methods->begin(task);
}

const char *describe(const engine::Status &status)
{
    const char *request = status.request_id[0] ? psprintf(" (request %s)", status.request_id) : "";
    return psprintf("%s%s%s%s%s%s", status.message, status.detail[0] ? ": " : "", status.detail, request,
                    status.hint[0] ? "; " : "", status.hint);
}

void deliver(RunningTask *task)
{
    task->throttled += engine::call_throttled(task->call);
    engine::Status status = engine::call_status(task->call);
    if (status.ok()) {
        task->methods->on_response(task);
        return;
    }
    drop_call(task);
    if (task->methods->on_failure != nullptr && task->methods->on_failure(task, status))
        return;
    // Wrong credentials may have been mended since the session was opened: once more with new ones.
    bool worth_retrying = status.retryable || status.failure == engine::Failure::kCorrupt ||
                          (status.failure == engine::Failure::kCredentials && task->failures == 0);
    if (task->failures == 0)
        ereport(LOG, (errmsg("replication \"%s\": %s", task->job->replication->name, status.message),
                      status.detail[0] ? errdetail("%s", status.detail) : 0));
    if (worth_retrying)
        retry_later(task, describe(status));
    else
        end_replication(task, "failed", describe(status));
}

void move_on(RunningTask *task)
{
    if (task->call != nullptr && engine::call_finished(task->call) && !task->page_pending) {
        deliver(task);
    } else if (task->due >= 0 && task->due <= now().monotonic_us) {
        task->due = -1;
        if (task->retrying)
            begin(task);
        else
            task->methods->on_time(task);
    }
}

// ---- Errors --------------------------------------------------------------------------------------------------------

// Errors that nobody can wait out: rights that are missing, tables and functions that are gone.
bool is_hopeless(int sqlerrcode)
{
    return sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE || sqlerrcode == ERRCODE_UNDEFINED_TABLE ||
           sqlerrcode == ERRCODE_UNDEFINED_COLUMN || sqlerrcode == ERRCODE_UNDEFINED_FUNCTION ||
           sqlerrcode == ERRCODE_UNDEFINED_OBJECT || sqlerrcode == ERRCODE_WRONG_OBJECT_TYPE ||
           sqlerrcode == ERRCODE_FDW_OPTION_NAME_NOT_FOUND;
}

bool extension_or_owner_is_gone()
{
    begin_transaction();
    bool gone = !lock_extension() || !role_exists(owner);
    commit_transaction();
    return gone;
}

bool wants_rest_column(const RunningTask *task, const ErrorData &error)
{
    return error.sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE && task->job != nullptr &&
           task->job->target != nullptr && task->job->target->wants_rest;
}

// A detail may be a sentence of its own.
const char *with_hint(const char *text, const char *hint)
{
    size_t size = strlen(text);
    return psprintf("%s%s %s", text, size > 0 && text[size - 1] == '.' ? "" : ";", hint);
}

// After an error in the task's own work; no transaction is open.
void after_error(RunningTask *task, const ErrorData &error)
{
    if (wants_rest_column(task, error)) {
        wake_after(task, 0);  // the page is written again, and the column made before it
        return;
    }
    const char *text = message_of(error);
    const char *holder = error.sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE && task->job != nullptr
                             ? describe_lock_holder(task->job->replication->target)
                             : "";
    if (holder[0] != '\0')
        text = psprintf("%s: %s", text, holder);
    else if (error.hint != nullptr)
        text = with_hint(text, error.hint);
    bool unforeseen = !is_passing(error.sqlerrcode);
    bool give_up = is_hopeless(error.sqlerrcode) || (unforeseen && task->failures >= kMaxUnforeseenFailures);
    drop_call(task);
    task->page_pending = false;
    if (give_up)
        end_replication(task, "failed", text);
    else
        retry_later(task, text, passes_here(error.sqlerrcode) ? kRetryHere : kRetry);
}

void handle_error(RunningTask *task, MemoryContext context)
{
    HOLD_INTERRUPTS();
    MemoryContextSwitchTo(context);
    ErrorData *error = CopyErrorData();
    if (task->failures == 0 && error->sqlerrcode != ERRCODE_T_R_SERIALIZATION_FAILURE)
        EmitErrorReport();
    FlushErrorState();
    AbortOutOfAnyTransaction();
    MemoryContextSwitchTo(context);
    RESUME_INTERRUPTS();
    if (extension_or_owner_is_gone()) {
        task->finished = true;
        return;
    }
    MemoryContextSwitchTo(context);
    after_error(task, *error);
}

// Moves a task on; whatever error comes of it is dealt with.
void move_on_safely(RunningTask *task, MemoryContext context)
{
    PG_TRY();
    {
        move_on(task);
    }
    PG_CATCH();
    {
        PG_TRY();
        {
            handle_error(task, context);
        }
        PG_CATCH();
        {
            // Not even the error could be written down (a full disk, a lock): again later, with the same patience.
            report_and_abort();
            begin_again(task, retry_delay(task, kRetryHere));
        }
        PG_END_TRY();
    }
    PG_END_TRY();
    MemoryContextSwitchTo(context);
    MemoryContextReset(context);
}

// ---- The loop ------------------------------------------------------------------------------------------------------

// A look that fails is repeated with the next one.
bool look_for_tasks_safely(MemoryContext context)
{
    volatile bool installed = true;
    PG_TRY();
    {
        installed = look_for_tasks(owner);
    }
    PG_CATCH();
    {
        report_and_abort();
    }
    PG_END_TRY();
    MemoryContextSwitchTo(context);
    return installed;
}

int64 next_due()
{
    int64 earliest = -1;
    for (RunningTask *task = claimed_tasks(); task != nullptr; task = task->next) {
        if (task->call != nullptr && engine::call_finished(task->call) && !task->page_pending)
            return 0;
        if (task->due >= 0 && (earliest < 0 || task->due < earliest))
            earliest = task->due;
    }
    return earliest;
}

void run()
{
    MemoryContext context = AllocSetContextCreate(TopMemoryContext, "podyn step", ALLOCSET_DEFAULT_SIZES);
    MemoryContextSwitchTo(context);
    int64 next_look = 0;
    for (;;) {
        reload_configuration_if_asked();
        if (shared::should_yield() || somebody_needs_our_database()) {
            release_all();
            return;
        }
        int64 time = now().monotonic_us;
        if (time >= next_look) {
            if (!look_for_tasks_safely(context)) {
                release_all();
                return;
            }
            next_look = time + kLookForTasks;
            MemoryContextSwitchTo(context);
        }
        for (RunningTask *task = claimed_tasks(); task != nullptr; task = task->next)
            if (!task->finished)
                move_on_safely(task, context);
        release_finished();
        if (claimed_tasks() != nullptr)
            idle_since = now().monotonic_us;
        else if (now().monotonic_us - idle_since > kStayIdle && shared::leave_if_not_woken())
            return;

        int64 due = next_due(), latest = Min(next_look, now().monotonic_us + kLookAtDatabase * 1000);
        bool woken = wait_for_events(loop, due < 0 ? latest : Min(due, latest));
        if (woken)
            next_look = 0;
    }
}

}  // namespace

EventLoop *worker_loop()
{
    return loop;
}

}  // namespace podyn

extern "C" PGDLLEXPORT void podyn_worker_main(Datum argument)
{
    using namespace podyn;
    shared::Process self;
    if (!start_process(argument, &self))
        return;
    keep_freed_memory();
    owner = self.owner;
    watch_targets();
    loop = make_event_loop(TopMemoryContext);
    idle_since = now().monotonic_us;
    run();
}
