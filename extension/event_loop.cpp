// See event_loop.h.
#include "event_loop.h"

#include <ctime>

#include "raise.h"

namespace podyn {
namespace {

constexpr int64 kUnixToPostgres = static_cast<int64>(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;

int64 read_clock(clockid_t clock)
{
    timespec time;
    clock_gettime(clock, &time);
    return static_cast<int64>(time.tv_sec) * 1000000 + time.tv_nsec / 1000;
}

void free_wait_event_set(WaitEventSet *set) noexcept
{
    FreeWaitEventSet(set);
}

long timeout_milliseconds(EventLoop *loop, int64 until)
{
    int64 deadline = engine::client_deadline(loop->client);
    if (deadline >= 0 && (until < 0 || deadline < until))
        until = deadline;
    if (until < 0)
        return -1;
    int64 left = until - now().monotonic_us;
    return left <= 0 ? 0 : static_cast<long>((Min(left, 60 * USECS_PER_SEC) + 999) / 1000);
}

}  // namespace

engine::Now now()
{
    return {read_clock(CLOCK_MONOTONIC), read_clock(CLOCK_REALTIME)};
}

TimestampTz to_timestamp(int64 unix_us)
{
    return unix_us - kUnixToPostgres;
}

EventLoop *make_event_loop(MemoryContext context)
{
    auto *loop = static_cast<EventLoop *>(MemoryContextAllocZero(context, sizeof(EventLoop)));
    engine::ClientOptions options = {static_cast<uint64>(now().unix_us) ^ (static_cast<uint64>(MyProcPid) << 40)};
    check(engine::client_create(options, &loop->client));
    own(context, loop->client, engine::client_destroy);
    loop->set = make_wait_event_set(context, 3);
    own(context, loop->set, free_wait_event_set);
    AddWaitEventToSet(loop->set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, nullptr);
    AddWaitEventToSet(loop->set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, nullptr, nullptr);
    AddWaitEventToSet(loop->set, WL_SOCKET_READABLE, engine::client_fd(loop->client), nullptr, nullptr);
    return loop;
}

bool wait_for_events(EventLoop *loop, int64 until)
{
    WaitEvent events[3];
    int count = WaitEventSetWait(loop->set, timeout_milliseconds(loop, until), events, 3, PG_WAIT_EXTENSION);
    bool woken = false;
    for (int i = 0; i < count; ++i)
        woken = woken || (events[i].events & WL_LATCH_SET);
    if (woken)
        ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
    engine::client_drive(loop->client, now());
    return woken;
}

engine::Call *own_call(engine::Call *call)
{
    return own<engine::Call>(CurrentMemoryContext, call, engine::call_destroy);
}

engine::Status wait_for_call(EventLoop *loop, engine::Call *call)
{
    while (!engine::call_finished(call))
        wait_for_events(loop, -1);
    return engine::call_status(call);
}

void finish(EventLoop *loop, engine::Call *call)
{
    check(wait_for_call(loop, call));
}

}  // namespace podyn
