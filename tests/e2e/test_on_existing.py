"""Option on_existing: what becomes of rows that the target has when a copy begins."""

import base64
import itertools
import random
import threading
from decimal import Decimal

import psycopg2
import pytest

from background import InBackground
from comparison import assert_equal_tables
from dynamodb_local import boto3_client
from failing import fails
from items import KEY, RandomWriter
from test_deletes import Model, rows_of

STABLE = 1_000


def an_item(name, text='copied', **attributes):
    return {'id': {'S': name}, 'text': {'S': text}, **attributes}


@pytest.fixture
def events(simulator):
    return simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')


def made_by_hand(simulated, rows=3_000):
    """A table with rows 'item 0' and so on, and a column of its own."""
    simulated.query("CREATE TABLE events (id text PRIMARY KEY, text text, note text DEFAULT 'mine')")
    simulated.query("INSERT INTO events (id, text) SELECT 'item ' || n, 'old' FROM generate_series(0, %s) AS n",
                    rows - 1)


def without_history(events):
    """The stream begins now: it tells nothing of what was written before."""
    events.disable_stream()
    events.enable_stream('NEW_AND_OLD_IMAGES')


def prune_task(simulated):
    return simulated.row("SELECT * FROM podyn_tasks WHERE kind = 'prune'")


def is_clean(simulated):
    return simulated.value('SELECT count(*) FROM podyn.seen') + simulated.value('SELECT count(*) FROM podyn.spool') == 0


# ---- truncate -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('schema', [True, False])
def test_truncate_empties_the_target_before_the_copy(simulator, simulated, events, schema):
    made_by_hand(simulated)
    events.put(an_item('item 1'))
    events.put(an_item('new'))
    simulated.replicate('events', schema=schema, on_existing='truncate', start=False)
    assert simulated.value('SELECT count(*) FROM events') == 3_000, 'not before the copy begins'
    simulated.value("SELECT podyn_start('events')")
    simulated.wait_for_state('events', 'streaming')
    assert sorted(simulated.query('SELECT id, text FROM events')) == [('item 1', 'copied'), ('new', 'copied')]
    assert prune_task(simulated) is None


def test_truncate_is_refused_where_others_refer_to_the_target(simulated, events):
    made_by_hand(simulated)
    simulated.query('CREATE TABLE refers (id text REFERENCES events)')
    fails(simulated, "SELECT podyn_replicate('events', on_existing => 'truncate')", says='refers', hint='constraint')
    assert simulated.query('SELECT * FROM podyn_status') == []
    assert simulated.value('SELECT count(*) FROM events') == 3_000


def test_a_table_that_does_not_fit_is_refused(simulated, events):
    simulated.query('CREATE TABLE events (id money PRIMARY KEY)')
    for how in ('truncate', 'upsert'):
        fails(simulated, "SELECT podyn_replicate('events', on_existing => %s)", how, says='money', hint='schema')


def test_without_a_table_one_is_made(simulated, events):
    events.put(an_item('one'))
    for how in ('truncate', 'upsert'):
        simulated.replicate('events', target=how, name=how, on_existing=how)
        simulated.wait_for_state(how, 'streaming')
        assert simulated.query(f'SELECT id, text FROM {how}') == [('one', 'copied')]


def test_rows_are_an_error_unless_said_otherwise(simulated, events):
    made_by_hand(simulated)
    fails(simulated, "SELECT podyn_replicate('events', schema => false)", says='rows', hint='on_existing')
    fails(simulated, "SELECT podyn_replicate('events')", says='already exists', hint='schema => false')


def test_rows_that_come_before_the_copy_begins_are_an_error_too(simulated, events):
    events.put(an_item('one'))
    simulated.replicate('events', start=False)
    simulated.query("INSERT INTO events (id) VALUES ('mine')")
    simulated.value("SELECT podyn_start('events')")
    simulated.wait_for_state('events', 'failed')
    assert 'rows' in simulated.status('events')['last_error']
    simulated.query('DELETE FROM events')
    simulated.value("SELECT podyn_start('events')")
    simulated.wait_for_state('events', 'streaming')
    assert simulated.query('SELECT id, text FROM events') == [('one', 'copied')]


