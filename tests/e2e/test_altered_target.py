"""A target that its owner alters while changes arrive: nothing is lost, and what happens is what docs/type-mapping.md
says."""

import itertools
import threading

import pytest

from background import InBackground
from comparison import assert_equal_tables
from dynamodb_local import boto3_client


@pytest.fixture
def events(simulator):
    return simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')


@pytest.fixture
def streaming(events, simulated):
    """Three rows, all columns known."""
    for number in range(3):
        events.put(an_item(number))
    simulated.replicate('events')
    simulated.wait_for_state('events', 'streaming')
    return simulated


def an_item(number, amount=None, text=None):
    return {'id': {'S': str(number)}, 'amount': {'N': str(number if amount is None else amount)},
            'text': {'S': text or f'text {number}'}}


def sqlstates(database):
    return [error['sqlstate'] for error in database.errors('events')]


def test_a_column_that_is_given_another_type_goes_on(events, streaming):
    """Values were left out of it, and went to another column."""
    streaming.query('ALTER TABLE events ALTER amount TYPE numeric(10,2), ALTER text TYPE varchar(8)')
    events.put(an_item(3))
    events.put(an_item(4, amount='1.239'))
    events.put(an_item(5, text='too long for it'))
    events.put(an_item(0, amount='0.5'))
    streaming.sync('events')
    assert [tuple(map(str, row)) for row in streaming.query('SELECT id, amount, text FROM events ORDER BY id')] == [
        ('0', '0.50', 'text 0'), ('1', '1.00', 'text 1'), ('2', '2.00', 'text 2'), ('3', '3.00', 'text 3')]
    assert sorted(sqlstates(streaming)) == ['22001', '22003']
    streaming.query('ALTER TABLE events ALTER amount TYPE numeric, ALTER text TYPE text')
    events.put(an_item(4, amount='1.2391'))
    streaming.sync('events')
    assert str(streaming.value("SELECT amount FROM events WHERE id = '4'")) == '1.2391'


def test_a_type_into_which_nothing_converts(events, streaming):
    streaming.query('ALTER TABLE events ALTER text TYPE point USING NULL')
    events.put(an_item(0, amount=10))
    events.put({'id': {'S': 'new'}, 'amount': {'N': '7'}})
    streaming.sync('events')
    assert streaming.query('SELECT id, amount, text FROM events ORDER BY id') == [
        ('0', 0, None), ('1', 1, None), ('2', 2, None), ('new', 7, None)]
    assert sqlstates(streaming) == ['22P02']


def test_columns_that_are_renamed_dropped_and_added(simulator, events, streaming):
    streaming.query('ALTER TABLE events RENAME COLUMN text TO label; ALTER TABLE events DROP COLUMN amount, '
                    "ADD COLUMN mine text DEFAULT 'mine'")
    for number in range(3):
        events.put(an_item(number, text=f'new {number}', amount=number + 10))
    streaming.sync('events')
    assert streaming.query('SELECT id, label, text, amount, mine FROM events ORDER BY id') == [
        (str(n), f'text {n}', f'new {n}', n + 10, 'mine') for n in range(3)]
    assert streaming.errors('events') == []


def test_a_check_that_is_added_and_dropped(events, streaming):
    streaming.query('ALTER TABLE events ADD CONSTRAINT small CHECK (amount < 10)')
    events.put(an_item(1, amount=11))
    events.put(an_item(2, amount=5))
    streaming.sync('events')
    streaming.query('ALTER TABLE events DROP CONSTRAINT small')
    events.put(an_item(0, amount=12))
    streaming.sync('events')
    assert streaming.query('SELECT id, amount FROM events ORDER BY id') == [('0', 12), ('1', 1), ('2', 5)]
    assert sqlstates(streaming) == ['23514']


def test_a_key_column_that_is_given_another_type(events, streaming):
    streaming.query('ALTER TABLE events ALTER id TYPE bigint USING id::bigint')
    events.put(an_item(1, amount=100))
    events.put(an_item('01', amount=200))
    events.delete({'id': {'S': '2'}})
    streaming.sync('events')
    assert streaming.query('SELECT id, amount FROM events ORDER BY id') == [(0, 0), (1, 100)]
    assert sqlstates(streaming) == ['22P02']


def test_a_key_column_that_is_renamed_is_told_and_mended(simulator, events, streaming):
    streaming.query('ALTER TABLE events RENAME COLUMN id TO number')
    events.put(an_item(1, amount=100))
    streaming.wait_until(lambda: 'has lost the column of key attribute "id"' in
                         (streaming.status('events')['last_error'] or ''), 'the error is shown')
    streaming.query("ALTER TABLE events RENAME COLUMN number TO id; SELECT podyn_start('events')")
    streaming.sync('events')
    assert assert_equal_tables(boto3_client(simulator.endpoint), 'events', streaming) == 3


def test_nothing_is_lost_amid_all_that(simulator, events, streaming):
    """VACUUM FULL, DDL that waits for a long reader, columns that come, go, change: and writes all the time."""
    stop = threading.Event()

    def write():
        for number in itertools.count():
            if stop.wait(0.003):
                return
            events.put({**an_item(number % 50, amount=number), f'later{number // 200}': {'N': str(number)}})
    writing = InBackground(write)
    owner, reader = (streaming.postgres.connect(streaming.name) for _ in range(2))
    reader.autocommit = False
    try:
        with owner.cursor() as ddl, reader.cursor() as reading:
            for statement in ('VACUUM FULL events', 'ALTER TABLE events ALTER amount TYPE bigint',
                              'ALTER TABLE events ADD COLUMN mine text', 'ALTER TABLE events DROP COLUMN text',
                              'CREATE INDEX ON events (amount)', 'ALTER TABLE events DROP COLUMN mine',
                              'ALTER TABLE events ALTER amount TYPE numeric', 'CLUSTER events USING events_pkey',
                              'ALTER TABLE events SET (fillfactor = 50)', 'VACUUM FULL events'):
                reading.execute('SELECT count(*) FROM events')
                waiting = InBackground(lambda: ddl.execute(statement))
                streaming.wait_until(lambda: streaming.value(
                    "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode IN ('AccessExclusiveLock', 'ShareLock')")
                    or not waiting.is_alive(), 'the DDL waits for the reader')
                stop.wait(0.3)
                reader.rollback()
                waiting.join(30)
                stop.wait(0.2)
    finally:
        stop.set()
        writing.join()
        owner.close()
        reader.close()
    streaming.sync('events')
    for number in range(50):  # the dropped column's values come back with each item's next change
        events.put({**an_item(number, amount=-number), 'last': {'S': 'x'}})
    streaming.sync('events')
    assert streaming.errors('events') == []
    assert assert_equal_tables(boto3_client(simulator.endpoint), 'events', streaming) == 50
