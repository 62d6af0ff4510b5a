-- A role to which nothing was granted: podyn_version and the views, nothing else.
\set folder `echo "$PG_ABS_SRCDIR"`
\set outcome :folder /outcome.sql
\set ECHO none
\i :outcome
CREATE EXTENSION podyn;
CREATE ROLE podyn_nobody LOGIN;
SET ROLE podyn_nobody;

-- What it may call, in whatever schema
SELECT oid::regprocedure FROM pg_proc
WHERE (proname LIKE 'podyn\_%' OR pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'podyn'))
  AND has_function_privilege(oid, 'EXECUTE') AND has_schema_privilege(pronamespace, 'USAGE')
ORDER BY proname COLLATE "C";

-- What PUBLIC may execute, the schema aside: the version, and what the views and policies call with the reader's rights
SELECT oid::regprocedure FROM pg_proc AS p, LATERAL aclexplode(coalesce(proacl, acldefault('f', proowner))) AS a
WHERE (proname LIKE 'podyn\_%' OR pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'podyn'))
  AND a.grantee = 0 AND a.privilege_type = 'EXECUTE'
ORDER BY proname COLLATE "C";
-- What it may do with podyn's tables, views and sequences
SELECT relname, privilege FROM pg_class, unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) AS privilege
WHERE (relname LIKE 'podyn\_%' OR relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'podyn'))
  AND relkind IN ('r', 'v') AND has_table_privilege(oid, privilege)
ORDER BY relname COLLATE "C", privilege;
SELECT privilege, has_schema_privilege('podyn', privilege) FROM unnest('{USAGE,CREATE}'::text[]) AS privilege;
SELECT has_foreign_data_wrapper_privilege('podyn', 'USAGE');

SELECT podyn_version() IS NOT NULL;
SELECT count(*) FROM podyn_status;
SELECT count(*) FROM podyn_tasks;
SELECT count(*) FROM podyn_events;

SELECT call, pg_temp.outcome('SELECT ' || call) FROM unnest('{
    podyn_replicate(''events''), podyn_replicate_all(), podyn_start(), podyn_stop(),
    "podyn_alter(''events'', scan_rate => 1)", podyn_reset(''events''),
    podyn_drop(''events''), podyn_wait(''events''), podyn_sync(''events''), podyn_plan(''events''),
    "podyn_export(''events'', ''s3://bucket'')", podyn_exports(''events''),
    podyn_create_profile(''p''), podyn_drop_profile(''p''),
    podyn.live_tasks(), podyn.live_replications(), podyn.owns(''events'')}'::text[]) AS call;
SELECT pg_temp.outcome($$CALL podyn_run('events')$$);
SELECT relation, pg_temp.outcome('SELECT FROM ' || relation) FROM unnest('{
    podyn.replication, podyn.task, podyn.spool, podyn.column_map, podyn.error, podyn.event, podyn.profile}'::text[]) AS relation;
SELECT pg_temp.outcome('CREATE SERVER mine FOREIGN DATA WRAPPER podyn');

-- The functions can be granted one by one.
RESET ROLE;
GRANT EXECUTE ON FUNCTION podyn_start TO podyn_nobody;
SET ROLE podyn_nobody;
SELECT podyn_start();
SELECT pg_temp.outcome('SELECT podyn_start(''events'')');

RESET ROLE;
DROP EXTENSION podyn;
DROP ROLE podyn_nobody;
