"""An item that the target refuses goes to podyn.error with its reason; all others go on."""

import json

import pytest

from comparison import assert_equal_tables
from dynamodb_local import boto3_client


@pytest.fixture
def events(simulator):
    return simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')


def an_item(number, amount=None):
    return {'id': {'S': f'item {number}'}, 'amount': {'N': str(number if amount is None else amount)}}


def as_json(value):
    return value if isinstance(value, dict) else json.loads(value)


def follow_into_a_table_with_a_check(simulated):
    simulated.query('CREATE TABLE events (id text PRIMARY KEY, amount numeric)')
    simulated.replicate('events', schema=False)
    simulated.wait_for_state('events', 'streaming')
    simulated.query('ALTER TABLE events ADD CONSTRAINT not_too_much CHECK (amount < 100000)')


def check(simulator, simulated, bad):
    errors = simulated.errors('events')
    assert sorted(as_json(error['key'])['id']['S'] for error in errors) == sorted(f'item {number}' for number in bad)
    keys = [as_json(error['key']) for error in errors]
    assert_equal_tables(boto3_client(simulator.endpoint), 'events', simulated, rejected=keys)
    assert simulated.status('events')['errors'] == len(bad)
    return errors


def test_items_that_a_check_refuses(simulator, events, simulated):
    follow_into_a_table_with_a_check(simulated)
    bad = {7, 8, 500, 998}
    for number in range(1000):
        events.put(an_item(number, 200000 if number in bad else None))
    simulated.sync('events')
    error = check(simulator, simulated, bad)[0]
    assert error['sqlstate'] == '23514' and 'not_too_much' in error['message']
    assert error['name'] == 'events' and error['at'] and error['source'] and error['position'] and error['operation']
    assert as_json(error['item'])['amount'] == {'N': '200000'}
    assert simulated.state('events') == 'streaming'


def test_a_bad_item_that_is_mended_arrives(simulator, events, simulated):
    follow_into_a_table_with_a_check(simulated)
    events.put(an_item(1, 200000))
    simulated.wait_until(lambda: simulated.errors('events'), 'the bad item is in podyn.error')
    events.put(an_item(1, 5))
    simulated.sync('events')
    assert simulated.query('SELECT id, amount FROM events') == [('item 1', 5)]


def test_an_item_that_is_refused_again_stands_there_once(simulator, events, simulated):
    """Whatever the order of its attributes: DynamoDB promises none. What has changed is another item."""
    nested = {'M': {'a': {'L': [{'N': '1'}, {'S': 'a "b", c'}]}, 'b': {'BOOL': True}}}
    turned = {'M': {'b': {'BOOL': True}, 'a': {'L': [{'N': '1'}, {'S': 'a "b", c'}]}}}
    follow_into_a_table_with_a_check(simulated)
    events.put({**an_item(1, 200000), 'nested': nested})
    simulated.wait_until(lambda: simulated.errors('events'), 'the bad item is in podyn.error')
    (first,) = simulated.errors('events')
    events.delete({'id': {'S': 'item 1'}})  # else nothing would have changed
    events.put({'nested': turned, **dict(reversed(an_item(1, 200000).items()))})
    simulated.sync('events')
    (again,) = simulated.errors('events')
    assert again['id'] == first['id'] and again['position'] != first['position']
    events.put({**an_item(1, 200000), 'nested': {'M': {'a': nested['M']['b'], 'b': nested['M']['a']}}})
    events.put(an_item(2))
    simulated.sync('events')
    assert len(simulated.errors('events')) == 2


def test_items_that_a_trigger_refuses_in_the_backfill(simulator, events, simulated):
    bad = {3, 77, 150}
    for number in range(200):
        events.put(an_item(number))
    simulated.replicate('events', start=False)
    simulated.query(f"""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.id IN ({', '.join(f"'item {number}'" for number in bad)}) THEN
                RAISE EXCEPTION 'not this one' USING ERRCODE = 'PD001', DETAIL = 'for a reason';
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON events FOR EACH ROW EXECUTE FUNCTION refuse()""")
    simulated.value("SELECT podyn_start('events')")
    simulated.wait_for_state('events', 'streaming')
    errors = check(simulator, simulated, bad)
    assert {(error['sqlstate'], error['message'], error['detail']) for error in errors} == {
        ('PD001', 'not this one', 'for a reason')}


def test_a_deletion_that_the_target_refuses(simulator, events, simulated):
    simulated.replicate('events')
    simulated.wait_for_state('events', 'streaming')
    for number in range(10):
        events.put(an_item(number))
    simulated.sync('events')
    simulated.query("CREATE TABLE notes (id text REFERENCES events (id)); INSERT INTO notes VALUES ('item 4')")
    for number in range(10):
        events.delete(an_item(number))
    simulated.sync('events')
    assert simulated.column('SELECT id FROM events') == ['item 4']
    (error,) = simulated.errors('events')
    assert error['sqlstate'] == '23503' and as_json(error['key']) == {'id': {'S': 'item 4'}}


def test_a_failing_item_costs_a_handful_of_subtransactions(simulator, events, simulated):
    """Halving: about log2 of the batch, never one for each row."""
    follow_into_a_table_with_a_check(simulated)
    before = simulated.value('SELECT pg_current_xact_id()::text::bigint')
    for number in range(1000):
        events.put(an_item(number, 200000 if number == 500 else None))
    simulated.sync('events')
    check(simulator, simulated, {500})
    assert simulated.value('SELECT pg_current_xact_id()::text::bigint') - before < 200


def test_a_target_that_takes_nothing_does_not_lose_anything(simulator, events, simulated):
    """No bad item but a bad table: what it refused is there to be read."""
    simulated.replicate('events')
    simulated.wait_for_state('events', 'streaming')
    simulated.query("ALTER TABLE events ADD CONSTRAINT nothing CHECK (false) NOT VALID")
    for number in range(20):
        events.put(an_item(number))
    simulated.wait_until(lambda: len(simulated.errors('events')) == 20
                         or simulated.status('events')['last_error'], 'the refusal is shown')
