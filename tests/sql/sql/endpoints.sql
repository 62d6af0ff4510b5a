-- Which hosts an endpoint may name: podyn.allowed_endpoints, and http only to the server's own machine.
\set folder `echo "$PG_ABS_SRCDIR"`
\set outcome :folder /outcome.sql
\set ECHO none
\i :outcome
CREATE EXTENSION podyn;
CREATE FUNCTION pg_temp.endpoint(url text) RETURNS text LANGUAGE sql
    RETURN pg_temp.outcome(format('CREATE SERVER s FOREIGN DATA WRAPPER podyn OPTIONS (endpoint %L)', url));

SELECT url, pg_temp.endpoint(url) FROM unnest('{
    http://127.0.0.1:8000, http://localhost, http://LOCALHOST:8000/, http://[::1]:8000, https://localhost:8443,
    https://dynamodb.eu-central-1.amazonaws.com, https://dynamodb.cn-north-1.amazonaws.com.cn,
    https://123456789012.ddb.us-east-1.api.aws}'::text[]) AS url;

-- Not encrypted
SELECT url, pg_temp.endpoint(url) FROM unnest('{
    http://dynamodb.eu-central-1.amazonaws.com, http://169.254.169.254, http://10.0.0.1:8000, http://0.0.0.0:8000,
    http://localhost.example.com}'::text[]) AS url;

-- Not allowed
SELECT url, pg_temp.endpoint(url) FROM unnest('{
    https://example.com, https://169.254.169.254, https://evilamazonaws.com, https://amazonaws.com.example.com,
    https://amazonaws.com, http://127.0.0.2:8000}'::text[]) AS url;

-- Not an endpoint
SELECT url, pg_temp.endpoint(url) FROM unnest('{
    "", localhost:8000, ftp://localhost, http://, http://localhost:0, http://localhost:65536, http://localhost:80x,
    http://localhost/path, http://localhost?a=b, http://localhost#a, http://user:password@localhost,
    "http://local host", http://2130706433, http://0x7f.1, http://127.1, https://-bad.amazonaws.com,
    https://bad..amazonaws.com, "http://localhost\r\nHost: evil"}'::text[]) AS url;

-- The setting is a superuser's.
SET podyn.allowed_endpoints = 'alternator.example.com, *.internal, 10.0.0.1, [fd00::1]';
SELECT url, pg_temp.endpoint(url) FROM unnest('{
    https://alternator.example.com:8043, https://a.internal, https://a.b.internal, https://10.0.0.1,
    https://[fd00::1], "https://[FD00:0:0::1]", https://internal, https://example.com, https://alternator.example.com.evil.com,
    http://127.0.0.1:8000, https://dynamodb.eu-central-1.amazonaws.com}'::text[]) AS url;
SET podyn.allowed_endpoints = '';
SELECT url, pg_temp.endpoint(url) FROM unnest('{http://127.0.0.1:8000, https://dynamodb.us-east-1.amazonaws.com}'::text[]) AS url;
RESET podyn.allowed_endpoints;

-- It counts again when the server is used: it may have changed meanwhile.
CREATE SERVER dynamodb FOREIGN DATA WRAPPER podyn OPTIONS (region 'us-east-1', endpoint 'http://127.0.0.1:1');
CREATE USER MAPPING FOR PUBLIC SERVER dynamodb OPTIONS (access_key_id 'a', secret_access_key 'b');
SET podyn.allowed_endpoints = '*.amazonaws.com';
SELECT pg_temp.outcome($$SELECT podyn_replicate('events')$$);
RESET podyn.allowed_endpoints;

DROP EXTENSION podyn CASCADE;
