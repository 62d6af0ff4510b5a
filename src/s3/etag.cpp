// See etag.h.
#include "s3/etag.h"

#include <string>

#include "base/base64.h"
#include "base/digest.h"

namespace podyn::s3 {

bool etag_shows_md5(std::string_view etag, std::string_view md5)
{
    base::Md5::Digest whole{};
    if (!base::is_base64(md5) || base::decoded_size(md5) != whole.size())
        return false;
    base::decode_base64(md5, reinterpret_cast<char *>(whole.data()));
    base::Md5 of_parts;
    of_parts.update(base::as_text(whole));
    return etag == base::hex(whole) || etag == base::hex(of_parts.finish()) + "-1";
}

}  // namespace podyn::s3
