"""Workers that are killed (kill -9) at random moments change nothing. PostgreSQL restarts every session each time."""

import random
import threading

import psycopg2
import pytest

from background import InBackground
from comparison import assert_equal_tables
from dynamodb_local import boto3_client
from items import KEY, RandomWriter
from waiting import wait_until

WRITES = 20_000
KILLS = ['podyn worker'] * 20 + ['podyn supervisor', 'podyn launcher']


def kill_one(postgres, database, chance, kind='podyn worker'):
    """Kills one of these processes as soon as there is one."""
    def victims():
        try:
            return database.processes(kind)
        except psycopg2.DatabaseError:
            return []
    pid = chance.choice(wait_until(victims, f'there is a {kind}', report=postgres.log_tail))
    postgres.kill(pid)
    postgres.wait_until_accepting()


def kill_along(postgres, database, writer, chance, kinds):
    """Spreads the kills at random over the next writes, each at its moment. Gives the state in which each worker was
    killed."""
    moments = sorted(chance.randrange(writer.done, writer.done + WRITES // 2) for _ in kinds)
    states = []
    for kind, moment in zip(kinds, moments):
        wait_until(lambda: writer.done >= moment, f'{moment} writes are done', timeout=300)
        database.close()  # the kill before has ended the session
        state = database.state('events')
        kill_one(postgres, database, chance, kind)
        if kind == 'podyn worker':
            states.append(state)
    return states


def test_kills_at_random_moments_change_nothing(postgres, dynamodb, database):
    dynamodb.create_table('events', key=KEY)
    writer, chance, stop = RandomWriter(dynamodb.client, 'events', seed=11), random.Random(11), threading.Event()
    writer.fill()
    kinds = chance.sample(KILLS, len(KILLS))
    database.replicate('events', segments=4, scan_rate=10)
    writing = InBackground(lambda: writer.write(10 * WRITES, stop))
    try:
        states = kill_along(postgres, database, writer, chance, kinds[::2])
        database.close()
        database.wait_for_state('events', 'streaming', timeout=120)
        states += kill_along(postgres, database, writer, chance, kinds[1::2])
    finally:
        stop.set()
        writing.join()
    database.close()
    database.wait_for_state('events', 'streaming', timeout=120)
    database.sync('events')
    assert len(states) == 20 and {'copying', 'streaming'} <= set(states), states
    assert database.status('events')['errors'] == 0
    assert assert_equal_tables(dynamodb.client, 'events', database) > 100


@pytest.mark.parametrize('state', ['copying', 'merging', 'streaming'])
def test_after_kills_each_item_and_each_change_counts_once(postgres, simulator, simulated, state):
    """Rows and position are in one transaction: what a kill takes back is read again, and nothing else."""
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    items = [{'id': {'S': f'item {number}'}, 'text': {'S': 'x' * 4_000}} for number in range(1_200)]
    for item in items:
        table.put(item)
    simulated.replicate('events', segments=2, scan_rate={'copying': 250}.get(state, 0), start=False)
    late = simulator.fault('slow', operation='GetRecords', seconds=0.3, times=None if state != 'streaming' else 0)
    simulated.value("SELECT podyn_start('events')")
    simulated.wait_for_state('events', state)
    chance, states = random.Random(13), []
    for _ in range(3):
        simulated.close()
        done = simulator.count('Scan', error=None) + simulator.count('GetRecords', error=None)
        for item in chance.sample(items, 20):
            table.put({**item, 'text': {'S': f'changed {chance.random()}'}})
        simulated.wait_until(lambda: simulator.count('Scan', error=None) + simulator.count('GetRecords', error=None)
                             > done, 'a page is on its way')
        states.append(simulated.state('events'))
        kill_one(postgres, simulated, chance)
    assert state in states, states
    simulator.faults.remove(late)
    simulated.wait_for_state('events', 'streaming')
    simulated.sync('events')
    status = simulated.status('events')
    assert status['items_copied'] == len(items)
    assert status['changes_applied'] == sum(
        len(shard.records) for stream in table.streams for shard in stream.shards.values())
    assert status['errors'] == 0
    assert assert_equal_tables(boto3_client(simulator.endpoint), 'events', simulated) == len(items)


def test_an_immediate_shutdown_changes_nothing(postgres, dynamodb, database):
    dynamodb.create_table('events', key=KEY)
    writer = RandomWriter(dynamodb.client, 'events', keys=100, seed=12)
    writer.fill()
    database.replicate('events')
    writer.write(300)
    postgres.stop('immediate')
    writer.write(300)
    postgres.start()
    database.close()
    database.wait_for_state('events', 'streaming')
    database.sync('events')
    assert_equal_tables(dynamodb.client, 'events', database)
