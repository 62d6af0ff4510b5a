// CallList of call.h.
#include "engine/call.h"

namespace podyn::engine {

void CallList::push_back(Call &call) noexcept
{
    insert_before(nullptr, call);
}

void CallList::insert_by_due(Call &call) noexcept
{
    Call *next = nullptr;
    for (Call *other = last_; other != nullptr && other->due_us > call.due_us; other = other->previous)
        next = other;
    insert_before(next, call);
}

void CallList::insert_before(Call *next, Call &call) noexcept
{
    call.list = this;
    call.next = next;
    call.previous = next == nullptr ? last_ : next->previous;
    (call.previous == nullptr ? first_ : call.previous->next) = &call;
    (next == nullptr ? last_ : next->previous) = &call;
}

void CallList::remove(Call &call) noexcept
{
    (call.previous == nullptr ? first_ : call.previous->next) = call.next;
    (call.next == nullptr ? last_ : call.next->previous) = call.previous;
    call.list = nullptr;
    call.previous = call.next = nullptr;
}

}  // namespace podyn::engine
