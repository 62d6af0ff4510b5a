// See columns.h: the rules stand in replication/, here is their door.
#include "engine/columns.h"

#include <cstring>
#include <memory>

#include "engine/guard.h"
#include "replication/column_name.h"
#include "replication/layout.h"

namespace podyn::engine {

struct Layout : replication::Layout {};

ColumnType column_type(ValueType type) noexcept
{
    switch (type) {
        case ValueType::kString:
            return ColumnType::kText;
        case ValueType::kNumber:
            return ColumnType::kNumeric;
        case ValueType::kBinary:
            return ColumnType::kBytea;
        case ValueType::kBool:
            return ColumnType::kBoolean;
        case ValueType::kNull:
            return ColumnType::kNone;
        default:
            return ColumnType::kJsonb;
    }
}

std::string_view column_type_name(ColumnType type) noexcept
{
    return replication::type_name(type);
}

Status choose_column_name(std::string_view attribute, ColumnType type, bool typed, bool lower_case,
                          std::span<const std::string_view> taken, ColumnName *name) noexcept
{
    return guarded([&] {
        *name = replication::column_name(attribute, type, typed, lower_case, taken);
        return Status{};
    });
}

Status choose_index_name(std::string_view table, std::string_view index, std::span<const std::string_view> taken,
                         ColumnName *name) noexcept
{
    return guarded([&] {
        *name = replication::index_name(table, index, taken);
        return Status{};
    });
}

Status layout_create(Layout **layout) noexcept
{
    *layout = nullptr;
    return guarded([&] {
        *layout = std::make_unique<Layout>().release();
        return Status{};
    });
}

void destroy(Layout *layout) noexcept
{
    delete layout;
}

Status layout_add(Layout *layout, std::string_view attribute, ColumnType type, int column) noexcept
{
    return guarded([&] {
        if (type == ColumnType::kNone || column < 0)
            return make_status(Failure::kInvalid, "22023", false, "an attribute needs a type and a column");
        layout->add(attribute, type, column);
        return Status{};
    });
}

int layout_find(const Layout *layout, std::string_view attribute, ColumnType type) noexcept
{
    return layout->find(attribute, type);
}

bool layout_knows(const Layout *layout, std::string_view attribute) noexcept
{
    return layout->knows(attribute);
}

}  // namespace podyn::engine
