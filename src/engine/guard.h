// Inside the engine half only: the facade's ways to build a Status and to keep exceptions inside, see base/guard.h.
#pragma once

#include "base/guard.h"
#include "engine/status.h"

namespace podyn::engine {

using base::copy_text;
using base::Error;
using base::guarded;
using base::internal_error;
using base::make_status;

}  // namespace podyn::engine
