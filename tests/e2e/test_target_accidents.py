"""Accidents of targets and of the rights to them: what is renamed goes on, what is lost or taken away fails with the
reason and goes on when it is mended, what only passes is tried again. Nothing is lost, and nobody else is held up."""

import itertools
import os
import random
import subprocess
import tempfile
from pathlib import Path

import psycopg2
import pytest

from comparison import assert_equal_tables
from database import KEY, SECRET, Database
from dynamodb_local import boto3_client
from waiting import wait_until

OWNER = 'podyn_owner'


@pytest.fixture
def events(simulator):
    return simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')


def an_item(number, text):
    return {'id': {'S': f'item {number:03}'}, 'text': {'S': text}}


@pytest.fixture
def owner(simulated):
    """A role that may do what is needed and no more, with a schema of its own."""
    simulated.postgres.query(f'CREATE ROLE {OWNER} LOGIN')
    simulated.query(f"""
        CREATE SCHEMA {OWNER} AUTHORIZATION {OWNER};
        GRANT USAGE ON FOREIGN SERVER dynamodb TO {OWNER};
        GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {OWNER};
        CREATE USER MAPPING FOR {OWNER} SERVER dynamodb OPTIONS (access_key_id '{KEY}', secret_access_key '{SECRET}')
        """)
    session = Database(simulated.postgres, simulated.name, OWNER)
    yield session
    session.close()
    simulated.query('RESET ROLE; SELECT podyn_drop(name) FROM podyn_status')
    simulated.query(f'DROP OWNED BY {OWNER} CASCADE; DROP ROLE {OWNER}')


