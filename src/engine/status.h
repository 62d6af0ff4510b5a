// The facade's Status: see base/status.h.
#pragma once

#include "base/status.h"

namespace podyn::engine {

using base::Failure;
using base::Status;

}  // namespace podyn::engine
