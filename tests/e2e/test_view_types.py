"""Streams whose records do not say what an item has become (KEYS_ONLY, OLD_IMAGE): the item is read again, and each row
still becomes what its item is, without going back in time."""

import itertools
import random
import threading

import pytest

from comparison import assert_equal_documents, assert_equal_tables
from dynamodb_local import boto3_client
from failing import fails, nothing_is_left
from items import KEY, RandomWriter
from test_kill import kill_one
from test_stop_start import reset_and_start
from waiting import holds_for

VIEW_TYPES = ['KEYS_ONLY', 'OLD_IMAGE']
KILOBYTE = 1000


@pytest.fixture(params=VIEW_TYPES)
def view_type(request):
    return request.param


@pytest.fixture
def events(simulator, view_type):
    return simulator.create_table('events', key=[('id', 'S')], stream=view_type)


@pytest.fixture
def streaming(simulated, events):
    """A database that follows table events, caught up."""
    simulated.replicate('events')
    simulated.wait_for_state('events', 'streaming')
    return simulated


def an_item(number, text='first'):
    return {'id': {'S': f'item {number}'}, 'text': {'S': text}}


def key_of(number):
    return {'id': {'S': f'item {number}'}}


def equal(simulator, database):
    database.sync('events')
    assert database.status('events')['errors'] == 0, database.report()
    return assert_equal_tables(boto3_client(simulator.endpoint), 'events', database)


def stop(database):
    database.value("SELECT podyn_stop('events')")
    database.wait_for_state('events', 'stopped', timeout=10)
    database.wait_until(lambda: database.value('SELECT count(worker) FROM podyn_tasks') == 0, 'its tasks are given back')


def start(database):
    database.value("SELECT podyn_start('events')")


def keys_read(simulator):
    """The keys of each BatchGetItem that was answered."""
    return [request.body['RequestItems']['events']['Keys'] for request in simulator.sent('BatchGetItem')
            if request.delivered]


# ---- DynamoDB Local -------------------------------------------------------------------------------------------------

def test_puts_updates_and_deletes_arrive(dynamodb, database, view_type):
    dynamodb.create_table('events', key=[('id', 'S')], stream=view_type)
    dynamodb.put('events', *(an_item(number) for number in range(30)))
    database.replicate('events')
    database.wait_for_state('events', 'streaming')
    dynamodb.put('events', *(an_item(number, 'second') for number in range(20, 40)))
    for number in range(25):
        dynamodb.client.update_item(TableName='events', Key=key_of(number), UpdateExpression='SET #n = :n REMOVE #t',
                                    ExpressionAttributeNames={'#n': 'number', '#t': 'text'},
                                    ExpressionAttributeValues={':n': {'N': str(number)}})
    dynamodb.delete('events', *(key_of(number) for number in range(0, 40, 3)))
    dynamodb.put('events', *(an_item(number, 'again') for number in range(0, 40, 6)))
    for number in range(5):
        dynamodb.put('events', an_item('busy', str(number)))
        dynamodb.delete('events', key_of('busy'))
    dynamodb.put('events', an_item('busy', 'at last'))
    database.sync('events')
    assert assert_equal_tables(dynamodb.client, 'events', database) == 34
    assert database.status('events')['errors'] == 0


@pytest.mark.parametrize('key, values', [
    ([('id', 'S'), ('at', 'N')], [('a', '1'), ('a', '1.50'), ('a\n', '-0'), ('é"\\', '1E60'), ('a', '-12E-7')]),
    ([('n', 'N')], [('0',), ('1E125',), ('123456789012345678901234567890.12345678',), ('-1E-130',)]),
    ([('b', 'B'), ('s', 'S')], [(b'\0', 'x'), (b'\xff\xfe', 'x'), (b'\xff\xfe', 'y')]),
    ([('a.b[]', 'B')], [(b'dot',)])])
