"""The outside world fails in every way: replication slows down, shows it, and ends with equal tables."""

import pytest

from comparison import assert_equal_tables
from dynamodb_local import boto3_client

NETWORK = ['reset', 'close', 'truncate', 'internal_error', 'unavailable', 'wrong_crc', 'bit_flip', 'gzip_wrong_crc',
           'no_json']
RATE = 1_000  # the table's 400 read units within a second
OPERATIONS = ['Scan', 'DescribeStream', 'GetShardIterator', 'GetRecords']


@pytest.fixture
def events(simulator):
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    put_many(table, 'first', range(300))
    return table


def put_many(table, text, numbers=range(100)):
    for number in numbers:
        table.put({'id': {'S': f'item {number}'}, 'text': {'S': f'{text} {number} ' + 'x' * 5_000}})


@pytest.fixture
def equal(simulator, simulated):
    """equal(): waits until the target has all that the table has."""
    def wait(timeout=60):
        simulated.wait_for_state('events', 'streaming', timeout=timeout)
        simulator.faults.script.clear()
        simulated.sync('events', timeout=timeout)
        assert_equal_tables(boto3_client(simulator.endpoint), 'events', simulated)
    return wait


def test_throttling_slows_a_backfill_and_never_fails_it(simulator, events, simulated, equal):
    simulated.replicate('events', segments=4, scan_rate=RATE, start=False)
    throttle = simulator.fault('throttle', operation='Scan', probability=0.8, seed=1, times=20)
    simulated.value("SELECT podyn_start('events')")
    equal(timeout=120)
    assert throttle.fired > 0
    assert simulated.status('events')['throttled'] >= throttle.fired
    assert simulated.status('events')['errors'] == 0


def test_throttling_slows_the_changes_and_never_fails_them(simulator, events, simulated, equal):
    simulated.replicate('events', scan_rate=RATE)
    simulated.wait_for_state('events', 'streaming')
    throttle = simulator.fault('throttle', operation='GetRecords', times=8)
    put_many(events, 'throttled')
    simulated.wait_until(lambda: throttle.fired == 8, 'every throttle struck')
    equal()
    assert simulated.status('events')['throttled'] >= 8


@pytest.mark.parametrize('kind', NETWORK)
def test_a_fifth_of_all_answers_goes_wrong(simulator, events, simulated, equal, kind):
    simulated.replicate('events', segments=2, scan_rate=RATE, start=False)
    faults = [simulator.fault(kind, operation=operation, probability=0.2, seed=seed, times=None)
              for seed, operation in enumerate(OPERATIONS)]
    faults += [simulator.fault(kind, operation=operation) for operation in OPERATIONS]  # each at least once
    simulated.value("SELECT podyn_start('events')")
    simulated.wait_for_state('events', 'streaming', timeout=120)
    for round in range(5):
        put_many(events, f'round {round}')
        events.stream.rotate_all()
    equal(timeout=120)
    assert all(fault.fired for fault in faults[len(OPERATIONS):])
    assert simulated.status('events')['errors'] == 0


def test_compressed_answers_are_read(simulator, events, simulated, equal):
    simulator.fault('gzip', times=None)
    simulated.replicate('events', scan_rate=RATE)
    simulated.wait_for_state('events', 'streaming')
    put_many(events, 'compressed')
    gzipped = simulator.faults.script[0]
    simulated.wait_until(lambda: simulated.value("SELECT count(*) FROM events WHERE text LIKE 'compressed%'") == 100,
                         'the compressed changes arrive')
    assert gzipped.fired > 3
    assert 'gzip' in simulator.sent('Scan')[0].headers.get('Accept-Encoding', '')
    equal()


def test_an_answer_that_inflates_without_end_is_no_danger(simulator, events, simulated, equal):
    simulated.replicate('events', scan_rate=RATE, start=False)
    simulator.fault('gzip_bomb', operation='Scan', times=2)
    simulated.value("SELECT podyn_start('events')")
    equal(timeout=120)


def test_a_server_that_does_not_answer_is_asked_again(simulator, make_database, events):
    database = make_database(simulator.endpoint, request_timeout='1s')
    database.replicate('events', scan_rate=RATE)
    database.wait_for_state('events', 'streaming')
    slow = simulator.fault('slow', operation='GetRecords', seconds=20, times=2)
    put_many(events, 'after a silence')
    database.wait_until(lambda: slow.fired == 2, 'the slow answers were asked for')
    database.sync('events')
    assert_equal_tables(boto3_client(simulator.endpoint), 'events', database)


def test_each_failure_in_a_row_counts_once(simulator, events, simulated, equal):
    """A macro evaluated its argument twice: the wait before the next attempt grew fourfold, not twofold, and errors
    that nobody foresaw were given up after half of the attempts."""
    simulated.replicate('events', scan_rate=RATE)
    simulated.wait_for_state('events', 'streaming')
    simulator.fault('no_json', operation='GetRecords')  # not an error that a request is sent again for at once
    broken = simulator.fault('no_json', operation='GetShardIterator', times=None)
    simulated.wait_until(lambda: broken.fired >= 2, 'three failures in a row')
    waits = simulated.value("SELECT extract(epoch FROM retry_at - last_error_at) FROM podyn_tasks WHERE kind = 'shard'")
    assert waits <= 0.5 * 2 ** broken.fired  # half a second at most after the first
    equal()


def test_dynamodb_goes_away_and_comes_back(simulator, events, simulated, equal):
    simulated.replicate('events', scan_rate=RATE)
    simulated.wait_for_state('events', 'streaming')
    simulator.stop()
    simulated.wait_until(lambda: simulated.status('events')['last_error'], 'the failure is shown')
    status = simulated.status('events')
    assert status['state'] == 'streaming' and status['last_error_at']
    simulated.wait_until(lambda: simulated.status('events')['retry_at'], 'and when it is tried again')
    put_many(events, 'meanwhile')
    simulator.start()
    equal()


def test_denied_access_fails_with_the_words_of_aws_until_it_is_started_again(simulator, events, simulated, equal):
    simulated.replicate('events', scan_rate=RATE)
    simulated.wait_for_state('events', 'streaming')
    denied = simulator.fault('access_denied', operation='GetRecords', times=None)
    simulated.wait_until(lambda: simulated.state('events') == 'failed', 'it fails')
    assert 'not authorized to perform' in simulated.status('events')['last_error']
    simulator.faults.remove(denied)
    put_many(events, 'meanwhile')
    simulated.value("SELECT podyn_start('events')")
    equal()


def test_a_table_that_is_gone_fails(simulator, events, simulated):
    simulated.replicate('events', scan_rate=RATE, start=False)
    simulator.drop_table('events')
    simulated.value("SELECT podyn_start('events')")
    simulated.wait_until(lambda: simulated.state('events') == 'failed', 'it fails')
    assert 'not found' in simulated.status('events')['last_error'].lower()
