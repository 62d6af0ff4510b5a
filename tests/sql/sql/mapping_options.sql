-- Options of a user mapping, where secrets are kept.
\set folder `echo "$PG_ABS_SRCDIR"`
\set outcome :folder /outcome.sql
\set ECHO none
\i :outcome
CREATE EXTENSION podyn;
CREATE SERVER s FOREIGN DATA WRAPPER podyn OPTIONS (region 'us-east-1');
CREATE FUNCTION pg_temp.mapping(options text) RETURNS text LANGUAGE sql
    RETURN pg_temp.outcome(format('CREATE USER MAPPING FOR PUBLIC SERVER s %s', 'OPTIONS (' || options || ')'));

SELECT pg_temp.mapping(NULL);
SELECT option, pg_temp.mapping(option) FROM (VALUES
    ($$access_key_id 'AKIDEXAMPLE', secret_access_key 'secret'$$),
    ($$access_key_id 'AKIDEXAMPLE', secret_access_key 'secret', session_token 'token'$$),
    ($$access_key_id ''$$), ($$secret_access_key ''$$), ($$session_token ''$$),
    ($$password 'x'$$), ($$"user" 'x'$$), ($$region 'us-east-1'$$), ($$endpoint 'http://127.0.0.1'$$),
    ($$credentials 'default'$$), ($$role_arn 'x'$$)) AS _ (option);

-- The values stay away from others, and a wrong option's value out of the message.
SELECT pg_temp.mapping($$secret_acces_key 'do-not-show-this'$$);
CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (access_key_id 'AKIDEXAMPLE', secret_access_key 'do-not-show-this');
CREATE ROLE podyn_plain;
SET ROLE podyn_plain;
SELECT umoptions FROM pg_user_mappings WHERE srvname = 's';
RESET ROLE;

DROP EXTENSION podyn CASCADE;
DROP ROLE podyn_plain;
