// See jsonb_image.h. A container is a header, then an entry for each of its parts (in an object first the names, then
// the values), then their bytes. An entry says what a part is, and how long; every 32nd says where it ends instead.
#include "load/jsonb_image.h"

#include "load/document.h"

namespace podyn {
namespace {

using engine::Value;
using engine::ValueType;

constexpr int kFirstSize = 256;  // bytes; most values are smaller

JsonbMember member_of(const Value &value)
{
    return {value.name, &value, value.text};
}

void align(StringInfo out)
{
    static const char kZeros[ALIGNOF_INT] = {};
    appendBinaryStringInfo(out, kZeros, INTALIGN(out->len) - out->len);
}

// The entries of a container that is being written.
struct Entries {
    StringInfo out;
    int begin;  // where the container begins, before it is aligned
    int first;  // where the entries begin
    uint32 count;
    uint32 bytes;  // of the parts
};

Entries begin_container(StringInfo out, uint32 kind, uint32 count, uint32 entries)
{
    int begin = out->len;
    align(out);
    uint32 header = kind | count;
    appendBinaryStringInfo(out, reinterpret_cast<char *>(&header), sizeof header);
    auto size = static_cast<int>(sizeof(JEntry) * entries);
    enlargeStringInfo(out, size);
    Entries result = {out, begin, out->len, 0, 0};
    out->len += size;
    return result;
}

void add_entry(Entries *entries, JEntry entry)
{
    entries->bytes += JBE_OFFLENFLD(entry);
    if (entries->bytes > JENTRY_OFFLENMASK)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("total size of a jsonb value exceeds the maximum of %u bytes", JENTRY_OFFLENMASK)));
    if (entries->count % JB_OFFSET_STRIDE == 0)
        entry = (entry & JENTRY_TYPEMASK) | entries->bytes | JENTRY_HAS_OFF;
    memcpy(entries->out->data + entries->first + sizeof(JEntry) * entries->count++, &entry, sizeof entry);
}

JEntry end_container(const Entries &entries)
{
    return JENTRY_ISCONTAINER | static_cast<uint32>(entries.out->len - entries.begin);
}

JEntry write_string(StringInfo out, std::string_view text)
{
    if (text.size() > JENTRY_OFFLENMASK)
        ereport(ERROR,
                (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("string too long to represent as jsonb string")));
    if (!text.empty())
        appendBinaryStringInfo(out, text.data(), static_cast<int>(text.size()));
    return JENTRY_ISSTRING | static_cast<uint32>(text.size());
}

JEntry write_number(StringInfo out, std::string_view digits)
{
    Numeric number = DatumGetNumeric(numeric_from_text(digits));
    int begin = out->len;
    align(out);
    appendBinaryStringInfo(out, reinterpret_cast<char *>(number), static_cast<int>(VARSIZE_ANY(number)));
    return JENTRY_ISNUMERIC | static_cast<uint32>(out->len - begin);
}

JEntry write_array(StringInfo out, const Value &value);
JEntry write_map(StringInfo out, const Value &value);

JEntry write_value(StringInfo out, const JsonbMember &member)
{
    switch (member.value->type) {
        case ValueType::kString:
        case ValueType::kBinary:
            return write_string(out, member.text);
        case ValueType::kNumber:
            return write_number(out, member.text);
        case ValueType::kBool:
            return member.value->boolean ? JENTRY_ISBOOL_TRUE : JENTRY_ISBOOL_FALSE;
        case ValueType::kNull:
            return JENTRY_ISNULL;
        case ValueType::kMap:
            return write_map(out, *member.value);
        default:
            return write_array(out, *member.value);
    }
}

JEntry write_array(StringInfo out, const Value &value)
{
    Entries entries = begin_container(out, JB_FARRAY, value.children, value.children);
    for (const Value *at = &value + 1, *end = &value + value.span; at < end; at += at->span)
        add_entry(&entries, write_value(out, member_of(*at)));
    return end_container(entries);
}

// jsonb's order of names: by length, then by bytes.
int compare_names(const JsonbMember &a, const JsonbMember &b)
{
    if (a.name.size() != b.name.size())
        return a.name.size() < b.name.size() ? -1 : 1;
    return a.name.empty() ? 0 : memcmp(a.name.data(), b.name.data(), a.name.size());
}

// Members of one name stay in their order, which is that of their values in memory.
int compare_members(const void *first, const void *second)
{
    const auto &a = *static_cast<const JsonbMember *>(first), &b = *static_cast<const JsonbMember *>(second);
    int order = compare_names(a, b);
    return order != 0 ? order : a.value < b.value ? -1 : 1;
}

uint32 sort_members(std::span<JsonbMember> members)
{
    qsort(members.data(), members.size(), sizeof(JsonbMember), compare_members);
    uint32 count = 0;
    for (size_t i = 0; i < members.size(); ++i)
        if (i + 1 == members.size() || compare_names(members[i], members[i + 1]) != 0)
            members[count++] = members[i];
    return count;
}

JEntry write_object(StringInfo out, std::span<JsonbMember> members)
{
    check_stack_depth();
    uint32 count = sort_members(members);
    Entries entries = begin_container(out, JB_FOBJECT, count, 2 * count);
    for (uint32 i = 0; i < count; ++i)
        add_entry(&entries, write_string(out, members[i].name));
    for (uint32 i = 0; i < count; ++i)
        add_entry(&entries, write_value(out, members[i]));
    return end_container(entries);
}

JEntry write_map(StringInfo out, const Value &value)
{
    constexpr size_t kFew = 16;
    JsonbMember few[kFew];
    JsonbMember *members = few;
    if (value.children > kFew)
        members = static_cast<JsonbMember *>(palloc(sizeof(JsonbMember) * value.children));
    size_t count = 0;
    for (const Value *at = &value + 1, *end = &value + value.span; at < end; at += at->span)
        members[count++] = member_of(*at);
    return write_object(out, {members, count});
}

StringInfoData begin_datum()
{
    StringInfoData out = {static_cast<char *>(palloc(kFirstSize)), VARHDRSZ, kFirstSize, 0};
    return out;
}

Datum end_datum(const StringInfoData &out)
{
    SET_VARSIZE(out.data, out.len);
    return PointerGetDatum(out.data);
}

}  // namespace

Datum jsonb_of_container(const engine::Value &value)
{
    StringInfoData out = begin_datum();
    (void)write_value(&out, member_of(value));
    return end_datum(out);
}

Datum jsonb_of_members(std::span<JsonbMember> members)
{
    StringInfoData out = begin_datum();
    (void)write_object(&out, members);
    return end_datum(out);
}

}  // namespace podyn