# ---- upsert ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('changes', [True, False])
def test_upsert_leaves_what_the_source_has(simulator, simulated, events, changes):
    made_by_hand(simulated)
    for number in range(2_000):
        events.put(an_item(f'item {number + 1_500}', extra={'N': str(number)}))
    without_history(events)
    simulated.replicate('events', on_existing='upsert', segments=3, changes=changes)
    simulated.wait_for_state('events', 'streaming' if changes else 'completed')
    rows = dict(simulated.query('SELECT id, ROW(text, extra, note)::text FROM events'))
    assert rows == {f'item {number + 1_500}': f'(copied,{number},{"mine"})' for number in range(2_000)}
    assert prune_task(simulated)['changes'] == 1_500 and prune_task(simulated)['state'] == 'done'
    assert is_clean(simulated)
    status = simulated.status('events')
    assert status['items_copied'] == 2_000 and status['changes_applied'] == 0


@pytest.mark.parametrize('deletes', ['ignore', 'mark'])
def test_upsert_under_the_other_modes_of_deletes(simulated, events, deletes):
    made_by_hand(simulated, rows=10)
    simulated.query("""ALTER TABLE events ADD podyn_deleted_at timestamptz;
                       UPDATE events SET podyn_deleted_at = '2020-01-01 UTC' WHERE id IN ('item 7', 'item 2')""")
    for number in range(5):
        events.put(an_item(f'item {number}'))
    simulated.replicate('events', on_existing='upsert', deletes=deletes)
    simulated.wait_for_state('events', 'streaming')
    rows = {name: (text, mark) for name, text, mark in simulated.query(
        'SELECT id, text, extract(year FROM podyn_deleted_at)::integer FROM events')}
    this_year = simulated.value('SELECT extract(year FROM now())::integer') if deletes == 'mark' else None
    assert rows == {**{f'item {number}': ('copied', None) for number in range(5)},
                    **{f'item {number}': ('old', this_year) for number in (5, 6, 8, 9)}, 'item 7': ('old', 2020)}
    assert is_clean(simulated)


def test_rows_that_ttl_marked_stay_where_other_deletions_are_applied(simulated, events):
    made_by_hand(simulated, rows=4)
    simulated.query("""ALTER TABLE events ADD podyn_deleted_at timestamptz;
                       UPDATE events SET podyn_deleted_at = '2020-01-01 UTC' WHERE id IN ('item 0', 'item 2')""")
    events.put(an_item('item 0'))
    events.put(an_item('item 1'))
    simulated.replicate('events', on_existing='upsert', deletes='apply', ttl_deletes='mark')
    simulated.wait_for_state('events', 'streaming')
    assert rows_of(simulated) == {'item 0': ('copied', False), 'item 1': ('copied', False), 'item 2': ('old', True)}


def test_keys_of_all_types_are_told_apart(simulator, simulated):
    """Numbers in other spellings, strings that need quoting, bytes: each row finds its item, and only its own."""
    table = simulator.create_table('events', key=[('a "quoted" number', 'N'), ('bytes', 'B')],
                                   stream='NEW_AND_OLD_IMAGES')
    simulated.query('CREATE TABLE events ("a ""quoted"" number" numeric, bytes bytea, text text, '
                    'PRIMARY KEY ("a ""quoted"" number", bytes))')
    there = [('1.50', b'\0\xff'), ('-0.0', b'a'), ('100', b'x' * 200), ('1E+20', b'a'), ('0.000001', b'\\')]
    gone = [('1.5', b'\0'), ('-1', b'a'), ('10', b'x' * 200), ('1', b'\\')]
    no_key = [('NaN', b'a'), ('Infinity', b'a'), ('-Infinity', b'a')]  # none that an item could have
    for number, key in there + gone + no_key:
        simulated.query('INSERT INTO events VALUES (%s::numeric, %s, %s)', number, key, 'old')
    for number, key in there:
        table.put({'a "quoted" number': {'N': number}, 'bytes': {'B': base64.b64encode(key).decode()},
                   'text': {'S': 'copied'}})
    simulated.replicate('events', on_existing='upsert')
    simulated.wait_for_state('events', 'streaming')
    left = {(number, bytes(key)) for number, key, text in simulated.query('SELECT * FROM events')
            if number.is_finite()}
    assert left == {(Decimal(number), key) for number, key in there}, simulated.report()
    assert simulated.value("SELECT count(*) FROM events WHERE text = 'old'") == len(no_key)
    assert prune_task(simulated)['changes'] == len(gone)
    assert simulated.status('events')['errors'] == 0


