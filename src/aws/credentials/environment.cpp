// Credentials from the environment of the server's processes, the first link of AWS's default chain.
#include "aws/credentials/sources.h"

namespace podyn::aws {

Finding from_environment(const World &world)
{
    Credentials credentials{world.variable("AWS_ACCESS_KEY_ID"), world.variable("AWS_SECRET_ACCESS_KEY"),
                            world.variable("AWS_SESSION_TOKEN")};
    if (credentials.access_key_id.empty())
        return nothing("AWS_ACCESS_KEY_ID is not set");
    if (credentials.secret_access_key.empty())
        return nothing("AWS_SECRET_ACCESS_KEY is not set");
    return found(std::move(credentials));
}

}  // namespace podyn::aws
