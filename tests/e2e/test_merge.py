"""The merge in its larger form: thousands of keys that changed during the backfill, while writes go on."""

import itertools
import json
import random
import threading

import pytest

from background import InBackground
from comparison import assert_equal_tables
from dynamodb_local import boto3_client

ITEMS = 4_000
SMALL_ROUND = 1_000  # a round that merged no more is followed by the last one (merge_task.cpp)


def an_item(number, text, amount=0):
    return {'id': {'S': f'item {number}'}, 'text': {'S': text}, 'amount': {'N': str(amount)}}


def change(table, number, text, chance):
    if chance.random() < 0.2:
        table.delete({'id': {'S': f'item {number}'}}) if table.get({'id': {'S': f'item {number}'}}) else None
    else:
        table.put(an_item(number, text))


@pytest.fixture
def merging_slowly(simulator, simulated, configure):
    """A replication whose backfill is held until the event is set; its target notes what the merge writes, slowly."""
    configure('podyn.batch_rows', 100)
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    for number in range(ITEMS):
        table.put(an_item(number, 'first'))
    simulated.replicate('events', segments=1, start=False)
    simulated.query("""
        ALTER TABLE events ADD CONSTRAINT not_too_much CHECK (amount < 100000);
        CREATE TABLE public.merged (id text);
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO public.merged SELECT NEW.id FROM podyn.replication WHERE phase = 'merging';
            IF FOUND THEN
                PERFORM pg_sleep(0.001);
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER note BEFORE INSERT ON events FOR EACH ROW WHEN (NEW.text LIKE 'changed%')
            EXECUTE FUNCTION note()""")
    until = threading.Event()
    simulator.fault('held', operation='Scan', times=None, until=until)
    simulated.value("SELECT podyn_start('events')")
    simulated.wait_until(lambda: simulator.count('Scan'), 'the scan is held')
    yield until
    until.set()


def kill_worker(database):
    (pid, *_) = database.postgres.processes('podyn worker', database.name)
    database.postgres.kill(pid)
    database.postgres.wait_until_accepting()


def test_a_large_merge_amid_writes_stops_and_kills_loses_nothing(simulator, simulated, merging_slowly):
    table, chance = simulator.tables['events'], random.Random(1)
    for number in range(ITEMS):
        change(table, number, 'changed during the backfill', chance)
    table.put(an_item('that is refused', 'changed', amount=200_000))
    simulated.wait_until(lambda: simulated.status('events')['spooled'] >= ITEMS, 'the changes are in the spool')
    assert simulated.state('events') == 'copying' and simulated.value('SELECT count(*) FROM events') == 0

    stop = threading.Event()

    def write():
        for number in itertools.count():
            if stop.wait(0.002):
                return
            change(table, chance.randrange(ITEMS), f'changed {number}', chance)
    merging_slowly.set()
    writing = InBackground(write)
    try:
        simulated.wait_for_state('events', 'merging')
        assert simulated.status('events')['spooled'] > SMALL_ROUND

        def some_more_is_merged():
            merged = simulated.value('SELECT count(*) FROM merged')
            simulated.wait_until(lambda: simulated.value('SELECT count(*) FROM merged') > merged, 'the merge goes on')
        some_more_is_merged()
        simulated.value("SELECT podyn_stop('events')")
        simulated.wait_for_state('events', 'stopped', timeout=10)
        assert simulated.status('events')['spooled'] > SMALL_ROUND, 'it stopped amid the merge'
        simulated.value("SELECT podyn_start('events')")
        some_more_is_merged()
        kill_worker(simulated)
        simulated.wait_until(lambda: simulated.state('events') == 'merging', 'it stands where it stood')
        assert simulated.status('events')['spooled'] > SMALL_ROUND, 'it was killed amid the merge'
        simulated.wait_for_state('events', 'streaming', timeout=120)
    finally:
        stop.set()
        writing.join()
    simulated.sync('events')

    # A key is merged once in a round.
    assert simulated.value('SELECT max(times) FROM (SELECT count(*) AS times FROM merged GROUP BY id) AS m') >= 3
    (error,) = simulated.errors('events')
    assert error['source'] == 'spool' and error['sqlstate'] == '23514' and 'not_too_much' in error['message']
    key = error['key'] if isinstance(error['key'], dict) else json.loads(error['key'])
    assert key == {'id': {'S': 'item that is refused'}}
    assert assert_equal_tables(boto3_client(simulator.endpoint), 'events', simulated, rejected=[key]) > ITEMS / 2
    assert simulated.status('events')['spooled'] == 0
    assert simulated.value('SELECT count(*) FROM podyn.spool') == 0