@pytest.fixture
def others_go_on(simulator, simulated):
    """Asserts that another replication, of the superuser's, takes a change."""
    others = simulator.create_table('others', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    simulated.replicate('others')
    simulated.wait_for_state('others', 'streaming')
    numbers = itertools.count(1)

    def go_on():
        number = next(numbers)
        others.put(an_item(number, 'another'))
        simulated.sync('others')
        assert simulated.value('SELECT count(*) FROM others') == number
    return go_on


@pytest.fixture
def streaming(events, owner, others_go_on):
    """The owner's replication 'events'."""
    for number in range(20):
        events.put(an_item(number, 'first'))
    owner.replicate('events', target=f'{OWNER}.events')
    owner.wait_for_state('events', 'streaming')
    yield owner
    others_go_on()


def equal(simulator, database, target=f'{OWNER}.events'):
    return assert_equal_tables(boto3_client(simulator.endpoint), 'events', database, target=target)


# ---- gone, renamed, taken away --------------------------------------------------------------------------------------

def test_a_target_that_is_dropped_fails_its_replication(simulator, simulated, events, streaming):
    streaming.query('DROP TABLE podyn_owner.events')
    events.put(an_item(1, 'second'))
    streaming.wait_for_state('events', 'failed')
    assert 'no longer exists' in streaming.status('events')['last_error']
    streaming.query("SELECT podyn_drop('events')")
    streaming.replicate('events', target=f'{OWNER}.events')
    streaming.wait_for_state('events', 'streaming')
    assert equal(simulator, streaming) == 20


def test_whatever_is_renamed_or_moved_the_replication_goes_on(simulator, simulated, events, streaming):
    """A new attribute comes each time, so that statements with the target's name are made, too."""
    simulated.query(f'CREATE SCHEMA elsewhere AUTHORIZATION {OWNER}')
    for turn, (statement, target) in enumerate((
            ('ALTER TABLE podyn_owner.events RENAME TO happenings', 'podyn_owner.happenings'),
            ('ALTER SCHEMA podyn_owner RENAME TO renamed', 'renamed.happenings'),
            ('ALTER TABLE renamed.happenings SET SCHEMA elsewhere', 'elsewhere.happenings'),
            ('ALTER ROLE podyn_owner RENAME TO podyn_renamed', 'elsewhere.happenings'))):
        simulated.query(statement)
        events.put({**an_item(turn, 'changed'), f'new{turn}': {'S': 'x'}})
        events.delete({'id': {'S': f'item {10 + turn:03}'}})
        simulated.sync('events')
        status = simulated.status('events')
        assert (status['target'], status['last_error']) == (target, None)
        assert equal(simulator, simulated, target) == 19 - turn
    simulated.query('ALTER ROLE podyn_renamed RENAME TO podyn_owner')


@pytest.mark.parametrize('taken, given, says', [
    ('ALTER TABLE podyn_owner.events OWNER TO postgres', f'ALTER TABLE podyn_owner.events OWNER TO {OWNER}',
     'another owner'),
    ('REVOKE INSERT ON podyn_owner.events FROM podyn_owner', 'GRANT INSERT ON podyn_owner.events TO podyn_owner',
     'permission denied for table events'),
    ('ALTER SCHEMA podyn_owner OWNER TO postgres', f'ALTER SCHEMA podyn_owner OWNER TO {OWNER}',
     'permission denied for schema podyn_owner'),
    ('REVOKE USAGE ON FOREIGN SERVER dynamodb FROM podyn_owner', 'GRANT USAGE ON FOREIGN SERVER dynamodb TO podyn_owner',
     'permission denied for foreign server dynamodb; Use GRANT USAGE ON FOREIGN SERVER dynamodb TO podyn_owner'),
    ('DROP USER MAPPING FOR podyn_owner SERVER dynamodb',
     f"CREATE USER MAPPING FOR podyn_owner SERVER dynamodb OPTIONS (access_key_id '{KEY}', secret_access_key '{SECRET}')",
     'Use CREATE USER MAPPING FOR podyn_owner')])
def test_an_owner_that_loses_a_right_fails_with_the_reason(simulator, simulated, events, streaming, taken, given, says):
    simulated.query(taken)
    events.put(an_item(1, 'while it is taken'))
    streaming.wait_for_state('events', 'failed')
    assert says in streaming.status('events')['last_error']
    events.put(an_item(2, 'while it is taken'))
    events.delete({'id': {'S': 'item 003'}})
    simulated.query(given)
    assert streaming.value("SELECT podyn_start('events')") == 1
    streaming.sync('events')
    assert streaming.status('events')['last_error'] is None
    assert streaming.status('events')['changes_applied'] == 23  # the copy's 20 are in the stream, too
    assert equal(simulator, simulated) == 19


@pytest.fixture
def heir(simulated):
    """A role that may take over what the owner has."""
    simulated.postgres.query('CREATE ROLE podyn_heir LOGIN')
    simulated.query(f"""
        GRANT USAGE ON FOREIGN SERVER dynamodb TO podyn_heir;
        GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO podyn_heir;
        CREATE USER MAPPING FOR podyn_heir SERVER dynamodb OPTIONS (access_key_id '{KEY}',
            secret_access_key '{SECRET}')""")
    session = Database(simulated.postgres, simulated.name, 'podyn_heir')
    yield session
    session.close()
    simulated.query("SELECT podyn_drop('events'); DROP OWNED BY podyn_heir CASCADE; DROP ROLE podyn_heir")


def test_a_replication_follows_its_target_to_another_owner(simulator, simulated, events, streaming, heir):
    """After REASSIGN OWNED: by podyn_start, of whoever may act as both roles."""
    simulated.query(f'REASSIGN OWNED BY {OWNER} TO podyn_heir; GRANT USAGE ON SCHEMA {OWNER} TO {OWNER}')
    events.put(an_item(1, 'while nobody applies it'))
    simulated.wait_for_state('events', 'failed')
    assert 'podyn_start' in simulated.status('events')['last_error']
    assert streaming.value("SELECT podyn_start('events')") == 1  # the old owner alone gives nothing away
    simulated.wait_for_state('events', 'failed')
    assert heir.status('events') is None
    with pytest.raises(psycopg2.errors.UndefinedObject):
        heir.query("SELECT podyn_start('events')")
    assert simulated.value("SELECT podyn_start('events')") == 1
    assert 'NOTICE:  replication "events" belongs to podyn_heir now' in simulated.notices()
    simulated.sync('events')
    assert equal(simulator, heir) == 20
    assert heir.state('events') == 'streaming' and streaming.status('events') is None
    assert heir.errors('events') == []  # it may ask
    assert heir.value("SELECT message FROM podyn_events WHERE event = 'altered'") == (
        'owner from podyn_owner to podyn_heir, who owns the target')
    assert simulated.value('SELECT usename FROM pg_stat_activity WHERE pid = (SELECT worker FROM podyn_tasks '
                           "WHERE name = 'events' AND kind = 'shard')") == 'podyn_heir'


def test_a_replication_that_runs_follows_its_target_too(simulator, simulated, events, streaming, heir):
    """No worker of the old owner's writes or fails it any more, however late it learns of it."""
    simulated.query(f"""
        BEGIN; REASSIGN OWNED BY {OWNER} TO podyn_heir; SELECT podyn_start('events'); COMMIT""")
    for number in range(20):
        events.put(an_item(number, 'second'))
    simulated.sync('events')
    assert equal(simulator, heir) == 20
    assert simulated.status('events')['last_error'] is None
    assert simulated.value("SELECT count(*) FROM podyn_events WHERE name = 'events' AND event = 'failed'") == 0


@pytest.mark.parametrize('taken, given', [
    (f'ALTER ROLE {OWNER} NOLOGIN', f'ALTER ROLE {OWNER} LOGIN'),
    ('REVOKE CONNECT ON DATABASE {database} FROM PUBLIC', f'GRANT CONNECT ON DATABASE {{database}} TO {OWNER}')])
def test_an_owner_that_may_not_log_in_any_more(simulator, simulated, events, streaming, others_go_on, taken, given):
    """A worker that is there goes on, as other sessions do; where one has to start, the reason is shown."""
    taken, given = (statement.format(database=simulated.name) for statement in (taken, given))
    simulated.query(taken)
    events.put(an_item(1, 'with the worker that is there'))
    simulated.sync('events')
    simulated.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'podyn worker' AND "
                    'usename = %s', OWNER)
    events.put(an_item(2, 'without a worker'))
    events.delete({'id': {'S': 'item 003'}})
    begins_as_anyone = 'LOGIN' in taken and not simulated.workers_need_login()
    if not begins_as_anyone:
        simulated.wait_until(lambda: given in (simulated.status('events')['last_error'] or ''), 'the remedy is shown')
        others_go_on()
        assert simulated.value("SELECT text FROM podyn_owner.events WHERE id = 'item 002'") == 'first'
    simulated.query(given)
    simulated.sync('events')
    simulated.wait_until(lambda: simulated.status('events')['last_error'] is None, 'the reason is gone')
    assert simulated.status('events')['changes_applied'] == 23
    assert equal(simulator, simulated) == 19


