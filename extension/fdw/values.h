// From PostgreSQL's values to those that DynamoDB compares with.
#pragma once

#include "compat.h"
#include "fdw/table.h"

namespace podyn {

// Developer guide, service quotas: keys have at least one byte.
inline constexpr size_t kMostPartitionKeyBytes = 2048;
inline constexpr size_t kMostSortKeyBytes = 1024;

// How values of a type are written for a column.
struct Writer {
    Oid type;
    FmgrInfo output;
};
Writer make_writer(Oid type);

// The elements of an array.
void deconstruct_values(Datum array, Datum **elements, bool **nulls, int *count);

// Makes of a value what the column's attribute is to be compared with. False: no attribute can have this value.
// Palloc's in the current context.
bool make_operand(const ForeignColumn &column, Writer *writer, Datum value, engine::Operand *operand);

// Whether some partition key or sort key can be equal to it.
bool can_be_key(const engine::Operand &operand, bool sort);
// U+2400 may be what U+0000 has become, so a string that has it may mean another one. (As a key there is no such
// string: reading it is an error.)
bool is_unambiguous(const engine::Operand &operand);

// In DynamoDB's order, of two operands of one type: negative, zero or positive.
int compare(const engine::Operand &left, const engine::Operand &right);

// {"attribute":{"S":"value"}, ...}. Palloc'ed.
const char *key_json(std::span<const engine::KeyValue> key);

}  // namespace podyn
