"""A plain role replicates into its own table, gains nothing else, and reaches nobody else's replications."""

import json
import select

import psycopg2
import pytest

from database import KEY, SECRET, Database

OWNERS = ('podyn_ann', 'podyn_bob')


@pytest.fixture
def events(simulator):
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    for number in range(50):
        table.put({'id': {'S': f'{number:02}'}, 'note': {'S': 'x' * 1000}})
    return table


@pytest.fixture
def owners(simulated):
    """Two roles that may use podyn, as connections of their own: {role: Database}."""
    for role in OWNERS:
        simulated.postgres.query(f'CREATE ROLE {role} LOGIN')
    for role in OWNERS:
        simulated.query(f"""
            CREATE SCHEMA {role} AUTHORIZATION {role};
            GRANT USAGE ON FOREIGN SERVER dynamodb TO {role};
            CREATE USER MAPPING FOR {role} SERVER dynamodb OPTIONS (access_key_id '{KEY}', secret_access_key '{SECRET}');
            GRANT EXECUTE ON FUNCTION podyn_replicate, podyn_replicate_all TO {role}""")
    for routine, kind in named_functions(simulated):
        simulated.query(f'GRANT EXECUTE ON ROUTINE {routine} TO {", ".join(OWNERS)}')
    made = {role: Database(simulated.postgres, simulated.name, role) for role in OWNERS}
    yield made
    for database in made.values():
        database.close()
    simulated.query('SELECT podyn_drop(name) FROM podyn_status')
    for role in OWNERS:
        simulated.query(f'DROP OWNED BY {role} CASCADE')
        simulated.postgres.query(f'DROP ROLE {role}')


def named_functions(database):
    """Every function and procedure of podyn that takes a replication's name first."""
    return database.query(r"""
        SELECT proname::text, prokind::text FROM pg_proc WHERE proname LIKE 'podyn\_%%' AND proargnames[1] = 'name'
        AND proname NOT LIKE '%%profile'""".replace('%%', '%'))


def refused(database, statement, *arguments):
    with pytest.raises(psycopg2.Error) as raised:
        database.query(statement, *arguments)
    return raised.value


def test_a_plain_role_replicates_into_its_own_table(events, simulated, owners):
    ann = owners['podyn_ann']
    ann.query("""
        CREATE TABLE podyn_ann.events (id text PRIMARY KEY, note text);
        CREATE TABLE podyn_ann.seen (who text, session text, superuser text, path text);
        CREATE FUNCTION podyn_ann.look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO podyn_ann.seen VALUES (current_user, session_user, current_setting('is_superuser'),
                                               current_setting('role'));
            RETURN NEW; END $$;
        CREATE TRIGGER look BEFORE INSERT OR UPDATE ON podyn_ann.events FOR EACH ROW EXECUTE FUNCTION podyn_ann.look()
        """)
    ann.replicate('events', target='podyn_ann.events', schema=False)
    ann.wait_for_state('events', 'streaming')
    events.put({'id': {'S': 'change'}})
    ann.sync('events')
    assert ann.value('SELECT count(*) FROM podyn_ann.events') == 51
    assert ann.query('SELECT DISTINCT * FROM podyn_ann.seen') == [('podyn_ann', 'podyn_ann', 'off', 'none')]


def test_it_gains_nothing_else(events, simulated, owners):
    ann = owners['podyn_ann']
    before = rights(simulated, 'podyn_ann')
    ann.replicate('events', target='podyn_ann.events')
    ann.wait_for_state('events', 'streaming')
    gained = rights(simulated, 'podyn_ann') - before
    assert {right for right in gained if right[0] != 'events'} == {
        ('podyn', 'USAGE'), ('error', 'SELECT'), ('column_map', 'SELECT'), ('difference', 'SELECT'), ('profile', 'SELECT')}
    for statement in ('DELETE FROM podyn.error', 'SELECT FROM podyn.replication', 'SELECT FROM podyn.task',
                      'SELECT FROM podyn.spool', 'UPDATE podyn_status SET state = NULL', 'SELECT FROM podyn.event',
                      "INSERT INTO podyn.column_map VALUES ('events', 'a', 'text', 'b')"):
        assert refused(ann, statement).pgcode in ('42501', '55000'), statement
    assert ann.value("SELECT current_setting('is_superuser')") == 'off'


