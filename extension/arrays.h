// Arrays in the current memory context.
#pragma once

#include "compat.h"

namespace podyn {

// Zeroed. Also of no elements, it is not null.
template <typename Element>
Element *make_array(int count)
{
    return static_cast<Element *>(palloc0(sizeof(Element) * static_cast<size_t>(count + 1)));
}

}  // namespace podyn
