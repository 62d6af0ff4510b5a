// The export task of a replication with backfill => 'export': asks DynamoDB for an export of the table, waits for it,
// and turns its files into tasks. The setup task has committed the stream's start positions before.
//
//   position NULL         the time of the export is waited for: late enough that no change falls between it and the
//                         stream's start, however blurred it is (imports/continuity.h)
//   position 'token …'    the export may have been asked for; whoever asks again under the same token gets the same one
//   position 'arn:…'      it has been asked for; DescribeExport tells how far it is
//   done                  its files have tasks of their own
#include "backoff.h"
#include "catalog/journal.h"
#include "extension_identity.h"
#include "imports/continuity.h"
#include "imports/file_tasks.h"
#include "imports/requested_export.h"
#include "raise.h"
#include "setting_change.h"
#include "transaction.h"
#include "workers/running_task.h"

namespace podyn {
namespace {

constexpr char kToken[] = "token ";
// An export takes minutes at least; DescribeExport is throttled after a burst of some 15 calls.
constexpr Backoff kBetweenLooks = {USECS_PER_SEC / 2, 30 * USECS_PER_SEC};

struct Waiting {
    int looks;
};

Waiting *state_of(RunningTask *task)
{
    return static_cast<Waiting *>(task->state);
}

bool has_token(const RunningTask *task)
{
    const char *position = task->task->position;
    return position != nullptr && strncmp(position, kToken, strlen(kToken)) == 0;
}

// In the transaction that is open.
void move_to(RunningTask *task, const char *position)
{
    catalog::Progress progress = {};
    progress.position = position;
    progress.throttled = task->throttled;
    catalog::save_progress(task->id, task->task->position, progress);
}

void after_move_to(RunningTask *task, const char *position)
{
    commit_transaction();
    keep_position(task, position);
    task->throttled = 0;
    task->failures = 0;
}

// ---- Asking --------------------------------------------------------------------------------------------------------

void ask(RunningTask *task)
{
    Place to = parse_place(task->job->replication->files_at);
    engine::ExportRequest request = {task->task->name, to.bucket,       to.path, task->task->position + strlen(kToken),
                                     engine::kUnknown, engine::kUnknown};
    check(engine::start_export(worker_loop()->client, task->job->session, request, now(), &task->call));
}

// The token is committed before it is sent, and on disk: a crash of the server must not take it back, nor the start
// positions.
void choose_token(RunningTask *task)
{
    char *token = psprintf("%s%s", kToken, make_client_token());
    catalog::Standing standing;
    if (begin_turn(task, &standing) != Turn::kGo)
        return;
    set_for_transaction("synchronous_commit", "on");
    move_to(task, token);
    after_move_to(task, token);
    wake_after(task, 0);
}

// ---- Waiting -------------------------------------------------------------------------------------------------------

void look(RunningTask *task)
{
    check(engine::start_describe_export(worker_loop()->client, task->job->session, task->task->position, now(),
                                        &task->call));
}

void look_later(RunningTask *task)
{
    wake_after(task, kBetweenLooks.wait(state_of(task)->looks++));
}

// The answer names the export, which is remembered before anything else.
void remember(RunningTask *task, const engine::ExportDescription &found)
{
    const catalog::Replication &replication = *task->job->replication;
    const char *arn = copy_string(found.arn);
    catalog::Standing standing;
    if (begin_turn(task, &standing) != Turn::kGo) {
        begin_again(task);  // asks again, under the same token
        return;
    }
    move_to(task, arn);
    catalog::record_event(replication.owner, replication.name, "exporting",
                          psprintf("waiting for export %s to %s", arn, replication.files_at));
    after_move_to(task, arn);
    look_later(task);
}

// ---- The end -------------------------------------------------------------------------------------------------------

// podyn_start asks for another one.
void fail(RunningTask *task, const engine::ExportDescription &found)
{
    char *reason = MemoryContextStrdup(
        task->run,
        psprintf("export %s has failed: %s: %s; remove the cause, then podyn_start lets DynamoDB make another",
                 copy_string(found.arn), copy_string(found.failure_code), copy_string(found.failure_message)));
    end_replication(task, "failed", reason);
    if (!task->finished)
        return;  // later
    begin_transaction();
    if (lock_extension())
        catalog::forget_progress(task->id);
    commit_transaction();
}

// Reads the manifests. They are small, compared to what they speak of; this worker's other tasks rest meanwhile.
ImportFiles read_manifests(const RunningTask *task, const engine::ExportDescription &found)
{
    Source source = {worker_loop(), task->job->session, 0};
    ImportFiles files = find_files(source, location_of(found), Gaps::kRefused);
    SetLatch(MyLatch);  // somebody may have woken us while the answers were waited for
    return files;
}

void add_files(RunningTask *task, const engine::ExportDescription &found)
{
    const catalog::Replication &replication = *task->job->replication;
    ImportFiles files = read_manifests(task, found);
    catalog::Standing standing;
    if (begin_turn(task, &standing) != Turn::kGo) {
        begin_again(task);
        return;
    }
    add_file_tasks(task->replication, files, 1);
    catalog::execute("UPDATE podyn.replication SET items_total = $2 WHERE id = $1",
                     {catalog::int4(task->replication), catalog::int8(files.item_count)});
    record_done(task);
    catalog::record_event(replication.owner, replication.name, "exported",
                          psprintf("loading %s from %s", describe_files(files), describe(location_of(found))));
    commit_finished(task);
}

// ---- Events --------------------------------------------------------------------------------------------------------

// Errors that are over are forgotten.
void look_on(RunningTask *task)
{
    catalog::Standing standing;
    bool had_trouble = task->failures > 0 || task->throttled > 0;
    if (had_trouble && begin_turn(task, &standing) == Turn::kGo) {
        move_to(task, nullptr);
        commit_transaction();
        task->failures = 0;
        task->throttled = 0;
    }
    look_later(task);
}

void take_answer(RunningTask *task, const engine::ExportDescription &found)
{
    if (has_token(task))
        remember(task, found);
    else if (found.status == "FAILED")
        fail(task, found);
    else if (found.status == "COMPLETED")
        add_files(task, found);
    else
        look_on(task);
}

void on_response(RunningTask *task)
{
    engine::Call *finished = own_call(task->call);
    task->call = nullptr;
    take_answer(task, take_export(finished));
}

void on_time(RunningTask *task)
{
    if (task->task->position == nullptr)
        choose_token(task);
    else if (has_token(task))
        ask(task);
    else
        look(task);
}

void begin(RunningTask *task)
{
    task->state = MemoryContextAllocZero(task->run, sizeof(Waiting));
    const catalog::Replication &replication = *task->job->replication;
    int64 wait = replication.positions_at + export_blur(task->job->session) - GetCurrentTimestamp();
    bool waits = replication.replay_changes && task->task->position == nullptr;
    wake_after(task, waits ? Max(wait, INT64CONST(0)) : 0);
}

}  // namespace

const TaskMethods kExportTask = {begin, on_response, on_time, nullptr};

}  // namespace podyn
