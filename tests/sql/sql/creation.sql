-- What CREATE EXTENSION makes: functions with parameters and defaults, views with their columns, tables, and what of
-- that pg_dump takes along.
CREATE EXTENSION podyn;
\pset format unaligned
\pset tuples_only on
SELECT podyn_version();
SELECT podyn_version() = extversion FROM pg_extension WHERE extname = 'podyn';
SELECT extrelocatable FROM pg_extension WHERE extname = 'podyn';

-- Functions
SELECT format(E'%s(\n    %s\n) %s', oid::regproc,
              replace(pg_get_function_arguments(oid), ', ', E',\n    '), pg_get_function_result(oid))
FROM pg_proc WHERE proname LIKE 'podyn\_%' ORDER BY proname COLLATE "C";

-- Its other objects
SELECT pg_describe_object(classid, objid, objsubid)
FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'podyn')
  AND classid NOT IN ('pg_type'::regclass, 'pg_class'::regclass)
  AND NOT (classid = 'pg_proc'::regclass AND objid::regproc::text LIKE 'podyn\_%')
ORDER BY pg_describe_object(classid, objid, objsubid) COLLATE "C";

-- Views, and the tables that users read
\pset tuples_only off
\pset footer off
SELECT attrelid::regclass AS relation, attname, format_type(atttypid, atttypmod)
FROM pg_attribute
WHERE attrelid IN ('podyn_status'::regclass, 'podyn_tasks'::regclass, 'podyn_events'::regclass,
                   'podyn.error'::regclass, 'podyn.column_map'::regclass) AND attnum > 0
ORDER BY attrelid::regclass::text COLLATE "C", attnum;

-- Tables, and the sequences of their ids: a dump takes both along, or a restored database would give ids twice.
SELECT c.relname, c.oid = ANY (e.extconfig) AS dumped, obj_description(c.oid) AS comment
FROM pg_class AS c, pg_extension AS e
WHERE c.relnamespace = 'podyn'::regnamespace AND c.relkind IN ('r', 'S') AND e.extname = 'podyn'
ORDER BY c.relname COLLATE "C";

-- Nothing runs yet
SELECT count(*) FROM podyn_status;
SELECT count(*) FROM podyn_tasks;
SELECT count(*) FROM podyn_events;

-- It stays where it was made
ALTER EXTENSION podyn SET SCHEMA pg_catalog;
DROP EXTENSION podyn;
