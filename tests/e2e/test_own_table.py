"""Targets that the user has made, or has changed: what podyn uses of them, what it leaves alone, what it refuses."""

import random
from decimal import Decimal

import psycopg2
import pytest

from background import InBackground
from comparison import assert_equal_tables
from dynamodb_local import boto3_client
from test_errors import fails
from test_schema import columns_of
from ways import WAYS, bring


@pytest.fixture
def events(simulator):
    return simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')


def copied(simulated, **options):
    simulated.replicate('events', **options)
    simulated.wait_for_state('events', 'streaming')


def column_events(simulated):
    return simulated.column("SELECT message FROM podyn_events WHERE event = 'column' ORDER BY message")


# ---- columns that cannot hold what comes ----------------------------------------------------------------------------

def test_a_column_with_a_scale_does_not_round(events, simulated):
    """Values reached numeric(10,2) with all their digits, or none of the checks of its precision."""
    simulated.query('CREATE TABLE events (id text PRIMARY KEY, price numeric(10,2))')
    events.put({'id': {'S': 'copied'}, 'price': {'N': '1.239'}})
    events.put({'id': {'S': 'fits'}, 'price': {'N': '1.25'}})
    copied(simulated, schema=False)
    events.put({'id': {'S': 'changed'}, 'price': {'N': '12345678901.5'}})
    simulated.sync('events')
    assert simulated.query('SELECT id, price FROM events ORDER BY id') == [('fits', Decimal('1.25'))]
    assert [error['sqlstate'] for error in simulated.errors('events')] == ['22003', '22003']


def test_a_mapped_column_that_becomes_generated_is_left_for_another(events, simulated):
    """It ended in state failed: cannot insert into a generated column."""
    events.put({'id': {'S': 'one'}, 'n': {'N': '1'}})
    copied(simulated)
    simulated.query('ALTER TABLE events DROP COLUMN n, ADD COLUMN n numeric GENERATED ALWAYS AS (7) STORED')
    events.put({'id': {'S': 'two'}, 'n': {'N': '2'}})
    simulated.sync('events')
    assert simulated.query("SELECT n, n_numeric FROM events WHERE id = 'two'") == [(7, 2)]


@pytest.mark.parametrize('kind, definition, says, sqlstate', [
    ('N', 'id money PRIMARY KEY', 'money', '42804'),
    ('N', 'id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY', 'generated', '42P16'),
    ('S', 'raw text, id text GENERATED ALWAYS AS (raw) STORED PRIMARY KEY', 'generated', '42P16')])
def test_a_key_column_that_cannot_hold_the_key_is_refused(simulator, simulated, kind, definition, says, sqlstate):
    simulator.create_table('events', key=[('id', kind)], stream='NEW_AND_OLD_IMAGES')
    simulated.query(f'CREATE TABLE events ({definition})')
    fails(simulated, "SELECT podyn_replicate('events', schema => false)", says=says, sqlstates=(sqlstate,))


# ---- whose column it is ---------------------------------------------------------------------------------------------

def test_taking_over_a_column_is_announced(events, simulated):
    simulated.query('CREATE TABLE events (id text PRIMARY KEY, first text, later numeric)')
    events.put({'id': {'S': 'one'}, 'first': {'S': 'x'}})
    copied(simulated, schema=False)
    assert 'adopting column of table events: "first" text' in simulated.notices()
    events.put({'id': {'S': 'two'}, 'later': {'N': '2'}})
    simulated.sync('events')
    assert columns_of(simulated, 'events') == {'id': 'text', 'first': 'text', 'later': 'numeric'}
    assert simulated.query('SELECT id, first, later FROM events ORDER BY 1') == [('one', 'x', None), ('two', None, 2)]
    assert column_events(simulated) == ['adopting column of table events: "first" text',
                                        'adopting column of table events: "later" numeric']


def test_a_column_with_a_default_takes_the_attribute(events, simulated):
    """The default is for rows that somebody else inserts: an absent attribute is NULL."""
    simulated.query("CREATE TABLE events (id text PRIMARY KEY, note text DEFAULT 'mine', own text DEFAULT 'mine')")
    events.put({'id': {'S': 'one'}, 'note': {'S': 'theirs'}})
    events.put({'id': {'S': 'two'}})
    copied(simulated, schema=False)
    assert simulated.query('SELECT * FROM events ORDER BY id') == [('one', 'theirs', 'mine'), ('two', None, 'mine')]


