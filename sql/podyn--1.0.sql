-- podyn 1.0: tables in schema podyn, functions and views in the schema chosen at CREATE EXTENSION.
\echo Use "CREATE EXTENSION podyn" to load this file. \quit

-- Nothing of what follows may resolve to what somebody has put into the schema of the functions.
SET LOCAL search_path = pg_catalog, pg_temp;

CREATE SCHEMA podyn;
COMMENT ON SCHEMA podyn IS 'podyn''s own tables';

-- ---- Tables ---------------------------------------------------------------------------------------------------------

-- One row per replication: one DynamoDB table kept in one PostgreSQL table.
CREATE TABLE podyn.replication (
    id                 integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name               text NOT NULL UNIQUE,
    owner              regrole NOT NULL,
    server             text NOT NULL,
    source             text NOT NULL,
    target             regclass,
    -- options, see podyn_replicate and podyn_import
    imports            boolean NOT NULL DEFAULT false,  -- made by podyn_import: `source` is where the files are
    copy_data          boolean NOT NULL,
    replay_changes     boolean NOT NULL,
    conversion_mode    text NOT NULL,
    lower_case_columns boolean NOT NULL,
    scan_rate          numeric NOT NULL,
    segments           integer,                         -- NULL: chosen for each copy
    workers            integer,                         -- NULL: podyn.max_workers is the limit
    consistent_read    text NOT NULL DEFAULT 'auto',
    on_existing        text NOT NULL DEFAULT 'error',
    deletes            text NOT NULL DEFAULT 'apply',
    ttl_deletes        text,                            -- NULL: as deletes
    nul_characters     text NOT NULL DEFAULT 'replace',
    on_conflict        text NOT NULL DEFAULT 'update',
    filter             text,                            -- SQL condition over item, a jsonb
    profile            text,                            -- in podyn.profile
    backfill           text NOT NULL DEFAULT 'scan',    -- 'scan', 'export', or where exports are
    export_to          text,                            -- backfill => 'export': where to
    exported_until     timestamptz,                     -- exports that are there: what they contain ends then
    allow_gaps         boolean NOT NULL DEFAULT false,
    batch_size         integer,                         -- rows in one statement; NULL: as many as a transaction has
    revision           integer NOT NULL DEFAULT 0,      -- of the options: workers read them again when it changes
    -- the source as DescribeTable told it
    key_names          text[] NOT NULL,
    items_total        bigint NOT NULL,
    stream_arn         text,
    stream_view_type   text,
    -- where it stands
    enabled            boolean NOT NULL,
    phase              text NOT NULL CHECK (phase IN ('starting', 'copying', 'merging', 'streaming', 'completed')),
    failure            text CHECK (failure IN ('failed', 'needs_resync')),
    adds_columns       boolean NOT NULL DEFAULT true,   -- option schema: for attributes that have none
    target_made        boolean NOT NULL DEFAULT false,  -- by podyn: columns that are not mapped are no place for attributes
    target_is_ours     boolean NOT NULL DEFAULT false,  -- a copy has begun: the next one empties the target first, unless it upserts
    copy_segments      integer,                         -- into how many the copy is split
    copy_upserts       boolean NOT NULL DEFAULT false,  -- the copy is made over rows that are there, and pruned at its end
    loads_fresh        boolean NOT NULL DEFAULT false,  -- an import that began with an empty table
    started_at         timestamptz,
    positions_at       timestamptz,                     -- when the start positions of all shards were committed
    copied_at          timestamptz,
    consistent_since   timestamptz,
    last_error         text,
    last_error_at      timestamptz,
    -- counters of tasks that are no more
    items              bigint NOT NULL DEFAULT 0,
    changes            bigint NOT NULL DEFAULT 0,
    read_units         double precision NOT NULL DEFAULT 0,
    throttled          bigint NOT NULL DEFAULT 0
);
-- Imports that are complete stand in nobody's way: others may follow them into the same table.
CREATE UNIQUE INDEX replication_target_key ON podyn.replication (target) WHERE NOT imports OR phase <> 'completed';

-- A replication's state as users know it.
CREATE VIEW podyn.replication_state AS
SELECT id, CASE WHEN failure IS NOT NULL THEN failure
                WHEN phase = 'completed' THEN 'completed'
                WHEN NOT enabled THEN 'stopped'
                ELSE phase END AS state
FROM podyn.replication;

