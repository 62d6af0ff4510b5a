"""Launcher, supervisor and workers: what they are called, how few they are, whose rights they have, and that nothing
holds up a stop, a cancel, DROP EXTENSION, DROP DATABASE or a shutdown for more than about a second."""

import socket
import time
from contextlib import contextmanager

import psycopg2
import pytest
from psycopg2 import sql

from background import InBackground
from comparison import assert_equal_tables
from database import Database
from dynamodb_local import boto3_client
from postgres_server import PostgresServer
from waiting import wait_until

PROMPT = 1.0
LOCK_TIMEOUT = 1.0  # for so long a worker waits for a lock of somebody else's (extension/workers/process.cpp)


@contextmanager
def promptly(what, seconds=PROMPT):
    begun = time.monotonic()
    yield
    took = time.monotonic() - begun
    assert took < seconds, f'{what} took {took:.1f} s'


@pytest.fixture
def waiting(simulator, simulated):
    """A database whose worker waits for an answer that does not come."""
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    table.put({'id': {'S': 'one'}})
    simulated.replicate('events')
    simulated.wait_for_state('events', 'streaming')
    slow = simulator.fault('slow', operation='GetRecords', seconds=60, times=None)
    simulated.wait_until(lambda: slow.fired, 'a slow request is on its way')
    return simulated


@pytest.fixture
def waiting_in_backfill(simulator, simulated):
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    table.put({'id': {'S': 'one'}})
    simulated.replicate('events', start=False)
    slow = simulator.fault('slow', operation='Scan', seconds=60, times=None)
    simulated.value("SELECT podyn_start('events')")
    simulated.wait_until(lambda: slow.fired, 'a slow request is on its way')
    return simulated


def processes_of(database):
    return [pid for kind in ('podyn supervisor', 'podyn worker')
            for pid in database.postgres.processes(kind, database.name)]


# ---- nothing holds anything up --------------------------------------------------------------------------------------

@pytest.mark.alone
@pytest.mark.parametrize('situation', ['waiting', 'waiting_in_backfill'])
def test_a_stop_during_a_slow_request(request, simulator, situation):
    """The median of three: a busy machine may hold up one of them."""
    database = request.getfixturevalue(situation)
    slow = simulator.faults.script[-1]
    took = []
    for _ in range(3):
        fired = slow.fired
        database.value("SELECT podyn_start('events')")
        database.wait_until(lambda: slow.fired > fired or not took, 'a slow request is on its way again')
        took.append(seconds_to_stop(database))
    assert sorted(took)[1] < PROMPT, took


def seconds_to_stop(database):
    begun = time.monotonic()
    assert database.value("SELECT podyn_stop('events')") == 1
    database.wait_for_state('events', 'stopped', timeout=10)
    database.wait_until(lambda: database.value('SELECT count(worker) FROM podyn_tasks') == 0, 'no worker holds a task')
    return time.monotonic() - begun


@contextmanager
def black_hole():
    """A port of 127.0.0.1 at which nobody answers: its backlog is full, so that the kernel ignores further attempts.
    Gives the port, and a function that tells how many are trying."""
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        listener.listen(0)
        port = listener.getsockname()[1]

        def trying():
            """/proc/net/tcp: addresses in hexadecimal, state 02 is SYN_SENT (proc(5), include/net/tcp_states.h)."""
            with open('/proc/net/tcp') as table:
                return sum(f'0100007F:{port:04X} 02' in line for line in table)

        fillers = []
        while not trying():
            fillers.append(socket.socket())
            fillers[-1].setblocking(False)
            fillers[-1].connect_ex(('127.0.0.1', port))
        ours = trying()
        yield port, lambda: trying() - ours
        for filler in fillers:
            filler.close()


@pytest.mark.alone
def test_a_stop_while_nobody_answers_the_connection(simulator, simulated):
    simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    simulated.replicate('events', start=False)
    with black_hole() as (port, trying):
        simulated.query(f"ALTER SERVER dynamodb OPTIONS (SET endpoint 'http://127.0.0.1:{port}')")
        simulated.value("SELECT podyn_start('events')")
        simulated.wait_until(trying, 'the worker tries to connect')
        assert seconds_to_stop(simulated) < PROMPT


@pytest.mark.alone
def test_a_cancel_of_podyn_replicate_while_nobody_answers_the_connection(make_database):
    with black_hole() as (port, _):
        database = make_database(f'http://127.0.0.1:{port}')
        assert cancelled(database, "SELECT podyn_replicate('events')") < PROMPT