@pytest.mark.parametrize('way', WAYS)
def test_attributes_without_a_column_are_left_out(simulator, events, simulated, way):
    simulated.query('CREATE TABLE events (id text PRIMARY KEY, a text, made bigint GENERATED ALWAYS AS IDENTITY, '
                    'twice text GENERATED ALWAYS AS (a || a) STORED)')

    def put():
        for number in range(5):
            events.put({'id': {'S': str(number)}, 'a': {'S': 'x'}, 'b': {'N': '1'}, 'made': {'N': '7'},
                        'twice': {'S': 'y'}, f'c{number % 2}': {'M': {}}})
    bring(way, simulator, simulated, 'events', put, schema=False)
    assert columns_of(simulated, 'events') == {'id': 'text', 'a': 'text', 'made': 'bigint', 'twice': 'text'}
    assert simulated.query('SELECT count(*), min(a), max(twice), min(made) < 6 FROM events') == [(5, 'x', 'xx', True)]
    assert simulated.errors('events') == []
    assert column_events(simulated) == ['adopting column of table events: "a" text'] + [
        f'attribute "{name}" {kind} has no column in table events: left out'
        for name, kind in (('b', 'numeric'), ('c0', 'jsonb'), ('c1', 'jsonb'), ('made', 'numeric'), ('twice', 'text'))]
    if way == 'backfill':
        assert 'attribute "b" numeric has no column in table events: left out' in simulated.notices()

    # Told once, and a column that comes later is used.
    simulated.query('ALTER TABLE events ADD COLUMN b integer')
    for number in range(2):
        events.put({'id': {'S': 'later'}, 'b': {'N': '2'}, 'c0': {'M': {}}})
        simulated.sync('events')
    assert simulated.query("SELECT a, b FROM events WHERE id = 'later'") == [(None, 2)]
    assert len(column_events(simulated)) == 7


def test_a_table_that_podyn_made_once_is_taken_over_with_all_its_columns(simulator, events, simulated):
    items = [{'id': {'S': 'one'}, 'Name': {'S': 'a'}, 'name': {'S': 'b'}, 'x' * 70: {'S': 'c'}, 'price': {'N': '1'}},
             {'id': {'S': 'two'}, 'Name': {'S': 'd'}, 'name': {'S': 'e'}, 'x' * 70: {'S': 'f'}, 'price': {'S': '2'}}]
    for item in items:
        events.put(item)
    copied(simulated, lower_case_columns=True)
    columns = columns_of(simulated, 'events')
    simulated.query("SELECT podyn_drop('events'); TRUNCATE events")
    copied(simulated, lower_case_columns=True, schema=False)
    assert columns_of(simulated, 'events') == columns
    assert assert_equal_tables(boto3_client(simulator.endpoint), 'events', simulated) == 2


def test_an_attribute_with_a_long_name_is_told_with_its_beginning(events, simulated):
    simulated.query('CREATE TABLE events (id text PRIMARY KEY)')
    events.put({'id': {'S': 'one'}, 'ä' * 20000: {'S': 'x'}})
    copied(simulated, schema=False)
    assert column_events(simulated) == [f'attribute "{"ä" * 100}" text has no column in table events: left out']


@pytest.mark.parametrize('way', WAYS)
def test_attributes_without_a_column_are_kept_in_podyn_rest(simulator, events, simulated, way):
    simulated.query('CREATE TABLE events (id text PRIMARY KEY, a text, podyn_rest jsonb)')
    bring(way, simulator, simulated, 'events', lambda: [
        events.put({'id': {'S': 'one'}, 'a': {'S': 'x'}, 'b': {'N': '1'}, 'c': {'L': []}}),
        events.put({'id': {'S': 'two'}, 'a': {'S': 'y'}})], schema=False)
    assert simulated.query('SELECT * FROM events ORDER BY id') == [('one', 'x', {'b': 1, 'c': []}), ('two', 'y', None)]
    assert 'attribute "b" numeric has no column in table events: kept in podyn_rest' in column_events(simulated)


def test_a_row_that_is_too_wide_for_a_table_of_ones_own(events, simulated):
    """No column is added to it, so the item is rejected."""
    simulated.query('CREATE TABLE events (id text PRIMARY KEY, note text); CREATE INDEX ON events (note)')
    chance = random.Random(3)
    events.put({'id': {'S': 'two'}, 'note': {'S': ''.join(chr(chance.randrange(33, 127)) for _ in range(9000))}})
    events.put({'id': {'S': 'one'}, 'note': {'S': 'short'}})
    copied(simulated, schema=False)
    assert simulated.query('SELECT * FROM events') == [('one', 'short')]
    assert [error['sqlstate'] for error in simulated.errors('events')] == ['54000']


