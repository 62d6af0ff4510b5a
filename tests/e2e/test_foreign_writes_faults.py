"""Writes to foreign tables over a bad line: throttled, given back, carried out without an answer, cancelled."""

import random

import psycopg2
import pytest

from background import InBackground
from foreign_tables import copy
from test_foreign_writes import status
from test_foreign_writes import simulated_events  # noqa: F401 (fixture)
from waiting import wait_until

ROWS = 300


def fill(table, rows=ROWS):
    for number in range(rows):
        table.put({'pk': {'S': 'a'}, 'sk': {'N': str(number)}, 'n': {'N': str(number)}})


def numbers(table):
    return sorted((int(item['sk']['N']), int(item['n']['N'])) for item in table.items.values())


def copy_rows(database, table):
    assert copy(database, 'events (pk, sk, n)', ''.join(f'a\t{i}\t{i}\n' for i in range(ROWS))) == ROWS
    return numbers(table) == [(i, i) for i in range(ROWS)]


def insert_rows(database, table, conflict=''):
    assert status(database, f"INSERT INTO events (pk, sk, n) SELECT 'a', i, i FROM generate_series(0, {ROWS - 1}) AS i"
                  f'{conflict}') == f'INSERT 0 {ROWS}'
    return numbers(table) == [(i, i) for i in range(ROWS)]


def insert_new_rows(database, table):
    return insert_rows(database, table, ' ON CONFLICT DO NOTHING')


def insert_new_rows_one_by_one(database, table):
    """With RETURNING, PostgreSQL hands over one row at a time."""
    return insert_rows(database, table, ' ON CONFLICT DO NOTHING RETURNING sk')


def update_rows(database, table, returning=''):
    fill(table)
    assert status(database, f'UPDATE events SET n = n + 1{returning}') == f'UPDATE {ROWS}'
    return numbers(table) == [(i, i + 1) for i in range(ROWS)]


def update_and_return_rows(database, table):
    return update_rows(database, table, ' RETURNING n')


def delete_rows(database, table):
    fill(table)
    returned = database.column('DELETE FROM events WHERE sk < 200 RETURNING sk')
    return sorted(returned) == list(range(200)) and numbers(table) == [(i, i) for i in range(200, ROWS)]


WAYS = {copy_rows: 'BatchWriteItem', insert_rows: 'BatchWriteItem', insert_new_rows: 'PutItem',
        insert_new_rows_one_by_one: 'PutItem', update_rows: 'UpdateItem', update_and_return_rows: 'UpdateItem',
        delete_rows: 'BatchWriteItem'}


@pytest.mark.parametrize('way', WAYS, ids=lambda way: way.__name__)
def test_throttling_slows_and_does_not_fail(simulator, simulated, simulated_events, way):
    """A tenth of the requests is throttled, and a tenth of the batches carried out in part."""
    simulator.fault('throttle', operation=WAYS[way], after=1, times=2)  # at least
    simulator.fault('throttle', operation=WAYS[way], probability=0.1, seed=4, times=None)
    chance = random.Random(5)
    simulator.leaves_unprocessed = lambda write: chance.random() < 0.01
    assert way(simulated, simulated_events)
    assert sum('throttle' in request.faults for request in simulator.sent(WAYS[way])) >= 2


@pytest.mark.parametrize('spoiled', ['lost', 'truncate'])
@pytest.mark.parametrize('way', WAYS, ids=lambda way: way.__name__)
def test_what_was_carried_out_without_an_answer_counts_once(simulator, simulated, simulated_events, way, spoiled):
    """A put under the condition that there is no such item meets its own."""
    simulator.fault(spoiled, operation=WAYS[way], times=4)
    assert way(simulated, simulated_events)
    assert sum(spoiled in request.faults for request in simulator.sent(WAYS[way])) == 4


@pytest.mark.parametrize('returning', ['', ' RETURNING sk'])
def test_items_of_others_are_told_from_ones_own_when_the_answer_is_lost(simulator, simulated, simulated_events, returning):
    """Every answer is lost once: that to a put that was carried out, and that to one that met another's item."""
    for number in range(0, 30, 3):
        simulated_events.put({'pk': {'S': 'a'}, 'sk': {'N': str(number)}, 'tags': {'L': [{'S': 'other'}]}})
    simulator.fault('lost', operation='PutItem', times=None,
                    when=lambda request: simulator.sent('PutItem')[-1] is request and sum(
                        sent.body['Item'] == request.body['Item'] for sent in simulator.sent('PutItem')) == 1)
    inserted = "INSERT INTO events (pk, sk, n, tags) SELECT 'a', i, 1.50, '{x}' FROM generate_series(0, 29) AS i " \
               f'ON CONFLICT DO NOTHING{returning}'
    assert status(simulated, inserted) == 'INSERT 0 20'
    assert simulator.count('PutItem') == 60
    assert status(simulated, inserted.replace('29', '30')) == 'INSERT 0 1', 'answered: not its own'


def test_an_item_that_two_rows_give_is_there_once(simulator, simulated, simulated_events):
    """The second of two equal rows meets the item of the first, and was answered."""
    assert status(simulated, "INSERT INTO events (pk, sk) SELECT 'a', i / 2 FROM generate_series(0, 39) AS i "
                  'ON CONFLICT DO NOTHING') == 'INSERT 0 20'


CANCELLED = {"INSERT INTO events (pk, sk) SELECT 'a', i FROM generate_series(1, 2000) AS i": 'BatchWriteItem',
             "INSERT INTO events (pk, sk) SELECT 'a', i FROM generate_series(1, 2000) AS i ON CONFLICT DO NOTHING": 'PutItem',
             'UPDATE events SET n = n + 1': 'UpdateItem', 'DELETE FROM events': 'BatchWriteItem'}


@pytest.mark.parametrize('statement', CANCELLED)
def test_a_cancel_tells_how_much_was_written(simulator, simulated, simulated_events, statement):
    simulator.fault('slow', operation=CANCELLED[statement], after=3, times=None, seconds=60)
    if 'INSERT' not in statement:
        fill(simulated_events)
    simulated.query('SET podyn.write_connections = 4')
    pid = simulated.value('SELECT pg_backend_pid()')
    run = InBackground(lambda: simulated.query(statement))
    # Four are under way only when it has taken the answers to the first three.
    wait_until(lambda: simulator.count(CANCELLED[statement]) == 7, 'it writes')
    simulated.postgres.query('SELECT pg_cancel_backend(%s)', pid)
    with pytest.raises(psycopg2.errors.QueryCanceled) as caught:
        run.join(30)
    written = 75 if CANCELLED[statement] == 'BatchWriteItem' else 3
    assert f'writing to foreign table "events": {written} writes of this statement were carried out before, ' in \
        caught.value.pgerror
