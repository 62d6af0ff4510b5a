-- A replication that does not exist, or that is another role's, is the same to every function.
\set folder `echo "$PG_ABS_SRCDIR"`
\set outcome :folder /outcome.sql
\set ECHO none
\i :outcome
CREATE EXTENSION podyn;
SELECT call, pg_temp.outcome('SELECT ' || call) FROM unnest('{
    podyn_start(''nowhere''), podyn_stop(''nowhere''), "podyn_alter(''nowhere'', scan_rate => 1)", podyn_reset(''nowhere''), podyn_drop(''nowhere''),
    "podyn_drop(''nowhere'', drop_target => true)", podyn_wait(''nowhere''), podyn_sync(''nowhere'')}'::text[]) AS call;
SELECT podyn_start(), podyn_stop();
SELECT podyn_reset(NULL) IS NULL, podyn_drop(NULL) IS NULL, podyn_wait(NULL) IS NULL, podyn_sync(NULL) IS NULL;

-- Another role's
CREATE ROLE podyn_owner LOGIN;
CREATE ROLE podyn_stranger LOGIN;
GRANT EXECUTE ON FUNCTION podyn_start, podyn_stop, podyn_alter, podyn_reset, podyn_drop, podyn_wait, podyn_sync TO podyn_stranger;
INSERT INTO podyn.replication (name, owner, server, source, copy_data, replay_changes, conversion_mode,
                               lower_case_columns, scan_rate, key_names, items_total, enabled, phase)
VALUES ('events', 'podyn_owner', 'dynamodb', 'events', true, true, 'columns', false, 25, '{id}', 0, false, 'starting');
SET ROLE podyn_stranger;
SELECT call, pg_temp.outcome('SELECT ' || call) FROM unnest('{
    podyn_start(''events''), podyn_stop(''events''), "podyn_alter(''events'', scan_rate => 1)", podyn_reset(''events''), podyn_drop(''events''),
    podyn_wait(''events''), podyn_sync(''events'')}'::text[]) AS call;
SELECT podyn_start(), podyn_stop();
RESET ROLE;
SELECT name, state FROM podyn_status;

-- A member of the owner may do what the owner may.
GRANT podyn_owner TO podyn_stranger;
SET ROLE podyn_stranger;
SELECT podyn_alter('events', scan_rate => 1);
SELECT podyn_reset('events');
SELECT podyn_drop('events');
RESET ROLE;
SELECT count(*) FROM podyn_status;

DROP EXTENSION podyn;
DROP ROLE podyn_owner, podyn_stranger;
