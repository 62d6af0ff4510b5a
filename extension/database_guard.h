// Commands that need a database without sessions (DROP DATABASE and its like) find podyn's processes gone.
#pragma once

namespace podyn {

// Installs the hook.
void guard_databases();

}  // namespace podyn
