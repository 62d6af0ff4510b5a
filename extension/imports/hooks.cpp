// See hooks.h.
#include "imports/hooks.h"

#include "engine/keys.h"
#include "engine/operations.h"
#include "load/document.h"
#include "load/filter.h"
#include "load/halving.h"
#include "raise.h"
#include "setting_change.h"
#include "subtransaction.h"

namespace podyn {
namespace {

// One of the three at work.
struct Screen {
    const Screening *screening;
    const char *what;       // for messages
    const char *statement;  // gives number and item, NULL or no row for one that is left out
    bool makes_items;       // gives other items than it was given
    PageItem *items;
    Datum *documents;
    const int *asked;  // which of the items
    bool *keeps;
    MemoryContext memory;
};

char *parse_statement(const char *function)
{
    return psprintf("SELECT number, %s(item) FROM unnest($1) WITH ORDINALITY AS items (item, number)", function);
}

void run_screen(void *context, int first, int count)
{
    auto *screen = static_cast<Screen *>(context);
    auto *documents = static_cast<Datum *>(palloc(sizeof(Datum) * static_cast<size_t>(count)));
    for (int i = 0; i < count; ++i) {
        documents[i] = screen->documents[screen->asked[first + i]];
        screen->keeps[screen->asked[first + i]] = false;
    }
    Oid types[] = {JSONBARRAYOID};
    Datum values[] = {jsonb_array(documents, count)};
    SPI_connect();
    if (SPI_execute_with_args(screen->statement, 1, types, values, nullptr, false, 0) != SPI_OK_SELECT)
        elog(ERROR, "could not execute: %s", screen->statement);
    for (uint64 row = 0; row < SPI_processed; ++row) {
        if (catalog::is_null(row, 2))
            continue;
        int item = screen->asked[first + static_cast<int>(DatumGetInt64(catalog::value(row, 1))) - 1];
        screen->keeps[item] = true;
        if (!screen->makes_items)
            continue;
        MemoryContext old = MemoryContextSwitchTo(screen->memory);
        screen->documents[item] = PointerGetDatum(DatumGetJsonbPCopy(catalog::value(row, 2)));
        MemoryContextSwitchTo(old);
    }
    SPI_finish();
}

// The page's items are the reader's: what is changed is a copy.
engine::Item *copy_item(PageItem *item)
{
    auto *copy = static_cast<engine::Item *>(palloc0(sizeof(engine::Item)));
    *copy = *item->item;
    item->item = copy;
    return copy;
}

void give_problem(PageItem *item, const char *sqlstate, const char *message)
{
    engine::Item *bad = copy_item(item);
    strlcpy(bad->problem.sqlstate, sqlstate, sizeof bad->problem.sqlstate);
    bad->problem.message = view(message);
}

void refuse_item(void *context, int which, ErrorData *error)
{
    auto *screen = static_cast<Screen *>(context);
    int item = screen->asked[which];
    screen->keeps[item] = true;
    screen->documents[item] = Datum{0};
    MemoryContext old = MemoryContextSwitchTo(screen->memory);
    give_problem(&screen->items[item], unpack_sql_state(error->sqlerrcode),
                 psprintf("%s failed: %s", screen->what, message_of(*error)));
    MemoryContextSwitchTo(old);
}

// The item's key alone, as far as there is one.
engine::Item *key_of(const catalog::Replication &replication, const engine::Item &item)
{
    auto *values = static_cast<engine::Value *>(palloc0(sizeof(engine::Value) * 2));
    size_t count = 0;
    for (int i = 0; i < replication.key_count; ++i)
        if (const engine::Value *value = engine::find_attribute(item.values, replication.keys[i]);
            value && value->span == 1)
            values[count++] = *value;
    auto *key = static_cast<engine::Item *>(palloc0(sizeof(engine::Item)));
    *key = item;
    key->values = {values, count};
    return key;
}

void remove_instead(const Screen &screen, int which)
{
    PageItem &item = screen.items[which];
    if (screen.screening->keeps_keys_of != nullptr)
        item.item = key_of(*screen.screening->keeps_keys_of, *item.item);
    item.remove = true;
    item.deleted_at = 0;
    screen.documents[which] = Datum{0};
}

// Returns how many items are left.
int screen_by(Screen *screen, int count)
{
    auto size = static_cast<size_t>(count + 1);
    auto *asked = static_cast<int *>(palloc(sizeof(int) * size));
    screen->keeps = static_cast<bool *>(palloc(sizeof(bool) * size));
    screen->asked = asked;
    int asked_count = 0;
    for (int i = 0; i < count; ++i) {
        screen->keeps[i] = true;
        if (screen->documents[i] != Datum{0})
            asked[asked_count++] = i;
    }
    work_in_halves({run_screen, refuse_item, screen}, 0, asked_count);
    int kept = 0;
    for (int i = 0; i < count; ++i) {
        if (!screen->keeps[i] && !screen->screening->removes)
            continue;
        if (!screen->keeps[i])
            remove_instead(*screen, i);
        screen->items[kept] = screen->items[i];
        screen->documents[kept++] = screen->documents[i];
    }
    return kept;
}

void require_objects(PageItem *items, int count, Datum *documents)
{
    for (int i = 0; i < count; ++i) {
        if (documents[i] == Datum{0} || JB_ROOT_IS_OBJECT(DatumGetJsonbP(documents[i])))
            continue;
        give_problem(&items[i], "22023", "parse gave no JSON object");
        documents[i] = Datum{0};
    }
}

// ---- Back to items -------------------------------------------------------------------------------------------------

void append_scalar(StringInfo text, const JsonbValue &value, bool binary)
{
    switch (value.type) {
        case jbvNull:
            appendStringInfoString(text, "{\"NULL\":true}");
            break;
        case jbvBool:
            appendStringInfo(text, "{\"BOOL\":%s}", value.val.boolean ? "true" : "false");
            break;
        case jbvNumeric:
            appendStringInfo(text, "{\"N\":\"%s\"}",
                             DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value.val.numeric))));
            break;
        default:
            appendStringInfoString(text, binary ? "{\"B\":" : "{\"S\":");
            escape_json(text, pnstrdup(value.val.string.val, static_cast<Size>(value.val.string.len)));
            appendStringInfoChar(text, '}');
    }
}

