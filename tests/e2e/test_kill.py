"""Workers that are killed (kill -9) at random moments change nothing. PostgreSQL restarts every session each time."""

import random

import psycopg2

from background import InBackground
from comparison import assert_equal_tables
from items import KEY, RandomWriter
from waiting import wait_until

WRITES = 20_000
KILLS = 20


def kill_one(postgres, database, chance):
    """Kills a worker, now and then a supervisor or the launcher, as soon as there is one."""
    kind = chance.choices(['podyn worker', 'podyn supervisor', 'podyn launcher'], [8, 1, 1])[0]

    def victims():
        try:
            return postgres.processes(kind, None if kind == 'podyn launcher' else database.name)
        except psycopg2.DatabaseError:
            return []
    pid = chance.choice(wait_until(victims, f'there is a {kind}', report=postgres.log_tail))
    postgres.kill(pid)
    postgres.wait_until_accepting()


def kill_along(postgres, database, writer, chance, kills):
    """Spreads the kills at random over the writes, each at its moment."""
    moments = sorted(chance.randrange(writer.done, WRITES * 95 // 100) for _ in range(kills))
    for moment in moments:
        wait_until(lambda: writer.done >= moment, f'{moment} writes are done', timeout=300)
        kill_one(postgres, database, chance)


def test_kills_at_random_moments_change_nothing(postgres, dynamodb, database):
    dynamodb.create_table('events', key=KEY)
    writer = RandomWriter(dynamodb.client, 'events', seed=11)
    writer.fill()
    database.replicate('events', segments=4, scan_rate=10)
    writing = InBackground(lambda: writer.write(WRITES))
    kill_along(postgres, database, writer, random.Random(11), KILLS)
    writing.join()
    database.wait_for_state('events', 'streaming', timeout=120)
    database.sync('events')
    assert assert_equal_tables(dynamodb.client, 'events', database) > 100


def test_a_killed_worker_is_replaced_and_goes_on(postgres, dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')])
    database.replicate('events')
    database.wait_for_state('events', 'streaming')
    for number in range(3):
        kill_one(postgres, database, random.Random(number))
        dynamodb.put('events', {'id': {'S': f'after kill {number}'}})
        database.sync('events')
    assert assert_equal_tables(dynamodb.client, 'events', database) == 3


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
