-- podyn_alter: what it takes, refuses and writes down. (Effects on what runs: tests/e2e/test_alter.py.)
\set folder `echo "$PG_ABS_SRCDIR"`
\set outcome :folder /outcome.sql
\set ECHO none
\i :outcome
CREATE EXTENSION podyn;
INSERT INTO podyn.replication (name, owner, server, source, copy_data, replay_changes, conversion_mode,
                               lower_case_columns, scan_rate, key_names, items_total, enabled, phase)
VALUES ('events', current_user::regrole, 'dynamodb', 'events', true, true, 'columns', false, 25, '{id}', 0, false, 'starting');
CREATE FUNCTION pg_temp.alter(options text) RETURNS text LANGUAGE sql
    RETURN pg_temp.outcome(format('SELECT podyn_alter(%s)', concat_ws(', ', '''events''', options)));
CREATE TEMP VIEW options AS
SELECT scan_rate, segments, workers, consistent_read, deletes, ttl_deletes, nul_characters, on_existing, revision
FROM podyn.replication;
\pset null NULL

-- Nothing to change
SELECT pg_temp.alter(NULL);
SELECT pg_temp.alter('NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL');
SELECT pg_temp.outcome('SELECT podyn_alter(NULL, scan_rate => 1)');

-- Checked as by podyn_replicate
SELECT options, pg_temp.alter(options) FROM (VALUES
    ($$scan_rate => -1$$), ($$scan_rate => 'NaN'$$), ($$scan_rate => 1e10$$), ($$segments => -1$$),
    ($$segments => 1000001$$), ($$workers => -1$$), ($$consistent_read => 'maybe'$$), ($$deletes => 'keep'$$),
    ($$nul_characters => ''$$), ($$on_existing => 'merge'$$)) AS _ (options);
SELECT * FROM options;
SELECT count(*) FROM podyn_events;

-- One after the other
SELECT podyn_alter('events', scan_rate => 0);
SELECT podyn_alter('events', 12.5, 4, 2, 'on', 'apply', NULL, 'strip');
SELECT * FROM options;
SELECT podyn_alter('events', consistent_read => 'off', nul_characters => 'reject');
SELECT podyn_alter('events', workers => 3, on_existing => 'upsert');
SELECT * FROM options;

-- What podyn_replicate calls NULL
SELECT podyn_alter('events', segments => 0, workers => 0, ttl_deletes => 'default');
SELECT podyn_alter('events', scan_rate => 25, consistent_read => 'auto', nul_characters => 'replace');
SELECT * FROM options;

-- A failure takes everything back.
SELECT pg_temp.alter('scan_rate => 3, workers => -2');
SELECT * FROM options;
SELECT event, message FROM podyn_events;
DROP EXTENSION podyn CASCADE;