# ---- triggers -------------------------------------------------------------------------------------------------------

def test_a_trigger_that_raises_rejects_its_item_only(simulator, events, streaming):
    streaming.query("""
        CREATE FUNCTION podyn_owner.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.text = 'bad' THEN RAISE 'not this one'; END IF; RETURN NEW; END $$;
        CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON podyn_owner.events FOR EACH ROW
            EXECUTE FUNCTION podyn_owner.refuse()""")
    for number in range(20):
        events.put(an_item(number, 'bad' if number == 7 else 'second'))
    streaming.sync('events')
    (error,) = streaming.errors('events')
    assert (error['sqlstate'], error['message'], error['key']) == ('P0001', 'not this one', {'id': {'S': 'item 007'}})
    assert streaming.state('events') == 'streaming'
    assert streaming.column("SELECT id FROM podyn_owner.events WHERE text <> 'second'") == ['item 007']
    events.put(an_item(7, 'good'))
    streaming.sync('events')
    assert equal(simulator, streaming) == 20


ATTEMPTS = ['SET ROLE postgres', 'SET SESSION AUTHORIZATION postgres', 'RESET ROLE', 'RESET SESSION AUTHORIZATION',
            'ALTER ROLE podyn_owner SUPERUSER', "SET LOCAL session_authorization = 'postgres'",
            "UPDATE podyn.replication SET owner = 'postgres'", 'GRANT postgres TO podyn_owner',
            "COPY podyn_owner.attempt (attempt) FROM PROGRAM 'id -un'", 'SELECT pg_read_file(\'PG_VERSION\')']


