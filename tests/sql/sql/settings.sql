-- Settings: defaults, units, who may set them, ranges.
\pset format unaligned
\pset footer off
SELECT name, setting, unit, context, vartype, min_val, max_val FROM pg_settings WHERE name LIKE 'podyn.%' ORDER BY name;
SHOW podyn.batch_bytes;

\set folder `echo "$PG_ABS_SRCDIR"`
\set outcome :folder /outcome.sql
\set ECHO none
\i :outcome
-- Out of range
ALTER SYSTEM SET podyn.max_workers = 0;
ALTER SYSTEM SET podyn.max_workers = 65;
ALTER SYSTEM SET podyn.max_workers = many;
ALTER SYSTEM SET podyn.poll_interval = 19;
ALTER SYSTEM SET podyn.poll_interval = '2min';
ALTER SYSTEM SET podyn.poll_interval = '5 parsecs';
ALTER SYSTEM SET podyn.batch_rows = 0;
ALTER SYSTEM SET podyn.batch_rows = 100001;
ALTER SYSTEM SET podyn.batch_bytes = 63;
ALTER SYSTEM SET podyn.batch_bytes = '1GB';
SELECT setting, pg_temp.outcome('SET ' || setting) FROM unnest('{
    podyn.stream_delay = -1, podyn.stream_delay = ''2min'', podyn.stream_delay = 0, podyn.stream_delay = ''60 s'',
    podyn.dry_run = maybe}'::text[]) AS setting;

-- Of the whole server, not of a session
SELECT setting, pg_temp.outcome('SET ' || setting || ' = 100') FROM unnest('{
    podyn.max_workers, podyn.poll_interval, podyn.batch_rows, podyn.batch_bytes}'::text[]) AS setting;

-- A superuser's setting
SELECT setting, pg_temp.outcome('SET ' || setting) FROM unnest('{
    podyn.allow_credential_process = on, podyn.allow_credential_process = off}'::text[]) AS setting;

-- A name that does not exist, and who is no superuser
SELECT pg_temp.outcome('SET podyn.max_worker = 5');
CREATE ROLE podyn_plain;
SET ROLE podyn_plain;
SELECT setting, pg_temp.outcome('SET ' || setting) FROM unnest('{
    podyn.allowed_endpoints = ''*.example.com'', podyn.allow_credential_process = on, podyn.stream_delay = 10}'::text[]) AS setting;
RESET ROLE;
DROP ROLE podyn_plain;