bool is_binary(const engine::Item &item, const JsonbValue &name)
{
    const engine::Value *value =
        engine::find_attribute(item.values, {name.val.string.val, static_cast<size_t>(name.val.string.len)});
    return value != nullptr && value->type == engine::ValueType::kBinary;
}

// As DynamoDB JSON. A string is binary where the item's attribute of that name was, which parse saw as base64.
std::string_view as_dynamodb_json(Datum document, const engine::Item &item)
{
    StringInfoData text;
    initStringInfo(&text);
    JsonbIterator *iterator = JsonbIteratorInit(&DatumGetJsonbP(document)->root);
    JsonbValue value;
    int depth = 0;
    bool separate = false, binary = false;
    for (JsonbIteratorToken token; (token = JsonbIteratorNext(&iterator, &value, false)) != WJB_DONE;) {
        bool ends = token == WJB_END_OBJECT || token == WJB_END_ARRAY;
        if (separate && !ends)
            appendStringInfoChar(&text, ',');
        separate = true;
        switch (token) {
            case WJB_KEY:
                escape_json(&text, pnstrdup(value.val.string.val, static_cast<Size>(value.val.string.len)));
                appendStringInfoChar(&text, ':');
                binary = depth == 1 && is_binary(item, value);
                separate = false;
                break;
            case WJB_BEGIN_OBJECT:
                appendStringInfoString(&text, depth++ == 0 ? "{" : "{\"M\":{");
                separate = false;
                break;
            case WJB_BEGIN_ARRAY:
                appendStringInfoString(&text, "{\"L\":[");
                ++depth;
                separate = false;
                break;
            case WJB_END_OBJECT:
                appendStringInfoString(&text, --depth == 0 ? "}" : "}}");
                break;
            case WJB_END_ARRAY:
                appendStringInfoString(&text, "]}");
                --depth;
                break;
            default:
                append_scalar(&text, value, binary && depth == 1);
        }
    }
    return {text.data, static_cast<size_t>(text.len)};
}

bool same_key(const catalog::Replication &replication, const engine::Item &left, const engine::Item &right)
{
    uint8 digests[2][engine::kKeyDigestBytes] = {};
    const engine::Item *items[] = {&left, &right};
    for (int side = 0; side < 2; ++side) {
        std::span<const engine::Value> key = key_of(replication, *items[side])->values;
        if (static_cast<int>(key.size()) < replication.key_count)
            return false;
        check(engine::key_digest(key, digests[side]));
    }
    return memcmp(digests[0], digests[1], engine::kKeyDigestBytes) == 0;
}

