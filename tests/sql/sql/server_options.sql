-- Options of a foreign server: the valid ones, what is wrong with the others, and which are for a superuser only.
\set folder `echo "$PG_ABS_SRCDIR"`
\set outcome :folder /outcome.sql
\set ECHO none
\i :outcome
CREATE EXTENSION podyn;
CREATE FUNCTION pg_temp.server(options text) RETURNS text LANGUAGE sql
    RETURN pg_temp.outcome(format('CREATE SERVER tried FOREIGN DATA WRAPPER podyn %s', 'OPTIONS (' || options || ')'));

-- None is needed before it is used.
SELECT pg_temp.server(NULL);
SELECT option, pg_temp.server(option) FROM (VALUES
    ($$region 'eu-central-1'$$),
    ($$endpoint 'http://127.0.0.1:8000'$$),
    ($$streams_endpoint 'https://streams.dynamodb.us-east-1.amazonaws.com'$$),
    ($$use_fips 'true'$$), ($$use_fips 'off'$$), ($$use_dualstack 'yes'$$),
    ($$ca_file '/etc/ssl/certs/ca-certificates.crt'$$),
    ($$request_timeout '10'$$), ($$request_timeout '0.5'$$), ($$request_timeout '500ms'$$), ($$request_timeout '1h'$$),
    ($$credentials 'user_mapping'$$), ($$credentials 'default'$$),
    ($$credentials 'default', profile 'prod'$$), ($$sts_endpoint 'https://sts.us-east-1.amazonaws.com'$$),
    ($$role_arn 'arn:aws:iam::123456789012:role/podyn'$$),
    ($$role_arn 'arn:aws-cn:iam::123456789012:role/path/podyn', external_id 'x'$$)) AS _ (option);

-- Wrong values
SELECT option, pg_temp.server(option) FROM (VALUES
    ($$region ''$$), ($$region 'us east 1'$$), ($$region 'us-east-1.evil.example/'$$), ($$region 'us-east-1@evil'$$),
    ($$use_fips 'perhaps'$$), ($$use_dualstack ''$$),
    ($$ca_file 'relative.pem'$$), ($$ca_file ''$$),
    ($$request_timeout ''$$), ($$request_timeout 'soon'$$), ($$request_timeout '-1s'$$), ($$request_timeout '0'$$),
    ($$request_timeout '99ms'$$), ($$request_timeout '2h'$$), ($$request_timeout '99999999999999999999'$$),
    ($$credentials ''$$), ($$credentials 'Default'$$), ($$credentials 'anything'$$),
    ($$profile 'prod'$$), ($$credentials 'user_mapping', profile 'prod'$$), ($$credentials 'default', profile ''$$),
    ($$sts_endpoint 'https://169.254.169.254'$$), ($$sts_endpoint 'http://sts.us-east-1.amazonaws.com'$$),
    ($$role_arn ''$$), ($$role_arn 'podyn'$$), ($$role_arn 'arn:aws:iam::123456789012:user/podyn'$$),
    ($$external_id 'x'$$), ($$role_arn 'arn:aws:iam::123456789012:role/podyn', external_id ''$$)) AS _ (option);

-- Amazon S3
SELECT option, pg_temp.server(option || ' ''x''') FROM unnest(
    '{s3_endpoint,s3_path_style}'::text[]) AS option;

-- Unknown ones, and secrets, which belong to a user mapping
SELECT option, pg_temp.server(option || ' ''x''') FROM unnest(
    '{regoin,"\"Region\"",password,access_key_id,secret_access_key,session_token}'::text[]) AS option;
SELECT pg_temp.server($$region 'us-east-1', region 'us-east-2'$$);
SELECT pg_temp.outcome($$ALTER FOREIGN DATA WRAPPER podyn OPTIONS (ADD region 'us-east-1')$$);

-- The same on ALTER SERVER
CREATE SERVER s FOREIGN DATA WRAPPER podyn OPTIONS (region 'us-east-1');
SELECT option, pg_temp.outcome('ALTER SERVER s OPTIONS (' || option || ')') FROM (VALUES
    ($$SET region 'eu-west-1'$$), ($$DROP region$$), ($$ADD request_timeout '5s'$$),
    ($$SET region ''$$), ($$ADD secret_access_key 'x'$$), ($$ADD endpoint 'http://example.com'$$)) AS _ (option);

-- Who is no superuser may make servers, but lend neither the server's identity nor its files.
CREATE ROLE podyn_plain;
GRANT USAGE ON FOREIGN DATA WRAPPER podyn TO podyn_plain;
ALTER SERVER s OWNER TO podyn_plain;
SET ROLE podyn_plain;
SELECT option, pg_temp.server(option) FROM (VALUES
    ($$region 'us-east-1'$$), ($$credentials 'user_mapping'$$), ($$credentials 'default'$$),
    ($$ca_file '/etc/passwd'$$), ($$profile 'prod'$$), ($$credentials 'default', profile 'prod'$$),
    ($$role_arn 'arn:aws:iam::123456789012:role/podyn', external_id 'x'$$)) AS _ (option);
SELECT pg_temp.outcome($$ALTER SERVER s OPTIONS (ADD credentials 'default')$$);
-- A superuser's choice survives the owner's own changes only by a superuser's hand.
RESET ROLE;
ALTER SERVER s OPTIONS (ADD credentials 'default');
SET ROLE podyn_plain;
SELECT pg_temp.outcome($$ALTER SERVER s OPTIONS (SET region 'us-west-2')$$);
SELECT pg_temp.outcome($$ALTER SERVER s OPTIONS (ADD endpoint 'http://127.0.0.1:8000')$$);
SELECT pg_temp.outcome($$ALTER SERVER s OPTIONS (ADD sts_endpoint 'http://127.0.0.1:8000')$$);
RESET ROLE;

DROP EXTENSION podyn CASCADE;
DROP ROLE podyn_plain;
