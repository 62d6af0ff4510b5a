// How podyn's fixed statements on its own tables run: through SPI, as the extension's owner, with a fixed search_path,
// values always as parameters.
#pragma once

#include <initializer_list>
#include <string_view>

#include "compat.h"

namespace podyn::catalog {

struct Argument {
    Oid type;
    Datum value;
    bool null;
};

Argument text(std::string_view value);
Argument text_or_null(std::string_view value);  // empty: NULL
Argument text_or_null(const char *value);       // null: NULL
Argument int4(int32 value);
Argument int8(int64 value);
Argument float8(double value);
Argument boolean(bool value);
Argument oid(Oid value);
Argument regrole(Oid value);
Argument regclass(Oid value);
Argument timestamp_or_null(TimestampTz value);  // 0: NULL
Argument datum(Oid type, Datum value);

// Everything between enter() and leave() runs as the extension's owner, connected to SPI. An error undoes it with the
// (sub)transaction.
struct Scope {
    Oid user;
    int security_context;
    int guc_level;
};
Scope enter();
void leave(const Scope &scope);

// Runs one statement inside a scope; returns the number of rows, which stand in SPI_tuptable. Sees everything that has
// been committed when it starts.
uint64 run(const char *statement, std::initializer_list<Argument> arguments = {});
// The same, but sees what the active snapshot sees.
uint64 run_on_active_snapshot(const char *statement, std::initializer_list<Argument> arguments = {});
// run() in a scope of its own, for statements whose rows nobody reads.
uint64 execute(const char *statement, std::initializer_list<Argument> arguments = {});
// The same for a statement that gives one number, of type bigint.
int64 count(const char *statement, std::initializer_list<Argument> arguments);

// A column (1 is the first) of row `row` (0 is the first) of the last result; strings are palloc'ed in `context`.
bool is_null(uint64 row, int column);
Datum value(uint64 row, int column);                          // by-reference values live as long as the scope
char *string(MemoryContext context, uint64 row, int column);  // null for NULL
int32 get_int4(uint64 row, int column);
int64 get_int8(uint64 row, int column);
bool get_boolean(uint64 row, int column);
Oid get_oid(uint64 row, int column);

}  // namespace podyn::catalog
