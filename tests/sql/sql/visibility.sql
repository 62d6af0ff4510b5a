-- Who sees which replications: its owner, members of the owner, pg_monitor, superusers.
\set folder `echo "$PG_ABS_SRCDIR"`
\set outcome :folder /outcome.sql
\set ECHO none
\i :outcome
CREATE EXTENSION podyn;
CREATE ROLE podyn_ann LOGIN;
CREATE ROLE podyn_bob LOGIN;
CREATE ROLE podyn_watcher LOGIN IN ROLE pg_monitor;
CREATE ROLE podyn_anns_friend LOGIN IN ROLE podyn_ann;
CREATE ROLE podyn_anns_poor_friend LOGIN NOINHERIT IN ROLE podyn_ann;
INSERT INTO podyn.replication (name, owner, server, source, copy_data, replay_changes, conversion_mode,
                               lower_case_columns, scan_rate, key_names, items_total, enabled, phase)
SELECT owner || '''s', ('podyn_' || owner)::regrole, 'dynamodb', 'events', true, true, 'columns', false, 25, '{id}', 0, false, 'starting'
FROM unnest('{ann,bob}'::text[]) AS owner;
INSERT INTO podyn.task (replication, kind, task, state) SELECT id, 'setup', '', 'ready' FROM podyn.replication;
INSERT INTO podyn.event (owner, name, event, message) SELECT owner, name, 'created', 'made by hand' FROM podyn.replication;
INSERT INTO podyn.error (name, source, operation, sqlstate, message) SELECT name, 'spool', 'put', '22000', 'bad' FROM podyn.replication;
INSERT INTO podyn.column_map SELECT name, 'id', 'text', 'id' FROM podyn.replication;
-- What podyn_replicate grants to its caller
GRANT USAGE ON SCHEMA podyn TO podyn_ann, podyn_bob, podyn_watcher;
GRANT SELECT ON podyn.error, podyn.column_map TO podyn_ann, podyn_bob, podyn_watcher;

CREATE FUNCTION pg_temp.seen() RETURNS TABLE (relation text, name text) LANGUAGE sql AS $$
    SELECT 'podyn_status', name FROM podyn_status
    UNION ALL SELECT 'podyn_tasks', name FROM podyn_tasks
    UNION ALL SELECT 'podyn_events', name FROM podyn_events
    UNION ALL SELECT 'podyn.error', name FROM podyn.error
    UNION ALL SELECT 'podyn.column_map', name FROM podyn.column_map
$$;
CREATE FUNCTION pg_temp.seen_by(reader name) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    summary text;
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', reader);
    SELECT string_agg(concat(relation, ': ', names), ', ' ORDER BY relation COLLATE "C") INTO summary
    FROM (SELECT relation, string_agg(name, ' ' ORDER BY name) AS names FROM pg_temp.seen() GROUP BY relation) AS _;
    SET LOCAL ROLE NONE;
    RETURN summary;
END $$;
SELECT reader, pg_temp.seen_by(reader) FROM unnest('{postgres,podyn_ann,podyn_bob,podyn_watcher,podyn_anns_friend}'::name[]) AS reader;
-- Membership without inheritance gives nothing; the views stay readable.
SET ROLE podyn_anns_poor_friend;
SELECT count(*) FROM podyn_status;
RESET ROLE;

-- An owner reads and does not write.
SET ROLE podyn_ann;
SELECT statement, pg_temp.outcome(statement) FROM unnest('{DELETE FROM podyn.error,
    UPDATE podyn.column_map SET column_name = '''', DELETE FROM podyn_status, SELECT FROM podyn.replication,
    SELECT FROM podyn.task, SELECT FROM podyn.spool, SELECT FROM podyn.event}'::text[]) AS statement;
-- Whose a replication is, it learns of its own only.
SELECT name, podyn.owns(name) FROM unnest('{ann''s,bob''s,nobody''s}'::text[]) AS name;
-- A leaky function cannot look behind the views.
CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$
BEGIN
    RAISE NOTICE 'leaked %', $1;
    RETURN true;
END $$;
SELECT name FROM podyn_status WHERE pg_temp.leak(name);
SELECT name FROM podyn_events WHERE pg_temp.leak(name);
SELECT name FROM podyn.error WHERE pg_temp.leak(name);
DROP FUNCTION pg_temp.leak;
RESET ROLE;

-- An owner that is gone takes nobody's view along.
DROP OWNED BY podyn_bob;
DROP ROLE podyn_bob;
SELECT count(*) FROM podyn_status;
SELECT count(*) FROM podyn_events;

DROP EXTENSION podyn;
DROP ROLE podyn_anns_friend, podyn_anns_poor_friend, podyn_ann, podyn_watcher;
