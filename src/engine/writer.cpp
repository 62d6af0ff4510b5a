// See writer.h. A write lies in the open batch, then in a shipment that waits or is under way, until it has come to its
// end.
#include "engine/writer.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dynamodb/item_writer.h"
#include "dynamodb/writes.h"
#include "engine/call.h"
#include "engine/guard.h"
#include "engine/json_exchange.h"
#include "engine/shipment.h"
#include "engine/write_budget.h"

namespace podyn::engine {

namespace {

constexpr std::size_t kEnvelopeBytes = 4096;  // of a batch beside its writes
constexpr std::size_t kWriteEnvelopeBytes = 32;
constexpr std::size_t kMostWaitingBytes = 64UL * 1024 * 1024;

constexpr std::int64_t kFirstDelay = 50'000;  // botocore's legacy mode for DynamoDB; doubles with each attempt
constexpr std::int64_t kLastDelay = 10'000'000;
constexpr int kMostDoublings = 10;
// A request that cannot be answered at all is made again this long after the last answer.
constexpr std::int64_t kPatience = 60'000'000;

constexpr double kShrink = 0.7;  // of the requests under way, where DynamoDB throttles

// Errors that are the write's own: its value, a limit, a rule of the table.
bool is_of_the_write(const Status &status)
{
    const std::string_view sqlstate = status.sqlstate;
    return status.failure == Failure::kInvalid &&
           (sqlstate.starts_with("22") || sqlstate.starts_with("54") || sqlstate.starts_with("58"));
}

bool is_passing(const Status &status)
{
    return status.retryable && (status.failure == Failure::kUnavailable || status.failure == Failure::kCorrupt);
}

}  // namespace

struct Writer {
    Writer(Client *its_client, Session *its_session, const WriterOptions &options)
        : client(its_client),
          session(its_session),
          table(options.table),
          connections(std::max(options.connections, 1U)),
          window(connections),
          budget(options.write_rate)
    {
        rules.keys = keep(options.keys);
        rules.index_keys = keep(options.index_keys);
        for (const dynamodb::KeyAttribute &key : rules.keys)
            key_names.push_back(key.name);
    }
    Writer(const Writer &) = delete;
    Writer &operator=(const Writer &) = delete;

    void check(const WriteRequest &request);
    [[nodiscard]] bool take(Now now);
    void flush();
    void drive(Now now);
    void send_due(Now now);
    void stop() noexcept;
    void fail(const Status &status);

    Client *client;
    Session *session;
    std::string table;
    std::list<std::string> names;  // that the rules point into
    dynamodb::KeyRules rules;
    std::vector<std::string_view> key_names;

    std::optional<Entry> checked;
    std::vector<Entry> open;
    std::size_t open_bytes = 0;
    std::deque<Shipment> waiting;
    std::list<Shipment> running;
    std::set<base::Sha256> busy;  // keys of all that is open, waiting or running
    std::size_t bytes = 0;        // of the same
    std::deque<std::pair<Entry, WriteOutcome>> outcomes;
    std::string told_key;

    std::uint32_t connections;
    double window;  // requests that may be under way
    WriteBudget budget;
    std::int64_t unanswered_since_us = -1;
    WriterCounts counts{};
    Status status{};
    bool stopped = false;

  private:
    std::vector<dynamodb::KeyAttribute> keep(std::span<const dynamodb::KeyAttribute> keys)
    {
        std::vector<dynamodb::KeyAttribute> kept;
        for (const dynamodb::KeyAttribute &key : keys)
            kept.push_back({names.emplace_back(key.name), key.type});
        return kept;
    }

