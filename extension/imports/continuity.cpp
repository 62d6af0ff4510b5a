// See continuity.h.
#include "imports/continuity.h"

namespace podyn {
namespace {

// As long as others leave between the stream's start and an export.
constexpr int64 kBlur = 5 * USECS_PER_MINUTE;

char *describe_time(TimestampTz time)
{
    return pstrdup(timestamptz_to_str(time));
}

}  // namespace

int64 export_blur(const engine::Session *session)
{
    return engine::session_is_local(session) ? 0 : kBlur;
}

Discontinuity find_discontinuity(const engine::Session *session, TimestampTz until, TimestampTz stream_created)
{
    int64 blur = export_blur(session);
    TimestampTz needed = until - blur;
    TimestampTz kept = Max(stream_created, GetCurrentTimestamp() - kStreamRetention);
    if (needed >= kept)
        return {};
    Discontinuity gap;
    gap.message = psprintf("the stream does not reach back to the end of the exports, %s", describe_time(until));
    gap.detail = psprintf("%s It holds the changes since %s%s.",
                          stream_created == kept ? "The stream was turned on after that, or only minutes before."
                                                 : "A stream keeps changes for 24 hours.",
                          describe_time(kept),
                          blur > 0 ? ", and those from five minutes before the end of the exports on are needed" : "");
    gap.hint =
        "Add incremental exports up to a time within the stream to the prefix, give a newer full export, or let one be "
        "made: backfill => 'export'. With changes => false the exports alone are loaded.";
    return gap;
}

}  // namespace podyn
