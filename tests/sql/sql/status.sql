-- What podyn_status says where little is known, and what the tables of podyn do not allow.
\set folder `echo "$PG_ABS_SRCDIR"`
\set outcome :folder /outcome.sql
\set ECHO none
\i :outcome
CREATE EXTENSION podyn;
CREATE TABLE events (id text PRIMARY KEY);
INSERT INTO podyn.replication (name, owner, server, source, target, copy_data, replay_changes, conversion_mode,
                               lower_case_columns, scan_rate, key_names, items_total, enabled, phase)
SELECT name, current_user::regrole, 'dynamodb', name, target::regclass, true, changes, 'columns', false, 25, '{id}', 9e18, true, phase
FROM (VALUES ('begins', 'events', true, 'starting'), ('reads', NULL, true, 'copying'),
             ('copies', NULL, false, 'copying')) AS _ (name, target, changes, phase);

-- Before a shard is read, the lag is not 0 but unknown.
SELECT name, lag IS NULL FROM podyn_status ORDER BY name;
INSERT INTO podyn.task (replication, kind, task, state, read_through)
SELECT id, 'shard', 'one', 'ready', now() - interval '1 hour' FROM podyn.replication WHERE name = 'reads';
SELECT name, lag > '59 min' FROM podyn_status ORDER BY name;
-- A clock that is behind DynamoDB's gives no negative lag.
UPDATE podyn.task SET read_through = now() + interval '1 hour';
SELECT name, lag FROM podyn_status ORDER BY name;

-- Nothing is copied just now: no rate, and no time at which that would be done.
SELECT name, items_per_second, eta FROM podyn_status ORDER BY name;

-- A table is the target of one replication at most, even if two sessions make one at once.
SELECT split_part(pg_temp.outcome($$UPDATE podyn.replication SET target = 'events' WHERE name = 'reads'$$), E'\n', 1);

DROP EXTENSION podyn;
DROP TABLE events;
