// Names from the engine, palloc'ed, with its errors raised.
#pragma once

#include <span>

#include "compat.h"
#include "engine/columns.h"
#include "raise.h"

namespace podyn {

inline char *choose_column_name(std::string_view attribute, engine::ColumnType type, bool typed, bool lower_case,
                                std::span<const std::string_view> taken)
{
    engine::ColumnName name;
    check(engine::choose_column_name(attribute, type, typed, lower_case, taken, &name));
    return pstrdup(name.text);
}

inline char *choose_index_name(std::string_view table, std::string_view index, std::span<const std::string_view> taken)
{
    engine::ColumnName name;
    check(engine::choose_index_name(table, index, taken, &name));
    return pstrdup(name.text);
}

}  // namespace podyn