def test_composite_keys_walk_in_portions(simulator, simulated, configure):
    configure('podyn.batch_rows', 7)
    table = simulator.create_table('events', key=[('id', 'S'), ('at', 'N')], stream='NEW_AND_OLD_IMAGES')
    simulated.query('CREATE TABLE events (id text, at numeric, PRIMARY KEY (id, at))')
    simulated.query("INSERT INTO events SELECT 'it''s ' || i, j "
                    "FROM generate_series(1, 10) AS i, generate_series(-5, 14) AS j")
    chance = random.Random(1)
    for i, j in chance.sample(list(itertools.product(range(1, 11), range(-5, 15))), 90):
        table.put({'id': {'S': f"it's {i}"}, 'at': {'N': str(j)}})
    simulated.replicate('events', on_existing='upsert')
    simulated.wait_for_state('events', 'streaming')
    assert assert_equal_tables(boto3_client(simulator.endpoint), 'events', simulated) == 90
    assert prune_task(simulated)['changes'] == 110


def test_an_item_that_is_rejected_keeps_its_row(simulated, events):
    made_by_hand(simulated, rows=3)
    simulated.query('ALTER TABLE events ADD CONSTRAINT short CHECK (length(text) < 100)')
    deep = {'S': 'deep'}
    for _ in range(150):
        deep = {'L': [deep]}
    events.put(an_item('item 0', text='x' * 200))
    events.put(an_item('item 1', deep=deep))
    simulated.replicate('events', on_existing='upsert', changes=False)
    simulated.wait_for_state('events', 'completed')
    assert sorted(simulated.query('SELECT id, text FROM events')) == [('item 0', 'old'), ('item 1', 'old')]
    assert simulated.status('events')['errors'] == 2


def test_a_row_that_others_refer_to_stays_and_is_reported(simulated, events):
    made_by_hand(simulated, rows=100)
    simulated.query("CREATE TABLE refers (id text REFERENCES events); INSERT INTO refers VALUES ('item 50')")
    events.put(an_item('item 1'))
    simulated.replicate('events', on_existing='upsert')
    simulated.wait_for_state('events', 'streaming')
    assert sorted(simulated.column('SELECT id FROM events')) == ['item 1', 'item 50']
    (error,) = simulated.errors('events')
    assert error['source'] == 'prune' and error['sqlstate'] == '23503', error


# ---- amid changes and kills -----------------------------------------------------------------------------------------

@pytest.fixture
def pruning_slowly(simulated, events, configure):
    """3,000 rows, of which the source has the first thousand; each that goes takes its time."""
    configure('podyn.batch_rows', 50)
    made_by_hand(simulated)
    simulated.query("""
        CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_sleep(0.001) FROM podyn.task WHERE kind = 'prune' AND state <> 'done'; RETURN OLD; END $$;
        CREATE TRIGGER linger BEFORE DELETE ON events FOR EACH ROW EXECUTE FUNCTION linger()""")
    for number in range(STABLE):
        events.put(an_item(f'item {number}'))
    without_history(events)
    simulated.replicate('events', on_existing='upsert')
    simulated.wait_until(lambda: (prune_task(simulated) or {}).get('changes'), 'rows are being pruned')
    assert simulated.state('events') == 'copying'
    return simulated


def test_a_kill_amid_the_prune_changes_nothing(simulator, events, pruning_slowly):
    simulated = pruning_slowly
    for _ in range(3):
        before = prune_task(simulated)
        assert before['state'] == 'ready' and before['position'], before
        (pid, *_) = simulated.postgres.processes('podyn worker', simulated.name)
        simulated.close()
        simulated.postgres.kill(pid)
        simulated.postgres.wait_until_accepting()
        simulated.wait_until(lambda: prune_task(simulated)['changes'] > before['changes'], 'it goes on')
    simulated.wait_for_state('events', 'streaming')
    assert assert_equal_tables_but_note(simulator, simulated) == STABLE
    assert prune_task(simulated)['changes'] == 2_000, 'each row once'
    assert is_clean(simulated)


