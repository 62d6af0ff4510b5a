"""Targets that Citus distributes: nodes that go down, shards that move, processes that are killed; nothing is lost."""

import random
import threading

import pytest

from background import InBackground
from items import KEY
from test_citus import assert_equal, assert_on_both_nodes, copied, item, put
from test_kill import kill_one
from waiting import wait_until


@pytest.fixture
def events(simulator):
    return simulator.create_table('events', key=KEY, stream='NEW_AND_OLD_IMAGES')


class Writer:
    """Random puts and deletes of a few hundred keys, with new attributes now and then, in the simulator's own table."""

    def __init__(self, table, keys):
        self.table, self.chance, self.done = table, random.Random(5), 0
        self.keys = [item(number) for number in range(keys)]

    def fill(self):
        for key in self.keys:
            self.table.put({**key, 'written': {'N': '0'}})

    def write(self, stop):
        while not stop.is_set():
            key = self.chance.choice(self.keys)
            if self.chance.random() < 0.3:
                self.table.delete(key)
            else:
                self.table.put({**key, 'written': {'N': str(self.done)}, 'text': {'S': 'x' * self.chance.randrange(500)},
                                f'attribute {self.done // 1000}': {'BOOL': True}})
            self.done += 1
            stop.wait(0.001)


@pytest.fixture
def writing(simulator, events):
    """writing(database, during): random writes from before the copy until `during` is over; then both sides are equal."""
    def run(database, during):
        writer = Writer(events, keys=200)
        writer.fill()
        enough, stop = threading.Event(), threading.Event()
        database.replicate('events', citus=True, segments=2, start=False)
        simulator.fault('held', operation='Scan', times=1, until=enough)  # older than many writes when it comes
        database.value("SELECT podyn_start('events')")
        work = InBackground(lambda: writer.write(stop))
        try:
            database.wait_for_state('events', 'copying', 'streaming')
            begun = writer.done
            wait_until(lambda: writer.done > begun + 500, 'writes during the copy')
            writer.keys = writer.keys[::2]  # nobody mends the others
            enough.set()
            during(writer)
            begun = writer.done
            wait_until(lambda: writer.done > begun + 500, 'writes after it')
        finally:
            enough.set()
            stop.set()
            work.join()
        database.wait_for_state('events', 'streaming', timeout=120)
        database.sync('events')
        assert assert_equal(simulator, database) > 50
        assert database.status('events')['errors'] == 0
        assert database.prepared_on_nodes() == []
    return run


def test_random_writes_leave_both_sides_equal(distributed, writing):
    writing(distributed, lambda writer: distributed.wait_for_state('events', 'streaming', timeout=120))
    assert_on_both_nodes(distributed)


def test_kills_at_random_moments_change_nothing(citus, distributed, writing):
    chance = random.Random(17)

    def kill_workers(writer):
        for _ in range(5):
            begun = writer.done
            wait_until(lambda: writer.done > begun + chance.randrange(200), 'some writes')
            distributed.close()
            kill_one(citus.coordinator, distributed, chance)
    writing(distributed, kill_workers)


def test_a_node_that_goes_down_is_waited_for(events, simulator, citus, distributed):
    put(events, range(100))
    copied(distributed, citus=True)
    applied = distributed.status('events')['changes_applied']
    citus.nodes[1].stop('immediate')
    try:
        put(events, range(50, 200), late={'S': 'x'})
        for number in range(0, 100, 3):
            events.delete(item(number))
        status = distributed.wait_until(
            lambda: (row := distributed.status('events'))['last_error'] and row['retry_at'] and row,
            'the error is shown, and when it is tried again')
        assert status['state'] == 'streaming', status
        assert 'connection' in status['last_error'], status
        assert status['changes_applied'] == applied
    finally:
        citus.nodes[1].start()
    distributed.sync('events', timeout=120)
    assert assert_equal(simulator, distributed) == 200 - 34
    status = distributed.status('events')
    assert (status['changes_applied'] - applied, status['errors']) == (150 + 34, 0), status


def test_nodes_that_restart_during_copy_and_stream(citus, distributed, writing):
    def restart(writer):
        for node in (*citus.nodes, *citus.nodes):
            begun = writer.done
            wait_until(lambda: writer.done > begun + 100, 'some writes')
            node.stop('immediate')
            node.start()
    writing(distributed, restart)


def test_shards_that_move_while_they_are_written(citus, distributed, writing):
    def move(writer):
        distributed.wait_for_state('events', 'streaming', timeout=120)
        for source, target in ((0, 1), (1, 0)):
            shard = distributed.value('SELECT min(shardid) FROM citus_shards WHERE nodeport = %s',
                                      citus.nodes[source].port)
            distributed.query("SELECT citus_move_shard_placement(%s, 'localhost', %s, 'localhost', %s)", shard,
                              citus.nodes[source].port, citus.nodes[target].port)
    writing(distributed, move)


def test_a_rebalance_is_survived(citus, distributed, writing):
    def rebalance(writer):
        distributed.wait_for_state('events', 'streaming', timeout=120)
        distributed.query("SELECT citus_drain_node('localhost', %s, 'block_writes')", citus.nodes[1].port)
        assert {port for port, in distributed.query('SELECT nodeport FROM citus_shards')} == {citus.nodes[0].port}
        distributed.query("SELECT citus_set_node_property('localhost', %s, 'shouldhaveshards', true)",
                          citus.nodes[1].port)
        distributed.query("SELECT rebalance_table_shards(shard_transfer_mode => 'block_writes')")
    writing(distributed, rebalance)
    assert_on_both_nodes(distributed)
