"""What happens when two come in each other's way: cancels, claims that are lost, extensions made again, resets."""

import os
import signal

import psycopg2
import pytest

from background import InBackground
from comparison import assert_equal_tables
from postgres_server import PostgresServer
from waiting import wait_until


@pytest.fixture
def events(simulator):
    return simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')


def test_a_session_is_usable_after_a_cancel_of_podyn_replicate_all(simulator, simulated, events):
    """Issue: the cancel left the subtransaction of the table open, and the session in an aborted state for good."""
    simulator.fault('slow', operation='DescribeTable', seconds=60, times=None)
    pid = simulated.value('SELECT pg_backend_pid()')

    def run():
        with pytest.raises(psycopg2.errors.QueryCanceled):
            simulated.query('SELECT podyn_replicate_all()')
    running = InBackground(run)
    wait_until(lambda: simulator.count('DescribeTable') > 0, 'the table is being described')
    simulated.postgres.query('SELECT pg_cancel_backend(%s)', pid)
    running.join(30)
    assert simulated.value('SELECT pg_backend_pid()') == pid
    assert simulated.query('SELECT * FROM podyn_status') == []


def test_a_worker_without_its_claim_overwrites_no_position(simulated, events):
    """pg_advisory_unlock_all() in a trigger lets go of a worker's claims; another worker then moves the position."""
    def position():
        return simulated.value("SELECT position FROM podyn.task WHERE kind = 'shard'")

    def put(number):
        events.put({'id': {'S': f'item {number}'}})
        simulated.sync('events')
    simulated.replicate('events')
    simulated.wait_for_state('events', 'streaming')
    put(1)
    first = position()
    put(2)
    assert position() != first
    simulated.query("UPDATE podyn.task SET position = %s WHERE kind = 'shard'", first)
    put(3)
    assert simulated.value('SELECT count(*) FROM events') == 3
    # The second change was read once more: the worker went on from where the catalog says.
    assert simulated.status('events')['changes_applied'] == 4


def test_the_supervisor_waits_for_nobody_who_holds_a_replication(simulated, events):
    """Issue: it changed several at once, the first ones of which podyn_drop then waited for, in a session that had dropped
    another one in the same transaction: a deadlock."""
    for name in ('one', 'two'):
        simulated.replicate('events', name=name, target=f'events_{name}')
    simulated.wait_for_state('two', 'streaming')
    supervisor, = simulated.processes('podyn supervisor')
    dropping = simulated.postgres.connect(simulated.name)
    dropping.autocommit = False
    with dropping, dropping.cursor() as cursor:
        os.kill(supervisor, signal.SIGSTOP)
        # What it takes back as soon as it sees that there are workers.
        simulated.query("UPDATE podyn.replication SET last_error = 'workers end right after their start: see the "
                        "server''s log'")
        cursor.execute("SET deadlock_timeout = '10ms'")  # who looks first is who has to go
        cursor.execute("SELECT FROM podyn.replication WHERE name = 'two' FOR UPDATE")
        os.kill(supervisor, signal.SIGCONT)
        simulated.wait_until(lambda: simulated.status('one')['last_error'] is None or simulated.value(
            "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'", supervisor),
            'the supervisor has come to them')
        cursor.execute("SELECT podyn_drop('two')")
        cursor.execute("SELECT podyn_drop('one')")
    dropping.close()
    assert simulated.query('SELECT name FROM podyn_status') == []


@pytest.fixture
def server_without_preloading():
    server = PostgresServer(shared_preload_libraries='')
    yield server
    server.remove()


def test_an_extension_made_again_without_preloading_begins_anew(server_without_preloading, make_database, dynamodb):
    """There is no launcher that would give it a supervisor."""
    database = make_database(dynamodb.endpoint, on=server_without_preloading)
    for name in ('before', 'after'):
        dynamodb.create_table(name, key=[('id', 'S')])
        dynamodb.put(name, {'id': {'S': name}})
    database.replicate('before')
    database.wait_for_state('before', 'streaming')
    database.query('DROP EXTENSION podyn CASCADE; CREATE EXTENSION podyn')
    database.create_server(dynamodb.endpoint)
    database.replicate('after')
    database.wait_for_state('after', 'streaming')
    assert assert_equal_tables(dynamodb.client, 'after', database) == 1


def test_a_transaction_that_starts_a_replication_cannot_be_prepared(simulated, events):
    """Nobody would start its processes at COMMIT PREPARED."""
    simulated.replicate('events', start=False)
    simulated.query('BEGIN')
    simulated.query("SELECT podyn_start('events')")
    with pytest.raises(psycopg2.errors.FeatureNotSupported, match='cannot PREPARE'):
        simulated.query("PREPARE TRANSACTION 'started'")
    simulated.query('ROLLBACK')
    assert simulated.state('events') == 'stopped'
