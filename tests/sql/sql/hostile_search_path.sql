-- Functions and operators that fit better than pg_catalog's, in a schema where another role may create things: neither
-- calls nor views of podyn use them, whether they were there first or come first in search_path.
\pset format unaligned
\pset tuples_only on
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.told(what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE WARNING 'hostile % called as %', what, current_user;
    RETURN true;
END $$;
CREATE FUNCTION hostile.pg_has_role(regrole, text) RETURNS boolean LANGUAGE sql AS $$SELECT hostile.told('pg_has_role')$$;
CREATE FUNCTION hostile.pg_has_role(name, regrole, text) RETURNS boolean LANGUAGE sql AS $$SELECT hostile.told('pg_has_role')$$;
CREATE FUNCTION hostile.pg_has_role(oid, regrole, text) RETURNS boolean LANGUAGE sql AS $$SELECT hostile.told('pg_has_role')$$;
CREATE FUNCTION hostile.divide(bigint, double precision) RETURNS double precision LANGUAGE sql
    AS $$SELECT hostile.told('/')::integer::double precision$$;
CREATE OPERATOR hostile./ (FUNCTION = hostile.divide, LEFTARG = bigint, RIGHTARG = double precision);
CREATE FUNCTION hostile.larger(timestamptz, timestamptz) RETURNS interval LANGUAGE sql
    AS $$SELECT CASE WHEN hostile.told('-') THEN interval '0' END$$;
CREATE OPERATOR hostile.- (FUNCTION = hostile.larger, LEFTARG = timestamptz, RIGHTARG = timestamptz);
CREATE FUNCTION hostile.equal(text, text) RETURNS boolean LANGUAGE sql AS $$SELECT hostile.told('=')$$;
CREATE OPERATOR hostile.= (FUNCTION = hostile.equal, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION hostile.array_agg_step(text[], text) RETURNS text[] LANGUAGE sql
    AS $$SELECT CASE WHEN hostile.told('array_agg') THEN $1 || $2 END$$;
CREATE AGGREGATE hostile.array_agg(text) (SFUNC = hostile.array_agg_step, STYPE = text[], INITCOND = '{}');
CREATE FUNCTION hostile.count_step(bigint, integer) RETURNS bigint LANGUAGE sql
    AS $$SELECT CASE WHEN hostile.told('count') THEN $1 END$$;
CREATE AGGREGATE hostile.count(integer) (SFUNC = hostile.count_step, STYPE = bigint, INITCOND = '0');

CREATE ROLE podyn_owner LOGIN;
CREATE ROLE podyn_stranger LOGIN;
CREATE PROCEDURE public.fill() LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO podyn.replication (name, owner, server, source, copy_data, replay_changes, conversion_mode,
                                   lower_case_columns, scan_rate, key_names, items_total, items, enabled, phase)
    VALUES ('events', 'podyn_owner', 'dynamodb', 'events', true, true, 'columns', false, 25, '{id}', 8, 2, false, 'copying');
    INSERT INTO podyn.task (replication, kind, task, state, last_error, last_error_at)
    SELECT id, 'segment', '0', 'ready', 'slow', now() FROM podyn.replication;
    INSERT INTO podyn.event (owner, name, event, message) VALUES ('podyn_owner', 'events', 'created', 'made by hand');
    INSERT INTO podyn.error (name, source, operation, sqlstate, message) VALUES ('events', 'spool', 'put', '22000', 'bad');
    GRANT USAGE ON SCHEMA podyn TO podyn_stranger;
    GRANT SELECT ON podyn.error TO podyn_stranger;
END $$;

-- First in search_path when podyn is called
CREATE EXTENSION podyn;
CALL fill();
SET search_path = hostile, pg_catalog, public;
SELECT name, state, progress, workers FROM podyn_status;
SELECT podyn_start(), podyn_stop();
SELECT podyn_stop('events');
SELECT podyn_wait('events', 'stopped');
SELECT podyn_reset('events');
SELECT podyn_drop('events');
RESET search_path;
DROP EXTENSION podyn;

-- There first, in the schema of CREATE EXTENSION
GRANT USAGE ON SCHEMA hostile TO PUBLIC;
CREATE EXTENSION podyn SCHEMA hostile;
CALL fill();
SELECT name, state, progress, workers, last_error FROM hostile.podyn_status;
SELECT name, kind FROM hostile.podyn_tasks;
SELECT name, event FROM hostile.podyn_events;
SET ROLE podyn_stranger;
SELECT name FROM hostile.podyn_status;
SELECT name FROM hostile.podyn_tasks;
SELECT name FROM hostile.podyn_events;
SELECT name FROM podyn.error;
RESET ROLE;
DROP EXTENSION podyn;

DROP PROCEDURE public.fill;
DROP ROLE podyn_owner, podyn_stranger;
SET client_min_messages = error;
DROP SCHEMA hostile CASCADE;
