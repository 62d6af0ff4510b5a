"""A backfill consumes at most scan_rate read units per second."""

import pytest

RATE = 1_000
PAGE_UNITS = 256  # of a full page of a strongly consistent Scan: 1 MB / 4 KB


@pytest.fixture
def events(simulator):
    """About 6 MB: 1,500 read units."""
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    for number in range(1500):
        table.put({'id': {'S': f'item {number}'}, 'text': {'S': 'x' * 4_000}})
    return table


def seconds_of(simulator):
    times = [request.time for request in simulator.sent('Scan')]
    return max(times) - min(times)


def worst_excess(simulator, rate):
    """By how many read units the most was exceeded that `rate` allows, over any span of time."""
    pages = [(request.time, request.read_units) for request in simulator.sent('Scan')]
    worst = 0.0
    for first, (begin, _) in enumerate(pages):
        units = 0.0
        for end, consumed in pages[first:]:
            units += consumed
            worst = max(worst, units - rate * 1.1 * (end - begin))
    return worst


@pytest.mark.alone
@pytest.mark.parametrize('segments', [1, 4])
def test_scan_rate_is_held(simulator, simulated, segments):
    """8,000 read units: far more than what the segments may have on their way at any moment."""
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    for number in range(2_050):
        table.put({'id': {'S': f'item {number}'}, 'text': {'S': 'x' * 16_300}})
    simulated.replicate('events', scan_rate=RATE, segments=segments, start=False)
    sample_sent = simulator.count('Scan')
    simulated.value("SELECT podyn_start('events')")
    simulated.wait_for_state('events', 'streaming', timeout=60)
    pages = [(request.time, request.read_units) for request in simulator.sent('Scan')[sample_sent:]]
    begin, end = pages[0][0], pages[-1][0]
    # A second's units may have been saved up; after that, what counts is the rate.
    later = sum(units for time, units in pages if time > begin + 1)
    assert sum(units for _, units in pages) > 8_000
    assert later / (end - begin - 1) <= RATE * 1.1
    # Over any span: a second's units saved up, and each segment may have a page on its way.
    assert worst_excess(simulator, RATE) <= RATE + PAGE_UNITS * segments
    assert end - begin <= 8_000 / RATE * 1.3 + 1  # and the rate is used
    assert simulated.value('SELECT count(*) FROM events') == 2_050


def test_the_read_units_are_shown(simulator, events, simulated):
    simulated.replicate('events', scan_rate=0)
    simulated.wait_for_state('events', 'streaming')
    assert float(simulated.status('events')['read_units']) == simulator.read_units()


def test_no_end_is_promised_where_none_is_in_sight(simulator, events, simulated):
    """While a copy stalls, its rate fades, and the time left grew beyond what an interval can hold."""
    events.item_count = 10 ** 15
    simulated.replicate('events', scan_rate=100)
    simulated.wait_until(lambda: (simulated.status('events')['items_per_second'] or 0) > 0, 'something is copied')
    status = simulated.status('events')
    assert status['state'] == 'copying' and status['eta'] is None


@pytest.mark.alone
def test_zero_means_no_limit(simulator, events, simulated):
    simulated.replicate('events', scan_rate=0)
    simulated.wait_for_state('events', 'streaming')
    assert seconds_of(simulator) < 5


def test_the_scan_is_consistent_where_the_stream_begins_just_before_it(simulator, events, simulated):
    """A stale read could bring back an item that was deleted before the stream's start position."""
    events.stale_seconds = 60
    for number in range(50):
        events.delete({'id': {'S': f'item {number}'}})
    simulated.replicate('events', scan_rate=0)
    simulated.wait_for_state('events', 'streaming')
    assert all(request.body.get('ConsistentRead') for request in simulator.sent('Scan'))
    assert simulated.value('SELECT count(*) FROM events') == 1450


def test_a_long_backfill_is_announced(simulator, simulated):
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    for number in range(100):
        table.put({'id': {'S': f'item {number}'}, 'text': {'S': 'x' * 100_000}})  # 10 MB: 2,500 units
    simulated.replicate('events', scan_rate=0.1, start=False)
    assert 'scan_rate' in simulated.notices()