def rights(database, role):
    """What the role may do with tables, schemas and functions."""
    return set(database.query("""
        SELECT relname::text, p FROM pg_class, unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE}'::text[]) AS p
        WHERE relkind IN ('r', 'v', 'S') AND oid >= 16384 AND has_table_privilege(%s, oid, p)
        UNION SELECT nspname::text, p FROM pg_namespace, unnest('{USAGE,CREATE}'::text[]) AS p
        WHERE has_schema_privilege(%s, oid, p)
        UNION SELECT oid::regprocedure::text, 'EXECUTE' FROM pg_proc
        WHERE oid >= 16384 AND has_function_privilege(%s, oid, 'EXECUTE')
        UNION SELECT roleid::regrole::text, 'MEMBER' FROM pg_auth_members WHERE member = %s::regrole
        """, role, role, role, role))


def test_other_owners_replications_are_out_of_reach(events, simulated, owners):
    ann, bob = owners.values()
    ann.replicate('events', target='podyn_ann.events')
    ann.wait_for_state('events', 'streaming')
    functions = named_functions(simulated)
    assert {'podyn_start', 'podyn_stop', 'podyn_reset', 'podyn_drop', 'podyn_wait', 'podyn_sync', 'podyn_run'} <= {
        name for name, _ in functions}
    for name, kind in functions:
        call = f"CALL {name}('events')" if kind == 'p' else f"SELECT {name}(name => 'events')"
        error = refused(bob, call)
        assert (error.pgcode, 'does not exist' in str(error)) == ('42704', True), (call, error)
    assert bob.query('SELECT podyn_start(), podyn_stop()') == [(0, 0)]
    assert ann.state('events') == 'streaming'
    # Nor can it be overwritten, or its target be taken.
    for options in ('', ', schema => false', ", on_existing => 'upsert'"):
        error = refused(bob, "SELECT podyn_replicate('events', name => 'mine', target => 'podyn_ann.events'"
                             f"{options})")
        assert error.pgcode in ('42501', '42P07') and 'another replication' not in str(error), error
    assert refused(bob, 'SELECT count(*) FROM podyn_ann.events').pgcode == '42501'


def test_other_owners_replications_are_invisible(events, simulated, owners):
    ann, bob = owners.values()
    events.put({'id': {'S': 'bad\x00'}})
    ann.replicate('events', target='podyn_ann.events')
    bob.replicate('events', name='mine', target='podyn_bob.events', start=False)
    ann.wait_for_state('events', 'streaming')
    for relation in ('podyn_status', 'podyn_tasks', 'podyn_events', 'podyn.error', 'podyn.column_map'):
        assert set(bob.column(f'SELECT name FROM {relation}')) <= {'mine'}, relation
        assert 'events' in ann.column(f'SELECT name FROM {relation}'), relation
    assert bob.value("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%%events%%' AND usename = 'podyn_ann'"
                     .replace('%%', '%')) == 0


def test_all_tables_are_those_that_one_has_not_replicated_oneself(events, simulated, owners):
    ann, bob = owners.values()
    ann.replicate('events', name='hers', target='podyn_ann.events', start=False)
    bob.query('SET search_path = podyn_bob, public')
    assert bob.column('SELECT podyn_replicate_all(start => false)') == ['events']
    assert 'already' not in bob.notices()
    assert bob.column('SELECT podyn_replicate_all(start => false)') == []
    assert 'NOTICE:  1 table is replicated already' in bob.notices()


def test_whoever_listens_learns_names_and_counters_only(events, simulated, owners):
    ann, bob = owners.values()
    bob.query('LISTEN podyn')
    ann.replicate('events', target='podyn_ann.events')
    ann.wait_for_state('events', 'streaming')
    ann.query("SELECT podyn_stop('events')")
    select.select([bob.connection], [], [], 5)
    bob.connection.poll()
    payloads = [json.loads(notification.payload) for notification in bob.connection.notifies]
    assert payloads
    for payload in payloads:
        assert set(payload) == {'event', 'name', 'state', 'items_copied', 'items_total', 'items_per_second',
                                'changes_applied', 'spooled', 'read_units', 'throttled', 'at'}
        assert 'podyn_ann' not in json.dumps(payload)
