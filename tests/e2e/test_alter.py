"""podyn_alter: options change while the replication runs, within a second and without a restart."""

import time

import psycopg2
import pytest

from comparison import assert_equal_tables
from dynamodb_local import boto3_client
from waiting import holds_for

SECOND = 1.0  # within which an option takes effect


@pytest.fixture
def events(simulator):
    """400 items of 10 kB: about 1,000 read units."""
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    for number in range(400):
        table.put({'id': {'S': f'item {number}'}, 'text': {'S': 'x' * 10_000}})
    return table


def wait_until_it_sleeps(simulator, simulated):
    """At this rate a page's read units come back in hours: the segments wait."""
    simulated.wait_until(lambda: simulated.status('events')['items_copied'] >= 100, 'the first page is written')
    scans = simulator.count('Scan')
    holds_for(lambda: simulator.count('Scan') == scans, 'nothing is read', 0.5)
    return scans


def altered(simulated, **options):
    named = ', '.join(f'{name} => %s' for name in options)
    simulated.query(f"SELECT podyn_alter('events', {named})", *options.values())
    return simulated.column("SELECT message FROM podyn_events WHERE event = 'altered'")[-1]


def segment_workers(simulated):
    return simulated.column("SELECT DISTINCT worker FROM podyn_tasks WHERE kind = 'segment' AND worker IS NOT NULL")


@pytest.mark.alone
def test_a_copy_that_waits_for_read_units_takes_a_new_rate_at_once(simulator, events, simulated):
    simulated.replicate('events', scan_rate=0.01, segments=1)
    scans = wait_until_it_sleeps(simulator, simulated)
    assert altered(simulated, scan_rate=1_000) == 'scan_rate from 0.01 to 1000'
    begun = time.monotonic()
    simulated.wait_until(lambda: simulator.count('Scan') > scans, 'the next page is read', timeout=5)
    assert simulator.sent('Scan')[scans].time - begun < SECOND
    simulated.wait_for_state('events', 'streaming')
    assert assert_equal_tables(boto3_client(simulator.endpoint), 'events', simulated) == 400
    own = [request.body.get('ReturnConsumedCapacity') for request in simulator.sent('Scan')].count('TOTAL')
    units = sum(request.read_units for request in simulator.sent('Scan')[:own])
    assert float(simulated.status('events')['read_units']) == units


@pytest.mark.alone
def test_what_was_spent_stays_spent_under_the_new_rate(simulator, events, simulated):
    """The first page cost some 250 units: at 100 a second, the next one comes after two or three seconds."""
    simulated.replicate('events', scan_rate=0.01, segments=1)
    scans = wait_until_it_sleeps(simulator, simulated)
    spent = simulator.read_units()
    altered(simulated, scan_rate=100)
    begun = time.monotonic()
    simulated.wait_until(lambda: simulator.count('Scan') > scans, 'the next page is read', timeout=10)
    waited = simulator.sent('Scan')[scans].time - begun
    assert (spent - 50) / 100 - 0.5 < waited < spent / 100 + SECOND


@pytest.mark.alone
def test_a_copy_without_a_limit_gets_one(simulator, events, simulated):
    """And what was read without one is no debt."""
    slow = simulator.fault('slow', operation='Scan', seconds=0.3, times=None)
    simulated.replicate('events', scan_rate=0, segments=4)
    simulated.wait_until(lambda: simulator.count('Scan') > 2, 'it reads')
    altered(simulated, scan_rate=0.5)
    simulator.faults.remove(slow)
    simulated.wait_until(lambda: simulated.status('events')['items_copied'] > 0, 'pages that were on their way')
    time.sleep(SECOND)
    scans = simulator.count('Scan')
    holds_for(lambda: simulator.count('Scan') <= scans + 1, 'no more is read', 1.5)
    altered(simulated, scan_rate=0)
    simulated.wait_for_state('events', 'streaming')
    assert assert_equal_tables(boto3_client(simulator.endpoint), 'events', simulated) == 400


def test_no_page_is_read_twice_or_lost_whatever_changes(simulator, events, simulated):
    simulated.replicate('events', scan_rate=200, segments=2)
    simulator.fault('slow', operation='Scan', seconds=0.2, times=None)  # changes come while pages are under way
    turn = 0
    while simulated.state('events') in ('starting', 'copying'):
        turn += 1
        altered(simulated, scan_rate=(200, 0, 700)[turn % 3], workers=1 + turn % 2,
                consistent_read=('on', 'auto')[turn % 2])
        time.sleep(0.05)
    assert turn > 5
    simulated.wait_for_state('events', 'streaming')
    status = simulated.status('events')
    assert (status['items_copied'], status['errors']) == (400, 0)
    read = [str(request.body.get('ExclusiveStartKey')) + str(request.body.get('Segment'))
            for request in simulator.sent('Scan')]
    assert len(read) == len(set(read)), 'a page was read twice'
    assert float(status['read_units']) == simulator.read_units()
    assert assert_equal_tables(boto3_client(simulator.endpoint), 'events', simulated) == 400


