// The expressions of reading requests (developer guide, Expressions): key conditions, filters and projections. Names
// and values stand in placeholders, #0 and :0, whatever they are: so no name is reserved and no value needs quoting.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dynamodb/types.h"

namespace podyn::dynamodb {

// A value as DynamoDB JSON: {"S":"x"}. Of type string, number, binary (its bytes) or boolean.
[[nodiscard]] std::string operand_json(const Operand &operand);

// One request's expressions, which share their names and values.
class Expressions {
  public:
    // Of all the terms that stand one after the other in `conditions` and must hold together, as much as the service
    // takes: what is left out lets more items through, never fewer. Empty: nothing.
    [[nodiscard]] std::string filter(std::span<const Condition> conditions);
    // The sort key's condition is null where there is none.
    [[nodiscard]] std::string key_condition(std::span<const KeyValue> partition, const Condition *sort);
    // Empty: whole items, for want of attributes or of room.
    [[nodiscard]] std::string projection(std::span<const std::string_view> attributes);

    // ExpressionAttributeNames and ExpressionAttributeValues; empty where there are none.
    [[nodiscard]] std::string names_json() const;
    [[nodiscard]] std::string values_json() const;

  private:
    // A part of an expression. `compound`: needs parentheses inside another one, and only there: the service refuses
    // parentheses that mean nothing.
    struct Text {
        std::string text;
        unsigned operators = 0;
        bool compound = false;
    };

    // How many placeholders there are. The service refuses those that no expression uses, so what is given up takes its
    // own back.
    struct Mark {
        std::size_t names;
        std::size_t values;
    };
    [[nodiscard]] Mark mark() const { return {names_.size(), values_.size()}; }
    void back_to(Mark before)
    {
        names_.resize(before.names);
        values_.resize(before.values);
    }

    [[nodiscard]] std::optional<Text> render(std::span<const Condition> &rest);
    [[nodiscard]] std::optional<Text> render_group(const Condition &group, std::span<const Condition> &rest);
    [[nodiscard]] Text render_leaf(const Condition &condition);
    [[nodiscard]] Text comparison(const Condition &condition, std::string_view symbol);
    [[nodiscard]] Text one_of(const Condition &condition);
    [[nodiscard]] Text none_of(const Condition &condition);
    [[nodiscard]] Text has_type(const Condition &condition);
    [[nodiscard]] Text or_changed(Text text, const Condition &condition);
    [[nodiscard]] static Text joined(std::span<const Text> parts, std::string_view word);

    [[nodiscard]] std::string name(std::string_view attribute);
    [[nodiscard]] std::string value(const Operand &operand);

    std::vector<std::string> names_;
    std::vector<std::string> values_;  // as DynamoDB JSON
};

}  // namespace podyn::dynamodb
