"""20,000 random puts, updates and deletes over 500 keys, during the backfill and after it, leave both sides equal."""

import pytest

from background import InBackground
from comparison import assert_equal_tables
from items import KEY, RandomWriter

WRITES = 20_000


@pytest.mark.parametrize('seed', [1])
def test_random_writes_leave_both_sides_equal(dynamodb, database, seed):
    dynamodb.create_table('events', key=KEY)
    writer = RandomWriter(dynamodb.client, 'events', seed=seed)
    writer.fill()
    writing = InBackground(lambda: writer.write(WRITES))
    database.replicate('events', segments=4, scan_rate=25)
    begun = writer.done
    database.wait_for_state('events', 'streaming', timeout=300)
    assert begun < WRITES, 'the backfill was to begin amid the writes'
    writing.join()
    writer.write(2_000)  # after the backfill, whenever it ended
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