-- The pieces of work of a replication, each done by one worker at a time. A position commits with the rows before it.
CREATE TABLE podyn.task (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    replication    integer NOT NULL REFERENCES podyn.replication ON DELETE CASCADE,
    kind           text NOT NULL CHECK (kind IN ('setup', 'segment', 'export', 'file', 'stream', 'shard', 'merge', 'prune',
                                                    'complete', 'index')),
    task           text NOT NULL,                      -- segment number, ARN of the table to be exported, file or shard id
    parent         text,                               -- shard: its parent's id
    state          text NOT NULL CHECK (state IN ('waiting', 'ready', 'done')),
    position       text,                               -- segment: LastEvaluatedKey; export: its token or ARN; file: line; shard: sequence number; prune: key
    read_through   timestamptz,                        -- shard: every change up to then has been taken
    items          bigint NOT NULL DEFAULT 0,
    items_read     bigint NOT NULL DEFAULT 0,          -- file: written, skipped and rejected ones
    skipped        bigint NOT NULL DEFAULT 0,          -- file: by the filter, or as on_conflict says
    changes        bigint NOT NULL DEFAULT 0,          -- prune: rows removed or marked
    spooled        bigint NOT NULL DEFAULT 0,          -- rows this task added to the spool, less those it took out
    read_units     double precision NOT NULL DEFAULT 0,
    throttled      bigint NOT NULL DEFAULT 0,
    last_change_at timestamptz,
    retry_at       timestamptz,
    last_error     text,
    last_error_at  timestamptz,
    done_at        timestamptz,
    UNIQUE (replication, kind, task)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- The files of an import or of a backfill from an export, as the manifests tell of them.
CREATE TABLE podyn.file (
    task       bigint PRIMARY KEY REFERENCES podyn.task ON DELETE CASCADE,
    stage      integer NOT NULL,                       -- files of a stage wait until those of the stages before are done
    changes    boolean NOT NULL,                       -- of an incremental export
    size       bigint,                                 -- bytes, as listed; NULL: another may stand in its place
    md5        text,                                   -- of the bytes as stored, base64; NULL: not known
    item_count bigint                                  -- NULL: not known
);

-- Changes that arrive while the backfill runs: the latest image of each key, or its deletion.
CREATE TABLE podyn.spool (
    replication integer NOT NULL REFERENCES podyn.replication ON DELETE CASCADE,
    key         bytea NOT NULL,                        -- SHA-256 of the canonical key
    deleted     boolean NOT NULL,
    item        text NOT NULL,                         -- DynamoDB JSON; of a deleted item only its key
    deleted_at  timestamptz,                           -- marked: the row that there is, or that of the image
    PRIMARY KEY (replication, key)
) WITH (autovacuum_vacuum_scale_factor = 0.02);

-- Keys that a copy over rows has met, or whose deletion is ignored: rows with other keys are pruned when it is complete.
CREATE TABLE podyn.seen (
    replication integer NOT NULL REFERENCES podyn.replication ON DELETE CASCADE,
    key         bytea NOT NULL,                        -- as in podyn.spool
    PRIMARY KEY (replication, key)
) WITH (autovacuum_vacuum_scale_factor = 0.02);

-- The shards up to which a stream is read: those not read to their end, and those whose child is not known yet.
-- Every shard that ended has a child; DescribeStream lists it some moments later.
CREATE VIEW podyn.shard_frontier AS
SELECT t.id, t.replication, t.state, t.read_through
FROM podyn.task AS t
WHERE t.kind = 'shard'
  AND (t.state <> 'done'
       OR t.done_at > clock_timestamp() - interval '25 hours'
          AND NOT EXISTS (SELECT FROM podyn.task AS child
                          WHERE child.replication = t.replication AND child.kind = 'shard' AND child.parent = t.task));

CREATE TABLE podyn.column_map (
    name        text NOT NULL REFERENCES podyn.replication (name) ON DELETE CASCADE,
    attribute   text NOT NULL,
    type        text NOT NULL,
    column_name text                                   -- NULL: none in a table of the user's own
);
CREATE INDEX ON podyn.column_map (name);
COMMENT ON TABLE podyn.column_map IS 'which attribute of which type stands in which column';

CREATE TABLE podyn.error (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name      text NOT NULL REFERENCES podyn.replication (name) ON DELETE CASCADE,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    source    text NOT NULL,                           -- segment 3, file …, shard shardId-…, spool
    position  text,                                    -- sequence number of the change, line of the file
    operation text NOT NULL,                           -- put, remove
    key       json,                                    -- the key attributes, DynamoDB JSON
    item      json,                                    -- as received, DynamoDB JSON (what is no JSON: as a string); NULL for remove
    sqlstate  text NOT NULL,
    message   text NOT NULL,
    detail    text,
    group_position text                                -- where hooks take items in groups: position of the group's first
);
CREATE INDEX ON podyn.error (name);
CREATE FUNCTION podyn.canonical_item(item json) RETURNS text
    AS 'MODULE_PATHNAME', 'podyn_canonical_item' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION podyn.canonical_item IS 'the same text for items that differ in the order of their attributes only';
CREATE INDEX ON podyn.error (hashtextextended(podyn.canonical_item(item), 0));
COMMENT ON TABLE podyn.error IS 'items that could not be written to the target, as received, with the reason';

CREATE TABLE podyn.difference (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name         text NOT NULL REFERENCES podyn.replication (name) ON DELETE CASCADE,
    verified_at  timestamptz NOT NULL,                 -- when the podyn_verify began that found it
    found_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind         text NOT NULL CHECK (kind IN ('missing', 'extra', 'different')),
    key          json NOT NULL,                        -- the key attributes, DynamoDB JSON
    attribute    text,                                 -- different: one row for each; NULL where the item can be no row
    source_value jsonb,                                -- NULL: the item has no such attribute
    target_value jsonb,                                -- NULL: the row has no value
    detail       text,                                 -- why, where that is known: as in podyn.error
    mendable     boolean NOT NULL                      -- by podyn_repair: false where no request can name the key
);
CREATE INDEX ON podyn.difference (name, hashtextextended(key::text, 0));
COMMENT ON TABLE podyn.difference IS 'where source and target differ, as the last podyn_verify of each replication found';

-- Hooks of imports, see podyn_create_profile.
CREATE TABLE podyn.profile (
    name        text PRIMARY KEY,
    owner       regrole NOT NULL,
    parse       text,                                  -- hooks: signatures, every name with its schema
    group_by    text[],
    filter      text,                                  -- SQL condition over item, a jsonb
    transform   text,
    upsert      text,
    on_complete text
);
COMMENT ON TABLE podyn.profile IS 'hooks that imports run over their items';

CREATE TABLE podyn.event (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    owner   regrole NOT NULL,
    name    text NOT NULL,
    event   text NOT NULL,
    message text NOT NULL
);
CREATE INDEX ON podyn.event (name);

-- An owner reads what concerns its own replications; podyn_replicate grants it the right to ask.
ALTER TABLE podyn.column_map ENABLE ROW LEVEL SECURITY;
ALTER TABLE podyn.error ENABLE ROW LEVEL SECURITY;
ALTER TABLE podyn.difference ENABLE ROW LEVEL SECURITY;
ALTER TABLE podyn.profile ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION podyn.owns(replication_name text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'podyn_owns' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION podyn.owns IS 'whether the caller may see a replication: its owner''s privileges, or those of pg_monitor';
CREATE POLICY own_replications ON podyn.column_map FOR SELECT USING (podyn.owns(name));
CREATE POLICY own_replications ON podyn.error FOR SELECT USING (podyn.owns(name));
CREATE POLICY own_replications ON podyn.difference FOR SELECT USING (podyn.owns(name));
CREATE POLICY own_profiles ON podyn.profile FOR SELECT
    USING (pg_has_role(owner, 'USAGE') OR pg_has_role('pg_monitor', 'USAGE'));

-- What is restored from pg_dump comes back stopped: the database that was dumped may still consume the same streams.
-- So that it is not left to the restore, the dump says so itself: pg_dump puts this behind SELECT … FROM podyn.replication.
SELECT pg_catalog.pg_extension_config_dump(
    'podyn.replication',
    (SELECT 'WHERE false UNION ALL SELECT '
            || string_agg(CASE attname WHEN 'enabled' THEN 'false' ELSE quote_ident(attname) END, ', ' ORDER BY attnum)
            || ' FROM podyn.replication'
     FROM pg_attribute WHERE attrelid = 'podyn.replication'::regclass AND attnum > 0 AND NOT attisdropped));
SELECT pg_catalog.pg_extension_config_dump('podyn.task', '');
SELECT pg_catalog.pg_extension_config_dump('podyn.file', '');
SELECT pg_catalog.pg_extension_config_dump('podyn.spool', '');
SELECT pg_catalog.pg_extension_config_dump('podyn.seen', '');
SELECT pg_catalog.pg_extension_config_dump('podyn.column_map', '');
SELECT pg_catalog.pg_extension_config_dump('podyn.error', '');
SELECT pg_catalog.pg_extension_config_dump('podyn.difference', '');
SELECT pg_catalog.pg_extension_config_dump('podyn.profile', '');
SELECT pg_catalog.pg_extension_config_dump('podyn.event', '');
SELECT pg_catalog.pg_extension_config_dump('podyn.replication_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('podyn.task_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('podyn.error_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('podyn.difference_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('podyn.event_id_seq', '');

-- ---- Where the data comes from --------------------------------------------------------------------------------------

CREATE FUNCTION podyn.option_validator(options text[], catalog oid) RETURNS void
    AS 'MODULE_PATHNAME', 'podyn_option_validator' LANGUAGE C STRICT;
CREATE FUNCTION podyn.fdw_handler() RETURNS fdw_handler
    AS 'MODULE_PATHNAME', 'podyn_fdw_handler' LANGUAGE C STRICT;
CREATE FOREIGN DATA WRAPPER podyn HANDLER podyn.fdw_handler VALIDATOR podyn.option_validator;

-- ---- Replicate ------------------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.podyn_version() RETURNS text
    AS 'MODULE_PATHNAME', 'podyn_version' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.podyn_version() IS 'version of the library that is loaded';

CREATE FUNCTION @extschema@.podyn_replicate(
    source_table         text,
    target               text    DEFAULT NULL,
    name                 text    DEFAULT NULL,
    server               text    DEFAULT 'dynamodb',
    schema               boolean DEFAULT true,
    data                 boolean DEFAULT true,
    changes              boolean DEFAULT true,
    citus                boolean DEFAULT false,
    colocate_with        text    DEFAULT NULL,
    conversion_mode      text    DEFAULT 'columns',
    lower_case_columns   boolean DEFAULT false,
    scan_rate            numeric DEFAULT 25,
    segments             integer DEFAULT NULL,
    workers              integer DEFAULT NULL,
    consistent_read      text    DEFAULT 'auto',
    backfill             text    DEFAULT 'scan',
    export_to            text    DEFAULT NULL,
    enable_stream        boolean DEFAULT false,
    on_existing          text    DEFAULT 'error',
    deletes              text    DEFAULT 'apply',
    ttl_deletes          text    DEFAULT NULL,
    nul_characters       text    DEFAULT 'replace',
    profile              text    DEFAULT NULL,
    start                boolean DEFAULT true
) RETURNS text
    AS 'MODULE_PATHNAME', 'podyn_replicate' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.podyn_replicate IS 'copies a DynamoDB table into a PostgreSQL table and keeps it in sync';

CREATE FUNCTION @extschema@.podyn_plan(
    source_table         text,
    target               text    DEFAULT NULL,
    name                 text    DEFAULT NULL,
    server               text    DEFAULT 'dynamodb',
    schema               boolean DEFAULT true,
    data                 boolean DEFAULT true,
    changes              boolean DEFAULT true,
    citus                boolean DEFAULT false,
    colocate_with        text    DEFAULT NULL,
    conversion_mode      text    DEFAULT 'columns',
    lower_case_columns   boolean DEFAULT false,
    scan_rate            numeric DEFAULT 25,
    segments             integer DEFAULT NULL,
    workers              integer DEFAULT NULL,
    consistent_read      text    DEFAULT 'auto',
    backfill             text    DEFAULT 'scan',
    export_to            text    DEFAULT NULL,
    enable_stream        boolean DEFAULT false,
    on_existing          text    DEFAULT 'error',
    deletes              text    DEFAULT 'apply',
    ttl_deletes          text    DEFAULT NULL,
    nul_characters       text    DEFAULT 'replace',
    profile              text    DEFAULT NULL,
    start                boolean DEFAULT true,
    -- of podyn_import only
    key                  text[]  DEFAULT NULL,
    on_conflict          text    DEFAULT 'update',
    filter               text    DEFAULT NULL,
    allow_gaps           boolean DEFAULT false,
    batch_size           integer DEFAULT 500
) RETURNS TABLE (step text, detail text)
    AS 'MODULE_PATHNAME', 'podyn_plan' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.podyn_plan IS 'what podyn_replicate, or podyn_import of a place of files, would do and cost; changes nothing';

CREATE FUNCTION @extschema@.podyn_replicate_all(
    pattern              text    DEFAULT '%',
    server               text    DEFAULT 'dynamodb',
    schema               boolean DEFAULT true,
    data                 boolean DEFAULT true,
    changes              boolean DEFAULT true,
    citus                boolean DEFAULT false,
    colocate_with        text    DEFAULT NULL,
    conversion_mode      text    DEFAULT 'columns',
    lower_case_columns   boolean DEFAULT false,
    scan_rate            numeric DEFAULT 25,
    segments             integer DEFAULT NULL,
    workers              integer DEFAULT NULL,
    consistent_read      text    DEFAULT 'auto',
    backfill             text    DEFAULT 'scan',
    export_to            text    DEFAULT NULL,
    enable_stream        boolean DEFAULT false,
    on_existing          text    DEFAULT 'error',
    deletes              text    DEFAULT 'apply',
    ttl_deletes          text    DEFAULT NULL,
    nul_characters       text    DEFAULT 'replace',
    profile              text    DEFAULT NULL,
    start                boolean DEFAULT true
) RETURNS SETOF text
    AS 'MODULE_PATHNAME', 'podyn_replicate_all' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.podyn_replicate_all IS 'podyn_replicate for every DynamoDB table whose name is LIKE the pattern';

CREATE FUNCTION @extschema@.podyn_import(
    source               text,
    target               text,
    name                 text    DEFAULT NULL,
    server               text    DEFAULT 'dynamodb',
    key                  text[]  DEFAULT NULL,
    on_conflict          text    DEFAULT 'update',
    filter               text    DEFAULT NULL,
    profile              text    DEFAULT NULL,
    allow_gaps           boolean DEFAULT false,
    batch_size           integer DEFAULT 500,
    citus                boolean DEFAULT false,
    conversion_mode      text    DEFAULT 'columns',
    lower_case_columns   boolean DEFAULT false,
    workers              integer DEFAULT NULL,
    nul_characters       text    DEFAULT 'replace',
    start                boolean DEFAULT true
) RETURNS text
    AS 'MODULE_PATHNAME', 'podyn_import' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.podyn_import IS 'loads an export of DynamoDB to S3, or a file of items, into a table';

CREATE FUNCTION @extschema@.podyn_export(
    source_table text,
    export_to    text,
    from_time    timestamptz DEFAULT NULL,
    to_time      timestamptz DEFAULT NULL,
    server       text        DEFAULT 'dynamodb'
) RETURNS text
    AS 'MODULE_PATHNAME', 'podyn_export' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.podyn_export IS 'lets DynamoDB export a table to S3';

CREATE FUNCTION @extschema@.podyn_exports(source_table text, server text DEFAULT 'dynamodb')
    RETURNS TABLE (export_arn text, status text, type text, export_time timestamptz, items bigint, bytes bigint,
        manifest text)
    AS 'MODULE_PATHNAME', 'podyn_exports' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.podyn_exports IS 'the exports of a DynamoDB table to S3';

-- ---- Back to DynamoDB -----------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.podyn_push(
    query        text,
    target_table text,
    server       text    DEFAULT 'dynamodb',
    on_conflict  text    DEFAULT 'replace',
    dry_run      boolean DEFAULT false,
    write_rate   numeric DEFAULT 0,
    sets         boolean DEFAULT false,
    nulls        boolean DEFAULT false
) RETURNS TABLE (read bigint, written bigint, skipped bigint, failed bigint)
    AS 'MODULE_PATHNAME', 'podyn_push' LANGUAGE C VOLATILE ROWS 1;
COMMENT ON FUNCTION @extschema@.podyn_push IS 'writes the rows of a query as items into a DynamoDB table';

CREATE FUNCTION @extschema@.podyn_dump(source_table text, server text DEFAULT 'dynamodb', format text DEFAULT 'plain')
    RETURNS SETOF jsonb
    AS 'MODULE_PATHNAME', 'podyn_dump' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.podyn_dump IS 'every item of a DynamoDB table, as plain JSON or as DynamoDB JSON';

CREATE FUNCTION @extschema@.podyn_rfc3339(timestamptz) RETURNS text
    AS 'MODULE_PATHNAME', 'podyn_rfc3339' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.podyn_rfc3339 IS 'a time as podyn writes it to DynamoDB';

CREATE FUNCTION @extschema@.podyn_create_profile(
    name                 text,
    parse                regprocedure DEFAULT NULL,
    group_by             text[]       DEFAULT NULL,
    filter               text         DEFAULT NULL,
    transform            regprocedure DEFAULT NULL,
    upsert               regprocedure DEFAULT NULL,
    on_complete          regprocedure DEFAULT NULL
) RETURNS void
    AS 'MODULE_PATHNAME', 'podyn_create_profile' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.podyn_create_profile IS 'names hooks that podyn_import runs over its items; replaces one''s own profile of that name';
CREATE FUNCTION @extschema@.podyn_drop_profile(name text) RETURNS void
    AS 'MODULE_PATHNAME', 'podyn_drop_profile' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION @extschema@.podyn_drop_profile IS 'forgets a profile that no unfinished import uses';

CREATE FUNCTION @extschema@.podyn_start(name text DEFAULT NULL) RETURNS integer
    AS 'MODULE_PATHNAME', 'podyn_start' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.podyn_start IS 'starts or resumes one replication, or all of them';
CREATE FUNCTION @extschema@.podyn_stop(name text DEFAULT NULL) RETURNS integer
    AS 'MODULE_PATHNAME', 'podyn_stop' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.podyn_stop IS 'stops one replication, or all of them, after the current batch';
CREATE FUNCTION @extschema@.podyn_alter(
    name                 text,
    scan_rate            numeric DEFAULT NULL,
    segments             integer DEFAULT NULL,
    workers              integer DEFAULT NULL,
    consistent_read      text    DEFAULT NULL,
    deletes              text    DEFAULT NULL,
    ttl_deletes          text    DEFAULT NULL,
    nul_characters       text    DEFAULT NULL,
    on_existing          text    DEFAULT NULL
) RETURNS void
    AS 'MODULE_PATHNAME', 'podyn_alter' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.podyn_alter IS 'changes options of a replication, while it runs too; NULL leaves an option as it is';
CREATE FUNCTION @extschema@.podyn_reset(name text) RETURNS void
    AS 'MODULE_PATHNAME', 'podyn_reset' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION @extschema@.podyn_reset IS 'forgets positions and progress: the next start begins anew, and empties the target first if data is copied';
CREATE FUNCTION @extschema@.podyn_drop(name text, drop_target boolean DEFAULT false) RETURNS void
    AS 'MODULE_PATHNAME', 'podyn_drop' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION @extschema@.podyn_drop IS 'forgets a replication, and drops its target if asked';
CREATE FUNCTION @extschema@.podyn_wait(name text, state text DEFAULT 'streaming', timeout interval DEFAULT '1 hour') RETURNS boolean
    AS 'MODULE_PATHNAME', 'podyn_wait' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION @extschema@.podyn_wait IS 'waits until a replication is in a state; false when the time is up';
CREATE FUNCTION @extschema@.podyn_sync(name text, timeout interval DEFAULT '1 minute') RETURNS boolean
    AS 'MODULE_PATHNAME', 'podyn_sync' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION @extschema@.podyn_sync IS 'waits until every change acknowledged before the call is applied; false when the time is up';

CREATE FUNCTION @extschema@.podyn_retry_errors(name text) RETURNS bigint
    AS 'MODULE_PATHNAME', 'podyn_retry_errors' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION @extschema@.podyn_retry_errors IS 'tries the rejected items in podyn.error again; returns how many have been taken';

CREATE FUNCTION @extschema@.podyn_verify(name text, sample double precision DEFAULT 1.0)
    RETURNS TABLE (source_items bigint, target_rows bigint, missing bigint, extra bigint, different bigint)
    AS 'MODULE_PATHNAME', 'podyn_verify' LANGUAGE C VOLATILE STRICT ROWS 1;
COMMENT ON FUNCTION @extschema@.podyn_verify IS 'compares source and target item by item; what differs goes to podyn.difference';
CREATE FUNCTION @extschema@.podyn_repair(name text) RETURNS bigint
    AS 'MODULE_PATHNAME', 'podyn_repair' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION @extschema@.podyn_repair IS 'mends, from the source, what the last podyn_verify found; returns how many items it has mended';

CREATE PROCEDURE @extschema@.podyn_run(name text)
    AS 'MODULE_PATHNAME', 'podyn_run' LANGUAGE C;
COMMENT ON PROCEDURE @extschema@.podyn_run IS 'runs a replication in the foreground until its backfill is complete; a cancel stops it';

-- ---- What is going on -----------------------------------------------------------------------------------------------

-- What workers publish in shared memory.
CREATE FUNCTION podyn.live_replications(
        OUT replication integer, OUT items_per_second double precision, OUT changes_per_second double precision,
        OUT read_units_left double precision, OUT read_units_at timestamptz)
    RETURNS SETOF record AS 'MODULE_PATHNAME', 'podyn_live_replications' LANGUAGE C VOLATILE ROWS 10;
COMMENT ON FUNCTION podyn.live_replications IS 'rates of the caller''s replications, as the workers measure them';
CREATE FUNCTION podyn.live_tasks(OUT task bigint, OUT worker integer, OUT read_through timestamptz)
    RETURNS SETOF record AS 'MODULE_PATHNAME', 'podyn_live_tasks' LANGUAGE C VOLATILE ROWS 10;
COMMENT ON FUNCTION podyn.live_tasks IS 'the caller''s tasks that a worker holds';

-- What Citus sees of a batch. It says nothing outside of a worker that writes one.
CREATE FUNCTION podyn.batch() RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'podyn_batch' LANGUAGE C VOLATILE ROWS 1000;
COMMENT ON FUNCTION podyn.batch IS 'the rows that a worker is writing to a distributed table';

CREATE VIEW @extschema@.podyn_status WITH (security_barrier) AS
SELECT r.name,
       r.source,
       r.target::text AS target,
       s.state,
       CASE WHEN r.copied_at IS NOT NULL OR NOT r.copy_data THEN 1.0
            WHEN r.items_total > 0 THEN least(0.99, greatest(t.items, t.items_read) / r.items_total::double precision)
            ELSE 0.0 END::double precision AS progress,
       t.items AS items_copied,
       r.items_total,
       CASE WHEN r.phase = 'copying' THEN coalesce(l.items_per_second, 0) END AS items_per_second,
       -- A rate that fades away promises no end: beyond 1e9 seconds, 30 years, nothing is known.
       CASE WHEN r.phase = 'copying' AND s.state = 'copying' AND l.items_per_second > 0 AND r.items_total > t.items
                 AND r.items_total - t.items < l.items_per_second * 1e9
            THEN make_interval(secs => (r.items_total - t.items) / l.items_per_second) END AS eta,
       t.changes AS changes_applied,
       CASE WHEN r.replay_changes THEN coalesce(l.changes_per_second, 0) END AS changes_per_second,
       CASE WHEN r.replay_changes AND f.read_through IS NOT NULL
            THEN greatest(clock_timestamp() - f.read_through, interval '0') END AS lag,
       t.spooled,
       (SELECT count(*) FROM podyn.error AS e WHERE e.name = r.name) AS errors,
       t.workers,
       t.read_units,
       t.throttled,
       r.consistent_since,
       t.last_change_at,
       r.started_at,
       coalesce(r.last_error, t.last_error) AS last_error,
       CASE WHEN r.last_error IS NOT NULL THEN r.last_error_at ELSE t.last_error_at END AS last_error_at,
       CASE WHEN r.enabled AND r.failure IS NULL THEN t.retry_at END AS retry_at,
       t.skipped
FROM podyn.replication AS r
     JOIN podyn.replication_state AS s ON s.id = r.id
     CROSS JOIN LATERAL (SELECT r.items + coalesce(sum(k.items), 0)::bigint AS items,
                                r.changes + coalesce(sum(k.changes) FILTER (WHERE k.kind <> 'prune'), 0)::bigint AS changes,
                                r.read_units + coalesce(sum(k.read_units), 0) AS read_units,
                                r.throttled + coalesce(sum(k.throttled), 0)::bigint AS throttled,
                                coalesce(sum(k.spooled), 0)::bigint AS spooled,
                                coalesce(sum(k.skipped), 0)::bigint AS skipped,
                                coalesce(sum(k.items_read), 0)::bigint AS items_read,
                                count(DISTINCT live.worker)::integer AS workers,
                                max(k.last_change_at) AS last_change_at,
                                min(k.retry_at) AS retry_at,
                                (array_agg(k.last_error ORDER BY k.last_error_at DESC)
                                     FILTER (WHERE k.last_error IS NOT NULL))[1] AS last_error,
                                max(k.last_error_at) AS last_error_at
                         FROM podyn.task AS k LEFT JOIN podyn.live_tasks() AS live ON live.task = k.id
                         WHERE k.replication = r.id) AS t
     CROSS JOIN LATERAL (SELECT min(greatest(front.read_through, live.read_through)) AS read_through
                         FROM podyn.shard_frontier AS front LEFT JOIN podyn.live_tasks() AS live ON live.task = front.id
                         WHERE front.replication = r.id) AS f
     LEFT JOIN podyn.live_replications() AS l ON l.replication = r.id
WHERE pg_has_role(r.owner, 'USAGE') OR pg_has_role('pg_monitor', 'USAGE');
COMMENT ON VIEW @extschema@.podyn_status IS 'one row per replication: what it does, how far it is, what is wrong';

CREATE VIEW @extschema@.podyn_tasks WITH (security_barrier) AS
SELECT r.name, k.kind, k.task, k.parent, k.state, k.position, k.items, k.changes, k.spooled, k.read_units, k.throttled,
       live.worker, greatest(k.read_through, live.read_through) AS read_through, k.last_change_at,
       k.retry_at, k.last_error, k.last_error_at, k.done_at,
       CASE WHEN k.state = 'done' THEN NULL
            WHEN r.failure IS NOT NULL OR NOT r.enabled THEN 'podyn_start'
             WHEN k.state = 'waiting' THEN CASE WHEN k.kind = 'file' AND r.phase = 'starting' THEN 'setup'
                                               WHEN k.kind = 'file' THEN 'earlier export'
                                               WHEN k.kind IN ('complete', 'index') THEN 'files'
                                               ELSE 'parent shard' END
            WHEN k.retry_at > clock_timestamp() THEN 'retry'
            WHEN live.worker IS NULL THEN 'worker'
            WHEN k.kind = 'export' AND k.position IS NULL THEN 'time of export'
            WHEN k.kind = 'export' AND k.position LIKE 'arn:%' THEN 'DynamoDB'
            -- The budget fills up with time; below zero it has been spent ahead.
            WHEN k.kind = 'segment' AND r.scan_rate > 0 AND l.read_units_left + r.scan_rate::double precision
                 * extract(epoch FROM clock_timestamp() - l.read_units_at)::double precision < 0 THEN 'scan_rate'
            END AS waits_for,
       k.items_read, k.skipped
FROM podyn.task AS k
     JOIN podyn.replication AS r ON r.id = k.replication
     LEFT JOIN podyn.live_tasks() AS live ON live.task = k.id
     LEFT JOIN podyn.live_replications() AS l ON l.replication = k.replication
WHERE pg_has_role(r.owner, 'USAGE') OR pg_has_role('pg_monitor', 'USAGE');
COMMENT ON VIEW @extschema@.podyn_tasks IS 'segments, files and shards with their position, worker and progress';

CREATE VIEW @extschema@.podyn_events WITH (security_barrier) AS
SELECT e.at, e.name, e.event, e.message
FROM podyn.event AS e
WHERE pg_has_role(e.owner, 'USAGE') OR pg_has_role('pg_monitor', 'USAGE')
ORDER BY e.id;
COMMENT ON VIEW @extschema@.podyn_events IS 'what happened when';

-- ---- Privileges: everything is the superuser's to grant, but the version and the views -------------------------------

REVOKE ALL ON SCHEMA podyn FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA podyn FROM PUBLIC;
REVOKE ALL ON FUNCTION podyn.option_validator, podyn.fdw_handler, podyn.canonical_item, @extschema@.podyn_replicate, @extschema@.podyn_plan,
    @extschema@.podyn_replicate_all, @extschema@.podyn_import, @extschema@.podyn_create_profile,
    @extschema@.podyn_drop_profile, @extschema@.podyn_export, @extschema@.podyn_exports, @extschema@.podyn_push,
    @extschema@.podyn_dump, @extschema@.podyn_rfc3339, @extschema@.podyn_start,
    @extschema@.podyn_stop, @extschema@.podyn_alter,
    @extschema@.podyn_reset, @extschema@.podyn_drop,
    @extschema@.podyn_wait, @extschema@.podyn_sync, @extschema@.podyn_retry_errors,
    @extschema@.podyn_verify, @extschema@.podyn_repair FROM PUBLIC;
REVOKE ALL ON PROCEDURE @extschema@.podyn_run FROM PUBLIC;
-- Views and policies call these with the reader's rights. They show what is the caller's own, or to pg_monitor all.
GRANT EXECUTE ON FUNCTION podyn.live_replications(), podyn.live_tasks(), podyn.owns(text), podyn.batch() TO PUBLIC;
GRANT SELECT ON @extschema@.podyn_status, @extschema@.podyn_tasks, @extschema@.podyn_events TO PUBLIC;
