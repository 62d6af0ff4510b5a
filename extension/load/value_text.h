// A DynamoDB value as the text that a type's input function reads.
#pragma once

#include "compat.h"
#include "engine/item.h"

namespace podyn {

// Numbers are spelled plainly, without exponent and without zeros at the end, so that integer types read them; binary
// is base64, hexadecimal for bytea; documents are JSON, or an array's text. `type`: whose input function it is for, a
// base type. Palloc'ed.
char *value_text(const engine::Value &value, Oid type, bool array);

}  // namespace podyn
