// Commands that need a database without sessions (DROP DATABASE and its like) find podyn's processes gone: sent away by
// a hook where the command's own session has loaded podyn, else leaving by themselves when they see the command's lock.
#pragma once

namespace podyn {

// Installs the hook.
void guard_databases();

// In a process of podyn, about once a second (cheap in between): whether a command holds this process's database and
// waits, for five seconds, until its sessions are gone. Then the process has to leave.
bool somebody_needs_our_database();

inline constexpr long kLookAtDatabase = 1000;  // milliseconds

}  // namespace podyn