// Items of what parse has given; errors keep the item as it was received.
void take_documents(const Screening &screening, engine::NulCharacters nul_characters, PageItem *items, int count,
                    const Datum *documents)
{
    auto *texts = static_cast<std::string_view *>(palloc(sizeof(std::string_view) * static_cast<size_t>(count + 1)));
    size_t parsed_count = 0;
    for (int i = 0; i < count; ++i)
        if (documents[i] != Datum{0})
            texts[parsed_count++] = as_dynamodb_json(documents[i], *items[i].item);
    engine::Items *handle = nullptr;
    std::span<const engine::Item> parsed;
    check(engine::parse_items({texts, parsed_count}, nul_characters, &handle, &parsed));
    own<engine::Items>(CurrentMemoryContext, handle, engine::destroy);
    size_t next = 0;
    for (int i = 0; i < count; ++i) {
        if (documents[i] == Datum{0})
            continue;
        const engine::Item &received = *items[i].item;
        engine::Item *copy = copy_item(&items[i]);
        *copy = parsed[next++];
        copy->json = received.json;
        if (screening.keeps_keys_of != nullptr && !same_key(*screening.keeps_keys_of, received, *copy))
            give_problem(&items[i], "22023", "parse has changed the item's key");
    }
}

}  // namespace

Datum jsonb_array(Datum *documents, int count)
{
    return PointerGetDatum(construct_array(documents, count, JSONBOID, -1, false, TYPALIGN_INT));
}

int screen_items(const Screening &screening, PageItem *items, int count, Datum *documents)
{
    for (int i = 0; i < count; ++i) {
        bool asks = !items[i].remove && !items[i].item->problem.exists();
        documents[i] = asks ? jsonb_from_attributes(items[i].item->values, nullptr) : Datum{0};
    }
    const catalog::Profile *profile = screening.profile;
    Screen screen = {};
    screen.screening = &screening;
    screen.items = items;
    screen.documents = documents;
    screen.memory = CurrentMemoryContext;
    if (profile != nullptr && profile->function(catalog::Hook::kParse) != nullptr) {
        screen.what = "parse";
        screen.statement = parse_statement(profile->function(catalog::Hook::kParse));
        screen.makes_items = true;
        count = screen_by(&screen, count);
        require_objects(items, count, documents);
    }
    screen.makes_items = false;
    if (profile != nullptr && profile->filter != nullptr) {
        screen.what = "the profile's filter";
        screen.statement = filter_statement(profile->filter);
        count = screen_by(&screen, count);
    }
    if (screening.filter != nullptr) {
        screen.what = "the filter";
        screen.statement = filter_statement(screening.filter);
        count = screen_by(&screen, count);
    }
    return count;
}

int screen_rows(const Screening &screening, engine::NulCharacters nul_characters, PageItem *items, int count)
{
    const catalog::Profile *profile = screening.profile;
    bool parses = profile != nullptr && profile->function(catalog::Hook::kParse) != nullptr;
    if (count == 0 || (!parses && screening.filter == nullptr && (profile == nullptr || profile->filter == nullptr)))
        return count;
    auto *documents = static_cast<Datum *>(palloc(sizeof(Datum) * static_cast<size_t>(count)));
    count = screen_items(screening, items, count, documents);
    if (parses)
        take_documents(screening, nul_characters, items, count, documents);
    return count;
}

std::span<const engine::Item> parse_sample(const catalog::Profile &profile, engine::NulCharacters nul_characters,
                                           std::span<const engine::Item> sample)
{
    auto count = static_cast<int>(sample.size());
    auto *items = static_cast<PageItem *>(palloc0(sizeof(PageItem) * static_cast<size_t>(count + 1)));
    for (int i = 0; i < count; ++i)
        items[i].item = &sample[static_cast<size_t>(i)];
    int level = NewGUCNestLevel();
    set_for_a_while("search_path", "");
    catalog::Profile parsing = profile;
    parsing.filter = nullptr;
    count = screen_rows({&parsing, nullptr}, nul_characters, items, count);
    AtEOXact_GUC(true, level);
    if (count == 0)
        return sample;
    auto *parsed = static_cast<engine::Item *>(palloc(sizeof(engine::Item) * static_cast<size_t>(count + 1)));
    for (int i = 0; i < count; ++i)
        parsed[i] = *items[i].item;
    return {parsed, static_cast<size_t>(count)};
}

}  // namespace podyn
