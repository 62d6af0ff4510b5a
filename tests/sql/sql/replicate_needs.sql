-- What podyn_replicate needs before it can ask DynamoDB: each thing missing has an error that says how to make it.
\set folder `echo "$PG_ABS_SRCDIR"`
\set outcome :folder /outcome.sql
\set ECHO none
\i :outcome
CREATE EXTENSION podyn;
CREATE ROLE podyn_owner LOGIN;
GRANT EXECUTE ON FUNCTION podyn_replicate, podyn_replicate_all TO podyn_owner;
GRANT CREATE ON SCHEMA public TO podyn_owner;
SET ROLE podyn_owner;

-- A server, of podyn
SELECT pg_temp.outcome($$SELECT podyn_replicate('events')$$);
SELECT pg_temp.outcome($$SELECT podyn_replicate('events', server => 'My Server')$$);
SELECT pg_temp.outcome($$SELECT podyn_replicate_all()$$);
RESET ROLE;
CREATE FOREIGN DATA WRAPPER podyn_other;
CREATE SERVER other FOREIGN DATA WRAPPER podyn_other;
SELECT pg_temp.outcome($$SELECT podyn_replicate('events', server => 'other')$$);
DROP FOREIGN DATA WRAPPER podyn_other CASCADE;

-- The right to use it
CREATE SERVER dynamodb FOREIGN DATA WRAPPER podyn;
SET ROLE podyn_owner;
SELECT pg_temp.outcome($$SELECT podyn_replicate('events')$$);
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER dynamodb TO podyn_owner;

-- Credentials
SET ROLE podyn_owner;
SELECT pg_temp.outcome($$SELECT podyn_replicate('events')$$);
CREATE USER MAPPING FOR CURRENT_USER SERVER dynamodb;
SELECT pg_temp.outcome($$SELECT podyn_replicate('events')$$);
ALTER USER MAPPING FOR CURRENT_USER SERVER dynamodb OPTIONS (ADD access_key_id 'AKIDEXAMPLE');
SELECT pg_temp.outcome($$SELECT podyn_replicate('events')$$);
ALTER USER MAPPING FOR CURRENT_USER SERVER dynamodb OPTIONS (ADD secret_access_key 'secret');

-- A region
SELECT pg_temp.outcome($$SELECT podyn_replicate('events')$$);
SELECT pg_temp.outcome($$SELECT podyn_replicate_all()$$);
RESET ROLE;

-- Endpoints that go together
ALTER SERVER dynamodb OPTIONS (ADD region 'us-east-1', ADD endpoint 'http://127.0.0.1:1', ADD use_fips 'true');
SET ROLE podyn_owner;
SELECT pg_temp.outcome($$SELECT podyn_replicate('events')$$);
RESET ROLE;
ALTER SERVER dynamodb OPTIONS (DROP use_fips);

-- A role as which workers can run
ALTER ROLE podyn_owner NOLOGIN;
SET ROLE podyn_owner;
SELECT regexp_replace(pg_temp.outcome($$SELECT podyn_replicate('events')$$), 'detail: Failed [^\n]*', 'detail: ...');
RESET ROLE;
ALTER ROLE podyn_owner LOGIN;

-- A transaction that may write
SET ROLE podyn_owner;
BEGIN READ ONLY;
SELECT pg_temp.outcome($$SELECT podyn_replicate('events')$$);
SELECT pg_temp.outcome($$SELECT podyn_replicate_all()$$);
COMMIT;
RESET ROLE;

-- A name that is free
INSERT INTO podyn.replication (name, owner, server, source, copy_data, replay_changes, conversion_mode,
                               lower_case_columns, scan_rate, key_names, items_total, enabled, phase)
VALUES ('events', 'podyn_owner', 'dynamodb', 'events', true, true, 'columns', false, 25, '{id}', 0, false, 'starting');
SET ROLE podyn_owner;
SELECT pg_temp.outcome($$SELECT podyn_replicate('events')$$);
SELECT pg_temp.outcome($$SELECT podyn_replicate('others', name => 'events')$$);
RESET ROLE;

DROP EXTENSION podyn CASCADE;
REVOKE CREATE ON SCHEMA public FROM podyn_owner;
DROP ROLE podyn_owner;
