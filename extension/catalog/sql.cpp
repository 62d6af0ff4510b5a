// See sql.h.
#include "catalog/sql.h"

#include "extension_identity.h"
#include "setting_change.h"

namespace podyn::catalog {

namespace {

constexpr int kMaxArguments = 32;

uint64 spi_execute(const char *statement, std::initializer_list<Argument> arguments, bool on_active_snapshot)
{
    Oid types[kMaxArguments];
    Datum values[kMaxArguments];
    char nulls[kMaxArguments] = {};
    int count = 0;
    Assert(arguments.size() <= kMaxArguments);
    for (const Argument &argument : arguments) {
        types[count] = argument.type;
        values[count] = argument.value;
        nulls[count] = argument.null ? 'n' : ' ';
        ++count;
    }
    int result = SPI_execute_with_args(statement, count, types, values, nulls, on_active_snapshot, 0);
    if (result < 0)
        elog(ERROR, "statement of podyn failed: %s: %s", SPI_result_code_string(result), statement);
    return SPI_processed;
}

}  // namespace

Argument datum(Oid type, Datum value)
{
    return {type, value, false};
}

Argument text(std::string_view value)
{
    return datum(TEXTOID, PointerGetDatum(cstring_to_text_with_len(value.data(), static_cast<int>(value.size()))));
}

Argument text_or_null(std::string_view value)
{
    return value.empty() ? Argument{TEXTOID, 0, true} : text(value);
}

Argument text_or_null(const char *value)
{
    return value == nullptr ? Argument{TEXTOID, 0, true} : text(value);
}

Argument int4(int32 value)
{
    return datum(INT4OID, Int32GetDatum(value));
}

Argument int8(int64 value)
{
    return datum(INT8OID, Int64GetDatum(value));
}

Argument float8(double value)
{
    return datum(FLOAT8OID, Float8GetDatum(value));
}

Argument boolean(bool value)
{
    return datum(BOOLOID, BoolGetDatum(value));
}

Argument oid(Oid value)
{
    return datum(OIDOID, ObjectIdGetDatum(value));
}

Argument regrole(Oid value)
{
    return datum(REGROLEOID, ObjectIdGetDatum(value));
}

Argument regclass(Oid value)
{
    return {REGCLASSOID, ObjectIdGetDatum(value), !OidIsValid(value)};
}

Argument timestamp_or_null(TimestampTz value)
{
    return {TIMESTAMPTZOID, TimestampTzGetDatum(value), value == 0};
}

Scope enter()
{
    Scope scope;
    GetUserIdAndSecContext(&scope.user, &scope.security_context);
    SetUserIdAndSecContext(extension_owner(), scope.security_context | SECURITY_LOCAL_USERID_CHANGE);
    scope.guc_level = NewGUCNestLevel();
    set_for_a_while("search_path", "pg_catalog, pg_temp");
    if (SPI_connect() != SPI_OK_CONNECT)
        elog(ERROR, "could not connect to SPI");
    return scope;
}

void leave(const Scope &scope)
{
    SPI_finish();
    AtEOXact_GUC(true, scope.guc_level);
    SetUserIdAndSecContext(scope.user, scope.security_context);
}

uint64 run(const char *statement, std::initializer_list<Argument> arguments)
{
    return spi_execute(statement, arguments, false);
}

uint64 run_on_active_snapshot(const char *statement, std::initializer_list<Argument> arguments)
{
    return spi_execute(statement, arguments, true);
}

uint64 execute(const char *statement, std::initializer_list<Argument> arguments)
{
    Scope scope = enter();
    uint64 rows = run(statement, arguments);
    leave(scope);
    return rows;
}

int64 count(const char *statement, std::initializer_list<Argument> arguments)
{
    Scope scope = enter();
    run(statement, arguments);
    int64 number = get_int8(0, 1);
    leave(scope);
    return number;
}

Datum value(uint64 row, int column)
{
    bool null;
    return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &null);
}

bool is_null(uint64 row, int column)
{
    bool null;
    SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &null);
    return null;
}

char *string(MemoryContext context, uint64 row, int column)
{
    char *text = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
    return text == nullptr ? nullptr : MemoryContextStrdup(context, text);
}

int32 get_int4(uint64 row, int column)
{
    return DatumGetInt32(value(row, column));
}

int64 get_int8(uint64 row, int column)
{
    return DatumGetInt64(value(row, column));
}

bool get_boolean(uint64 row, int column)
{
    return DatumGetBool(value(row, column));
}

Oid get_oid(uint64 row, int column)
{
    return DatumGetObjectId(value(row, column));
}

}  // namespace podyn::catalog
