// See expressions.h.
#include "dynamodb/expressions.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/base64.h"
#include "json/writer.h"

namespace podyn::dynamodb {

namespace {

// Developer guide, service quotas: expression parameters.
constexpr std::size_t kMostBytes = 4096;
constexpr unsigned kMostOperators = 300;
constexpr std::size_t kMostOfIn = 100;

constexpr std::string_view kNul{"\0", 1};

constexpr std::string_view kTypeNames[] = {"S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"};

Operand type_name(ValueType type)
{
    return {ValueType::kString, kTypeNames[static_cast<std::size_t>(type)], false};
}

std::string object_json(char sign, const std::vector<std::string> &members)
{
    if (members.empty())
        return {};
    json::ObjectWriter writer;
    for (std::size_t i = 0; i < members.size(); ++i)
        writer.raw(sign + std::to_string(i), members[i]);
    return writer.finish();
}

// The placeholder's number; the same text has one.
std::size_t place_of(std::vector<std::string> &members, std::string json)
{
    const auto known = std::find(members.begin(), members.end(), json);
    const auto place = static_cast<std::size_t>(known - members.begin());
    if (known == members.end())
        members.push_back(std::move(json));
    return place;
}

}  // namespace

std::string operand_json(const Operand &operand)
{
    switch (operand.type) {
        case ValueType::kNumber:
            return json::ObjectWriter().string("N", operand.text).finish();
        case ValueType::kBinary:
            return json::ObjectWriter().string("B", base::encode_base64(operand.text)).finish();
        case ValueType::kBool:
            return json::ObjectWriter().boolean("BOOL", operand.boolean).finish();
        default:
            return json::ObjectWriter().string("S", operand.text).finish();
    }
}

std::string Expressions::filter(std::span<const Condition> conditions)
{
    std::vector<Text> terms;
    std::size_t bytes = 0;
    unsigned operators = 0;
    while (!conditions.empty()) {
        const Mark before = mark();
        std::optional<Text> term = render(conditions);
        if (!term)
            continue;
        bytes += term->text.size() + std::size(" AND ()");
        operators += term->operators + 1;
        if (bytes <= kMostBytes && operators <= kMostOperators) {
            terms.push_back(std::move(*term));
        } else {
            bytes -= term->text.size() + std::size(" AND ()");
            operators -= term->operators + 1;
            back_to(before);
        }
    }
    return terms.empty() ? std::string() : joined(terms, " AND ").text;
}

std::string Expressions::key_condition(std::span<const KeyValue> partition, const Condition *sort)
{
    std::string text;
    for (const KeyValue &key : partition)
        text.append(text.empty() ? "" : " AND ").append(name(key.attribute) + " = " + value(key.value));
    if (sort == nullptr)
        return text;
    const std::string attribute = name(sort->attribute);
    text += " AND ";
    if (sort->test == Test::kBeginsWith)
        text += "begins_with(" + attribute + ", " + value(sort->operands[0]) + ")";
    else if (sort->test == Test::kBetween)
        text += attribute + " BETWEEN " + value(sort->operands[0]) + " AND " + value(sort->operands[1]);
    else
        text += comparison(*sort, symbol_of(sort->test)).text;
    return text;
}

std::string Expressions::projection(std::span<const std::string_view> attributes)
{
    const Mark before = mark();
    std::string text;
    for (const std::string_view attribute : attributes)
        text.append(text.empty() ? "" : ", ").append(name(attribute));
    if (text.size() <= kMostBytes)
        return text;
    back_to(before);
    return {};
}

std::string Expressions::names_json() const
{
    return object_json('#', names_);
}

std::string Expressions::values_json() const
{
    return object_json(':', values_);
}

// Takes a condition, with all that is inside it, from the front. Nothing: it cannot be said.
std::optional<Expressions::Text> Expressions::render(std::span<const Condition> &rest)
{
    const Condition &condition = rest.front();
    if (condition.test == Test::kAll || condition.test == Test::kAny) {
        rest = rest.subspan(1);
        return render_group(condition, rest);
    }
    rest = rest.subspan(1);
    // A long list is not even begun: a statement's may have a million values.
    if (condition.test == Test::kUnknown || condition.operands.size() > kMostOperators)
        return std::nullopt;
    return render_leaf(condition);
}

// Of several that must hold, those that can be said; of several of which one must hold, all of them or nothing.
std::optional<Expressions::Text> Expressions::render_group(const Condition &group, std::span<const Condition> &rest)
{
    const Mark before = mark();
    std::vector<Text> parts;
    bool complete = true;
    for (std::uint32_t i = 0; i < group.children; ++i) {
        std::optional<Text> part = render(rest);
        complete = complete && part;
        if (part)
            parts.push_back(std::move(*part));
    }
    if (parts.empty() || (group.test == Test::kAny && !complete)) {
        back_to(before);
        return std::nullopt;
    }
    return joined(parts, group.test == Test::kAll ? " AND " : " OR ");
}

Expressions::Text Expressions::render_leaf(const Condition &condition)
{
    switch (condition.test) {
        case Test::kEqual:
            return comparison(condition, "=");
        case Test::kIn:
            return one_of(condition);
        case Test::kNotIn:
            return none_of(condition);
        case Test::kBeginsWith:
            return {"begins_with(" + name(condition.attribute) + ", " + value(condition.operands[0]) + ")", 1};
        case Test::kContains: {
            // A set may contain it, too.
            const Text parts[] = {
                has_type(condition),
                {"contains(" + name(condition.attribute) + ", " + value(condition.operands[0]) + ")", 1}};
            return joined(parts, " AND ");
        }
        case Test::kIsNotNull:
            return has_type(condition);
        case Test::kIsNull: {
            const Text type = has_type(condition);
            return {type.compound ? "NOT (" + type.text + ")" : "NOT " + type.text, type.operators + 1};
        }
        default:
            return or_changed(comparison(condition, symbol_of(condition.test)), condition);
    }
}

Expressions::Text Expressions::comparison(const Condition &condition, std::string_view symbol)
{
    std::string text = name(condition.attribute);
    text.append(" ").append(symbol).append(" ").append(value(condition.operands[0]));
    return {std::move(text), 1};
}

Expressions::Text Expressions::one_of(const Condition &condition)
{
    std::vector<Text> lists;
    for (std::size_t begin = 0; begin < condition.operands.size(); begin += kMostOfIn) {
        const auto operands = condition.operands.subspan(begin, std::min(kMostOfIn, condition.operands.size() - begin));
        std::string text = name(condition.attribute) + " IN (";
        for (const Operand &operand : operands)
            text.append(text.ends_with('(') ? "" : ", ").append(value(operand));
        lists.push_back({text + ")", static_cast<unsigned>(operands.size())});
    }
    return joined(lists, " OR ");
}

// Neither absent nor of another type, of which <> would be true.
Expressions::Text Expressions::none_of(const Condition &condition)
{
    std::vector<Text> parts = {has_type(condition)};
    for (const Operand &operand : condition.operands)
        parts.push_back({name(condition.attribute) + " <> " + value(operand), 1});
    return joined(parts, " AND ");
}

Expressions::Text Expressions::has_type(const Condition &condition)
{
    std::vector<Text> parts;
    for (std::size_t type = 0; type < std::size(kTypeNames); ++type)
        if (condition.types & (1U << type))
            parts.push_back({"attribute_type(" + name(condition.attribute) + ", " +
                                 value(type_name(static_cast<ValueType>(type))) + ")",
                             1});
    return joined(parts, " OR ");
}

// A string with U+0000 becomes another one on its way (see NulCharacters), which may stand elsewhere in the order:
// whoever asked compares again.
Expressions::Text Expressions::or_changed(Text text, const Condition &condition)
{
    if (condition.operands[0].type != ValueType::kString)
        return text;
    const Text parts[] = {
        std::move(text),
        {"contains(" + name(condition.attribute) + ", " + value({ValueType::kString, kNul, false}) + ")", 1}};
    return joined(parts, " OR ");
}

Expressions::Text Expressions::joined(std::span<const Text> parts, std::string_view word)
{
    if (parts.size() == 1)
        return parts[0];
    Text all;
    for (const Text &part : parts) {
        all.text.append(all.text.empty() ? "" : word);
        all.text.append(part.compound ? "(" + part.text + ")" : part.text);
        all.operators += part.operators + 1;
    }
    all.compound = true;
    return all;
}

std::string Expressions::name(std::string_view attribute)
{
    std::string json;
    json::append_string(json, attribute);
    return "#" + std::to_string(place_of(names_, std::move(json)));
}

std::string Expressions::value(const Operand &operand)
{
    return ":" + std::to_string(place_of(values_, operand_json(operand)));
}

}  // namespace podyn::dynamodb
