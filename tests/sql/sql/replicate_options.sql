-- Options of podyn_replicate that are refused before DynamoDB is asked: that do not go together, null, out of range,
-- unknown.
\set folder `echo "$PG_ABS_SRCDIR"`
\set outcome :folder /outcome.sql
\set ECHO none
\i :outcome
CREATE EXTENSION podyn;
CREATE FUNCTION pg_temp.replicate(option text) RETURNS text LANGUAGE sql
    RETURN pg_temp.outcome(format('SELECT podyn_replicate(%s)', concat_ws(', ', '''events''', option)));
CREATE FUNCTION pg_temp.replicate_all(option text) RETURNS text LANGUAGE sql
    RETURN pg_temp.outcome(format('SELECT podyn_replicate_all(%s)', option));

-- Options that do not go together, in both functions
CREATE TEMP VIEW apart AS SELECT * FROM (VALUES
    (1, $$backfill => 'export'$$), (2, $$export_to => 's3://bucket/prefix'$$),
    (3, $$backfill => '/exports', export_to => 's3://bucket/prefix'$$),
    (4, $$backfill => 'export', export_to => '/exports'$$), (5, $$backfill => 'export', export_to => 's3://'$$),
    (6, $$backfill => 's3://bucket/prefix', data => false$$),
    (7, $$backfill => 'export', export_to => 's3://bucket/prefix', data => false$$)) AS _ (number, option);
SELECT option, pg_temp.replicate(option) FROM apart ORDER BY number;
SELECT option, left(pg_temp.replicate_all(option), 5) FROM apart ORDER BY number;
SELECT pg_temp.replicate_all($$backfill => 's3://bucket/prefix'$$);

-- Citus, where it is not
SELECT pg_temp.replicate($$citus => true$$), pg_temp.replicate_all($$citus => true$$);
SELECT pg_temp.replicate($$colocate_with => 'users'$$), pg_temp.replicate($$citus => true, colocate_with => 'users'$$);

-- Their defaults, given by name, are no error: only the server is missing.
SELECT pg_temp.replicate($$citus => false, colocate_with => NULL, workers => NULL, consistent_read => 'auto',
    backfill => 'scan', export_to => NULL, enable_stream => false, on_existing => 'error', deletes => 'apply',
    ttl_deletes => NULL, nul_characters => 'replace', profile => NULL$$);

-- Null
SELECT option, pg_temp.replicate(option || ' => NULL') FROM unnest('{server,schema,data,changes,citus,
    conversion_mode,lower_case_columns,scan_rate,consistent_read,backfill,enable_stream,on_existing,deletes,
    nul_characters,start}'::text[]) AS option;
SELECT pg_temp.outcome('SELECT podyn_replicate(NULL)');
SELECT pg_temp.replicate_all('NULL');

-- Empty
SELECT pg_temp.outcome($$SELECT podyn_replicate('')$$);
SELECT option, pg_temp.replicate(option) FROM unnest('{target => '''', name => '''', server => '''',
    conversion_mode => ''''}'::text[]) AS option;
SELECT pg_temp.replicate_all($$''$$);

-- Out of range, unknown
SELECT option, pg_temp.replicate(option) FROM (VALUES
    ($$scan_rate => -1$$), ($$scan_rate => -0.0001$$), ($$scan_rate => 'NaN'$$), ($$scan_rate => 'Infinity'$$),
    ($$scan_rate => '-Infinity'$$), ($$scan_rate => 1e10$$), ($$scan_rate => 1e400$$),
    ($$segments => 0$$), ($$segments => -1$$), ($$segments => 1000001$$),
    ($$workers => 0$$), ($$workers => -1$$), ($$enable_stream => true, changes => false$$),
    ($$consistent_read => 'maybe'$$), ($$backfill => 'Scan'$$), ($$backfill => ''$$),
    ($$on_existing => 'append'$$), ($$deletes => 'keep'$$), ($$ttl_deletes => ''$$), ($$nul_characters => ' '$$),
    ($$conversion_mode => 'json'$$), ($$conversion_mode => 'Columns'$$)) AS _ (option);

-- At the edge of what is possible: again only the server is missing.
SELECT option, pg_temp.replicate(option) FROM (VALUES
    ($$scan_rate => 0$$), ($$scan_rate => 1000000000$$), ($$segments => 1$$), ($$segments => 1000000$$),
    ($$conversion_mode => 'jsonb'$$), ($$workers => 1$$), ($$workers => 2147483647$$), ($$consistent_read => 'on'$$),
    ($$consistent_read => 'off'$$), ($$enable_stream => true$$), ($$enable_stream => false, changes => false$$),
    ($$nul_characters => 'strip'$$), ($$nul_characters => 'reject'$$), ($$on_existing => 'truncate'$$),
    ($$on_existing => 'upsert'$$), ($$deletes => 'ignore'$$), ($$deletes => 'mark'$$),
    ($$ttl_deletes => 'ignore'$$), ($$backfill => 'export', export_to => 's3://bucket'$$),
    ($$backfill => 's3://bucket/prefix'$$), ($$backfill => '/exports'$$), ($$profile => 'p'$$)) AS _ (option);

DROP EXTENSION podyn;
