// The one spelling that a key may have in a column of another type. Whatever else means the same value is refused: '1'
// and '01' are two keys in DynamoDB and one integer.
#pragma once

#include "compat.h"
#include "engine/columns.h"

namespace podyn {

// Whether each value of the type has one spelling by the rules below, and is equal to no other one. citext, for
// example, has not: it finds 'a' equal to 'A'. `type`: a base type.
bool key_has_one_spelling(Oid type, engine::ColumnType from);

struct KeyType {
    Oid type;
    int32 modifier;
    FmgrInfo *output;
};

// Numbers: no exponent, no zeros in front or at the end. Dates and times: ISO 8601, with T, and with Z for
// timestamptz; as many digits of a second as the column's type says, or as few as it takes. Others: what the type's
// output function says. Null: there is none. Palloc'ed.
const char *canonical_text(const KeyType &type, Datum value);

// The same in SQL: an expression over a column, whose name is quoted. Palloc'ed.
const char *canonical_expression(Oid type, int32 modifier, const char *column);

}  // namespace podyn
