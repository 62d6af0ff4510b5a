// See key_digest.h.
#include "dynamodb/key_digest.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "dynamodb/decimal.h"

namespace podyn::dynamodb {

namespace {

void append_sized(std::string &form, std::string_view text)
{
    const auto size = static_cast<std::uint32_t>(text.size());
    for (int shift = 24; shift >= 0; shift -= 8)
        form += static_cast<char>(size >> shift & 0xFF);
    form += text;
}

void append_value(std::string &form, const Value &value, const Tape &tape)
{
    switch (value.type) {
        case ValueType::kNumber:
            form += 'N';
            append_sized(form, canonical(parse_decimal(value.text).value()));
            break;
        case ValueType::kBinary:
            form += 'B';
            append_sized(form, value.text);
            break;
        default:
            form += 'S';
            append_sized(form, tape.original_text(value));
            break;
    }
}

}  // namespace

base::Sha256 key_digest(std::span<const Value> keys, const Tape &tape)
{
    std::vector<const Value *> sorted;
    for (const Value &key : keys)
        sorted.push_back(&key);
    std::sort(sorted.begin(), sorted.end(), [](const Value *a, const Value *b) { return a->name < b->name; });

    std::string form;
    for (const Value *key : sorted) {
        append_sized(form, key->name);
        append_value(form, *key, tape);
    }
    return base::sha256(form);
}

base::Sha256 unsound_key_digest(std::string_view json)
{
    // No canonical form begins with this byte: a name has at most 64 KB.
    return base::sha256('\xFF' + std::string(json));
}

}  // namespace podyn::dynamodb
