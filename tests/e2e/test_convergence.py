"""Thousands of random puts, updates and deletes during the backfill, and thousands after it, leave both sides equal."""

import itertools
import random
import threading

import pytest

from background import InBackground
from comparison import assert_equal_documents, assert_equal_tables
from dynamodb_local import boto3_client
from items import KEY, RandomWriter
from waiting import wait_until

WRITES = 20_000  # over 500 keys
EACH_SIDE = 3_000  # during the backfill, and after it


@pytest.mark.parametrize('seed', [1])
def test_random_writes_leave_both_sides_equal(dynamodb, database, seed):
    dynamodb.create_table('events', key=KEY)
    writer = RandomWriter(dynamodb.client, 'events', seed=seed)
    writer.fill()
    stop, enough = threading.Event(), threading.Event()
    dynamodb.proxy.held = b'"Segment":3', enough  # this page of the scan comes when it is older than many writes
    database.replicate('events', segments=4)
    writing = InBackground(lambda: writer.write(10 * WRITES, stop))
    try:
        database.wait_for_state('events', 'copying')
        at_start = writer.done
        wait_until(lambda: writer.done >= at_start + EACH_SIDE, 'many writes during the backfill', timeout=120)
        assert database.state('events') == 'copying', database.report()
        writer.keys = writer.keys[::2]  # nobody mends the others
        enough.set()
        database.wait_for_state('events', 'streaming', timeout=300)
        at_end = writer.done
        wait_until(lambda: writer.done >= max(at_end + EACH_SIDE, WRITES), 'many writes after it', timeout=120)
    finally:
        enough.set()
        stop.set()
        writing.join()
    database.sync('events')
    assert assert_equal_tables(dynamodb.client, 'events', database) > 100
    assert database.status('events')['errors'] == 0


def test_writes_before_during_and_after_the_start_arrive(dynamodb, database):
    dynamodb.create_table('events', key=KEY)
    writer = RandomWriter(dynamodb.client, 'events', keys=200, seed=2)
    writer.fill()
    database.replicate('events', start=False)
    assert database.state('events') == 'stopped'
    writer.write(500)
    database.value("SELECT podyn_start('events')")
    writer.write(500)
    database.wait_for_state('events', 'streaming')
    writer.write(500)
    database.sync('events')
    assert_equal_tables(dynamodb.client, 'events', database)
    assert database.status('events')['spooled'] == 0


@pytest.mark.parametrize('view_type', ['NEW_AND_OLD_IMAGES', 'KEYS_ONLY'])
def test_puts_and_deletes_amid_splits_leave_documents_equal(simulator, simulated, view_type):
    """Shards split and rotate during the backfill, whose scan is older than many changes, and after it."""
    table, chance, writes = simulator.create_table('events', key=KEY, stream=view_type), random.Random(3), []
    keys = [{'id': {'S': f'key {number // 5}'}, 'at': {'N': str(number % 5)}} for number in range(500)]

    def write(times):
        for number in itertools.islice(itertools.count(len(writes)), times):
            key = chance.choice(keys)
            if table.get(key) and chance.random() < 0.4:
                table.delete(key)
            else:
                table.put({**key, 'number': {'N': str(number)}, 'map': {'M': {'even': {'BOOL': number % 2 == 0}}}})
            writes.append(key)

    def write_and_split():
        write(1_000)
        shard = chance.choice(table.stream.open_shards())
        table.stream.split(shard) if len(table.stream.open_shards()) < 6 else table.stream.rotate(shard)

    write(1_000)
    until = threading.Event()
    simulated.replicate('events', segments=2, conversion_mode='jsonb', start=False)
    held = simulator.fault('held', operation='Scan', times=None, until=until)
    simulated.value("SELECT podyn_start('events')")
    try:
        simulated.wait_until(lambda: held.fired >= 2, 'the scan is held')
        for _ in range(4):
            write_and_split()
        assert simulated.state('events') == 'copying'
    finally:
        until.set()
    for _ in range(2):
        write_and_split()
    simulated.wait_for_state('events', 'streaming')
    for _ in range(4):
        write_and_split()
    simulated.sync('events')
    assert assert_equal_documents(boto3_client(simulator.endpoint), 'events', simulated) > 100
    assert simulator.children_read_too_early() == []
    assert simulated.status('events')['errors'] == 0