def assert_equal_tables_but_note(simulator, simulated):
    simulated.query('ALTER TABLE events DROP COLUMN note')
    return assert_equal_tables(boto3_client(simulator.endpoint), 'events', simulated)


def test_changes_amid_the_prune_arrive(simulator, events, pruning_slowly):
    simulated = pruning_slowly
    for number in range(0, 3_000, 3):  # keys on both sides of where it stands, known and unknown to the source
        events.put(an_item(f'item {number}', text='changed'))
        if number % 2:
            events.delete({'id': {'S': f'item {number}'}})
    assert prune_task(simulated)['state'] == 'ready', 'the prune was over too soon'
    simulated.wait_for_state('events', 'streaming')
    simulated.sync('events')
    assert assert_equal_tables_but_note(simulator, simulated) > STABLE
    assert is_clean(simulated)


def test_stop_reset_and_start_amid_the_prune(simulator, events, pruning_slowly):
    simulated = pruning_slowly
    simulated.value("SELECT podyn_stop('events')")
    simulated.value("SELECT podyn_reset('events')")
    assert is_clean(simulated) and prune_task(simulated) is None
    simulated.value("SELECT podyn_start('events')")
    simulated.wait_for_state('events', 'streaming')
    assert assert_equal_tables_but_note(simulator, simulated) == STABLE


def test_deletions_by_ttl_that_are_ignored_keep_their_rows(simulator, simulated, events):
    """They happened before the scan came, which did not meet the items; the stream tells of them later."""
    made_by_hand(simulated, rows=20)
    for number in range(20):
        events.put(an_item(f'item {number}'))
    without_history(events)
    simulated.replicate('events', on_existing='upsert', deletes='apply', ttl_deletes='ignore', start=False)
    throttled = simulator.fault('throttle', operation='Scan', times=None)
    late = simulator.fault('slow', operation='GetRecords', seconds=2, times=None)
    simulated.value("SELECT podyn_start('events')")
    simulated.wait_until(lambda: throttled.fired >= 2, 'the start positions are committed')
    for number in range(10):
        events.delete({'id': {'S': f'item {number}'}}, by_ttl=number % 2 == 0)
    simulator.faults.remove(throttled)
    simulated.wait_until(lambda: simulator.count('Scan', error=None) > 1, 'the scan is done')
    simulator.faults.remove(late)
    simulated.wait_for_state('events', 'streaming')
    expected = {f'item {number}' for number in range(20) if number >= 10 or number % 2 == 0}
    assert set(simulated.column('SELECT id FROM events')) == expected


def test_resync_without_downtime(simulator, simulated, events):
    """After a gap, podyn_reset and podyn_start mend the target; readers always find what the source had all along."""
    for number in range(STABLE):
        events.put(an_item(f'item {number}'))
    simulated.replicate('events', on_existing='upsert')
    simulated.wait_for_state('events', 'streaming')
    simulated.value("SELECT podyn_stop('events')")
    for number in range(200):
        events.put(an_item(f'new {number}'))
        events.delete({'id': {'S': f'item {number}'}})
    without_history(events)
    simulated.value("SELECT podyn_start('events')")
    simulated.wait_for_state('events', 'needs_resync')

    stop, counts = threading.Event(), []

    def read():
        with simulated.postgres.connect(simulated.name) as connection, connection.cursor() as cursor:
            while not stop.is_set():
                cursor.execute("SELECT count(*) FILTER (WHERE substr(id, 6)::integer >= 200) FROM events "
                               "WHERE id LIKE 'item %'")
                counts.append(cursor.fetchone()[0])
                connection.commit()
    reading = InBackground(read)
    try:
        with pytest.raises(psycopg2.Error) as raised:
            simulated.query("SELECT podyn_start('events')")
        assert 'copy anew over what is there' in raised.value.diag.message_hint
        simulated.value("SELECT podyn_reset('events')")
        simulated.value("SELECT podyn_start('events')")
        simulated.wait_for_state('events', 'streaming')
    finally:
        stop.set()
        reading.join()
    assert len(counts) > 20 and min(counts) == STABLE - 200, min(counts)
    assert assert_equal_tables(boto3_client(simulator.endpoint), 'events', simulated) == STABLE