def test_a_replication_that_streams_is_altered(simulator, simulated):
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    simulated.replicate('events')
    simulated.wait_for_state('events', 'streaming')
    table.put({'id': {'S': 'before'}, 'text': {'S': 'a\0b'}})
    simulated.sync('events')
    altered(simulated, nul_characters='strip')
    table.put({'id': {'S': 'after'}, 'text': {'S': 'a\0b'}})
    simulated.sync('events')
    altered(simulated, nul_characters='reject')
    table.put({'id': {'S': 'last'}, 'text': {'S': 'a\0b'}})
    simulated.sync('events')
    assert dict(simulated.query('SELECT id, text FROM events')) == {'before': 'a␀b', 'after': 'ab'}
    assert [error['sqlstate'] for error in simulated.errors('events')] == ['22P05']


def test_what_lies_in_the_spool_is_merged_under_the_options_of_the_merge(simulator, simulated):
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    for number in range(250):
        table.put({'id': {'S': f'item {number}'}, 'text': {'S': 'x' * 4_000}})
    simulated.replicate('events', scan_rate=0.01, segments=1)
    wait_until_it_sleeps(simulator, simulated)
    table.put({'id': {'S': 'new'}, 'text': {'S': 'a\0b'}})
    simulated.wait_until(lambda: simulated.status('events')['spooled'] == 251, 'it is in the spool')
    altered(simulated, nul_characters='strip', scan_rate=0)
    simulated.wait_for_state('events', 'streaming')
    assert simulated.value("SELECT text FROM events WHERE id = 'new'") == 'ab'


def test_fewer_workers_then_more(simulator, simulated):
    """Surplus workers give their segments back; others come when there may be more."""
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    for number in range(3_000):
        table.put({'id': {'S': f'item {number}'}, 'text': {'S': 'x' * 500}})
    simulated.replicate('events', scan_rate=1, segments=16, workers=3)  # each waits for read units
    simulated.wait_until(lambda: len(segment_workers(simulated)) == 3, 'three workers copy')
    assert altered(simulated, workers=1) == 'workers from 3 to 1'
    simulated.wait_until(lambda: len(segment_workers(simulated)) == 1, 'one worker copies')
    holds_for(lambda: len(segment_workers(simulated)) <= 1, 'only one', 2.5)
    altered(simulated, workers=2)
    simulated.wait_until(lambda: len(segment_workers(simulated)) == 2, 'two workers copy', timeout=10)
    assert altered(simulated, workers=0) == 'workers from 2 to default'
    simulated.wait_until(lambda: len(segment_workers(simulated)) == 4, 'podyn.max_workers copy', timeout=10)
    altered(simulated, scan_rate=0)
    simulated.wait_for_state('events', 'streaming')
    assert simulated.value('SELECT count(*) FROM events') == 3_000


def test_a_rolled_back_alter_changes_nothing(simulator, events, simulated):
    simulated.replicate('events', scan_rate=0.01, segments=1)
    scans = wait_until_it_sleeps(simulator, simulated)
    simulated.query('BEGIN')
    simulated.query("SELECT podyn_alter('events', scan_rate => 0)")
    simulated.query('ROLLBACK')
    holds_for(lambda: simulator.count('Scan') == scans, 'nothing is read', 1)
    assert simulated.value("SELECT count(*) FROM podyn_events WHERE event = 'altered'") == 0


def test_a_stopped_replication_is_altered_for_later(simulator, simulated):
    simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    simulated.replicate('events', start=False)
    altered(simulated, segments=3, scan_rate=0, consistent_read='off')
    simulated.query("SELECT podyn_start('events')")
    simulated.wait_for_state('events', 'streaming')
    segments = [request.body.get('TotalSegments') for request in simulator.sent('Scan')[1:]]
    assert segments == [3, 3, 3]
    assert not any(request.body['ConsistentRead'] for request in simulator.sent('Scan')[1:])


def test_an_invalid_value_changes_nothing(simulator, simulated):
    simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    simulated.replicate('events', start=False)
    with pytest.raises(psycopg2.Error):
        simulated.query("SELECT podyn_alter('events', scan_rate => 7, workers => -1)")
    assert simulated.query('SELECT scan_rate, workers, revision FROM podyn.replication') == [(25, None, 0)]
