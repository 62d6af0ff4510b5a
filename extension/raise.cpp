// See raise.h.
#include "raise.h"

namespace podyn {

void check(const engine::Status &status)
{
    check(status, nullptr);
}

void check(const engine::Status &status, const char *about)
{
    if (status.ok())
        return;
    const char *s = status.sqlstate;
    ereport(ERROR,
            (errcode(MAKE_SQLSTATE(s[0], s[1], s[2], s[3], s[4])),
             errmsg("%s%s%s", about ? about : "", about ? ": " : "", status.message),
             status.detail[0] ? (status.request_id[0] ? errdetail("%s (request %s)", status.detail, status.request_id)
                                                      : errdetail("%s", status.detail))
                              : 0,
             status.hint[0] ? errhint("%s", status.hint) : 0));
}

void raise_file_error(const char *action, const char *path)
{
    int error = errno;
    const char *reason = pstrdup(strerror(error));
    errno = error;
    ereport(ERROR, (errcode_for_file_access(), errmsg("could not %s file \"%s\": %s", action, path, reason)));
}

char *copy_string(std::string_view text)
{
    return pnstrdup(text.data() ? text.data() : "", text.size());
}

}  // namespace podyn