@pytest.mark.parametrize('way', ['copy', 'changes'])
def test_a_trigger_that_wants_to_be_a_superuser_remains_its_owner(simulated, events, owner, way):
    owner.query(f"""
        CREATE TABLE podyn_owner.events (id text PRIMARY KEY, text text);
        CREATE TABLE podyn_owner.attempt (attempt text, error text, who text, session text, super text);
        CREATE FUNCTION podyn_owner.try() RETURNS trigger LANGUAGE plpgsql AS $f$
        DECLARE
            attempt text;
            error text;
        BEGIN
            FOREACH attempt IN ARRAY $a${{{','.join('"' + each.replace('"', '') + '"' for each in ATTEMPTS)}}}$a$::text[] LOOP
                error := NULL;
                BEGIN
                    EXECUTE attempt;
                EXCEPTION WHEN OTHERS THEN
                    error := SQLERRM;
                END;
                INSERT INTO podyn_owner.attempt VALUES (attempt, error, current_user, session_user,
                    current_setting('is_superuser'));
            END LOOP;
            RETURN NEW;
        END $f$;
        CREATE TRIGGER try BEFORE INSERT ON podyn_owner.events FOR EACH ROW EXECUTE FUNCTION podyn_owner.try()""")
    if way == 'copy':
        events.put(an_item(1, 'x'))
    owner.replicate('events', target=f'{OWNER}.events', schema=False)
    owner.wait_for_state('events', 'streaming')
    events.put(an_item(1, 'x'))
    owner.sync('events')
    events.put(an_item(2, 'after it'))
    owner.sync('events')
    tried = owner.rows('SELECT DISTINCT * FROM podyn_owner.attempt')
    assert {row['attempt'] for row in tried} == set(ATTEMPTS)
    assert {(row['who'], row['session'], row['super']) for row in tried} == {(OWNER, OWNER, 'off')}
    assert {row['attempt'] for row in tried if row['error'] is None} <= {'RESET ROLE', 'RESET SESSION AUTHORIZATION'}
    assert simulated.query('SELECT rolsuper FROM pg_roles WHERE rolname = %s', OWNER) == [(False,)]
    assert owner.value('SELECT count(*) FROM podyn_owner.events') == 2
    assert owner.errors('events') == []


# ---- what passes ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('victim', ['podyn', 'the user'])
def test_a_deadlock_with_a_user_ends_and_nothing_is_lost(simulator, simulated, events, streaming, configure, victim):
    """The user locks a row in the middle, and then wants those that podyn has locked before it."""
    configure('deadlock_timeout', "'300ms'")
    begun = simulated.postgres.log_size()
    session = Database(simulated.postgres, simulated.name)
    session.query(f"SET deadlock_timeout = '{'20s' if victim == 'podyn' else '10ms'}'")
    session.query("BEGIN; UPDATE podyn_owner.events SET text = 'mine' WHERE id = 'item 010'")
    with simulator.clock.lock:  # so that all of them are in one page
        for number in range(20):
            events.put(an_item(number, 'second'))
    wait_until(lambda: simulated.value(
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'podyn worker' AND usename = %s "
        "AND wait_event_type = 'Lock'", OWNER), 'podyn waits for the row', report=simulated.report, pause=0.005)
    try:
        session.query("UPDATE podyn_owner.events SET text = 'mine'; COMMIT")
        user_failed = False
    except psycopg2.errors.DeadlockDetected:
        user_failed = True
    session.close()
    simulated.sync('events')
    assert 'deadlock detected' in simulated.postgres.log_since(begun)
    assert user_failed == (victim == 'the user')
    assert streaming.errors('events') == []
    assert simulated.status('events')['changes_applied'] == 40
    assert equal(simulator, simulated) == 20


