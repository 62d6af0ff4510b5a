-- DROP EXTENSION leaves nothing behind, and CREATE EXTENSION works again; servers must go first, or with CASCADE.
\set folder `echo "$PG_ABS_SRCDIR"`
\set outcome :folder /outcome.sql
\set ECHO none
\i :outcome
CREATE EXTENSION podyn;
CREATE SERVER dynamodb FOREIGN DATA WRAPPER podyn OPTIONS (region 'us-east-1');
CREATE USER MAPPING FOR CURRENT_USER SERVER dynamodb OPTIONS (access_key_id 'a', secret_access_key 'b');
CREATE TABLE events (id text PRIMARY KEY);
INSERT INTO events VALUES ('one');
INSERT INTO podyn.replication (name, owner, server, source, target, copy_data, replay_changes, conversion_mode,
                               lower_case_columns, scan_rate, key_names, items_total, enabled, phase)
VALUES ('events', current_user::regrole, 'dynamodb', 'events', 'events', true, true, 'columns', false, 25, '{id}', 1, false, 'streaming');
INSERT INTO podyn.task (replication, kind, task, state) SELECT id, 'stream', '', 'ready' FROM podyn.replication;

SELECT pg_temp.outcome('DROP EXTENSION podyn');
SELECT pg_temp.outcome('DROP SCHEMA podyn CASCADE');
SELECT pg_temp.outcome('DROP VIEW podyn_status');
DROP EXTENSION podyn CASCADE;

-- Nothing is left but the target, which is the user's.
SELECT count(*) FROM pg_namespace WHERE nspname = 'podyn';
SELECT count(*) FROM pg_proc WHERE proname LIKE 'podyn\_%' OR probin LIKE '%podyn%';
SELECT count(*) FROM pg_class WHERE relname LIKE 'podyn\_%';
SELECT count(*) FROM pg_foreign_data_wrapper WHERE fdwname = 'podyn';
SELECT count(*) FROM pg_foreign_server;
SELECT * FROM events;
DROP TABLE events;

-- Again, and what was known is forgotten.
CREATE EXTENSION podyn;
SELECT count(*) FROM podyn_status;
SELECT podyn_start();

-- In a transaction, and taken back
BEGIN;
DROP EXTENSION podyn;
ROLLBACK;
SELECT podyn_stop();
BEGIN;
DROP EXTENSION podyn;
CREATE EXTENSION podyn;
COMMIT;
SELECT podyn_stop();

-- Twice is an error; a schema that is called podyn already, too.
SELECT pg_temp.outcome('CREATE EXTENSION podyn');
DROP EXTENSION podyn;
CREATE SCHEMA podyn;
SELECT pg_temp.outcome('CREATE EXTENSION podyn');
DROP SCHEMA podyn;

-- Only a superuser makes it: it is not trusted.
CREATE ROLE podyn_plain;
SELECT format('GRANT CREATE ON DATABASE %I TO podyn_plain', current_database()) \gexec
SET ROLE podyn_plain;
SELECT pg_temp.outcome('CREATE EXTENSION podyn');
RESET ROLE;
DROP OWNED BY podyn_plain;
DROP ROLE podyn_plain;
