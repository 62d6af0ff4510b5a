// The engine against a real S3 server: tests/e2e/test_s3.py runs this one with PODYN_TEST_S3, which says where it is.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <sstream>

#include "base/digest.h"
#include "client_fixture.h"
#include "engine/s3.h"

namespace podyn::engine {
namespace {

constexpr std::uint64_t kPart = 1'000'000;

class S3Server : public test::ClientTest {
  protected:
    // "endpoint access-key secret-key bucket"
    void SetUp() override
    {
        const char *where = std::getenv("PODYN_TEST_S3");
        if (where == nullptr)
            GTEST_SKIP() << "PODYN_TEST_S3 is not set";
        std::string endpoint, key, secret;
        std::istringstream(where) >> endpoint >> key >> secret >> bucket_;
        SessionOptions options{};
        options.region = "us-east-1";
        options.s3_endpoint = endpoint;
        options.access_key_id = key;
        options.secret_access_key = secret;
        options.request_timeout_us = 20'000'000;
        open(options);
        unix_us_ = std::int64_t{std::time(nullptr)} * 1'000'000;
    }

    // Waits as a caller does, with the clock as it is: finish() is in a hurry.
    Status wait_for(Call *call)
    {
        calls_.insert(call);
        while (!call_finished(call)) {
            pollfd descriptor{client_fd(client_), POLLIN, 0};
            poll(&descriptor, 1, 100);
            client_drive(client_, now());
        }
        return call_status(call);
    }

    struct Listed {
        std::string key, etag;
        std::uint64_t size;
    };

    std::vector<Listed> list()
    {
        std::vector<Listed> listed;
        std::string token;
        do {
            Call *call = nullptr;
            EXPECT_TRUE(start_list_objects(client_, session_, bucket_, "", "", token, now(), &call).ok());
            const Status status = wait_for(call);
            EXPECT_TRUE(status.ok()) << status.message << ": " << status.detail;
            S3Objects *handle = nullptr;
            S3ObjectsPage page{};
            EXPECT_TRUE(take_objects(call, &handle, &page).ok());
            for (const S3Object &object : page.objects)
                listed.push_back({std::string(object.key), std::string(object.etag), object.size});
            token = page.next_token;
            engine::destroy(handle);
        } while (!token.empty());
        return listed;
    }

    std::string read(const Listed &object)
    {
        std::string content;
        while (content.size() < object.size) {
            Call *call = nullptr;
            EXPECT_TRUE(start_get_object(client_, session_, bucket_, object.key, content.size(), kPart, object.etag,
                                         now(), &call)
                            .ok());
            const Status status = wait_for(call);
            EXPECT_TRUE(status.ok()) << status.message << ": " << status.detail;
            ObjectPart *handle = nullptr;
            S3Part part{};
            if (!take_object_part(call, &handle, &part).ok())
                break;
            EXPECT_EQ(part.object_size, object.size);
            content.append(part.bytes);
            engine::destroy(handle);
        }
        return content;
    }

    std::string bucket_;
};

// Prints what it has found, for its caller to compare.
TEST_F(S3Server, every_object_is_listed_and_read)
{
    for (const Listed &object : list())
        std::printf("object\t%s\t%llu\t%s\n", object.key.c_str(), static_cast<unsigned long long>(object.size),
                    base::hex(base::sha256(read(object))).c_str());
}

}  // namespace
}  // namespace podyn::engine
