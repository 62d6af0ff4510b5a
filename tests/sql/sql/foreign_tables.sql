-- Options of foreign tables, their columns and their import. No server is needed.
\set folder `echo "$PG_ABS_SRCDIR"`
\set outcome :folder /outcome.sql
\set ECHO none
\i :outcome
CREATE EXTENSION podyn;
CREATE SERVER s FOREIGN DATA WRAPPER podyn OPTIONS (region 'us-east-1', endpoint 'http://127.0.0.1:1');
CREATE FUNCTION pg_temp.foreign_table(options text) RETURNS text LANGUAGE sql
    RETURN pg_temp.outcome(format('CREATE FOREIGN TABLE t (a text) SERVER s OPTIONS (%s)', options));
CREATE FUNCTION pg_temp.foreign_column(options text) RETURNS text LANGUAGE sql
    RETURN pg_temp.outcome(format('CREATE FOREIGN TABLE t (a text OPTIONS (%s)) SERVER s', options));
CREATE FUNCTION pg_temp.import(options text) RETURNS text LANGUAGE sql
    RETURN pg_temp.outcome(format('IMPORT FOREIGN SCHEMA dynamodb FROM SERVER s INTO public OPTIONS (%s)', options));

SELECT option, pg_temp.foreign_table(option) FROM (VALUES
    ($$table_name 'events', index_name 'by_day', scan_rate '12.5', consistent_read 'auto', segments '8'$$),
    ($$conversion_mode 'columns'$$), ($$conversion_mode 'jsonb'$$), ($$conversion_mode 'dynamodb_json'$$),
    ($$nulls 'null', sets 'true'$$), ($$consistent_read 'false'$$),
    ($$table_name ''$$), ($$index_name ''$$), ($$scan_rate '-1'$$), ($$scan_rate 'fast'$$), ($$scan_rate 'NaN'$$),
    ($$consistent_read 'maybe'$$), ($$segments '0'$$), ($$segments '101'$$), ($$conversion_mode 'json'$$),
    ($$conversion_mode ''$$), ($$nulls 'nothing'$$), ($$sets 'some'$$), ($$attribute 'a'$$),
    ($$region 'us-east-1'$$), ($$secret_access_key 'x'$$), ($$sample_items '3'$$), ($$unknown 'x'$$)) AS _ (option);

SELECT option, pg_temp.foreign_column(option) FROM (VALUES
    ($$attribute 'odd name', key 'partition', nulls 'absent', sets 'false'$$), ($$key 'sort'$$),
    ($$key ''$$), ($$key 'primary'$$), ($$attribute ''$$), ($$table_name 'x'$$), ($$session_token 'x'$$)) AS _ (option);

SELECT option, pg_temp.import(option) FROM (VALUES
    ($$sample_items '0'$$), ($$sample_items '10001'$$), ($$collate 'de_DE'$$), ($$lower_case_columns 'x'$$),
    ($$table_name 'x'$$), ($$access_key_id 'x'$$), ($$sample 'x'$$)) AS _ (option);

-- What is asked for needs a mapping; what is only defined does not.
CREATE FOREIGN TABLE t (a text) SERVER s;
SELECT pg_temp.outcome('SELECT * FROM t');
SELECT pg_temp.outcome('IMPORT FOREIGN SCHEMA dynamodb FROM SERVER s INTO public');
SELECT pg_temp.outcome('SELECT podyn.fdw_handler()');

DROP EXTENSION podyn CASCADE;
