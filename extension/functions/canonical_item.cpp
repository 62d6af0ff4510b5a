// podyn.canonical_item: how podyn.error knows an item that it has already. DynamoDB promises no order of attributes,
// and the scan and the stream give the same item in different ones.
#include "compat.h"

namespace podyn {
namespace {

// The rest of a JSON text that PostgreSQL has found sound.
struct Text {
    const char *at;
    const char *end;
};

void skip_space(Text *text)
{
    while (text->at < text->end && strchr(" \t\r\n", *text->at) != nullptr)
        ++text->at;
}

// A string, a number or a word, as it is written.
void append_scalar(StringInfo out, Text *text)
{
    const char *begin = text->at;
    if (*text->at == '"') {
        for (++text->at; *text->at != '"'; ++text->at)
            text->at += *text->at == '\\';
        ++text->at;
    } else {
        while (text->at < text->end && strchr(",]} \t\r\n", *text->at) == nullptr)
            ++text->at;
    }
    appendBinaryStringInfo(out, begin, static_cast<int>(text->at - begin));
}

int compare_members(const ListCell *left, const ListCell *right)
{
    return strcmp(static_cast<const char *>(lfirst(left)), static_cast<const char *>(lfirst(right)));
}

void append_value(StringInfo out, Text *text);

// An object or an array: the one's members sorted, the other's elements as they are.
void append_members(StringInfo out, Text *text)
{
    char opening = *text->at++, closing = opening == '{' ? '}' : ']';
    List *members = NIL;
    skip_space(text);
    while (*text->at != closing) {
        StringInfoData member;
        initStringInfo(&member);
        append_value(&member, text);
        if (*text->at == ':') {
            appendStringInfoChar(&member, *text->at++);
            append_value(&member, text);
        }
        members = lappend(members, member.data);
        if (*text->at == ',')
            ++text->at;
    }
    ++text->at;
    if (opening == '{')
        list_sort(members, compare_members);
    appendStringInfoChar(out, opening);
    ListCell *cell;
    foreach (cell, members) {
        appendStringInfoString(out, static_cast<const char *>(lfirst(cell)));
        appendStringInfoChar(out, ',');
    }
    appendStringInfoChar(out, closing);
}

void append_value(StringInfo out, Text *text)
{
    check_stack_depth();
    skip_space(text);
    if (*text->at == '{' || *text->at == '[')
        append_members(out, text);
    else
        append_scalar(out, text);
    skip_space(text);
}

}  // namespace
}  // namespace podyn

extern "C" {

PG_FUNCTION_INFO_V1(podyn_canonical_item);

Datum podyn_canonical_item(PG_FUNCTION_ARGS)
{
    using namespace podyn;
    text *json = PG_GETARG_TEXT_PP(0);
    Text rest = {VARDATA_ANY(json), VARDATA_ANY(json) + VARSIZE_ANY_EXHDR(json)};
    StringInfoData canonical;
    initStringInfo(&canonical);
    append_value(&canonical, &rest);
    PG_RETURN_TEXT_P(cstring_to_text_with_len(canonical.data, canonical.len));
}
}
