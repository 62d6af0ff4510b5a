"""workers: how many copy at once. consistent_read: how they read."""

import psycopg2
import pytest

from comparison import assert_equal_tables
from dynamodb_local import boto3_client


@pytest.fixture
def events(simulator):
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    for number in range(800):
        table.put({'id': {'S': f'item {number}'}, 'text': {'S': 'x' * 1_000}})
    return table


def most_at_once(simulator, simulated, name, state='streaming'):
    """The most segments of a replication that were held at once, and workers that held them."""
    most = (0, 0)

    def look():
        nonlocal most
        (held, workers), = simulated.query(
            "SELECT count(worker), count(DISTINCT worker) FROM podyn_tasks WHERE name = %s AND kind = 'segment'", name)
        most = max(most[0], held), max(most[1], workers)
        return simulated.state(name) == state
    simulated.wait_until(look, 'it is copied')
    return most


@pytest.mark.parametrize('workers, most', [(1, 1), (2, 2), (None, 4)])
def test_so_many_workers_copy_at_once(simulator, events, simulated, workers, most):
    simulator.fault('slow', operation='Scan', seconds=0.1, times=None)
    simulated.replicate('events', segments=24, scan_rate=0, workers=workers)
    assert most_at_once(simulator, simulated, 'events') == (most, most)
    assert assert_equal_tables(boto3_client(simulator.endpoint), 'events', simulated) == 800


def test_requests_never_overlap_with_one_worker(simulator, events, simulated):
    """What counts is what DynamoDB sees: no page is asked for while another one is under way."""
    simulator.fault('slow', operation='Scan', seconds=0.2, times=None)
    simulated.replicate('events', segments=8, scan_rate=100_000, workers=1, start=False)
    simulated.query("SELECT podyn_start('events')")
    simulated.wait_for_state('events', 'streaming')
    times = [request.time for request in simulator.sent('Scan')[1:]]
    assert len(times) >= 8
    assert all(later - earlier >= 0.19 for earlier, later in zip(times, times[1:])), times


def test_one_limited_copy_keeps_no_worker_from_another(simulator, simulated):
    """With hundreds of segments that must wait, the other replication's segments are found all the same."""
    for name in ('large', 'small'):
        table = simulator.create_table(name, key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
        for number in range(300):
            table.put({'id': {'S': f'item {number}'}})
    simulator.fault('slow', operation='Scan', seconds=0.1, times=None)
    simulated.replicate('large', segments=400, workers=1, scan_rate=0)
    simulated.wait_for_state('large', 'copying')
    simulated.replicate('small', segments=8, workers=2, scan_rate=0)
    most = most_at_once(simulator, simulated, 'small')
    assert most == (2, 2)
    assert simulated.state('large') == 'copying'
    simulated.query("SELECT podyn_alter('large', workers => 4)")
    simulator.faults.script.clear()
    simulated.wait_for_state('large', 'streaming')


def test_the_limit_holds_after_a_worker_was_terminated(simulator, events, simulated):
    simulator.fault('slow', operation='Scan', seconds=0.2, times=None)
    simulated.replicate('events', segments=16, scan_rate=0, workers=2)
    held = "SELECT DISTINCT worker FROM podyn_tasks WHERE kind = 'segment' AND worker IS NOT NULL"
    simulated.wait_until(lambda: len(simulated.column(held)) == 2, 'two workers copy')
    simulated.query('SELECT pg_terminate_backend(%s)', simulated.column(held)[0])
    assert most_at_once(simulator, simulated, 'events') == (2, 2)
    assert simulated.value('SELECT count(*) FROM events') == 800


def consistency(simulator):
    """Of each Scan: the sample first, then the pages."""
    return [request.body['ConsistentRead'] for request in simulator.sent('Scan')]


@pytest.mark.parametrize('option, changes, sample, pages', [
    ('on', True, True, True), ('off', True, False, False), ('auto', True, True, True),
    ('off', False, False, False), ('auto', False, True, True)])
def test_how_pages_are_read(simulator, events, simulated, option, changes, sample, pages):
    simulated.replicate('events', consistent_read=option, changes=changes, scan_rate=0)
    simulated.wait_until_copied('events')
    first, *others = consistency(simulator)
    assert first is sample and others and set(others) == {pages}


def test_auto_reads_for_half_the_price_five_minutes_after_the_streams_start(simulator, events, simulated):
    simulated.replicate('events', scan_rate=0.01, segments=1)
    simulated.wait_until(lambda: simulated.status('events')['items_copied'] >= 100, 'the first page is written')
    older = "UPDATE podyn.replication SET positions_at = positions_at - interval '%s'"
    scans = simulator.count('Scan')
    simulated.query(older % '4 minutes 50 seconds')
    simulated.query("SELECT podyn_alter('events', scan_rate => 1000000)")
    simulated.wait_for_state('events', 'streaming')
    assert set(consistency(simulator)) == {True} and simulator.count('Scan') > scans
    simulated.query("SELECT podyn_drop('events', true)")
    scans = simulator.count('Scan')
    simulated.replicate('events', scan_rate=0.01, segments=1)
    simulated.wait_until(lambda: simulated.status('events')['items_copied'] >= 100, 'the first page is written')
    copied = simulator.count('Scan')
    simulated.query(older % '5 minutes')
    simulated.query("SELECT podyn_alter('events', scan_rate => 1000000)")
    simulated.wait_for_state('events', 'streaming')
    assert set(consistency(simulator)[scans:copied]) == {True}
    assert set(consistency(simulator)[copied:]) == {False}


def test_off_may_miss_what_was_written_just_before(simulator, simulated):
    """As documented: a stale page lacks a write that is older than the stream's start. With auto, it is there."""
    table = simulator.create_table('events', key=[('id', 'S')])
    table.stale_seconds = 60
    table.put({'id': {'S': 'one'}})
    table.enable_stream('NEW_IMAGE')
    simulated.replicate('events', consistent_read='off')
    simulated.wait_for_state('events', 'streaming')
    assert simulated.value('SELECT count(*) FROM events') == 0
    simulated.query("SELECT podyn_drop('events', true)")
    simulated.replicate('events')
    simulated.wait_for_state('events', 'streaming')
    assert simulated.value('SELECT count(*) FROM events') == 1


def test_workers_must_be_positive(simulator, events, simulated):
    with pytest.raises(psycopg2.errors.NumericValueOutOfRange):
        simulated.replicate('events', workers=0)
