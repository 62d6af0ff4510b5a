// See raise.h.
#include "raise.h"

namespace podyn {

void check(const engine::Status &status)
{
    if (status.ok())
        return;
    const char *s = status.sqlstate;
    ereport(ERROR,
            (errcode(MAKE_SQLSTATE(s[0], s[1], s[2], s[3], s[4])), errmsg("%s", status.message),
             status.detail[0] ? (status.request_id[0] ? errdetail("%s (request %s)", status.detail, status.request_id)
                                                      : errdetail("%s", status.detail))
                              : 0,
             status.hint[0] ? errhint("%s", status.hint) : 0));
}

char *copy_string(std::string_view text)
{
    return pnstrdup(text.data() ? text.data() : "", text.size());
}

}  // namespace podyn
