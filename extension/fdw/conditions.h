// From SQL's conditions on a foreign table to DynamoDB's, at planning. A term is what became of one clause of WHERE or
// of a join. Whatever is pushed down lets at least the rows through that SQL wants, and the executor looks at every
// clause again, but for those that say what a key is; a term that is exact lets no others through.
#pragma once

#include "compat.h"
#include "fdw/table.h"

namespace podyn {

// As engine::Condition, with a column in place of the attribute, and an expression in place of the operands.
struct Condition {
    engine::Test test;
    int children;
    AttrNumber column;
    Expr *value;  // null: none. For kIn and kNotIn, if `array`, an array
    bool array;
    int values;    // how many a constant array has
    bool pattern;  // the value is LIKE's pattern, whose beginning is not known before it is executed
};

struct Term {
    RestrictInfo *clause;
    Condition *conditions;  // in prefix order, see engine::Condition
    int count;
    bool exact;

    // Whether it is about one column only, by one comparison.
    [[nodiscard]] bool simple() const { return count == 1; }
};

struct Clauses {
    PlannerInfo *root;
    RelOptInfo *relation;
    const ForeignTable *table;
};

// Null: nothing of the clause can be said to DynamoDB. In the current memory context.
Term *translate(const Clauses &clauses, RestrictInfo *clause);

// Whether a value is a constant that is the same for DynamoDB in every respect, even for a key, so that nothing has to
// be looked at again.
bool is_exact_constant(const ForeignColumn &column, Node *value);

// The beginning that all strings have that LIKE finds with this pattern. `rest`: what may follow.
enum class LikeRest : uint8 { kNothing, kAnything, kSomething, kInvalid };
char *like_prefix(std::string_view pattern, LikeRest *rest);

// The expression without changes of type that change nothing.
Node *strip(Node *node);
// Whether columns of this type can be compared with DynamoDB's order: numbers, bytes, and strings by their bytes.
bool has_same_order(const ForeignColumn &column, Oid collation);

}  // namespace podyn
