// A DynamoDB value for a column of the type that podyn gives such attributes.
#pragma once

#include "compat.h"
#include "engine/item.h"

namespace podyn {

// Palloc'ed in the current context.
Datum value_datum(const engine::Value &value);

}  // namespace podyn
