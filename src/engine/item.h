// Items as they cross from the engine to the extension: see dynamodb/item.h.
#pragma once

#include "dynamodb/item.h"

namespace podyn::engine {

using dynamodb::find_attribute;
using dynamodb::Item;
using dynamodb::NulCharacters;
using dynamodb::Problem;
using dynamodb::Value;
using dynamodb::ValueType;

}  // namespace podyn::engine
