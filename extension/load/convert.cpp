// See convert.h.
#include "load/convert.h"

#include "load/canonical.h"
#include "load/value_text.h"
#include "raise.h"

namespace podyn {

constexpr int kMostShown = 200;  // bytes of an attribute's name in a message

struct Converter {
    FmgrInfo input;
    Oid parameter;  // of the input function
    int32 modifier;
    bool domain;
    bool array;
    Oid base;  // the column's type, or what its domain stands on
    // Types that round or cut to their modifier: what comes of the value without it has to be equal.
    bool exact;
    FmgrInfo plain_input;
    Oid plain_parameter;
    FmgrInfo equal;
    Oid collation;
    // Key columns: the only spelling that a value may have.
    bool key;
    int32 base_modifier;
    FmgrInfo output;
    // For messages.
    const char *attribute;
    const char *attribute_type;
    const char *column;
    const char *column_type;
};

namespace {

Oid type_oid(engine::ColumnType type)
{
    switch (type) {
        case engine::ColumnType::kText:
            return TEXTOID;
        case engine::ColumnType::kNumeric:
            return NUMERICOID;
        case engine::ColumnType::kBoolean:
            return BOOLOID;
        case engine::ColumnType::kBytea:
            return BYTEAOID;
        default:
            return JSONBOID;
    }
}

// Somebody else computes it.
bool is_computed(const FormData_pg_attribute &attribute)
{
    return attribute.attgenerated != '\0' || attribute.attidentity == ATTRIBUTE_IDENTITY_ALWAYS;
}

// numeric rounds to its scale, varchar cuts blanks; other types refuse, or are meant to be inexact.
bool shortens_to_modifier(Oid type)
{
    Oid element = get_element_type(type);
    Oid scalar = OidIsValid(element) ? element : type;
    return scalar == NUMERICOID || scalar == VARCHAROID;
}

char *declared_type(const FormData_pg_attribute &attribute)
{
    return format_type_with_typemod(attribute.atttypid, attribute.atttypmod);
}

void prepare_exactness(MemoryContext context, Converter *converter, Oid collation)
{
    converter->exact = converter->base_modifier != -1 && shortens_to_modifier(converter->base);
    if (!converter->exact)
        return;
    Oid function;
    getTypeInputInfo(converter->base, &function, &converter->plain_parameter);
    fmgr_info_cxt(function, &converter->plain_input, context);
    TypeCacheEntry *entry = lookup_type_cache(converter->base, TYPECACHE_EQ_OPR);
    fmgr_info_cxt(get_opcode(entry->eq_opr), &converter->equal, context);
    converter->collation = OidIsValid(collation) ? collation : DEFAULT_COLLATION_OID;
}

void require_exactness(Converter *converter, char *text, Datum result)
{
    Datum plain = InputFunctionCall(&converter->plain_input, text, converter->plain_parameter, -1);
    if (!DatumGetBool(FunctionCall2Coll(&converter->equal, converter->collation, plain, result)))
        ereport(ERROR, (errcode(converter->base == VARCHAROID ? ERRCODE_STRING_DATA_RIGHT_TRUNCATION
                                                              : ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                        errmsg("value \"%s\" does not fit type %s exactly", text, converter->column_type)));
}

void require_canonical(Converter *converter, const char *text, Datum result)
{
    const char *canonical = canonical_text({converter->base, converter->base_modifier, &converter->output}, result);
    if (canonical == nullptr || strcmp(canonical, text) != 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                        errmsg("key \"%s\" is not spelled as type %s has it: \"%s\"", text, converter->column_type,
                               canonical == nullptr ? "" : canonical),
                        errdetail("Another key could become the same value.")));
}

Datum convert_text(Converter *converter, char *text)
{
    Datum result = InputFunctionCall(&converter->input, text, converter->parameter, converter->modifier);
    if (text == nullptr)
        return result;
    if (converter->exact)
        require_exactness(converter, text, result);
    if (converter->key)
        require_canonical(converter, text, result);
    return result;
}

// Some input functions look names up (regclass) or lack a library (xml). That is the value's fault here, not that of a
// statement that may work later.
bool blames_the_statement(int sqlerrcode)
{
    int category = ERRCODE_TO_CATEGORY(sqlerrcode);
    return category == ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION || category == ERRCODE_FEATURE_NOT_SUPPORTED;
}

[[noreturn]] void raise_with_names(const Converter &converter, MemoryContext context)
{
    MemoryContextSwitchTo(context);
    ErrorData *error = CopyErrorData();
    FlushErrorState();
    const char *names =
        psprintf("Attribute \"%s\" of type %s was to go to column \"%s\" of type %s.", converter.attribute,
                 converter.attribute_type, converter.column, converter.column_type);
    error->detail = error->detail == nullptr ? pstrdup(names) : psprintf("%s\n%s", error->detail, names);
    if (!converter.domain && blames_the_statement(error->sqlerrcode))
        error->sqlerrcode = ERRCODE_INVALID_TEXT_REPRESENTATION;
    ReThrowError(error);
}

}  // namespace

bool can_hold(const FormData_pg_attribute &attribute, engine::ColumnType type)
{
    return attribute.atttypid == type_oid(type) && attribute.atttypmod == -1 && !is_computed(attribute);
}

bool can_convert(const FormData_pg_attribute &attribute, engine::ColumnType type, bool key)
{
    if (attribute.attisdropped || is_computed(attribute))
        return false;
    Oid base = getBaseType(attribute.atttypid);
    if (key)
        return key_has_one_spelling(base, type);
    return base != MONEYOID;  // rounds, by the locale
}

Converter *make_converter(MemoryContext context, const FormData_pg_attribute &column, const char *attribute,
                          engine::ColumnType type, bool key)
{
    if (can_hold(column, type))
        return nullptr;
    MemoryContext old = MemoryContextSwitchTo(context);
    auto *converter = static_cast<Converter *>(palloc0(sizeof(Converter)));
    Oid function;
    getTypeInputInfo(column.atttypid, &function, &converter->parameter);
    fmgr_info_cxt(function, &converter->input, context);
    converter->modifier = column.atttypmod;
    converter->base_modifier = column.atttypmod;
    converter->base = getBaseTypeAndTypmod(column.atttypid, &converter->base_modifier);
    converter->domain = converter->base != column.atttypid;
    converter->array = OidIsValid(get_element_type(converter->base));
    prepare_exactness(context, converter, column.attcollation);
    converter->key = key && converter->base != BYTEAOID;  // which holds them byte by byte
    if (converter->key) {
        bool variable;
        getTypeOutputInfo(converter->base, &function, &variable);
        fmgr_info_cxt(function, &converter->output, context);
    }
    converter->attribute =
        pnstrdup(attribute, pg_mbcliplen(attribute, static_cast<int>(strlen(attribute)), kMostShown));
    converter->attribute_type = copy_string(engine::column_type_name(type));
    converter->column = pstrdup(NameStr(column.attname));
    converter->column_type = declared_type(column);
    MemoryContextSwitchTo(old);
    return converter;
}

Datum convert(Converter *converter, const engine::Value &value)
{
    MemoryContext context = CurrentMemoryContext;
    Datum volatile result = 0;
    PG_TRY();
    {
        result = convert_text(converter, value_text(value, converter->base, converter->array));
    }
    PG_CATCH();
    {
        raise_with_names(*converter, context);
    }
    PG_END_TRY();
    return result;
}

void check_null(Converter *converter)
{
    if (!converter->domain)
        return;
    MemoryContext context = CurrentMemoryContext;
    PG_TRY();
    {
        convert_text(converter, nullptr);
    }
    PG_CATCH();
    {
        raise_with_names(*converter, context);
    }
    PG_END_TRY();
}

const char *key_expression(const Converter &converter, const char *quoted_column)
{
    return canonical_expression(converter.base, converter.base_modifier, quoted_column);
}

const char *key_text(const Converter &converter, Datum value)
{
    FmgrInfo output = converter.output;
    const char *canonical = canonical_text({converter.base, converter.base_modifier, &output}, value);
    return canonical != nullptr ? canonical : OutputFunctionCall(&output, value);
}

const char *converted_type(const Converter &converter)
{
    return converter.column_type;
}

bool keeps_bytes(const Converter &converter)
{
    return converter.base == BYTEAOID;
}

}  // namespace podyn
