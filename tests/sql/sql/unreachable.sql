-- Nobody answers at the endpoint: an error of class 08 in the caller's session, and nothing left behind.
\set folder `echo "$PG_ABS_SRCDIR"`
\set outcome :folder /outcome.sql
\set ECHO none
\i :outcome
CREATE EXTENSION podyn;
SELECT clock_timestamp() AS begun \gset
CREATE SERVER dynamodb FOREIGN DATA WRAPPER podyn
    OPTIONS (region 'us-east-1', endpoint 'http://127.0.0.1:1', request_timeout '1s');
CREATE USER MAPPING FOR CURRENT_USER SERVER dynamodb OPTIONS (access_key_id 'a', secret_access_key 'do-not-show-this');

-- Without the detail, which is curl's.
SELECT call, regexp_replace(pg_temp.outcome('SELECT ' || call), 'detail: [^\n]*', 'detail: ...')
FROM unnest('{podyn_replicate(''events''), podyn_replicate_all()}'::text[]) AS call;

SELECT count(*) FROM podyn_status;
SELECT count(*) FROM podyn_tasks;
SELECT count(*) FROM podyn_events;
SELECT count(*) FROM podyn.column_map;
SELECT to_regclass('events') IS NULL;
SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'podyn worker' AND datname = current_database() AND backend_start > :'begun';

DROP EXTENSION podyn CASCADE;
