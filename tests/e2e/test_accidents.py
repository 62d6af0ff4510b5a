"""Accidents of processes, sessions, servers and databases: what ends, is dropped, dumped, upgraded or full leaves the
others alone, and what goes on loses nothing and does nothing twice. (Kills at random moments: test_kill.py. A standby:
test_standby.py.)"""

import os
import subprocess
import threading
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import sql

from background import InBackground
from comparison import assert_equal_tables
from database import Database
from dynamodb_local import boto3_client
from postgres_server import PostgresServer, run_script
from waiting import holds_for

ITEMS = 100
PROCESSES = ['podyn worker', 'podyn supervisor', 'podyn launcher']
BIN = Path(subprocess.run([os.environ.get('PG_CONFIG', 'pg_config'), '--bindir'], capture_output=True, text=True,
                          check=True).stdout.strip())


@pytest.fixture
def events(simulator):
    return simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')


def put_all(table, text):
    for number in range(ITEMS):
        table.put({'id': {'S': f'item {number}'}, 'text': {'S': f'{text} {number}'}})


def run_as_server(server, *command):
    """A program of PostgreSQL, as the user that the server runs as."""
    as_user = ['runuser', '-u', 'postgres', '--'] if os.geteuid() == 0 else []
    done = subprocess.run([*as_user, BIN / command[0], *command[1:]], cwd=server.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# What holds a replication in each state: the operation that does not answer.
HELD = {'copying': 'Scan', 'merging': 'GetRecords', 'streaming': 'GetRecords'}


@pytest.fixture
def release():
    """The event that lets go of what hold_in holds."""
    event = threading.Event()
    yield event
    event.set()


def hold_in(state, simulator, simulated, events, release):
    """A replication that stays in this state, amid a request, until `release` is set. Gives the fault that holds it."""
    put_all(events, 'first')
    simulated.replicate('events', segments=2, start=False)

    def hold():
        return simulator.fault('held', operation=HELD[state], until=release, times=None, after=state == 'copying')
    held = None if state == 'streaming' else hold()
    simulated.value("SELECT podyn_start('events')")
    simulated.wait_for_state('events', state)
    held = held or hold()
    put_all(events, 'second')
    simulated.wait_until(lambda: held.fired, 'a request waits for its answer')
    assert simulated.state('events') == state
    simulated.query('CHECKPOINT')  # podyn commits asynchronously: what a crash takes back would be done again
    return held


# ---- processes and sessions that end --------------------------------------------------------------------------------

def terminate(postgres, pid):
    postgres.query('SELECT pg_terminate_backend(%s)', pid)


def kill(postgres, pid):
    """PostgreSQL ends every other process, too, and begins anew."""
    postgres.kill(pid)
    postgres.wait_until_accepting()


WAYS_TO_END = {'terminated': terminate, 'killed': kill}


def at_work(kind, database):
    """The processes of this kind; of workers, those that copy or, behind the copy, read the stream."""
    if kind == 'podyn worker':
        return database.column("SELECT DISTINCT worker FROM podyn_tasks WHERE worker IS NOT NULL AND kind = "
                               "(SELECT min(kind) FROM podyn_tasks WHERE kind IN ('segment', 'shard') AND "
                               "state <> 'done')")
    return database.processes(kind)


def end_one(kind, end, database):
    """Returns when there is another one, which does the work of the one that is gone."""
    pid = database.wait_until(lambda: at_work(kind, database), f'there is a {kind}')[0]
    end(database.postgres, pid)

    def replaced():
        now = at_work(kind, database)
        return now and pid not in now
    database.wait_until(replaced, f'there is another {kind}')


@pytest.mark.parametrize('state', HELD)
@pytest.mark.parametrize('way', WAYS_TO_END)
def test_when_worker_supervisor_and_launcher_end_others_go_on(way, state, simulator, simulated, events, release):
    held = hold_in(state, simulator, simulated, events, release)
    for kind in PROCESSES:
        end_one(kind, WAYS_TO_END[way], simulated)
        simulated.wait_for_state('events', state)
        put_all(events, f'after the {kind}')
    simulator.faults.remove(held)
    release.set()
    simulated.wait_for_state('events', 'streaming')
    simulated.sync('events')
    status = simulated.status('events')
    assert (status['items_copied'], status['errors']) == (ITEMS, 0)
    assert status['changes_applied'] == (2 + len(PROCESSES)) * ITEMS
    assert assert_equal_tables(boto3_client(simulator.endpoint), 'events', simulated) == ITEMS


@pytest.mark.parametrize('state', HELD)
def test_a_restart_of_the_server_repeats_and_loses_nothing(state, simulator, simulated, events, release):
    held = hold_in(state, simulator, simulated, events, release)
    simulated.postgres.restart()
    put_all(events, 'after the restart')
    simulated.wait_for_state('events', state)
    simulator.faults.remove(held)
    release.set()
    simulated.wait_for_state('events', 'streaming')
    simulated.sync('events')
    status = simulated.status('events')
    assert (status['items_copied'], status['changes_applied'], status['errors']) == (ITEMS, 3 * ITEMS, 0)
    assert assert_equal_tables(boto3_client(simulator.endpoint), 'events', simulated) == ITEMS


def end_amid(call, end, database, held):
    """Ends a session that waits in this call, and for this request if there is one."""
    session = Database(database.postgres, database.name)
    pid = session.value('SELECT pg_backend_pid()')

    def run():
        with pytest.raises(psycopg2.OperationalError):
            session.query(f'SELECT {call}')
    running = InBackground(run)
    database.wait_until(lambda: database.value(
        "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND state = 'active' AND wait_event IS NOT NULL", pid)
        and (not held or held.fired), f'{call} waits')
    end(database.postgres, pid)
    running.join(30)


@pytest.mark.parametrize('way', WAYS_TO_END)
def test_of_a_session_that_ends_amid_a_call_nothing_stays(way, simulator, simulated, events):
    simulator.create_table('others', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    simulated.replicate('events')
    simulated.wait_for_state('events', 'streaming')
    for call, operation in (("podyn_replicate('others')", 'DescribeTable'), ("podyn_sync('events')", 'GetRecords'),
                            ("podyn_wait('events', 'completed')", None)):
        put_all(events, f'before {call}')
        release = threading.Event()
        held = operation and simulator.fault('held', operation=operation, until=release, times=None)
        end_amid(call, WAYS_TO_END[way], simulated, held)
        if held:
            simulator.faults.remove(held)
        release.set()
        simulated.sync('events')
        assert assert_equal_tables(boto3_client(simulator.endpoint), 'events', simulated) == ITEMS
        assert simulated.column('SELECT name FROM podyn_status') == ['events']
    assert simulated.status('events')['changes_applied'] == 3 * ITEMS
    assert simulated.value("SELECT to_regclass('others')") is None
    assert simulated.replicate('others', start=False) == 'others'


# ---- what there is too little of ------------------------------------------------------------------------------------

def test_when_all_connections_are_taken_processes_still_begin(simulator, events):
    """Background workers have slots of their own."""
    server = PostgresServer(max_connections=4, superuser_reserved_connections=0, max_wal_senders=0)
    try:
        database = Database(server, 'postgres')
        database.query('CREATE EXTENSION podyn')
        database.create_server(simulator.endpoint)
        put_all(events, 'first')
        database.replicate('events')
        database.wait_for_state('events', 'streaming')
        idle = []
        with pytest.raises(psycopg2.OperationalError, match='too many clients|remaining connection slots'):
            while True:
                idle.append(server.connect())
        for kind in PROCESSES:
            pid = "SELECT min(pid) FROM pg_stat_activity WHERE backend_type = %s"
            before = database.value(pid, kind)
            database.value('SELECT pg_terminate_backend(%s)', before)
            database.wait_until(lambda: database.value(pid, kind) not in (before, None), f'there is another {kind}')
        put_all(events, 'second')
        database.sync('events')
        assert assert_equal_tables(boto3_client(simulator.endpoint), 'events', database) == ITEMS
        for connection in idle:
            connection.close()
        database.close()
    finally:
        server.remove()


# ---- databases and copies of them -----------------------------------------------------------------------------------

def test_when_one_of_two_databases_is_dropped_the_other_goes_on(simulator, make_database, events):
    put_all(events, 'first')
    dropped, stays = (make_database(simulator.endpoint) for _ in range(2))
    for database in (dropped, stays):
        database.replicate('events')
    for database in (dropped, stays):
        database.wait_for_state('events', 'streaming')
    put_all(events, 'second')
    dropped.close()
    stays.postgres.query(sql.SQL('DROP DATABASE {}').format(sql.Identifier(dropped.name)))
    put_all(events, 'third')
    stays.sync('events')
    assert stays.status('events')['changes_applied'] == 3 * ITEMS
    assert assert_equal_tables(boto3_client(simulator.endpoint), 'events', stays) == ITEMS


@pytest.mark.parametrize('state', ['streaming', 'copying'])
def test_what_comes_from_a_dump_is_stopped_and_goes_on_from_its_positions(state, simulator, simulated, make_database,
                                                                         events, release):
    held = hold_in(state, simulator, simulated, events, release)
    postgres, copy = simulated.postgres, make_database()
    copy.query('DROP EXTENSION podyn')
    at = ('--host', postgres.folder, '--port', str(postgres.port), '--username', 'postgres')
    dump = postgres.folder / f'{simulated.name}.dump'
    run_as_server(postgres, 'pg_dump', *at, '--format', 'custom', '--file', dump, simulated.name)
    run_as_server(postgres, 'pg_restore', *at, '--exit-on-error', '--dbname', copy.name, dump)
    positions = 'SELECT kind, task, state, position, items, changes FROM podyn.task ORDER BY id'
    assert copy.state('events') == 'stopped'
    assert simulated.state('events') == state, 'the one that was dumped runs'
    assert {kind for kind, *_ in copy.query(positions)} >= {'shard', 'stream'}
    simulator.faults.remove(held)
    release.set()

    postgres.restart()  # the launcher gives every database a supervisor
    copy.close()
    simulated.close()
    put_all(events, 'third')
    simulated.wait_for_state('events', 'streaming')
    simulated.sync('events')
    assert copy.state('events') == 'stopped'
    assert copy.postgres.processes('podyn worker', copy.name) == []

    scans = simulator.count('Scan')
    assert copy.value('SELECT podyn_start()') == 1
    copy.wait_for_state('events', 'streaming')
    copy.sync('events')
    assert (simulator.count('Scan') > scans) == (state == 'copying')
    status = copy.status('events')
    assert (status['items_copied'], status['changes_applied'], status['errors']) == (ITEMS, 3 * ITEMS, 0)
    assert assert_equal_tables(boto3_client(simulator.endpoint), 'events', copy) == ITEMS
    # What is new in it has numbers of its own.
    simulator.create_table('others', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    copy.replicate('others')
    copy.wait_for_state('others', 'streaming')


def test_pg_upgrade_starts_nothing_and_what_ran_goes_on_after_it(simulator, events):
    old, new = PostgresServer(), PostgresServer()
    try:
        database = Database(old, 'postgres')
        database.query('CREATE EXTENSION podyn')
        database.create_server(simulator.endpoint)
        put_all(events, 'first')
        database.replicate('events')
        database.wait_for_state('events', 'streaming')
        database.close()

        old.stop()
        run_script('postgres.sh', 'start', old.folder, '-o', '-b')  # as pg_upgrade starts it
        asked = simulator.count('GetRecords')
        holds_for(lambda: not old.query("SELECT FROM pg_stat_activity WHERE backend_type LIKE 'podyn%'"),
                  'no process of podyn is there', 2)
        assert simulator.count('GetRecords') == asked

        old.stop()
        new.stop()
        run_as_server(new, 'pg_upgrade', '--old-bindir', BIN, '--new-bindir', BIN, '--old-datadir', old.folder / 'data',
                      '--new-datadir', new.folder / 'data', '--old-port', str(old.port), '--new-port', str(new.port),
                      '--username', 'postgres')
        put_all(events, 'second')
        scans = simulator.count('Scan')
        new.start()
        database = Database(new, 'postgres')
        database.sync('events')
        assert database.status('events')['changes_applied'] == 2 * ITEMS
        assert simulator.count('Scan') == scans
        assert assert_equal_tables(boto3_client(simulator.endpoint), 'events', database) == ITEMS
        database.close()
        old.start()  # to be removed as it was made
    finally:
        old.remove()
        new.remove()