@pytest.mark.alone
def test_drop_database_while_nobody_answers_the_connection(simulator, simulated):
    simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    simulated.replicate('events', start=False)
    with black_hole() as (port, trying):
        simulated.query(f"ALTER SERVER dynamodb OPTIONS (SET endpoint 'http://127.0.0.1:{port}')")
        simulated.value("SELECT podyn_start('events')")
        simulated.wait_until(trying, 'the worker tries to connect')
        simulated.close()
        with promptly('DROP DATABASE'):
            simulated.postgres.query(sql.SQL('DROP DATABASE {}').format(sql.Identifier(simulated.name)))


@pytest.fixture
def streaming(simulator, simulated):
    simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    simulated.replicate('events')
    simulated.wait_for_state('events', 'streaming')
    return simulated


def worker_waits(database, kind):
    return database.query("SELECT 1 FROM pg_stat_activity WHERE datname = %s AND backend_type = 'podyn worker' "
                          "AND wait_event = %s", database.name, kind)


@pytest.mark.alone
def test_a_stop_while_the_worker_waits_for_a_table_lock(simulator, streaming):
    other = Database(streaming.postgres, streaming.name)
    other.query('BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE')
    simulator.tables['events'].put({'id': {'S': 'one'}})
    streaming.wait_until(lambda: worker_waits(streaming, 'relation'), 'the worker waits for the lock')
    assert seconds_to_stop(streaming) < LOCK_TIMEOUT + PROMPT
    other.close()


SLOW_TRIGGER = """
    CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_sleep(30);
        RETURN NEW;
    END $$;
    CREATE TRIGGER sleep BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION sleep()"""


@pytest.fixture
def in_slow_trigger(simulator, streaming):
    streaming.query(SLOW_TRIGGER)
    simulator.tables['events'].put({'id': {'S': 'one'}})
    streaming.wait_until(lambda: worker_waits(streaming, 'PgSleep'), 'the worker is in the trigger')
    return streaming


@pytest.mark.alone
def test_a_stop_during_a_slow_trigger(in_slow_trigger):
    assert seconds_to_stop(in_slow_trigger) < 2 * PROMPT
    assert in_slow_trigger.value('SELECT count(*) FROM events') == 0


@pytest.mark.alone
def test_drop_database_during_a_slow_trigger(in_slow_trigger):
    in_slow_trigger.close()
    with promptly('DROP DATABASE'):
        in_slow_trigger.postgres.query(sql.SQL('DROP DATABASE {}').format(sql.Identifier(in_slow_trigger.name)))


@pytest.mark.alone
@pytest.mark.parametrize('situation', ['waiting', 'waiting_in_backfill'])
def test_drop_extension_during_a_slow_request(request, situation):
    database = request.getfixturevalue(situation)
    with promptly('DROP EXTENSION'):
        database.query('DROP EXTENSION podyn CASCADE')
    # Nobody waits for them: a worker looks for its tasks every two seconds (kLookForTasks).
    wait_until(lambda: not processes_of(database), 'its processes end', timeout=2 + PROMPT)
    assert database.value("SELECT count(*) FROM events") <= 1  # the user's table stays


def test_an_extension_made_again_at_once_begins_anew(dynamodb, database):
    """Its replications and tasks have the numbers of those before: workers must not take them for the same."""
    for name in ('before', 'after'):
        dynamodb.create_table(name, key=[('id', 'S')])
        dynamodb.put(name, {'id': {'S': name}})
    database.replicate('before')
    database.wait_for_state('before', 'streaming')
    database.query('DROP EXTENSION podyn CASCADE; CREATE EXTENSION podyn')
    database.create_server(dynamodb.endpoint)
    database.replicate('after')
    database.wait_for_state('after', 'streaming')
    dynamodb.put('before', {'id': {'S': 'not replicated any more'}})
    dynamodb.put('after', {'id': {'S': 'later'}})
    database.sync('after')
    assert assert_equal_tables(dynamodb.client, 'after', database) == 2
    assert database.value('SELECT count(*) FROM before') == 1


@pytest.mark.alone
@pytest.mark.parametrize('situation', ['waiting', 'waiting_in_backfill'])
def test_drop_database_during_a_slow_request(request, situation):
    database = request.getfixturevalue(situation)
    database.close()
    with promptly('DROP DATABASE'):
        database.postgres.query(sql.SQL('DROP DATABASE {}').format(sql.Identifier(database.name)))


@pytest.mark.alone
def test_drop_database_with_force(waiting):
    waiting.close()
    with promptly('DROP DATABASE'):
        waiting.postgres.query(sql.SQL('DROP DATABASE {} WITH (FORCE)').format(sql.Identifier(waiting.name)))


