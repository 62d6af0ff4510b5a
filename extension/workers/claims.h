// The tasks that this worker has claimed: which it takes, how many of its owner's are its share, when it gives them
// back. At a time one that keeps it busy (is_copy) beside many that wait most of the time, or one that takes all of it.
#pragma once

#include "workers/running_task.h"

namespace podyn {

// The first of them.
RunningTask *claimed_tasks();

// Of a role that has been dropped, sessions go on, but hardly anything works in them. Why there is no worker any more
// is told by the supervisor.
bool role_exists(Oid role);

// Claims tasks of the owner that are ready, and marks as finished those that others shall have. False: the extension is
// gone, or the role that the tasks are run as.
bool look_for_tasks(Oid owner);

// The others are given back.
void take_all(const RunningTask *task);

void release_finished();
void release_all();

}  // namespace podyn
