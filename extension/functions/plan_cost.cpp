// See plan_cost.h.
#include "functions/plan_cost.h"

#include <cmath>

#include "read_units.h"
#include "settings.h"
#include "workers/segments.h"

namespace podyn {
namespace {

// List prices, USD; other regions and provisioned capacity differ (https://aws.amazon.com/dynamodb/pricing/on-demand).
constexpr double kPricePerMillionUnits = 0.125;
constexpr double kPricePerMillionStreamReads = 0.2;
// https://aws.amazon.com/dynamodb/pricing/on-demand, "Data export to Amazon S3"
constexpr double kPricePerExportedGigabyte = 0.10;
constexpr double kGigabyte = 1024.0 * 1024 * 1024;
constexpr char kPriceSource[] = "on-demand list price of us-east-1, November 2024";

struct Units {
    double consistent;  // if every page is read so
    double eventual;
    double expected;  // under the option consistent_read
};

Units units_of(const ReplicateOptions &options, const engine::TableDescription &table)
{
    Units units;
    units.consistent = std::ceil(static_cast<double>(table.size_bytes) / kBytesPerReadUnit);
    units.eventual = units.consistent / 2;
    // Without a limit nobody knows how much the first minutes read: all of it, to be on the safe side.
    double at_first =
        options.scan_rate_value > 0 ? options.scan_rate_value * kStaleReadsAreSafeSeconds : units.consistent;
    bool all_consistent =
        options.consistent_read == ConsistentRead::kOn ||
        (options.consistent_read == ConsistentRead::kAuto && (!options.changes || at_first >= units.consistent));
    if (all_consistent)
        units.expected = units.consistent;
    else if (options.consistent_read == ConsistentRead::kOff)
        units.expected = units.eventual;
    else
        units.expected = at_first + (units.consistent - at_first) / 2;
    return units;
}

char *duration(double seconds)
{
    if (seconds < 1)
        return pstrdup("a second");
    if (seconds < 120)
        return psprintf("%.0f seconds", std::ceil(seconds));
    if (seconds < 7200)
        return psprintf("%.0f minutes", std::ceil(seconds / 60));
    if (seconds < 172800)
        return psprintf("%.1f hours", seconds / 3600);
    return psprintf("%.1f days", seconds / 86400);
}

void plan_time(PlanRows *rows, const ReplicateOptions &options, double units)
{
    if (options.scan_rate_value <= 0) {
        add_row(rows, "time", "no limit of ours (scan_rate => 0): as fast as the table's capacity and the workers are");
        return;
    }
    double seconds = units / options.scan_rate_value;
    add_row(rows, "time", "about %s at %g read units per second (scan_rate)", duration(seconds),
            options.scan_rate_value);
    if (seconds > 3600)
        add_row(rows, "warning",
                "the copy takes over an hour: a higher scan_rate is faster, if the table's capacity allows it");
}

void plan_stream_price(PlanRows *rows)
{
    double per_day = 86400.0 * 1000 / Max(settings::poll_interval, 1);
    add_row(
        rows, "price",
        "estimate: up to %.2f USD per day and open shard for reading the stream, %.0f requests at podyn.poll_interval "
        "= %d ms and %g USD per million (%s); none of the table's read units",
        per_day / 1e6 * kPricePerMillionStreamReads, per_day, settings::poll_interval, kPricePerMillionStreamReads,
        kPriceSource);
}

void plan_scan(PlanRows *rows, const ReplicateOptions &options, const engine::TableDescription &table)
{
    Units units = units_of(options, table);
    int segments = choose_segments(options.segments, table.size_bytes);
    add_row(rows, "segments", "%d%s, of which podyn.max_workers = %d at most are read at once", segments,
            options.segments > 0 ? " as asked for" : ", chosen from the table's size", settings::max_workers);
    add_row(rows, "read units",
            "about %.0f for the copy: %.0f if every page is read consistently, %.1f if none is (consistent_read => "
            "'%s')",
            units.expected, units.consistent, units.eventual,
            kConsistentReadWords[static_cast<int>(options.consistent_read)]);
    plan_time(rows, options, units.expected);
    add_row(rows, "price", "estimate: %.4f USD for the copy, at %g USD per million read units (%s)",
            units.expected / 1e6 * kPricePerMillionUnits, kPricePerMillionUnits, kPriceSource);
}

void plan_files(PlanRows *rows, const ReplicateOptions &options, const engine::TableDescription &table)
{
    add_row(rows, "read units", "0 for the copy: exports consume none");
    if (options.backfill == Backfill::kFiles) {
        add_row(rows, "price", "none for the copy, but for reading it from S3: the exports are there");
        return;
    }
    add_row(rows, "time", "some minutes at least until DynamoDB has made the export, then as fast as the workers are");
    add_row(
        rows, "price",
        "estimate: %.4f USD for the export, at %g USD per GB of the table (list price of us-east-1, November 2024); "
        "S3's prices come on top",
        static_cast<double>(table.size_bytes) / kGigabyte * kPricePerExportedGigabyte, kPricePerExportedGigabyte);
}

}  // namespace

void plan_cost(PlanRows *rows, const ReplicateOptions &options, const engine::TableDescription &table)
{
    if (options.data && options.backfill == Backfill::kScan)
        plan_scan(rows, options, table);
    else if (options.data)
        plan_files(rows, options, table);
    if (options.changes)
        plan_stream_price(rows);
}

}  // namespace podyn