@pytest.mark.alone
def test_podyn_drop_during_a_slow_request(waiting):
    with promptly('podyn_drop'):
        waiting.query("SELECT podyn_drop('events')")


@pytest.mark.alone
def test_a_shutdown_during_a_slow_request(waiting):
    waiting.close()
    try:
        with promptly('shutdown', seconds=PROMPT + 1):  # with its checkpoint
            waiting.postgres.stop('fast')
    finally:
        waiting.postgres.start()


@pytest.mark.alone
def test_a_terminated_worker_ends_during_a_slow_request(waiting):
    (worker, *_) = waiting.postgres.processes('podyn worker', waiting.name)
    waiting.query('SELECT pg_terminate_backend(%s)', worker)
    wait_until(lambda: worker not in waiting.postgres.processes('podyn worker', waiting.name), 'it ends',
               timeout=PROMPT)


def cancelled(database, statement):
    """How long a statement goes on after it was cancelled."""
    pid = database.value('SELECT pg_backend_pid()')

    def run():
        with pytest.raises(psycopg2.errors.QueryCanceled):
            database.query(statement)
    running = InBackground(run)
    wait_until(lambda: database.postgres.query(
        "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'active' AND wait_event IS NOT NULL", pid),
        'the statement waits')
    begun = time.monotonic()
    database.postgres.query('SELECT pg_cancel_backend(%s)', pid)
    running.join(30)
    return time.monotonic() - begun


@pytest.mark.alone
def test_a_cancel_of_podyn_replicate_during_a_slow_request(simulator, simulated):
    simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    simulator.fault('slow', operation='DescribeTable', seconds=60, times=None)
    assert cancelled(simulated, "SELECT podyn_replicate('events')") < PROMPT
    assert simulated.query('SELECT * FROM podyn_status') == []


@pytest.mark.alone
@pytest.mark.parametrize('statement', ["SELECT podyn_sync('events')", "SELECT podyn_wait('events', 'completed')"])
def test_a_cancel_of_what_waits(waiting, statement):
    assert cancelled(waiting, statement) < PROMPT


@pytest.mark.alone
def test_no_transaction_is_open_during_a_request(waiting_in_backfill):
    """Old transactions hold up vacuum and keep locks."""
    database = waiting_in_backfill
    assert database.query("SELECT pid, backend_type, xact_start FROM pg_stat_activity "
                          "WHERE backend_type LIKE 'podyn%' AND xact_start < now() - interval '0.5 s'") == []
    with promptly('ALTER TABLE'):
        database.query('ALTER TABLE events ADD COLUMN mine text')


# ---- who they are ---------------------------------------------------------------------------------------------------

def test_processes_say_what_they_are(postgres, waiting):
    kinds = {kind for kind, in postgres.query('SELECT backend_type FROM pg_stat_activity') if 'podyn' in kind}
    assert kinds == {'podyn launcher', 'podyn supervisor', 'podyn worker'}
    assert len(postgres.processes('podyn launcher')) == 1


def test_what_workers_do_is_seen_by_their_owner_only(waiting, postgres):
    """The views' functions are everyone's to call, and showed every task to whoever has USAGE on schema podyn."""
    seen = 'SELECT (SELECT count(*) FROM podyn.live_tasks()), (SELECT count(*) FROM podyn.live_replications())'
    (tasks, replications), = waiting.query(seen)
    assert tasks > 0 and replications == 1
    postgres.query('CREATE ROLE curious LOGIN')
    try:
        waiting.query('GRANT USAGE ON SCHEMA podyn TO curious')
        waiting.query('SET ROLE curious')
        assert waiting.query(seen) == [(0, 0)]
    finally:
        waiting.query('RESET ROLE; DROP OWNED BY curious; DROP ROLE curious')


def test_a_database_with_nothing_to_do_has_no_workers(database):
    assert database.postgres.processes('podyn worker', database.name) == []