def test_names_that_meet_in_a_table_of_ones_own(events, simulated):
    """The first has the column; the key's column is nobody else's."""
    simulated.query('CREATE TABLE events (id text PRIMARY KEY, name text)')
    copied(simulated, schema=False, lower_case_columns=True)
    events.put({'id': {'S': 'one'}, 'Name': {'S': 'a'}, 'ID': {'S': 'b'}})
    simulated.sync('events')
    events.put({'id': {'S': 'two'}, 'Name': {'S': 'c'}, 'name': {'S': 'd'}, 'ID': {'N': '1'}, 'NAME': {'N': '1'}})
    simulated.sync('events')
    assert simulated.query('SELECT * FROM events ORDER BY id') == [('one', 'a'), ('two', 'c')]
    assert simulated.errors('events') == []


def test_a_column_that_was_added_to_a_table_of_podyns_is_not_taken_over(events, simulated):
    """An attribute of that name overwrote what stood there."""
    events.put({'id': {'S': 'one'}})
    copied(simulated)
    simulated.query("ALTER TABLE events ADD COLUMN reviewed_by text; UPDATE events SET reviewed_by = 'ann'")
    events.put({'id': {'S': 'one'}, 'reviewed_by': {'S': 'bob'}})
    simulated.sync('events')
    assert simulated.query('SELECT reviewed_by, reviewed_by_text FROM events') == [('ann', 'bob')]


def test_two_attributes_never_share_a_column(events, simulated):
    """The map kept the row of a dropped column, and it came to life when another attribute got that name."""
    events.put({'id': {'S': 'one'}, 'Name': {'S': 'a'}})
    copied(simulated, lower_case_columns=True)
    simulated.query('ALTER TABLE events DROP COLUMN name')
    events.put({'id': {'S': 'two'}, 'name': {'S': 'b'}})
    simulated.sync('events')
    events.put({'id': {'S': 'three'}, 'name': {'S': 'c'}, 'Name': {'S': 'd'}})
    simulated.sync('events')
    columns = simulated.column("SELECT column_name FROM podyn.column_map WHERE attribute IN ('name', 'Name')")
    assert len(columns) == len(set(columns)) == 2
    (row,) = simulated.rows("SELECT * FROM events WHERE id = 'three'")
    assert sorted(value for value in row.values() if value) == ['c', 'd', 'three']


# ---- tables that cannot be targets ----------------------------------------------------------------------------------

@pytest.mark.parametrize('statement, says, hint', [
    ("CREATE TABLE whole (id text PRIMARY KEY) PARTITION BY LIST (id); "
     "CREATE TABLE events PARTITION OF whole FOR VALUES IN ('one')", 'is a partition', 'partitioned table'),
    ('CREATE TYPE event AS (id text); CREATE TABLE events OF event (PRIMARY KEY (id))', 'typed table', 'NOT OF'),
    ('CREATE TABLE events (id text PRIMARY KEY); CREATE RULE quiet AS ON INSERT TO events DO ALSO NOTHING',
     'rules', 'triggers'),
    ('CREATE TABLE events (id text PRIMARY KEY); CREATE TABLE special () INHERITS (events)', 'inherit', 'schema => true'),
    ('CREATE UNLOGGED TABLE events (id text PRIMARY KEY)', 'target public.events is unlogged', 'public.events SET LOGGED'),
    ('CREATE TABLE events (id text PRIMARY KEY) PARTITION BY LIST (id); '
     "CREATE UNLOGGED TABLE lost PARTITION OF events FOR VALUES IN ('one')", 'partition public.lost', 'public.lost SET LOGGED')])
def test_a_kind_of_table_that_cannot_be_written_is_refused(events, simulated, statement, says, hint):
    """They were accepted, and failed with the first page or the first new column."""
    simulated.query(statement)
    fails(simulated, "SELECT podyn_replicate('events', schema => false)", says=says, hint=hint, sqlstates=('42809',))
    assert simulated.query('SELECT name FROM podyn_status') == []


def test_a_partitioned_table_is_fine(events, simulated):
    simulated.query("CREATE TABLE events (id text PRIMARY KEY, n numeric) PARTITION BY HASH (id); "
                    "CREATE TABLE half PARTITION OF events FOR VALUES WITH (MODULUS 2, REMAINDER 0); "
                    "CREATE TABLE other_half PARTITION OF events FOR VALUES WITH (MODULUS 2, REMAINDER 1)")
    for number in range(10):
        events.put({'id': {'S': str(number)}, 'n': {'N': str(number)}})
    copied(simulated, schema=False)
    assert simulated.value('SELECT sum(n) FROM events') == 45


def test_a_reset_is_refused_where_the_target_cannot_be_emptied(events, simulated):
    """TRUNCATE failed later, in the worker, again and again."""
    events.put({'id': {'S': 'one'}})
    copied(simulated)
    simulated.query("CREATE TABLE notes (event text CONSTRAINT whose REFERENCES events)")
    fails(simulated, "SELECT podyn_reset('events')", says=('notes', 'whose'), hint='Drop the constraint',
          sqlstates=('55000',))
    assert simulated.state('events') == 'streaming'
    simulated.query("ALTER TABLE notes DROP CONSTRAINT whose; SELECT podyn_reset('events'); SELECT podyn_start('events')")
    simulated.wait_for_state('events', 'streaming')