def test_keys_of_every_type_are_read_again(dynamodb, database, key, values):
    dynamodb.create_table('events', key=key, stream='KEYS_ONLY')
    keys = [{name: {kind: part} for (name, kind), part in zip(key, parts)} for parts in values]
    dynamodb.put('events', {**keys[0], 'text': {'S': 'before'}})
    database.replicate('events')
    database.wait_for_state('events', 'streaming')
    dynamodb.put('events', *({**key, 'text': {'S': 'after'}} for key in keys))
    database.sync('events')
    assert database.errors('events') == []
    assert assert_equal_tables(dynamodb.client, 'events', database) == len(keys)
    dynamodb.delete('events', *keys[1:])
    database.sync('events')
    assert assert_equal_tables(dynamodb.client, 'events', database) == 1
    assert database.status('events')['errors'] == 0


@pytest.mark.parametrize('view_type, writes', [('KEYS_ONLY', 3_000), ('OLD_IMAGE', 1_000)])
def test_random_writes_leave_both_sides_equal(dynamodb, database, view_type, writes):
    dynamodb.create_table('events', key=KEY, stream=view_type)
    writer = RandomWriter(dynamodb.client, 'events', keys=200, seed=21)
    writer.fill()
    stop, enough = threading.Event(), threading.Event()
    dynamodb.proxy.held = b'"Segment":1', enough  # this page of the scan comes when it is older than many writes
    database.replicate('events', segments=2)
    try:
        database.wait_for_state('events', 'copying')
        writer.write(writes // 2, stop)
        assert database.state('events') == 'copying'
    finally:
        enough.set()
    writer.write(writes // 2, stop)
    database.wait_for_state('events', 'streaming')
    writer.write(500, stop)
    database.sync('events')
    assert assert_equal_tables(dynamodb.client, 'events', database) > 50
    assert database.status('events')['errors'] == 0


def test_kills_at_random_moments_change_nothing(postgres, dynamodb, database):
    dynamodb.create_table('events', key=KEY, stream='KEYS_ONLY')
    writer, chance = RandomWriter(dynamodb.client, 'events', keys=200, seed=22), random.Random(22)
    writer.fill()
    database.replicate('events', segments=2, scan_rate=20)
    for _ in range(6):
        writer.write(chance.randrange(100, 500))
        database.close()
        kill_one(postgres, database, chance)
        writer.write(chance.randrange(1, 100))
    database.wait_for_state('events', 'streaming', timeout=120)
    database.sync('events')
    assert_equal_tables(dynamodb.client, 'events', database)
    assert database.status('events')['errors'] == 0


# ---- what is read, and how ------------------------------------------------------------------------------------------

def test_changes_during_the_backfill_go_through_the_spool(simulator, simulated, events):
    for number in range(100):
        events.put(an_item(number))
    until = threading.Event()
    simulated.replicate('events', segments=2, conversion_mode='jsonb', start=False)
    held = simulator.fault('held', operation='Scan', times=None, until=until)
    start(simulated)
    try:
        simulated.wait_until(lambda: held.fired >= 2, 'the scan is held')
        for number in range(50, 150):
            events.put(an_item(number, 'during'))
        for number in range(0, 150, 3):
            events.delete(key_of(number))
        for number in range(0, 150, 6):
            events.put(an_item(number, 'again'))
        simulated.wait_until(lambda: simulated.status('events')['spooled'] == 150, 'all are in the spool')
    finally:
        until.set()
    simulated.wait_for_state('events', 'streaming')
    simulated.sync('events')
    assert assert_equal_documents(boto3_client(simulator.endpoint), 'events', simulated) == 125
    assert simulated.status('events')['errors'] == 0


def test_each_key_of_a_page_is_read_once_and_consistently(simulator, streaming, events):
    """With eventually consistent reads the rows would be a minute old."""
    stop(streaming)
    units = streaming.status('events')['read_units']
    begun = simulator.count('BatchGetItem')
    events.stale_seconds = 60
    for text in ('one', 'two', 'three'):
        for number in range(250):
            events.put(an_item(number, text))
    for number in range(0, 250, 10):
        events.delete(key_of(number))
    start(streaming)
    assert equal(simulator, streaming) == 225
    requests = simulator.sent('BatchGetItem')[begun:]
    asked = [request.body['RequestItems']['events'] for request in requests]
    assert all(part['ConsistentRead'] is True for part in asked)
    assert [len(part['Keys']) for part in asked] == [100, 100, 50]
    assert len({key['id']['S'] for part in asked for key in part['Keys']}) == 250
    assert streaming.status('events')['read_units'] - units == sum(request.read_units for request in requests) == 250
    assert streaming.status('events')['changes_applied'] == 775


def test_a_page_of_big_items_is_written_in_rounds(simulator, streaming, events):
    """1,000 keys may stand for 400 MB: what waits for its transaction stays near podyn.batch_bytes."""
    stop(streaming)
    count = itertools.count()
    for number in [*range(200), *range(0, 200, 2)]:
        events.put(an_item(number, 'x' * 60 * KILOBYTE + str(next(count))))
    streaming.query('CREATE TABLE written (transaction bigint)')
    streaming.query('CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS '
                    "'BEGIN INSERT INTO public.written VALUES (txid_current()); RETURN NULL; END'")
    streaming.query('CREATE TRIGGER note AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION note()')
    start(streaming)
    assert equal(simulator, streaming) == 200
    sizes = streaming.column('SELECT count(*) FROM written GROUP BY transaction')
    # The size is not known before the first answer; each later round stays near 1 MB.
    assert sum(sizes) == 200 and len(sizes) >= 4 and max(sizes) == 100 and sorted(sizes)[-2] <= 35, sizes
    assert streaming.status('events')['changes_applied'] == 300


def test_a_kill_between_the_rounds_of_a_page_changes_nothing(postgres, simulator, streaming, events):
    """Each round commits a position of its own, and not the page's."""
    stop(streaming)
    for number in range(150):
        events.put(an_item(number, 'x' * 30 * KILOBYTE))
    until, begun = threading.Event(), simulator.count('BatchGetItem')
    held = simulator.fault('held', operation='BatchGetItem', until=until, after=1)
    start(streaming)
    try:
        streaming.wait_until(lambda: held.fired and streaming.value('SELECT count(*) FROM events') == 100,
                             'the first round is written, the second is read')
        streaming.query('CHECKPOINT')  # workers commit asynchronously
        streaming.close()
        kill_one(postgres, streaming, random.Random(24))
    finally:
        until.set()
    assert equal(simulator, streaming) == 150
    assert [len(keys) for keys in keys_read(simulator)[begun:]] == [100, 34, 50], 'what was written is not read again'
    assert streaming.status('events')['changes_applied'] == 150


def test_answers_that_end_at_sixteen_megabytes_are_no_reason_to_wait(simulator, streaming, events):
    stop(streaming)
    begun = simulator.count('BatchGetItem')
    for number in range(60):
        events.put(an_item(number, 'x' * 390 * KILOBYTE))
    start(streaming)
    assert equal(simulator, streaming) == 60
    assert [len(keys) for keys in keys_read(simulator)[begun:]] == [60, 17]
    assert streaming.status('events')['throttled'] == 0


def test_keys_left_unprocessed_are_asked_for_again(simulator, streaming, events):
    stop(streaming)
    events.keys_per_read = 7
    for number in range(30):
        events.put(an_item(number))
    events.delete(key_of(3))
    start(streaming)
    assert equal(simulator, streaming) == 29
    sizes = [len(keys) for keys in keys_read(simulator)[-5:]]
    assert sizes == [30, 23, 16, 9, 2]
    assert all(request.body['RequestItems']['events']['ConsistentRead'] for request in simulator.sent('BatchGetItem'))
    assert streaming.status('events')['throttled'] == 4
    assert streaming.status('events')['changes_applied'] == 31


def test_throttling_slows_and_never_fails(simulator, streaming, events):
    stop(streaming)
    begun = len(keys_read(simulator))
    throttling = simulator.fault('throttle', operation='BatchGetItem', times=None, after=1)
    for number in range(150):
        events.put(an_item(number))
    start(streaming)
    streaming.wait_until(lambda: 'BatchGetItem' in (streaming.status('events')['last_error'] or ''),
                         'it says why it waits', timeout=30)
    assert streaming.state('events') == 'streaming'
    pages = simulator.count('GetRecords', records=150)
    streaming.wait_until(lambda: throttling.fired >= 9, 'it goes on asking', timeout=60)
    simulator.faults.remove(throttling)
    assert equal(simulator, streaming) == 150
    assert [len(keys) for keys in keys_read(simulator)[begun:]] == [100, 50], 'nothing is read twice'
    assert simulator.count('GetRecords', records=150) == pages == 1
    status = streaming.status('events')
    assert status['throttled'] >= 9 and status['retry_at'] is None and status['last_error'] is None
    assert status['changes_applied'] == 150


@pytest.mark.parametrize('kind', ['internal_error', 'unavailable', 'reset', 'bit_flip', 'truncate', 'no_json'])
def test_other_failures_are_retried(simulator, streaming, events, kind):
    simulator.fault(kind, operation='BatchGetItem', times=None, probability=0.6, seed=5)
    for number in range(300):
        events.put(an_item(number))
    simulator.faults.script[0].times = 12
    assert equal(simulator, streaming) == 300
    assert streaming.status('events')['changes_applied'] == 300


# ---- no row goes back in time ---------------------------------------------------------------------------------------

def one_record_a_page(events):
    events.stream.page_sizes = itertools.repeat(1)


def test_a_removed_item_that_was_put_again_keeps_its_row(simulator, streaming, events):
    """The first page writes what the last record says; the removal between them must not undo it."""
    events.put(an_item(1))
    streaming.sync('events')
    stop(streaming)
    streaming.query('CREATE TABLE removed (id text)')
    streaming.query('CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS '
                    "'BEGIN INSERT INTO public.removed VALUES (old.id); RETURN NULL; END'")
    streaming.query('CREATE TRIGGER note AFTER DELETE ON events FOR EACH ROW EXECUTE FUNCTION note()')
    one_record_a_page(events)
    events.put(an_item(1, 'second'))
    events.delete(key_of(1))
    events.put(an_item(1, 'third'))
    events.delete(key_of(2))
    start(streaming)
    assert equal(simulator, streaming) == 1
    assert streaming.column('SELECT id FROM removed') == []
    assert streaming.status('events')['changes_applied'] == 4


def test_a_changed_item_that_is_gone_by_now_is_removed(simulator, streaming, events):
    """To leave the row would show an image that is older than the change, though the change has been read."""
    events.put(an_item(1))
    streaming.sync('events')
    stop(streaming)
    one_record_a_page(events)
    events.put(an_item(1, 'second'))
    events.delete(key_of(1))
    until = threading.Event()
    held = simulator.fault('held', operation='GetRecords', until=until, times=None, after=1)
    start(streaming)
    try:
        streaming.wait_until(lambda: streaming.value('SELECT count(*) FROM events') == 0, 'the row is gone')
        assert held.fired <= 1
    finally:
        until.set()
    simulator.faults.remove(held)
    assert equal(simulator, streaming) == 0


def test_splits_and_short_pages_keep_the_order_of_each_key(polling_fast, simulator, streaming, events):
    chance = random.Random(23)
    events.stream.short_pages(most=5)
    streaming.query('CREATE TABLE seen (id text, before numeric, after numeric)')
    streaming.query('CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS '
                    "'BEGIN INSERT INTO public.seen VALUES (new.id, old.number, new.number); RETURN NULL; END'")
    events.put({**key_of(0), 'number': {'N': '0'}})
    streaming.sync('events')
    streaming.query('CREATE TRIGGER note AFTER UPDATE ON events FOR EACH ROW EXECUTE FUNCTION note()')
    for number in range(1, 1_000):
        key = key_of(chance.randrange(20))
        if chance.random() < 0.3:
            events.delete(key) if events.get(key) else None
        else:
            events.put({**key, 'number': {'N': str(number)}})
        if number % 200 == 0:
            events.stream.split(chance.choice(events.stream.open_shards()))
    records = sum(len(shard.records) for shard in events.stream.shards.values())
    streaming.wait_until(lambda: streaming.status('events')['changes_applied'] == records, 'all changes are applied')
    assert equal(simulator, streaming) > 5
    assert simulator.children_read_too_early() == []
    assert streaming.value('SELECT count(*) FROM seen') > 20
    assert streaming.value('SELECT count(*) FROM seen WHERE after < before') == 0


# ---- items and keys that are refused --------------------------------------------------------------------------------

def test_an_unsound_item_is_rejected_with_its_position(simulator, streaming, events):
    bad = {**key_of('bad'), 'n': {'N': 'x'}}
    for item in (an_item(1), bad, an_item(2)):
        events._write(events.position(item), item)
    streaming.sync('events')
    (error,) = streaming.errors('events')
    assert error['operation'] == 'put' and '"n" is not a number' in error['message']
    (shard,) = events.stream.shards.values()
    assert error['position'] == str(shard.records[1][0]) and shard.id in error['source']
    assert streaming.column('SELECT id FROM events ORDER BY id') == ['item 1', 'item 2']


def test_an_unsound_key_is_rejected_and_not_asked_for(simulator, streaming, events):
    begun = len(keys_read(simulator))
    for number in range(2):
        events.stream.record(0, {'id': {'BOOL': True}}, None, {})
        events.put(an_item(number))
    streaming.sync('events')
    assert [error['sqlstate'] for error in streaming.errors('events')] in (['22P02'], ['22P02'] * 2)
    assert streaming.column('SELECT id FROM events ORDER BY id') == ['item 0', 'item 1']
    assert all(key.keys() == {'id'} and 'S' in key['id'] for keys in keys_read(simulator)[begun:] for key in keys)


# ---- permission -----------------------------------------------------------------------------------------------------

def test_reading_again_is_tried_when_the_replication_is_made(simulator, simulated, events):
    simulator.fault('access_denied', operation='BatchGetItem', times=None)
    fails(simulated, "SELECT podyn_replicate('events')", says='BatchGetItem', hint='dynamodb:BatchGetItem')
    nothing_is_left(simulated)


def test_its_cost_is_told(simulated, events, view_type):
    simulated.replicate('events')
    assert 'will be read again' in simulated.notices() and view_type in simulated.notices()


@pytest.mark.parametrize('image', ['NEW_IMAGE', 'NEW_AND_OLD_IMAGES'])
def test_nothing_is_read_again_where_the_stream_has_images(simulator, simulated, image):
    table = simulator.create_table('events', key=[('id', 'S')], stream=image)
    simulated.replicate('events')
    simulated.wait_for_state('events', 'streaming')
    table.put(an_item(1))
    assert equal(simulator, simulated) == 1
    assert simulator.count('BatchGetItem') == 0


def test_a_permission_that_is_taken_away_is_named(simulator, streaming, events):
    denied = simulator.fault('access_denied', operation='BatchGetItem', times=None)
    events.put(an_item(1))
    streaming.wait_until(lambda: streaming.state('events') == 'failed', 'it has failed')
    assert 'dynamodb:BatchGetItem' in streaming.status('events')['last_error']
    simulator.faults.remove(denied)
    start(streaming)
    assert equal(simulator, streaming) == 1


def test_a_new_stream_of_the_same_kind_needs_a_resync(simulator, streaming, events, view_type):
    events.put(an_item(1))
    streaming.sync('events')
    stop(streaming)
    events.disable_stream()
    events.put(an_item(1, 'in no stream'))
    events.enable_stream(view_type)
    start(streaming)
    reset_and_start(streaming)
    streaming.wait_for_state('events', 'streaming')
    events.put(an_item(2))
    assert equal(simulator, streaming) == 2
    holds_for(lambda: streaming.state('events') == 'streaming', 'it goes on', seconds=0.5)
