-- podyn_wait and podyn_sync where they need not, or must not, wait.
\set folder `echo "$PG_ABS_SRCDIR"`
\set outcome :folder /outcome.sql
\set ECHO none
\i :outcome
CREATE EXTENSION podyn;
INSERT INTO podyn.replication (name, owner, server, source, copy_data, replay_changes, conversion_mode,
                               lower_case_columns, scan_rate, key_names, items_total, enabled, phase, failure, last_error)
SELECT name, current_user::regrole, 'dynamodb', name, true, changes, 'columns', false, 25, '{id}', 0, false, phase, failure, reason
FROM (VALUES ('idle', true, 'starting', NULL, NULL), ('done', false, 'completed', NULL, NULL),
             ('broken', true, 'copying', 'failed', 'access denied'),
             ('torn', true, 'streaming', 'needs_resync', 'position trimmed')) AS _ (name, changes, phase, failure, reason);

-- A state that there is not
SELECT state, pg_temp.outcome(format('SELECT podyn_wait(''idle'', %L)', state))
FROM unnest('{running,Streaming,"","stopped ",error}'::text[]) AS state;

-- Reached already
SELECT podyn_wait('idle', 'stopped'), podyn_wait('done', 'completed'), podyn_wait('broken', 'failed'),
       podyn_wait('torn', 'needs_resync');

-- Not reached in time
SELECT state, podyn_wait('idle', state, '0') FROM unnest('{starting,copying,merging,streaming,completed}'::text[]) AS state;
SELECT podyn_wait('idle', timeout => '30 ms');
SELECT podyn_wait('idle', timeout => '-1 day');
SELECT podyn_wait('done', timeout => '0');

-- Never to be reached: it has failed, and podyn_wait does not sit the hour out.
SELECT pg_temp.outcome($$SELECT podyn_wait('broken')$$);
SELECT pg_temp.outcome($$SELECT podyn_wait('torn')$$);
SELECT pg_temp.outcome($$SELECT podyn_wait('broken', 'stopped')$$);

SELECT name, pg_temp.outcome(format('SELECT podyn_sync(%L)', name)) FROM unnest('{idle,done,broken,torn}'::text[]) AS name;

-- A gap is not started over: that would skip it.
SELECT pg_temp.outcome($$SELECT podyn_start('torn')$$);
-- Without data, nothing is emptied or copied.
BEGIN;
UPDATE podyn.replication SET copy_data = false, last_error = NULL WHERE name = 'torn';
SELECT pg_temp.outcome($$SELECT podyn_start('torn')$$);
ROLLBACK;

-- In the transaction that makes it, it cannot start.
BEGIN;
INSERT INTO podyn.replication (name, owner, server, source, copy_data, replay_changes, conversion_mode,
                               lower_case_columns, scan_rate, key_names, items_total, enabled, phase)
VALUES ('new', current_user::regrole, 'dynamodb', 'new', true, true, 'columns', false, 25, '{id}', 0, true, 'starting');
SELECT podyn_wait('new');
ROLLBACK;

-- Nor in one that made it in a subtransaction, and stopped is not what it is yet after podyn_stop
BEGIN;
SAVEPOINT inside;
INSERT INTO podyn.replication (name, owner, server, source, copy_data, replay_changes, conversion_mode,
                               lower_case_columns, scan_rate, key_names, items_total, enabled, phase)
VALUES ('new', current_user::regrole, 'dynamodb', 'new', true, true, 'columns', false, 25, '{id}', 0, true, 'starting');
RELEASE inside;
SELECT pg_temp.outcome($$SELECT podyn_wait('new', timeout => '0')$$);
SELECT pg_temp.outcome($$SELECT podyn_sync('new', timeout => '0')$$);
SELECT podyn_stop('new');
SELECT pg_temp.outcome($$SELECT podyn_wait('new', 'stopped')$$);
ROLLBACK;

-- A cancel ends it.
SET statement_timeout = '100ms';
SELECT podyn_wait('idle');
RESET statement_timeout;

DROP EXTENSION podyn;