    [[nodiscard]] bool has_room() const;
    void start(Shipment &shipment, Now now);
    void finish(Shipment &&shipment, Now now);
    void take_answer(Shipment &&shipment, const dynamodb::WriteAnswer &answer, Now now);
    void take_condition(Entry &&entry, const Call &call);
    void send_again(Shipment &&shipment, Now now);
    void split(Shipment &&shipment);
    void slow_down();
    void done(const Entry &entry);
    void written(const Entry &entry);
    void come_to(Entry &&entry, WriteResult result, const Status &why);
};

void Writer::check(const WriteRequest &request)
{
    checked.reset();
    checked = make_entry(table, rules, request);
}

bool Writer::has_room() const
{
    return waiting.size() + running.size() < connections + 1UL && bytes < kMostWaitingBytes;
}

bool Writer::take(Now now)
{
    const bool batched = goes_in_batches(checked->kind);
    const std::size_t size = checked->json.size() + kWriteEnvelopeBytes;
    if (batched && open_bytes + size + kEnvelopeBytes > dynamodb::kMostBytesOfBatch)
        flush();
    if (busy.contains(checked->digest) || ((!batched || open.empty()) && !has_room()))
        return false;
    busy.insert(checked->digest);
    bytes += checked->json.size();
    if (batched) {
        open_bytes += size;
        open.push_back(std::move(*checked));
    } else {
        Shipment &shipment = waiting.emplace_back();
        shipment.entries.push_back(std::move(*checked));
    }
    checked.reset();
    if (open.size() == dynamodb::kMostWritesOfBatch)
        flush();
    send_due(now);
    return true;
}

void Writer::flush()
{
    if (open.empty())
        return;
    waiting.emplace_back().entries = std::exchange(open, {});
    open_bytes = 0;
}

// The first that is due: those that were throttled stand behind, so that they do not hold up the others.
void Writer::send_due(Now now)
{
    budget.refill(now.monotonic_us);
    for (auto at = waiting.begin(); at != waiting.end() && status.ok() && !stopped;) {
        if (static_cast<double>(running.size()) >= std::floor(window) || !budget.allows())
            return;
        if (at->due_us > now.monotonic_us) {
            ++at;
            continue;
        }
        Shipment &shipment = running.emplace_back(std::move(*at));
        at = waiting.erase(at);
        start(shipment, now);
    }
}

void Writer::start(Shipment &shipment, Now now)
{
    shipment.units = units_of(shipment);
    budget.take(shipment.units);
    ++counts.requests;
    auto exchange = std::make_unique<JsonExchange>(*session, operation_of(shipment), body_of(shipment, table, rules));
    shipment.call.reset(start_call(*client, *session, std::move(exchange), now).release());
    shipment.call->retries = false;
}

void Writer::drive(Now now)
{
    for (auto at = running.begin(); at != running.end();) {
        if (!call_finished(at->call.get())) {
            ++at;
            continue;
        }
        Shipment shipment = std::move(*at);
        at = running.erase(at);
        finish(std::move(shipment), now);
    }
    send_due(now);
}

void Writer::finish(Shipment &&shipment, Now now)
{
    Status result = call_status(shipment.call.get());
    if (shipment.call->sent_again)
        shipment.make_uncertain();
    dynamodb::WriteAnswer answer;
    if (result.ok())
        result = guarded([&] {
            answer = dynamodb::parse_write_answer(call_body(shipment.call.get()), key_names);
            return Status{};
        });
    if (result.ok())
        return take_answer(std::move(shipment), answer, now);
    if (result.failure == Failure::kCondition)
        return take_condition(std::move(shipment.entries.front()), *shipment.call);
    if (result.failure == Failure::kThrottled) {
        unanswered_since_us = -1;
        ++counts.throttled;
        budget.take(-shipment.units);
        slow_down();
        return send_again(std::move(shipment), now);
    }
    if (is_passing(result)) {
        if (unanswered_since_us < 0)
            unanswered_since_us = now.monotonic_us;
        if (now.monotonic_us - unanswered_since_us > kPatience)
            return fail(result);
        shipment.make_uncertain();
        return send_again(std::move(shipment), now);
    }
    if (!is_of_the_write(result))
        return fail(result);
    if (shipment.entries.size() > 1)
        return split(std::move(shipment));
    come_to(std::move(shipment.entries.front()), WriteResult::kFailed, result);
}

// What BatchWriteItem gives back was not carried out.
void Writer::take_answer(Shipment &&shipment, const dynamodb::WriteAnswer &answer, Now now)
{
    unanswered_since_us = -1;
    counts.write_units += answer.write_units;
    if (answer.write_units > 0)
        budget.take(answer.write_units - shipment.units);
    const std::set<base::Sha256> unprocessed(answer.unprocessed.begin(), answer.unprocessed.end());
    std::vector<Entry> left;
    for (Entry &entry : shipment.entries) {
        if (unprocessed.contains(entry.digest))
            left.push_back(std::move(entry));
        else
            written(entry);
    }
    if (left.empty()) {
        window = std::min(static_cast<double>(connections), window + 1 / window);
        return;
    }
    counts.unprocessed += left.size();
    slow_down();
    if (left.size() < shipment.entries.size())
        shipment.attempts = 0;
    shipment.entries = std::move(left);
    send_again(std::move(shipment), now);
}

// A put that was not answered may have met the item that it had made itself.
void Writer::take_condition(Entry &&entry, const Call &call)
{
    unanswered_since_us = -1;
    const Status result = call_status(&call);
    if (entry.kind == WriteKind::kUpdate)
        return come_to(std::move(entry), WriteResult::kGone, result);
    if (entry.uncertain && dynamodb::holds_item(call_body(&call), entry.json))
        return written(entry);
    come_to(std::move(entry), WriteResult::kExisted, result);
}

void Writer::send_again(Shipment &&shipment, Now now)
{
    if (stopped)
        return;
    shipment.call.reset();
    const std::int64_t longest = std::min(kFirstDelay << std::min(shipment.attempts, kMostDoublings), kLastDelay);
    const double random = static_cast<double>(client->random() >> 11) * 0x1.0p-53;  // 53 bits: [0, 1)
    ++shipment.attempts;
    shipment.due_us = now.monotonic_us + static_cast<std::int64_t>(static_cast<double>(longest) * (0.5 + random / 2));
    waiting.push_back(std::move(shipment));
}

// DynamoDB refuses a batch as a whole, whichever of its writes it does not like.
void Writer::split(Shipment &&shipment)
{
    if (stopped)
        return;
    for (Entry &entry : shipment.entries)
        waiting.emplace_back().entries.push_back(std::move(entry));
}

void Writer::stop() noexcept
{
    stopped = true;
    open.clear();
    waiting.clear();
}

void Writer::slow_down()
{
    window = std::max(1.0, window * kShrink);
}

void Writer::done(const Entry &entry)
{
    busy.erase(entry.digest);
    bytes -= entry.json.size();
}

void Writer::written(const Entry &entry)
{
    ++counts.written;
    done(entry);
}

void Writer::come_to(Entry &&entry, WriteResult result, const Status &why)
{
    ++(result == WriteResult::kExisted ? counts.existed : result == WriteResult::kGone ? counts.gone : counts.failed);
    done(entry);
    const std::uint64_t row = entry.row;
    outcomes.emplace_back(std::move(entry), WriteOutcome{result, row, {}, why});
}

void Writer::fail(const Status &why)
{
    if (status.ok())
        status = why;
}

Status writer_create(Client *client, Session *session, const WriterOptions &options, Writer **writer) noexcept
{
    *writer = nullptr;
    return guarded([&] {
        *writer = new Writer(client, session, options);
        return Status{};
    });
}

void destroy(Writer *writer) noexcept
{
    delete writer;
}

Status writer_check(Writer *writer, const WriteRequest &request, CheckedWrite *checked) noexcept
{
    return guarded([&] {
        writer->check(request);
        const Entry &entry = *writer->checked;
        *checked = {entry.json, entry.key, entry.digest.data(), entry.units};
        return Status{};
    });
}

Status writer_take(Writer *writer, Now now, bool *taken) noexcept
{
    *taken = false;
    return guarded([&] {
        *taken = writer->take(now);
        return Status{};
    });
}

void writer_flush(Writer *writer, Now now) noexcept
{
    const Status failure = guarded([&] {
        writer->flush();
        writer->send_due(now);
        return Status{};
    });
    if (!failure.ok())
        writer->fail(failure);
}

void writer_drive(Writer *writer, Now now) noexcept
{
    const Status failure = guarded([&] {
        writer->drive(now);
        return Status{};
    });
    if (!failure.ok())
        writer->fail(failure);
}

std::int64_t writer_deadline(const Writer *writer) noexcept
{
    if (writer->waiting.empty() || static_cast<double>(writer->running.size()) >= std::floor(writer->window))
        return -1;
    std::int64_t earliest = writer->waiting.front().due_us;
    for (const Shipment &shipment : writer->waiting)
        earliest = std::min(earliest, shipment.due_us);
    return writer->budget.allows() ? earliest : std::max(earliest, writer->budget.due_us());
}

bool writer_idle(const Writer *writer) noexcept
{
    return writer->open.empty() && writer->waiting.empty() && writer->running.empty();
}

void writer_stop(Writer *writer) noexcept
{
    writer->stop();
}

Status writer_status(const Writer *writer) noexcept
{
    return writer->status;
}

bool writer_next(Writer *writer, WriteOutcome *outcome) noexcept
{
    if (writer->outcomes.empty())
        return false;
    *outcome = writer->outcomes.front().second;
    writer->told_key = std::move(writer->outcomes.front().first.key);
    writer->outcomes.pop_front();
    outcome->key = writer->told_key;
    return true;
}

bool same_value(const Value &left, const Value &right) noexcept
{
    bool same = false;
    const Status status = guarded([&] {
        same = dynamodb::same_value(left, right);
        return Status{};
    });
    return status.ok() && same;
}

WriterCounts writer_counts(const Writer *writer) noexcept
{
    WriterCounts counts = writer->counts;
    for (const Shipment &shipment : writer->running)
        counts.under_way += shipment.entries.size();
    return counts;
}

}  // namespace podyn::engine
