"""podyn_wait and podyn_sync: waiting for a state, and for everything that DynamoDB acknowledged. What tells the end of a
backlog is a silence of a second or three: tests of it run alone too."""

import itertools
import threading
import time

import psycopg2
import pytest

from background import InBackground


@pytest.fixture
def events(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')])
    database.replicate('events')
    database.wait_for_state('events', 'streaming')
    return 'events'


def test_sync_returns_when_what_was_written_before_is_there(dynamodb, database, events):
    for number in range(10):
        dynamodb.put(events, {'id': {'S': f'item {number}'}})
        assert database.value("SELECT podyn_sync('events')") is True
        assert database.value('SELECT count(*) FROM events') == number + 1


def test_sync_during_the_backfill_waits_for_its_end(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')])
    dynamodb.put('events', *({'id': {'S': f'item {number}'}} for number in range(100)))
    database.replicate('events')
    assert database.value("SELECT podyn_sync('events')") is True
    assert database.value('SELECT count(*) FROM events') == 100


@pytest.fixture
def simulated_events(simulator, simulated):
    """The simulator's table, followed; the one change so far is not of a minute's first second (DynamoDB Local)."""
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    simulated.replicate('events')
    simulated.wait_for_state('events', 'streaming')
    simulated.wait_until(lambda: int(simulator.clock.now()) % 60, "a minute's first second is over")
    table.put({'id': {'S': 'before'}})
    simulated.sync('events')
    return table


@pytest.mark.alone
def test_sync_waits_for_a_backlog_that_comes_in_short_pages(polling_fast, simulated, simulated_events):
    simulated_events.stream.short_pages(most=3)
    for number in range(200):
        simulated_events.put({'id': {'S': f'item {number}'}})
    assert simulated.value("SELECT podyn_sync('events')") is True
    assert simulated.value('SELECT count(*) FROM events') == 201


@pytest.mark.alone
def test_sync_waits_for_what_comes_behind_old_changes_and_many_empty_pages(simulator, simulated, simulated_events):
    """A change that was old when it came shows a backlog."""
    simulator.advance(-10)
    for number in range(2):
        simulated_events.put({'id': {'S': f'item {number}'}})
    simulated_events.stream.page_sizes = itertools.chain([1], [0] * 8)
    simulator.advance(10)
    assert simulated.value("SELECT podyn_sync('events')") is True
    assert simulated.value('SELECT count(*) FROM events') == 3


@pytest.mark.alone
def test_sync_returns_soon_amid_steady_heavy_traffic(polling_fast, simulated, simulated_events):
    """No page is empty, so the changes' own times must do."""
    stop = threading.Event()

    def write():
        for number in itertools.count():
            if stop.wait(0.001):
                return
            simulated_events.put({'id': {'S': f'item {number % 1000}'}, 'number': {'N': str(number)}})
    writing = InBackground(write)
    try:
        for number in range(3):
            simulated_events.put({'id': {'S': f'mark {number}'}})
            begun = time.monotonic()
            assert simulated.value("SELECT podyn_sync('events', timeout => '10 s')") is True
            assert simulated.value('SELECT count(*) FROM events WHERE id = %s', f'mark {number}') == 1
            # A second for podyn.stream_delay, one for the rounding of creation times, and one for a busy machine.
            assert time.monotonic() - begun < 3
    finally:
        stop.set()
        writing.join()


@pytest.mark.alone
def test_sync_gives_up_at_its_time_limit(simulator, simulated):
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    simulated.replicate('events')
    simulated.wait_for_state('events', 'streaming')
    simulator.fault('internal_error', operation='GetRecords', times=None)
    table.put({'id': {'S': 'one'}})
    begun = time.monotonic()
    assert simulated.value("SELECT podyn_sync('events', timeout => '2 s')") is False
    assert 1.5 < time.monotonic() - begun < 4


def test_sync_of_a_stopped_replication_is_an_error(database, events):
    database.value("SELECT podyn_stop('events')")
    database.wait_for_state('events', 'stopped', timeout=10)
    with pytest.raises(psycopg2.Error) as raised:
        database.value("SELECT podyn_sync('events')")
    assert raised.value.diag.message_hint and raised.value.pgcode == '55000'


def test_wait_returns_when_the_state_is_reached(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')])
    database.replicate('events')
    assert database.value("SELECT podyn_wait('events')") is True
    assert database.state('events') == 'streaming'


@pytest.mark.alone
def test_wait_gives_up_at_its_time_limit(database, events):
    begun = time.monotonic()
    assert database.value("SELECT podyn_wait('events', 'completed', '1 s')") is False
    assert time.monotonic() - begun < 3


def test_wait_fails_with_the_replication(simulator, simulated):
    simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    simulated.replicate('events', start=False)
    simulator.fault('access_denied', operation='Scan', times=None)
    simulated.value("SELECT podyn_start('events')")
    with pytest.raises(psycopg2.Error, match='not authorized'):
        simulated.value("SELECT podyn_wait('events', timeout => '30 s')")


def test_wait_for_a_state_that_does_not_exist_is_an_error(database, events):
    with pytest.raises(psycopg2.Error) as raised:
        database.value("SELECT podyn_wait('events', 'happy')")
    assert raised.value.pgcode == '22023' and 'streaming' in raised.value.diag.message_hint
