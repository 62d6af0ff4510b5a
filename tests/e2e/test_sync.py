"""podyn_wait and podyn_sync: waiting for a state, and for everything that DynamoDB acknowledged."""

import time

import psycopg2
import pytest

pytestmark = pytest.mark.alone


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
