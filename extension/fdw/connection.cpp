// See connection.h.
#include "fdw/connection.h"

#include "raise.h"
#include "settings.h"
#include "source.h"
#include "source_table.h"

namespace podyn {

struct Described {
    Described *next;
    MemoryContext context;
    const char *table;
    int64 at;  // monotonic microseconds
    engine::TableDescription description;
};

struct Connection {
    Connection *next;
    MemoryContext context;
    Oid server;
    Oid role;
    EventLoop *loop;
    engine::Session *session;
    Described *tables;
    int users;
    bool outdated;                    // server or mapping have changed since
    const char *allowed_endpoints;    // podyn.allowed_endpoints when it was opened
    bool allowed_credential_process;  // podyn.allow_credential_process
};

namespace {

constexpr int64 kDescriptionsLast = 60 * USECS_PER_SEC;

Connection *connections = nullptr;

void outdate(Datum, int, uint32)
{
    for (Connection *each = connections; each != nullptr; each = each->next)
        each->outdated = true;
}

void listen_for_changes()
{
    static bool listening = false;
    if (listening)
        return;
    CacheRegisterSyscacheCallback(FOREIGNSERVEROID, outdate, 0);
    CacheRegisterSyscacheCallback(USERMAPPINGOID, outdate, 0);
    listening = true;
}

void remove_unused()
{
    for (Connection **place = &connections; *place != nullptr;) {
        Connection *each = *place;
        if (each->outdated && each->users == 0) {
            *place = each->next;
            MemoryContextDelete(each->context);
        } else {
            place = &each->next;
        }
    }
}

// What a superuser has forbidden meanwhile goes for connections that are open, too.
bool is_allowed(const Connection &connection)
{
    return strcmp(connection.allowed_endpoints, settings::allowed_endpoints) == 0 &&
           connection.allowed_credential_process == settings::allow_credential_process;
}

Connection *find(Oid server, Oid role)
{
    for (Connection *each = connections; each != nullptr; each = each->next)
        if (each->server == server && each->role == role && !each->outdated) {
            each->outdated = !is_allowed(*each);
            return each->outdated ? nullptr : each;
        }
    return nullptr;
}

Connection *open(Oid server, Oid role)
{
    // A child of this statement's memory until it is complete, so that an error frees it.
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "podyn connection", ALLOCSET_SMALL_SIZES);
    auto *connection = static_cast<Connection *>(MemoryContextAllocZero(context, sizeof(Connection)));
    connection->context = context;
    connection->server = server;
    connection->role = role;
    connection->allowed_endpoints = MemoryContextStrdup(context, settings::allowed_endpoints);
    connection->allowed_credential_process = settings::allow_credential_process;
    connection->session = open_server(context, GetForeignServer(server), role);
    connection->loop = make_event_loop(context);
    MemoryContextSetParent(context, TopMemoryContext);
    connection->next = connections;
    connections = connection;
    return connection;
}

void release(Connection *connection) noexcept
{
    --connection->users;
}

engine::KeyAttribute *copy_keys(std::span<const engine::KeyAttribute> keys)
{
    auto *copy = static_cast<engine::KeyAttribute *>(palloc(sizeof(engine::KeyAttribute) * (keys.size() + 1)));
    for (size_t i = 0; i < keys.size(); ++i)
        copy[i] = {copy_string(keys[i].name), keys[i].type, keys[i].sort};
    return copy;
}

std::string_view *copy_names(std::span<const std::string_view> names)
{
    auto *copy = static_cast<std::string_view *>(palloc(sizeof(std::string_view) * (names.size() + 1)));
    for (size_t i = 0; i < names.size(); ++i)
        copy[i] = copy_string(names[i]);
    return copy;
}

engine::TableDescription copy_description(const engine::TableDescription &table)
{
    engine::TableDescription copy = table;
    copy.name = copy_string(table.name);
    copy.arn = copy_string(table.arn);
    copy.id = copy_string(table.id);
    copy.status = copy_string(table.status);
    copy.stream_arn = copy_string(table.stream_arn);
    copy.stream_view_type = copy_string(table.stream_view_type);
    copy.keys = {copy_keys(table.keys), table.keys.size()};
    auto *indexes =
        static_cast<engine::IndexDescription *>(palloc(sizeof(engine::IndexDescription) * (table.indexes.size() + 1)));
    for (size_t i = 0; i < table.indexes.size(); ++i) {
        const engine::IndexDescription &index = table.indexes[i];
        indexes[i] = index;
        indexes[i].name = copy_string(index.name);
        indexes[i].keys = {copy_keys(index.keys), index.keys.size()};
        indexes[i].included = {copy_names(index.included), index.included.size()};
    }
    copy.indexes = {indexes, table.indexes.size()};
    return copy;
}

Described *find_described(Connection *connection, const char *table)
{
    for (Described *each = connection->tables; each != nullptr; each = each->next)
        if (strcmp(each->table, table) == 0)
            return each;
    return nullptr;
}

void keep_description(Connection *connection, const char *table, const engine::TableDescription &description)
{
    MemoryContext context = AllocSetContextCreate(connection->context, "podyn table", ALLOCSET_SMALL_SIZES);
    MemoryContext old = MemoryContextSwitchTo(context);
    auto *described = static_cast<Described *>(palloc0(sizeof(Described)));
    described->context = context;
    described->table = pstrdup(table);
    described->at = now().monotonic_us;
    described->description = copy_description(description);
    MemoryContextSwitchTo(old);
    described->next = connection->tables;
    connection->tables = described;
}

}  // namespace

Connection *get_connection(MemoryContext user, Oid server, Oid role)
{
    listen_for_changes();
    remove_unused();
    Connection *connection = find(server, role);
    if (connection == nullptr)
        connection = open(server, role);
    ++connection->users;
    return own(user, connection, release);
}

EventLoop *loop_of(const Connection *connection)
{
    return connection->loop;
}

engine::Session *session_of(const Connection *connection)
{
    return connection->session;
}

engine::TableDescription describe(Connection *connection, const char *table)
{
    Described *known = find_described(connection, table);
    if (known != nullptr && known->at + kDescriptionsLast > now().monotonic_us)
        return copy_description(known->description);
    engine::TableDescription description = describe_table({connection->loop, connection->session, 0}, table);
    forget_description(connection, table);
    keep_description(connection, table, description);
    return copy_description(description);
}

void forget_description(Connection *connection, const char *table)
{
    for (Described **place = &connection->tables; *place != nullptr; place = &(*place)->next) {
        Described *each = *place;
        if (strcmp(each->table, table) == 0) {
            *place = each->next;
            MemoryContextDelete(each->context);
            return;
        }
    }
}

}  // namespace podyn
