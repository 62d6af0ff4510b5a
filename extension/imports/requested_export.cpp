// See requested_export.h.
#include "imports/requested_export.h"

#include "raise.h"

namespace podyn {

char *make_client_token()
{
    constexpr size_t kBytes = 16;
    uint8 random[kBytes];
    if (!pg_strong_random(random, kBytes))
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
    auto *token = static_cast<char *>(palloc0(2 * kBytes + 1));
    hex_encode(reinterpret_cast<char *>(random), kBytes, token);
    return token;
}

Place location_of(const engine::ExportDescription &found)
{
    char *folder = copy_string(found.manifest_key);
    char *slash = strrchr(folder, '/');
    (slash == nullptr ? folder : slash)[0] = '\0';
    return {copy_string(found.bucket), folder};
}

engine::ExportDescription take_export(engine::Call *call)
{
    engine::Export *handle = nullptr;
    engine::ExportDescription description;
    check(engine::take_export(call, &handle, &description));
    own<engine::Export>(CurrentMemoryContext, handle, engine::destroy);
    return description;
}

}  // namespace podyn
