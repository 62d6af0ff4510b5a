// Values for columns that have another type than podyn would have given them: through the input function of the
// column's type, as an INSERT of a string would. Nothing is rounded or cut to a type modifier in silence, and two keys
// of DynamoDB never become one.
#pragma once

#include "compat.h"
#include "engine/columns.h"
#include "engine/item.h"

namespace podyn {

// One column's, set up with the target, so that a value costs no look at the catalog.
struct Converter;

// Whether a column takes every value of the type as it is: its values are neither converted nor rounded to a type
// modifier on their way, and nobody else computes them.
bool can_hold(const FormData_pg_attribute &attribute, engine::ColumnType type);

// Whether values of the type can be tried on a column. Key columns take only types whose values have one spelling each,
// and in which equal means the same.
bool can_convert(const FormData_pg_attribute &attribute, engine::ColumnType type, bool key);

// Null where the column holds the values as they are. Lives as long as the context.
Converter *make_converter(MemoryContext context, const FormData_pg_attribute &column, const char *attribute,
                          engine::ColumnType type, bool key);

// Raises the input function's error, with a detail that names attribute and column. Palloc's in the current context.
Datum convert(Converter *converter, const engine::Value &value);

// An absent value, where a domain may have something against it.
void check_null(Converter *converter);

// Of a key column, in SQL: the text that its key had in DynamoDB (base64 for binary that is kept as text).
const char *key_expression(const Converter &converter, const char *quoted_column);
// The same of one value, in memory. Palloc'ed.
const char *key_text(const Converter &converter, Datum value);
// The column's type, as a cast names it.
const char *converted_type(const Converter &converter);
// Whether binary is kept as its bytes, in a domain.
bool keeps_bytes(const Converter &converter);

}  // namespace podyn