BIG_ITEMS = 30  # 160 kB each


def put_big_items(table):
    chance = random.Random(5)
    for number in range(BIG_ITEMS):
        table.put(an_item(number, chance.randbytes(80_000).hex()))


@pytest.fixture
def small_disk():
    """A folder on a file system of 3 MB."""
    folder = Path(tempfile.mkdtemp(prefix='podyn-disk-'))
    mounted = os.geteuid() == 0 and subprocess.run(
        ['mount', '-t', 'tmpfs', '-o', 'size=3m', 'podyn-test', folder], capture_output=True).returncode == 0
    if not mounted:
        folder.rmdir()
        pytest.skip('no file system can be mounted here')
    subprocess.run(['chown', 'postgres', folder], check=True)
    yield folder
    subprocess.run(['umount', '--lazy', folder], check=True)  # the server closes its files when it likes
    folder.rmdir()


@pytest.fixture
def on_small_disk(small_disk, simulator, simulated):
    """Two replications whose targets have 3 MB in all. Gives their tables by name."""
    simulated.query(f"CREATE TABLESPACE small LOCATION '{small_disk}'")
    tables = {}
    for name in ('copied', 'streamed'):
        tables[name] = simulator.create_table(name, key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
        simulated.replicate(name, start=False, scan_rate=0)
        simulated.query(f'ALTER TABLE {name} SET TABLESPACE small')
    yield tables
    simulated.query('SELECT podyn_drop(name) FROM podyn_status; DROP TABLE copied, streamed')
    simulated.query('DROP TABLESPACE small')


def pauses_after_failures(database, failures):
    """So many of each replication that finds its disk full, in seconds."""
    pauses = {}

    def seen():
        for row in database.rows("SELECT * FROM podyn_status WHERE last_error LIKE '%No space left on device%'"):
            pauses.setdefault(row['name'], {})[row['last_error_at']] = row['retry_at'] - row['last_error_at']
        return len(pauses) == 2 and min(map(len, pauses.values())) >= failures
    database.wait_until(seen, 'the reason is shown')
    return [pause.total_seconds() for of_one in pauses.values() for pause in of_one.values()]


def test_disks_that_are_full_are_waited_for(simulator, simulated, others_go_on, small_disk, on_small_disk):
    simulated.value("SELECT podyn_start('streamed')")
    simulated.wait_for_state('streamed', 'streaming')
    for table in on_small_disk.values():
        put_big_items(table)
    simulated.value("SELECT podyn_start('copied')")
    # With the fifth, the backoff is as long as it gets.
    assert max(pauses_after_failures(simulated, 5)) <= 5, 'whoever makes room does not wait a minute'
    assert [simulated.state(name) for name in on_small_disk] == ['copying', 'streaming']
    others_go_on()
    subprocess.run(['mount', '-o', 'remount,size=64m', small_disk], check=True)
    for name in on_small_disk:
        simulated.wait_for_state(name, 'streaming')
        simulated.sync(name)
        status = simulated.status(name)
        assert (status['last_error'], status['errors'], status['changes_applied']) == (None, 0, BIG_ITEMS)
        assert status['items_copied'] == (BIG_ITEMS if name == 'copied' else 0)
        assert assert_equal_tables(boto3_client(simulator.endpoint), name, simulated) == BIG_ITEMS
