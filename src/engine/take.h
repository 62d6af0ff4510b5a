// Inside the engine only: how the typed starters and takers of operations.h and s3.h begin calls and end them.
#pragma once

#include <memory>
#include <utility>

#include "engine/call.h"
#include "engine/guard.h"

namespace podyn::engine {

// `make_exchange` may throw.
template <typename MakeExchange>
Status start(Client *client, Session *session, Now now, Call **call, MakeExchange &&make_exchange) noexcept
{
    *call = nullptr;
    return guarded([&] {
        *call = start_call(*client, *session, make_exchange(), now).release();
        return Status{};
    });
}

// `options`: what the response's parser takes beside the body.
template <typename Handle, typename Page, typename... Options>
Status take(Call *call, Handle **handle, Page *page, Options... options) noexcept
{
    *handle = nullptr;
    return guarded([&] {
        const Status status = call_status(call);
        if (!status.ok())
            return status;
        auto response = std::make_unique<Handle>(release_body(*call), options...);
        *page = response->page();
        *handle = response.release();
        return status;
    });
}

}  // namespace podyn::engine