def test_two_hundred_tables_share_a_pool_of_two(simulator, simulated, configure):
    configure('podyn.max_workers', 2)
    tables = [simulator.create_table(f'table_{number:03}', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
              for number in range(200)]
    for table in tables:
        table.put({'id': {'S': 'before'}})
    simulated.query("SELECT podyn_replicate_all(server => 'dynamodb')")
    streaming = "SELECT count(*) FROM podyn_status WHERE state = 'streaming'"
    simulated.wait_until(lambda: simulated.value(streaming) == 200, 'all tables are copied', timeout=120)
    for table in tables:
        table.put({'id': {'S': 'after'}})
    rows = ' UNION ALL '.join(f'SELECT count(*) FROM "{table.name}"' for table in tables)
    simulated.wait_until(lambda: set(simulated.query(rows)) == {(2,)}, 'all changes are applied')
    assert len(simulated.postgres.processes('podyn worker', simulated.name)) <= 2


def test_segments_left_over_get_workers_however_many_are_claimed(simulator, simulated, configure):
    """The supervisor counted the claimed ones against those left over: two of three segments, and no third worker."""
    simulator.create_table('big', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES').put({'id': {'S': 'one'}})
    configure('podyn.max_workers', 2)
    simulated.replicate('big', segments=3, start=False)
    slow = simulator.fault('slow', operation='Scan', seconds=60, times=None)
    simulated.query("SELECT podyn_start('big')")
    claimed = "SELECT count(*) FROM podyn_tasks WHERE kind = 'segment' AND worker IS NOT NULL"
    simulated.wait_until(lambda: simulated.value(claimed) == 2, 'two segments are claimed')
    configure('podyn.max_workers', 4)
    simulated.wait_until(lambda: simulated.value(claimed) == 3, 'the third has a worker, too')
    simulator.faults.remove(slow)


def test_two_databases_replicate_beside_each_other(dynamodb, make_database):
    dynamodb.create_table('events', key=[('id', 'S')])
    dynamodb.put('events', {'id': {'S': 'one'}})
    databases = [make_database(dynamodb.endpoint) for _ in range(2)]
    for database in databases:
        database.replicate('events')
    for database in databases:
        database.wait_for_state('events', 'streaming')
        assert assert_equal_tables(dynamodb.client, 'events', database) == 1


# ---- rights ---------------------------------------------------------------------------------------------------------

@pytest.fixture
def role(postgres):
    postgres.query('CREATE ROLE plain LOGIN')
    yield 'plain'
    postgres.query('DROP ROLE plain')


@pytest.fixture
def plain(role, dynamodb, make_database):
    """A session of a role that is no superuser, with its own mapping."""
    database = make_database(dynamodb.endpoint)
    database.query('GRANT CREATE ON SCHEMA public TO plain; GRANT USAGE ON FOREIGN SERVER dynamodb TO plain; '
                   'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO plain; GRANT USAGE ON SCHEMA podyn TO plain')
    session = Database(database.postgres, database.name, user=role)
    session.query("CREATE USER MAPPING FOR CURRENT_USER SERVER dynamodb OPTIONS (access_key_id 'AKIDEXAMPLE', "
                  "secret_access_key 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY')")
    yield session
    session.close()
    database.query('DROP OWNED BY plain CASCADE; DROP EXTENSION podyn CASCADE')


def test_a_plain_owner_replicates_with_its_own_rights(dynamodb, plain):
    dynamodb.create_table('events', key=[('id', 'S')])
    dynamodb.put('events', {'id': {'S': 'before'}})
    plain.replicate('events', start=False)
    plain.query("""
        CREATE TABLE who (name text, super boolean);
        CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO public.who SELECT current_user || ' ' || session_user, rolsuper FROM pg_roles
                WHERE rolname = session_user;
            RETURN NEW;
        END $$;
        CREATE TRIGGER tell BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION tell()""")
    plain.value("SELECT podyn_start('events')")
    plain.wait_for_state('events', 'streaming')
    dynamodb.put('events', {'id': {'S': 'after'}})
    plain.sync('events')
    assert sorted(plain.column('SELECT id FROM events')) == ['after', 'before']
    assert set(plain.query('SELECT * FROM who')) == {('plain plain', False)}


def test_a_user_sees_only_its_own_replications(dynamodb, plain):
    dynamodb.create_table('events', key=[('id', 'S')])
    owner = Database(plain.postgres, plain.name)
    owner.replicate('events', start=False)
    assert plain.query('SELECT * FROM podyn_status') == []
    with pytest.raises(psycopg2.Error) as raised:
        plain.value("SELECT podyn_drop('events')")
    assert raised.value.pgcode in ('42501', '42704')
    assert owner.status('events') is not None
    owner.close()


def test_a_role_without_the_right_to_execute_may_do_nothing(role, database):
    session = Database(database.postgres, database.name, user=role)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        session.replicate('events')
    assert session.value('SELECT podyn_version()')
    session.close()


def test_a_role_that_may_not_log_in_replicates_or_is_told_so(postgres, dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')])
    postgres.query('CREATE ROLE nologin_owner')
    try:
        database.query('GRANT CREATE ON SCHEMA public TO nologin_owner; GRANT ALL ON SCHEMA podyn TO nologin_owner; '
                       'GRANT USAGE ON FOREIGN SERVER dynamodb TO nologin_owner; '
                       'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO nologin_owner; '
                       "CREATE USER MAPPING FOR nologin_owner SERVER dynamodb OPTIONS (access_key_id 'AKIDEXAMPLE', "
                       "secret_access_key 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY')")
        database.query('SET ROLE nologin_owner')
        if database.workers_need_login():
            with pytest.raises(psycopg2.Error) as raised:
                database.replicate('events')
            assert 'LOGIN' in f'{raised.value.diag.message_primary} {raised.value.diag.message_hint}'
        else:
            database.replicate('events')
            database.wait_for_state('events', 'streaming')
        database.query('RESET ROLE')
    finally:
        database.query('RESET ROLE; SELECT podyn_drop(name) FROM podyn_status; DROP OWNED BY nologin_owner CASCADE')
        postgres.query('DROP ROLE nologin_owner')


def test_a_secret_is_nowhere_to_be_read(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')])
    begun = database.postgres.log_size()
    database.replicate('events')
    database.wait_for_state('events', 'streaming')
    assert 'wJalrXUtnFEMI' not in database.report()
    assert 'wJalrXUtnFEMI' not in database.postgres.log_since(begun)


# ---- other servers --------------------------------------------------------------------------------------------------

@contextmanager
def server(**settings):
    running = PostgresServer(**settings)
    try:
        yield running
    finally:
        running.remove()


def test_without_preloading_workers_start_on_demand_with_a_warning(dynamodb):
    dynamodb.create_table('events', key=[('id', 'S')])
    dynamodb.put('events', {'id': {'S': 'one'}})
    with server(shared_preload_libraries='') as other:
        database = Database(other, 'postgres')
        database.query('CREATE EXTENSION podyn')
        database.create_server(dynamodb.endpoint)
        database.replicate('events')
        assert 'WARNING' in database.notices() and 'shared_preload_libraries' in database.notices()
        database.wait_for_state('events', 'streaming')
        assert assert_equal_tables(dynamodb.client, 'events', database) == 1
        database.close()


@pytest.mark.alone
def test_without_preloading_commands_find_their_database_free(simulator):
    """The session that gives the command has not loaded podyn, so no hook can help it. PostgreSQL waits five seconds
    for other sessions to end."""
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    simulator.create_table('big', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES').put({'id': {'S': 'one'}})
    with server(shared_preload_libraries='') as other:
        other.query('CREATE DATABASE mine')
        database = Database(other, 'mine')
        database.query('CREATE EXTENSION podyn')
        database.create_server(simulator.endpoint)
        database.replicate('events')
        database.wait_for_state('events', 'streaming')
        simulator.fault('slow', operation='Scan', seconds=60, times=None,
                        when=lambda request: request.body['TableName'] == 'big' and 'Segment' in request.body)
        database.replicate('big', segments=3)

        def busy_again(name):
            """Streaming goes on, and workers wait for segments."""
            nonlocal database
            database = Database(other, name)
            table.put({'id': {'S': f'for {name} {time.monotonic()}'}})
            database.sync('events')
            assert assert_equal_tables(boto3_client(simulator.endpoint), 'events', database) > 0
            database.wait_until(lambda: len(other.processes('podyn worker', name)) >= 3, 'three workers are busy')
            database.close()

        busy_again('mine')
        for command, name in (('CREATE DATABASE copied TEMPLATE mine', 'mine'),
                              ('ALTER DATABASE mine RENAME TO yours', 'yours')):
            with promptly(command, seconds=PROMPT + 2):
                other.query(command)
            busy_again(name)
        with promptly('DROP DATABASE', seconds=PROMPT + 2):
            other.query('DROP DATABASE yours')


def test_too_few_worker_slots_are_named(dynamodb):
    dynamodb.create_table('events', key=[('id', 'S')])
    with server(max_worker_processes=2, max_logical_replication_workers=0, max_parallel_workers=0) as other:
        database = Database(other, 'postgres')
        database.query('CREATE EXTENSION podyn')
        database.create_server(dynamodb.endpoint)
        with pytest.raises(psycopg2.errors.ConfigurationLimitExceeded) as raised:  # 53400
            database.replicate('events')
        assert 'background worker slot' in raised.value.diag.message_primary
        assert 'max_worker_processes' in raised.value.diag.message_hint
        assert database.value('SELECT (SELECT count(*) FROM podyn.replication) + (SELECT count(*) FROM podyn.task)') == 0
        assert database.value("SELECT to_regclass('events')") is None
        database.wait_until(lambda: not processes_of(database), 'the supervisor leaves, as there is nothing to do')
        database.close()