def test_two_sessions_that_take_the_same_target_at_once(simulator, events, simulated):
    """Both became replications, and each undid what the other wrote."""
    simulator.create_table('others', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    simulated.query('CREATE TABLE target (id text PRIMARY KEY)')
    other = simulated.postgres.connect(simulated.name)
    simulated.query('BEGIN')
    simulated.replicate('events', target='target', schema=False, start=False)
    refused = []

    def take():
        with pytest.raises(psycopg2.Error) as raised, other.cursor() as cursor:
            cursor.execute("SELECT podyn_replicate('others', target => 'target', schema => false, start => false)")
        refused.append(raised.value)

    taking = InBackground(take)
    simulated.wait_until(lambda: simulated.value("SELECT count(*) FROM pg_locks WHERE NOT granted") == 1, 'it waits')
    simulated.query('COMMIT')
    taking.join(30)
    other.close()
    assert refused[0].pgcode == '42710' and 'target of another replication' in str(refused[0]), refused
    assert refused[0].diag.message_hint


def test_an_index_name_that_is_taken_twice_over(simulator, simulated):
    """The second choice was not checked."""
    simulator.create_table('events', key=[('id', 'S')], stream='NEW_IMAGE', gsis={'by_day': [('day', 'S')]})
    simulated.query('CREATE TABLE events_by_day ()')
    simulated.replicate('events', start=False)
    (second,) = simulated.column("SELECT indexname::text FROM pg_indexes WHERE tablename = 'events' "
                                 "AND indexdef LIKE '%%(day)%%'")
    simulated.query(f"SELECT podyn_drop('events', true); CREATE TABLE {second} ()")
    simulated.replicate('events', start=False)
    (third,) = simulated.column("SELECT indexname::text FROM pg_indexes WHERE tablename = 'events' "
                                "AND indexdef LIKE '%%(day)%%'")
    assert third not in (second, 'events_by_day')


# ---- what a write meets ---------------------------------------------------------------------------------------------

def test_a_column_of_a_domain_gets_what_the_domain_says(events, simulated):
    """The multi-insert wrote NULL into it."""
    simulated.query("CREATE DOMAIN stamp AS text DEFAULT 'mine' NOT NULL; "
                    "CREATE TABLE events (id text PRIMARY KEY, seal stamp)")
    events.put({'id': {'S': 'one'}})
    copied(simulated, schema=False)
    assert simulated.query('SELECT id, seal FROM events') == [('one', 'mine')]


def test_a_deferred_constraint_of_a_table_that_a_trigger_writes_to(events, simulated):
    """It failed at commit, for the whole page, for ever."""
    simulated.query("""
        CREATE TABLE people (name text PRIMARY KEY);
        INSERT INTO people VALUES ('ann');
        CREATE TABLE visits (person text REFERENCES people DEFERRABLE INITIALLY DEFERRED);
        CREATE TABLE events (id text PRIMARY KEY);
        CREATE FUNCTION visit() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN INSERT INTO public.visits VALUES (NEW.id); RETURN NULL; END $$;
        CREATE TRIGGER visit AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION visit()""")
    for name in ('ann', 'bob'):
        events.put({'id': {'S': name}})
    copied(simulated, schema=False)
    assert simulated.column('SELECT id FROM events') == ['ann']
    (error,) = simulated.errors('events')
    assert error['sqlstate'] == '23503'


def test_a_column_that_cannot_be_added_is_told(events, simulated):
    """podyn_rest was tried for ever, every minute at last, and no error was shown."""
    events.put({'id': {'S': 'one'}, 'note': {'S': 'short'}})
    copied(simulated)
    simulated.query("""
        CREATE INDEX ON events (note);
        CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'no more columns' USING ERRCODE = 'PD001'; END $$;
        CREATE EVENT TRIGGER refuse ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION refuse()""")
    chance = random.Random(3)  # so that it does not compress: too big for an index
    events.put({'id': {'S': 'two'}, 'note': {'S': ''.join(chr(chance.randrange(33, 127)) for _ in range(9000))}})
    simulated.wait_until(lambda: 'no more columns' in (simulated.status('events')['last_error'] or ''),
                         'the error is shown')
    assert simulated.status('events')['retry_at']
    simulated.query('DROP EVENT TRIGGER refuse')
    simulated.sync('events')
    assert simulated.query("SELECT note IS NULL, length(podyn_rest ->> 'note') FROM events WHERE id = 'two'") == [
        (True, 9000)]
