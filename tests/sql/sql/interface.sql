-- What the extension offers: functions with their parameters and defaults, views, tables, and who may use them.
CREATE EXTENSION podyn;
SELECT podyn_version() ~ '^\d+\.\d+(\.\d+)?$' AS version;

SELECT proname, pg_get_function_arguments(oid) AS arguments, pg_get_function_result(oid) AS result
FROM pg_proc WHERE proname LIKE 'podyn\_%' AND pronamespace = 'public'::regnamespace
ORDER BY proname \gx

SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'podyn_status'::regclass AND attnum > 0 ORDER BY attnum;
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'podyn_tasks'::regclass AND attnum > 0 ORDER BY attnum;
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'podyn_events'::regclass AND attnum > 0 ORDER BY attnum;
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'podyn.error'::regclass AND attnum > 0 ORDER BY attnum;
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'podyn.column_map'::regclass AND attnum > 0 ORDER BY attnum;

-- Everything is revoked from PUBLIC except podyn_version() and the views.
CREATE ROLE podyn_nobody;
SELECT proname FROM pg_proc
WHERE proname LIKE 'podyn\_%' AND has_function_privilege('podyn_nobody', oid, 'EXECUTE') ORDER BY 1;
SELECT oid::regclass FROM pg_class
WHERE relname LIKE 'podyn\_%' AND relkind = 'v' AND has_table_privilege('podyn_nobody', oid, 'SELECT') ORDER BY 1::text;
SELECT oid::regclass FROM pg_class
WHERE relnamespace = 'podyn'::regnamespace AND relkind IN ('r', 'v')
  AND has_table_privilege('podyn_nobody', oid, 'SELECT, INSERT, UPDATE, DELETE') ORDER BY 1::text;
DROP ROLE podyn_nobody;

-- What is ours and not configuration goes with the extension; podyn's tables are dumped with their data.
SELECT unnest(extconfig)::regclass::text AS dumped FROM pg_extension WHERE extname = 'podyn' ORDER BY 1;
DROP EXTENSION podyn;
SELECT count(*) FROM pg_proc WHERE proname LIKE 'podyn\_%';
SELECT count(*) FROM pg_namespace WHERE nspname = 'podyn';

-- In a schema of one's choice.
CREATE SCHEMA tools;
CREATE EXTENSION podyn SCHEMA tools;
SELECT count(*) FROM tools.podyn_status;
DROP EXTENSION podyn;
