// See item_writer.h.
#include "dynamodb/item_writer.h"

#include <algorithm>
#include <optional>
#include <unordered_set>

#include "base/base64.h"
#include "base/guard.h"
#include "dynamodb/decimal.h"
#include "json/writer.h"

namespace podyn::dynamodb {

namespace {

constexpr std::size_t kMostQuotedBytes = 100;  // of a name in a message
constexpr std::size_t kContainerBytes = 3;     // of a list or map, whatever it holds
constexpr std::size_t kMemberBytes = 1;        // of each thing in it
constexpr std::size_t kMostPlainDigits = 60;   // longer numbers are written with an exponent

[[noreturn]] void refuse(const char *sqlstate, std::string_view attribute, std::string_view what)
{
    std::string name(attribute.substr(0, kMostQuotedBytes));
    if (attribute.size() > kMostQuotedBytes)
        name += "…";
    throw base::Error{
        base::make_status(base::Failure::kInvalid, sqlstate, false, "attribute \"" + name + "\" " + std::string(what))};
}

// A number's digits without the zeros that tell nothing, and the exponent of the first of them.
struct Significant {
    std::size_t digits;
    std::int64_t exponent;
};

// `canonical`: -123E3 for -123, see decimal.h.
Significant significant(std::string_view canonical)
{
    if (canonical.starts_with('-'))
        canonical.remove_prefix(1);
    const std::size_t mark = canonical.find('E');
    if (mark == std::string_view::npos)
        return {1, 0};
    return {mark, std::stoll(std::string(canonical.substr(mark + 1))) - 1};
}

// -123E3 → -1.23E2.
std::string scientific(std::string_view canonical)
{
    const bool negative = canonical.starts_with('-');
    const std::size_t first = negative ? 1 : 0;
    const std::size_t mark = canonical.find('E');
    std::string text(canonical.substr(0, first + 1));
    if (mark > first + 1)
        text.append(".").append(canonical.substr(first + 1, mark - first - 1));
    return text + "E" + std::to_string(significant(canonical).exponent);
}

void append_number(std::string &json, std::string_view text, std::string_view attribute, std::size_t &size)
{
    const std::optional<Decimal> decimal = parse_decimal(text);
    if (!decimal)
        refuse("22P02", attribute, "is no number that DynamoDB has: " + std::string(text.substr(0, kMostQuotedBytes)));
    const std::string form = canonical(*decimal);
    const Significant found = significant(form);
    if (found.digits > kMostDigits)
        refuse("22003", attribute, "has a number of " + std::to_string(found.digits) + " digits; DynamoDB keeps 38");
    if (found.exponent > kGreatestExponent || found.exponent < kLeastExponent)
        refuse("22003", attribute, "has a number beyond DynamoDB's, which go from 1E-130 to 9.99E+125");
    json::append_string(json, text.size() > kMostPlainDigits && form != "0" ? scientific(form) : text);
    size += (found.digits + 1) / 2 + 1 + (form.starts_with('-') ? 1 : 0);
}

std::size_t string_or_bytes(const Value &value, bool nested)
{
    return value.type == ValueType::kBinary && nested ? base::decoded_size(value.text) : value.text.size();
}

void append_binary(std::string &json, const Value &value, bool nested)
{
    json += '"';
    json += nested ? std::string(value.text) : base::encode_base64(value.text);
    json += '"';
}

// Members of a set are nested: their binary is base64.
void append_scalar(std::string &json, const Value &value, bool nested, std::string_view attribute, std::size_t &size)
{
    if (value.type == ValueType::kNumber)
        return append_number(json, value.text, attribute, size);
    if (value.type == ValueType::kBinary)
        append_binary(json, value, nested);
    else
        json::append_string(json, value.text);
    size += string_or_bytes(value, nested);
}

std::string member_form(const Value &member)
{
    return member.type == ValueType::kNumber ? canonical(parse_decimal(member.text).value()) : std::string(member.text);
}

void append_set(std::string &json, const Value &set, std::string_view attribute, std::size_t &size)
{
    if (set.children == 0)
        refuse("22023", attribute, "is a set without members, which DynamoDB does not have");
    std::unordered_set<std::string> members;
    json += '[';
    for (const Value *member = &set + 1, *end = &set + set.span; member != end; ++member) {
        if (!members.empty())
            json += ',';
        append_scalar(json, *member, true, attribute, size);
        if (!members.insert(member_form(*member)).second)
            refuse("22023", attribute,
                   "is a set with a member twice: " + std::string(member->text.substr(0, kMostQuotedBytes)));
    }
    json += ']';
    size += kContainerBytes;
}

std::string_view letters(ValueType type)
{
    constexpr std::string_view kLetters[] = {"S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"};
    return kLetters[static_cast<std::size_t>(type)];
}

void append(std::string &json, const Value &value, std::size_t level, std::string_view attribute, std::size_t &size);

void append_members(std::string &json, const Value &container, std::size_t level, std::string_view attribute,
                    std::size_t &size)
{
    if (level + 1 > kMostLevels)
        refuse("54001", attribute, "is nested more than 32 levels deep");
    const bool map = container.type == ValueType::kMap;
    json += map ? '{' : '[';
    const Value *member = &container + 1;
    for (std::uint32_t i = 0; i < container.children; ++i, member += member->span) {
        if (i > 0)
            json += ',';
        if (map) {
            if (member->name.empty() || member->name.size() > kMostAttributeNameBytes)
                refuse("22023", attribute, "has a name inside of it that is empty or longer than 65,535 bytes");
            json::append_string(json, member->name);
            json += ':';
            size += member->name.size();
        }
        append(json, *member, level + 1, attribute, size);
        size += kMemberBytes;
    }
    json += map ? '}' : ']';
    size += kContainerBytes;
}

// `level`: of the value; that of the item's attributes is 1.
void append(std::string &json, const Value &value, std::size_t level, std::string_view attribute, std::size_t &size)
{
    json.append("{\"").append(letters(value.type)).append("\":");
    switch (value.type) {
        case ValueType::kBool:
        case ValueType::kNull:
            json += value.type == ValueType::kNull || value.boolean ? "true" : "false";
            size += 1;
            break;
        case ValueType::kMap:
        case ValueType::kList:
            append_members(json, value, level, attribute, size);
            break;
        case ValueType::kStringSet:
        case ValueType::kNumberSet:
        case ValueType::kBinarySet:
            append_set(json, value, attribute, size);
            break;
        default:
            append_scalar(json, value, level > 1, attribute, size);
    }
    json += '}';
}

const KeyAttribute *find(const std::vector<KeyAttribute> &keys, std::string_view name)
{
    const auto found =
        std::find_if(keys.begin(), keys.end(), [name](const KeyAttribute &key) { return key.name == name; });
    return found == keys.end() ? nullptr : &*found;
}

void check_key_type(const Value &value, char type)
{
    const std::string_view given = letters(value.type);
    if (given.size() != 1 || given[0] != type)
        refuse("42804", value.name,
               "is of type " + std::string(given) + ", as a key it has to be of type " + std::string(1, type));
    if (value.type != ValueType::kNumber && value.text.empty())
        refuse("22023", value.name, "is empty, which a key must not be");
}

void check_keys(const Value &value, const KeyRules &rules)
{
    if (const KeyAttribute *key = find(rules.keys, value.name)) {
        check_key_type(value, key->type);
        const bool partition = key == rules.keys.data();
        if (value.type != ValueType::kNumber &&
            value.text.size() > (partition ? kMostPartitionKeyBytes : kMostSortKeyBytes))
            refuse("54000", value.name,
                   partition ? "is a partition key of more than 2048 bytes" : "is a sort key of more than 1024 bytes");
    } else if (const KeyAttribute *index_key = find(rules.index_keys, value.name)) {
        check_key_type(value, index_key->type);
    }
}

void check_name(std::string_view name)
{
    if (name.empty() || name.size() > kMostAttributeNameBytes)
        refuse("22023", name, "has a name that is empty or longer than 65,535 bytes");
}

void require_keys(const KeyRules &rules, std::span<const Value> values)
{
    for (const KeyAttribute &key : rules.keys) {
        bool found = false;
        for (std::size_t i = 0; i < values.size() && !found; i += values[i].span)
            found = values[i].name == key.name;
        if (!found)
            refuse("23502", key.name, "is missing, which is of the table's key");
    }
}

void append_member(std::string &object, std::string_view name, std::string_view value)
{
    object += object.empty() ? '{' : ',';
    json::append_string(object, name);
    object += ':';
    object += value;
}

}  // namespace

void append_value(std::string &json, const Value &value, std::string_view attribute, std::size_t &size)
{
    append(json, value, 1, attribute, size);
}

WrittenItem write_item(std::span<const Value> values, const KeyRules &rules)
{
    WrittenItem item;
    require_keys(rules, values);
    std::string text;
    for (std::size_t i = 0; i < values.size(); i += values[i].span) {
        const Value &value = values[i];
        check_name(value.name);
        check_keys(value, rules);
        text.clear();
        append_value(text, value, value.name, item.size);
        item.size += value.name.size();
        append_member(item.json, value.name, text);
        if (find(rules.keys, value.name) != nullptr)
            append_member(item.key, value.name, text);
    }
    item.json += '}';
    item.key += '}';
    if (item.size > kMostItemBytes)
        throw base::Error{
            base::make_status(base::Failure::kInvalid, "54000", false,
                              "the item has " + std::to_string(item.size) + " bytes, more than DynamoDB's 400 KB")};
    return item;
}

namespace {

using Places = std::vector<const Value *>;

Places members_of(const Value &container)
{
    Places members;
    const Value *member = &container + 1;
    for (std::uint32_t i = 0; i < container.children; ++i, member += member->span)
        members.push_back(member);
    return members;
}

bool same_by_name(Places left, Places right)
{
    const auto by_name = [](const Value *a, const Value *b) { return a->name < b->name; };
    std::sort(left.begin(), left.end(), by_name);
    std::sort(right.begin(), right.end(), by_name);
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [](const Value *a, const Value *b) { return a->name == b->name && same_value(*a, *b); });
}

bool same_sets(const Value &left, const Value &right)
{
    std::vector<std::string> forms[2];
    for (const Value *member : members_of(left))
        forms[0].push_back(member_form(*member));
    for (const Value *member : members_of(right))
        forms[1].push_back(member_form(*member));
    std::sort(forms[0].begin(), forms[0].end());
    std::sort(forms[1].begin(), forms[1].end());
    return forms[0] == forms[1];
}

}  // namespace

bool same_value(const Value &left, const Value &right)
{
    if (left.type != right.type)
        return false;
    switch (left.type) {
        case ValueType::kNull:
            return true;
        case ValueType::kBool:
            return left.boolean == right.boolean;
        case ValueType::kMap:
            return same_by_name(members_of(left), members_of(right));
        case ValueType::kList: {
            const Places a = members_of(left);
            const Places b = members_of(right);
            return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                              [](const Value *x, const Value *y) { return same_value(*x, *y); });
        }
        case ValueType::kStringSet:
        case ValueType::kNumberSet:
        case ValueType::kBinarySet:
            return same_sets(left, right);
        default:
            return member_form(left) == member_form(right);
    }
}

namespace {

Places attributes_of(std::span<const Value> values)
{
    Places attributes;
    for (std::size_t i = 0; i < values.size(); i += values[i].span)
        attributes.push_back(&values[i]);
    return attributes;
}

}  // namespace

bool same_item(std::span<const Value> left, std::span<const Value> right)
{
    return same_by_name(attributes_of(left), attributes_of(right));
}

}  // namespace podyn::dynamodb
