// See read_units.h.
#include "read_units.h"

#include "settings.h"

namespace podyn {
namespace {

constexpr uint32 kFirstLimit = 100;  // items of the first page under a rate: what they cost is not known yet

}  // namespace

uint32 scan_limit(double rate, double units_per_item)
{
    auto most = static_cast<uint32>(settings::batch_rows);
    if (rate <= 0)
        return most;
    if (units_per_item <= 0)
        return Min(most, kFirstLimit);
    double items = rate / units_per_item;
    return items < 1 ? 1 : items > most ? most : static_cast<uint32>(items);
}

double page_read_units(const engine::ScanPage &page, bool consistent)
{
    if (page.read_units > 0)
        return page.read_units;
    double bytes = 0;
    for (const engine::Item &item : page.items)
        bytes += static_cast<double>(item.json.size());
    return bytes / kBytesPerReadUnit * (consistent ? 1 : 0.5);
}

}  // namespace podyn
