// Inside the engine only: what the writer sends. A shipment is one request: a batch of writes, or one conditional
// write.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/digest.h"
#include "dynamodb/item_writer.h"
#include "engine/call.h"
#include "engine/writer.h"

namespace podyn::engine {

// One write.
struct Entry {
    WriteKind kind;
    std::uint64_t row;
    std::string json;  // what is sent of it
    std::string key;
    base::Sha256 digest;
    double units;
    bool uncertain = false;  // it was sent without an answer: it may have been carried out
};

struct CallDeleter {
    void operator()(Call *call) const noexcept { call_destroy(call); }
};

struct Shipment {
    std::vector<Entry> entries{};
    int attempts = 0;
    std::int64_t due_us = 0;
    double units = 0;  // what it was reckoned with
    std::unique_ptr<Call, CallDeleter> call{};

    void make_uncertain()
    {
        for (Entry &entry : entries)
            entry.uncertain = true;
    }
};

[[nodiscard]] bool goes_in_batches(WriteKind kind);
// What a write sends. An error names the attribute that DynamoDB would not take.
[[nodiscard]] Entry make_entry(const std::string &table, const dynamodb::KeyRules &rules, const WriteRequest &request);

[[nodiscard]] Operation operation_of(const Shipment &shipment);
[[nodiscard]] std::string body_of(const Shipment &shipment, const std::string &table, const dynamodb::KeyRules &rules);
[[nodiscard]] double units_of(const Shipment &shipment);

}  // namespace podyn::engine
