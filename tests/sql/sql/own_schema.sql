-- The extension in a schema of its own: found by its qualified name, from any search_path.
\set folder `echo "$PG_ABS_SRCDIR"`
\set outcome :folder /outcome.sql
\set ECHO none
\i :outcome
CREATE SCHEMA "Tools & more";
CREATE EXTENSION podyn SCHEMA "Tools & more";
SELECT relnamespace::regnamespace, relname FROM pg_class WHERE relname LIKE 'podyn\_%' AND relkind = 'v' ORDER BY relname COLLATE "C";
SELECT DISTINCT pronamespace::regnamespace FROM pg_proc WHERE proname LIKE 'podyn\_%';
SELECT count(*) FROM pg_class WHERE relnamespace = 'podyn'::regnamespace AND relkind = 'r';

INSERT INTO podyn.replication (name, owner, server, source, copy_data, replay_changes, conversion_mode,
                               lower_case_columns, scan_rate, key_names, items_total, enabled, phase)
VALUES ('events', current_user::regrole, 'dynamodb', 'events', true, true, 'columns', false, 25, '{id}', 8, false, 'copying');
SELECT pg_temp.outcome('SELECT podyn_stop()');
SET search_path = '';
SELECT name, state, progress FROM "Tools & more".podyn_status;
SELECT "Tools & more".podyn_version() IS NOT NULL;
SELECT "Tools & more".podyn_wait('events', 'stopped');
SELECT "Tools & more".podyn_stop();
SELECT pg_temp.outcome($$SELECT "Tools & more".podyn_replicate('other')$$);
SELECT "Tools & more".podyn_reset('events');
SELECT "Tools & more".podyn_drop('events');
SELECT name, event FROM "Tools & more".podyn_events;
RESET search_path;

DROP EXTENSION podyn;
DROP SCHEMA "Tools & more";