def test_random_items_of_all_types_are_copied_anew(dynamodb, database):
    """Composite keys, numbers of 38 digits; rows that are stale, changed by hand, or of no item."""
    dynamodb.create_table('events', key=KEY)
    writer = RandomWriter(dynamodb.client, 'events', keys=200, seed=8)
    writer.fill()
    database.replicate('events', segments=2, on_existing='upsert', scan_rate=0)
    database.wait_for_state('events', 'streaming')
    database.value("SELECT podyn_stop('events')")
    writer.write(1_000)
    database.query("DELETE FROM events WHERE at % 3 = 0; "
                   "INSERT INTO events (id, at) SELECT 'no item', n FROM generate_series(1, 500) AS n")
    database.value("SELECT podyn_reset('events')")
    database.value("SELECT podyn_start('events')")
    writer.write(1_000)
    database.wait_for_state('events', 'streaming')
    writer.write(200)
    database.sync('events')
    assert assert_equal_tables(dynamodb.client, 'events', database) > 50
    assert prune_task(database)['changes'] >= 300 and database.status('events')['errors'] == 0


@pytest.mark.parametrize('deletes, ttl_deletes', [('apply', 'apply'), ('mark', 'mark'), ('apply', 'ignore'),
                                                  ('mark', 'apply')])
def test_random_writes_during_an_upsert_lead_to_what_the_model_says(simulator, simulated, events, configure, deletes,
                                                                   ttl_deletes):
    """Every key of the model has a row before; some of them, and others, the source never had."""
    configure('podyn.batch_rows', 20)
    simulated.query('CREATE TABLE events (id text PRIMARY KEY, text text)')
    simulated.query("INSERT INTO events SELECT 'key ' || n, 'old' FROM generate_series(0, 299) AS n")
    model = Model(events, deletes, ttl_deletes, seed=6)
    for _ in range(200):
        model.write()
    simulated.replicate('events', on_existing='upsert', segments=2, deletes=deletes, ttl_deletes=ttl_deletes,
                        scan_rate=0, start=False)
    until, stop = threading.Event(), threading.Event()
    held = simulator.fault('held', operation='Scan', times=None, until=until)
    simulated.value("SELECT podyn_start('events')")

    def write():
        while not stop.wait(0.002):
            model.write()
    writing = InBackground(write)
    try:
        simulated.wait_until(lambda: held.fired >= 2 and model.done > 600, 'many writes while copying')
        until.set()
        simulated.wait_until(lambda: prune_task(simulated), 'it is being pruned')
        (pid, *_) = simulated.postgres.processes('podyn worker', simulated.name)
        simulated.close()
        simulated.postgres.kill(pid)
        simulated.postgres.wait_until_accepting()
        simulated.wait_for_state('events', 'streaming')
        at = model.done
        simulated.wait_until(lambda: model.done > at + 200, 'many writes after it')
    finally:
        until.set()
        stop.set()
        writing.join()
    simulated.sync('events')
    expected = dict(model.rows)
    if deletes == 'mark':
        expected.update({f'key {n}': ('old', True) for n in range(300) if f'key {n}' not in model.touched})
    assert rows_of(simulated) == expected, simulated.report()
    assert len(model.touched) < 300 and is_clean(simulated)


def test_the_next_copy_upserts_after_an_alter(simulator, simulated, events):
    for number in range(3):
        events.put(an_item(f'item {number}', 'first'))
    simulated.replicate('events')
    simulated.wait_for_state('events', 'streaming')
    simulated.query("SELECT podyn_alter('events', on_existing => 'upsert'), podyn_reset('events')")
    events.delete({'id': {'S': 'item 1'}})
    events.put(an_item('item 2', 'second'))
    without_history(events)
    simulated.query('CREATE TABLE refers (id text REFERENCES events)')  # with this, it could not be emptied
    fails(simulated, "SELECT podyn_alter('events', on_existing => 'truncate')", says='refers', hint='constraint')
    simulated.value("SELECT podyn_start('events')")
    simulated.wait_for_state('events', 'streaming')
    assert sorted(simulated.query('SELECT id, text FROM events')) == [('item 0', 'first'), ('item 2', 'second')]
    assert prune_task(simulated)['changes'] == 1
