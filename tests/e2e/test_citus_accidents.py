"""Targets that Citus distributes: nodes that go down, shards that move, processes that are killed; nothing is lost."""

import contextlib
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


def put_in_one_page(simulator, events, numbers):
    with simulator.clock.lock:
        put(events, numbers)


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


# ---- between the two phases of a commit -----------------------------------------------------------------------------

@contextlib.contextmanager
def with_setting(servers, name, value):
    for server in servers:
        server.set(name, value)
    try:
        yield
    finally:
        for server in servers:
            server.wait_until_accepting()
            server.reset(name)


@pytest.fixture
def nodes_have_prepared(citus, distributed):
    """nodes_have_prepared(servers, write): what `write` makes podyn write is prepared on both nodes; what comes next on
    these servers is in their log and does not return, for it waits for a standby that never comes. That is the PREPARE
    of the nodes, before the commit of the coordinator, or that commit, before those of the nodes."""
    def has_prepared(node):
        return node.query('SELECT gid FROM pg_prepared_xacts WHERE database = %s', distributed.name)

    def holds(server):
        return server.query("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = %s",
                            distributed.name)

    @contextlib.contextmanager
    def prepared(servers, write):
        with with_setting(servers, 'synchronous_standby_names', 'nobody'):
            for server in servers:
                wait_until(lambda server=server: server.query('SHOW synchronous_standby_names') == [('nobody',)],
                           'the postmaster has read it')
                server.query('CHECKPOINT')  # the checkpointer has read it, too: it is who makes it take effect
            write()
            distributed.wait_until(
                lambda: all(map(has_prepared, citus.nodes)) and all(map(holds, servers)), 'both nodes have prepared')
            yield
    return prepared


def crash(citus, distributed):
    (pid, *_) = citus.coordinator.processes('podyn worker', distributed.name)
    citus.coordinator.kill(pid)
    distributed.close()
    citus.coordinator.wait_until_accepting()


@pytest.mark.parametrize('moment', ['before its commit', 'after its commit'])
@pytest.mark.parametrize('way', ['copy', 'stream'])
def test_the_coordinator_crashes_when_the_nodes_have_prepared(events, simulator, citus, distributed,
                                                              nodes_have_prepared, way, moment):
    """Citus rolls back or commits on the nodes what podyn's position says."""
    until = threading.Event()
    if way == 'copy':
        put(events, range(100))
    distributed.replicate('events', citus=True, segments=1, start=False)
    if way == 'copy':
        simulator.fault('held', operation='Scan', times=1, until=until)
    distributed.value("SELECT podyn_start('events')")
    if way == 'stream':
        distributed.wait_for_state('events', 'streaming')

    def write():
        if way == 'copy':
            until.set()
        else:
            put_in_one_page(simulator, events, range(100))
    try:
        with nodes_have_prepared(citus.nodes if 'before' in moment else [citus.coordinator], write):
            crash(citus, distributed)
    finally:
        until.set()
    distributed.wait_for_state('events', 'streaming')
    put(events, range(50, 150), late={'S': 'x'})
    distributed.sync('events')
    distributed.wait_until(lambda: distributed.prepared_on_nodes() == [], 'Citus has ended what was prepared')
    assert assert_equal(simulator, distributed) == 150
    status = distributed.status('events')
    copied = 100 if way == 'copy' else 0
    assert (status['items_copied'], status['changes_applied'], status['errors']) == (copied, 200, 0), status


@pytest.mark.parametrize('deletes', ['apply', 'mark'])
@pytest.mark.parametrize('who', ['coordinator', 'node'])
def test_a_deletion_waits_for_a_put_that_a_node_has_not_committed(events, simulator, citus, distributed,
                                                                  nodes_have_prepared, who, deletes):
    """No statement sees the row, which is in a prepared transaction, until Citus's recovery has committed that."""
    copied(distributed, citus=True, deletes=deletes)
    with with_setting([citus.coordinator], 'citus.recover_2pc_interval', -1):
        with nodes_have_prepared([citus.coordinator], lambda: put_in_one_page(simulator, events, range(20))):
            if who == 'coordinator':
                crash(citus, distributed)
            else:
                citus.nodes[1].stop('immediate')
        distributed.wait_until(lambda: distributed.status('events')['changes_applied'] == 20,
                               'the coordinator has committed')
        if who == 'node':
            citus.nodes[1].start()
        for number in range(20):
            events.delete(item(number))
        status = distributed.wait_until(
            lambda: (row := distributed.status('events')) and (row['last_error'] or row['changes_applied'] > 20) and row,
            'the deletions have been tried')
        assert 'has been committed' in (status['last_error'] or ''), status
    distributed.wait_until(lambda: distributed.prepared_on_nodes() == [], 'Citus has ended what was prepared')
    distributed.sync('events')
    rows = distributed.query('SELECT id FROM events' + (' WHERE podyn_deleted_at IS NULL' if deletes == 'mark' else ''))
    assert rows == []
    status = distributed.status('events')
    assert (status['changes_applied'], status['errors']) == (40, 0), status


# ---- what goes down, moves, or is killed at random moments ----------------------------------------------------------

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
