// See source.h.
#include "source.h"

#include "fdw/options.h"
#include "raise.h"
#include "settings.h"

namespace podyn {
namespace {

const ForeignServer *find_server(const char *name, Oid role)
{
    const ForeignServer *server = GetForeignServerByName(name, true);
    if (server == nullptr)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("server \"%s\" does not exist", name),
                        errhint("Use CREATE SERVER %s FOREIGN DATA WRAPPER podyn OPTIONS (region '...').",
                                quote_identifier(name))));
    const ForeignDataWrapper *wrapper = GetForeignDataWrapper(server->fdwid);
    if (strcmp(wrapper->fdwname, "podyn") != 0)
        ereport(ERROR,
                (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                 errmsg("server \"%s\" belongs to foreign-data wrapper \"%s\", not to podyn", name, wrapper->fdwname),
                 errhint("Name a server that was made with FOREIGN DATA WRAPPER podyn.")));
    if (!may(ForeignServerRelationId, server->serverid, role, ACL_USAGE))
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for foreign server %s", name),
                 errhint("Use GRANT USAGE ON FOREIGN SERVER %s TO %s.", quote_identifier(name),
                         quote_identifier(GetUserNameFromId(role, false)))));
    return server;
}

// The setting may have changed since CREATE SERVER.
void check_endpoint(const char *endpoint)
{
    if (endpoint != nullptr)
        check(engine::endpoint_check(endpoint, view(settings::allowed_endpoints)));
}

void check_credentials(const SourceOptions &options, const char *server, Oid role, bool use_default_chain)
{
    if (use_default_chain)
        return;
    if (!options.has_mapping)
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_OBJECT),
                 errmsg("user mapping not found for \"%s\" on server \"%s\"", GetUserNameFromId(role, false), server),
                 errhint("Use CREATE USER MAPPING FOR %s SERVER %s OPTIONS (access_key_id '...', "
                         "secret_access_key '...').",
                         quote_identifier(GetUserNameFromId(role, false)), quote_identifier(server))));
    if (options.access_key_id == nullptr || options.secret_access_key == nullptr)
        ereport(ERROR, (errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
                        errmsg("user mapping for \"%s\" on server \"%s\" lacks %s", GetUserNameFromId(role, false),
                               server, options.access_key_id == nullptr ? "access_key_id" : "secret_access_key"),
                        errhint("Use ALTER USER MAPPING ... OPTIONS (ADD ...).")));
}

}  // namespace

void require_utf8_database()
{
    if (GetDatabaseEncoding() != PG_UTF8)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("podyn needs a database with encoding UTF8, this one has %s", GetDatabaseEncodingName()),
                        errhint("Use CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0.")));
}

engine::Session *open_source(MemoryContext context, const char *server, Oid role)
{
    return open_server(context, find_server(server, role), role);
}

engine::Session *open_server(MemoryContext context, const ForeignServer *foreign, Oid role)
{
    require_utf8_database();
    const char *server = foreign->servername;
    SourceOptions options = read_source_options(foreign, role);
    bool use_default_chain = options.credentials != nullptr && strcmp(options.credentials, "default") == 0;
    check_credentials(options, server, role, use_default_chain);
    check_endpoint(options.endpoint);
    check_endpoint(options.streams_endpoint);
    check_endpoint(options.sts_endpoint);
    check_endpoint(options.s3_endpoint);
    if (options.region == nullptr)
        ereport(ERROR, (errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND), errmsg("server \"%s\" has no region", server),
                        errhint("Use ALTER SERVER %s OPTIONS (ADD region '...').", quote_identifier(server))));

    engine::SessionOptions session_options = {};
    session_options.region = view(options.region);
    session_options.endpoint = view(options.endpoint);
    session_options.streams_endpoint = view(options.streams_endpoint);
    session_options.ca_file = view(options.ca_file);
    session_options.request_timeout_us = options.request_timeout_us;
    session_options.sts_endpoint = view(options.sts_endpoint);
    session_options.s3_endpoint = view(options.s3_endpoint);
    session_options.s3_path_style = options.s3_path_style;
    session_options.role_arn = view(options.role_arn);
    session_options.external_id = view(options.external_id);
    session_options.use_default_chain = use_default_chain;
    session_options.allow_credential_process = settings::allow_credential_process;
    session_options.use_fips = options.use_fips;
    session_options.use_dualstack = options.use_dualstack;
    if (use_default_chain) {
        session_options.profile = view(options.profile);
    } else {
        session_options.access_key_id = view(options.access_key_id);
        session_options.secret_access_key = view(options.secret_access_key);
        session_options.session_token = view(options.session_token);
    }
    engine::Session *session = nullptr;
    check(engine::session_create(session_options, &session));
    return own(context, session, engine::session_destroy);
}

}  // namespace podyn
