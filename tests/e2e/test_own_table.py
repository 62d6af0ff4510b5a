"""Targets that the user has made, or has changed: what podyn uses of them, what it leaves alone, what it refuses."""

from decimal import Decimal

import psycopg2
import pytest

from background import InBackground
from test_errors import fails
from test_schema import columns_of


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
    copied(simulated, schema=False)
    events.put({'id': {'S': 'changed'}, 'price': {'N': '12345678901.5'}})
    simulated.sync('events')
    assert simulated.query('SELECT id, price, price_numeric FROM events ORDER BY id') == [
        ('changed', None, Decimal('12345678901.5')), ('copied', None, Decimal('1.239'))]


def test_a_column_that_is_given_a_scale_is_left_for_another(events, simulated):
    events.put({'id': {'S': 'one'}, 'price': {'N': '1'}})
    copied(simulated)
    simulated.query('ALTER TABLE events ALTER price TYPE numeric(10,2)')
    events.put({'id': {'S': 'two'}, 'price': {'N': '1.239'}})
    simulated.sync('events')
    assert simulated.query("SELECT price, price_numeric FROM events WHERE id = 'two'") == [(None, Decimal('1.239'))]


def test_a_mapped_column_that_becomes_generated_is_left_for_another(events, simulated):
    """It ended in state failed: cannot insert into a generated column."""
    events.put({'id': {'S': 'one'}, 'n': {'N': '1'}})
    copied(simulated)
    simulated.query('ALTER TABLE events DROP COLUMN n, ADD COLUMN n numeric GENERATED ALWAYS AS (7) STORED')
    events.put({'id': {'S': 'two'}, 'n': {'N': '2'}})
    simulated.sync('events')
    assert simulated.query("SELECT n, n_numeric FROM events WHERE id = 'two'") == [(7, 2)]


@pytest.mark.parametrize('kind, definition, says, sqlstate', [
    ('N', 'id numeric(10,2) PRIMARY KEY', 'numeric(10,2)', '42804'),
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


def test_a_column_with_a_default_is_not_taken_over(events, simulated):
    simulated.query("CREATE TABLE events (id text PRIMARY KEY, note text DEFAULT 'mine')")
    events.put({'id': {'S': 'one'}, 'note': {'S': 'theirs'}})
    copied(simulated, schema=False)
    assert simulated.query('SELECT note, note_text FROM events') == [('mine', 'theirs')]


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
