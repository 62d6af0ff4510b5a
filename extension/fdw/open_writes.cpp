// See open_writes.h.
#include "fdw/open_writes.h"

#include "raise.h"

namespace podyn {
namespace {

struct OpenWrites {
    OpenWrites *next;
    const char *table_arn;
    Writing *writing;
    MemoryContextCallback forget;
};

OpenWrites *all_open = nullptr;

void forget(void *argument)
{
    OpenWrites **place = &all_open;
    while (*place != argument)
        place = &(*place)->next;
    *place = (*place)->next;
}

}  // namespace

void note_open_writes(MemoryContext context, std::string_view table_arn, Writing *writing)
{
    auto *open = static_cast<OpenWrites *>(MemoryContextAllocZero(context, sizeof(OpenWrites)));
    MemoryContext old = MemoryContextSwitchTo(context);
    open->table_arn = copy_string(table_arn);
    MemoryContextSwitchTo(old);
    open->writing = writing;
    open->forget = {forget, open, nullptr};
    MemoryContextRegisterResetCallback(context, &open->forget);
    open->next = all_open;
    all_open = open;
}

void finish_open_writes(std::string_view table_arn)
{
    for (OpenWrites *open = all_open; open != nullptr; open = open->next)
        if (open->table_arn == table_arn)
            drain(open->writing);
}

}  // namespace podyn
