-- Options of servers and user mappings: which there are, and what is wrong with the others.
CREATE EXTENSION podyn;
\set VERBOSITY verbose
\set SHOW_CONTEXT never

CREATE SERVER nothing FOREIGN DATA WRAPPER podyn;
CREATE SERVER all_options FOREIGN DATA WRAPPER podyn OPTIONS (
    region 'eu-central-1', endpoint 'http://127.0.0.1:8000', streams_endpoint 'http://localhost:8000',
    use_fips 'false', use_dualstack 'false', request_timeout '10s');
CREATE USER MAPPING FOR CURRENT_USER SERVER all_options
    OPTIONS (access_key_id 'AKIDEXAMPLE', secret_access_key 'secret', session_token 'token');

\set VERBOSITY default
CREATE SERVER wrong FOREIGN DATA WRAPPER podyn OPTIONS (regoin 'us-east-1');
CREATE SERVER wrong FOREIGN DATA WRAPPER podyn OPTIONS (region 'us-east-1', secret_access_key 'x');
CREATE SERVER wrong FOREIGN DATA WRAPPER podyn OPTIONS (region 'us east 1');
CREATE SERVER wrong FOREIGN DATA WRAPPER podyn OPTIONS (region 'us-east-1', use_fips 'perhaps');
CREATE SERVER wrong FOREIGN DATA WRAPPER podyn OPTIONS (region 'us-east-1', request_timeout 'soon');
CREATE SERVER wrong FOREIGN DATA WRAPPER podyn OPTIONS (region 'us-east-1', request_timeout '-1s');
CREATE SERVER wrong FOREIGN DATA WRAPPER podyn OPTIONS (region 'us-east-1', endpoint 'http://example.com');
CREATE SERVER wrong FOREIGN DATA WRAPPER podyn OPTIONS (region 'us-east-1', endpoint 'http://169.254.169.254');
CREATE SERVER wrong FOREIGN DATA WRAPPER podyn OPTIONS (region 'us-east-1', endpoint 'https://user@127.0.0.1');
CREATE SERVER wrong FOREIGN DATA WRAPPER podyn OPTIONS (region 'us-east-1', credentials 'anything');
CREATE USER MAPPING FOR PUBLIC SERVER all_options OPTIONS (password 'x');
CREATE USER MAPPING FOR PUBLIC SERVER all_options OPTIONS (region 'us-east-1');

-- Only a superuser may let a server use the credentials of the server's own environment.
CREATE ROLE podyn_plain;
GRANT USAGE ON FOREIGN DATA WRAPPER podyn TO podyn_plain;
SET ROLE podyn_plain;
CREATE SERVER mine FOREIGN DATA WRAPPER podyn OPTIONS (region 'us-east-1', credentials 'default');
RESET ROLE;
CREATE SERVER ours FOREIGN DATA WRAPPER podyn OPTIONS (region 'us-east-1', credentials 'default');

-- Settings
SELECT name, setting, unit, context FROM pg_settings WHERE name LIKE 'podyn.%' ORDER BY name;
SET podyn.max_workers = 0;
SET podyn.poll_interval = '1ms';
SET ROLE podyn_plain;
SET podyn.allowed_endpoints = '*';
RESET ROLE;

DROP EXTENSION podyn CASCADE;
DROP ROLE podyn_plain;
