"""podyn_verify finds each difference between source and target and nothing else; podyn_repair mends what it found."""

import threading
import time
from decimal import Decimal

import pytest

from background import InBackground
from database import Database
from dynamodb_local import boto3_client
from failing import fails
from items import KEY, RandomWriter
from test_on_existing import without_history
from test_privileges import owners, refused  # noqa: F401 (fixture)
from test_profiles import create_profile, parse, transform
from waiting import wait_until

CLEAN = {'missing': 0, 'extra': 0, 'different': 0}
WRITES_PER_SECOND = 200


def verify(database, name='events', sample=1.0):
    return database.row('SELECT * FROM podyn_verify(%s, %s)', name, sample)


def counts(verified):
    return {kind: verified[kind] for kind in CLEAN}


def findings(database, name='events'):
    """{(kind, id): {attribute: (source value, target value)}}; missing and extra ones have no attributes."""
    found = {}
    for row in database.rows('SELECT * FROM podyn.difference WHERE name = %s', name):
        attributes = found.setdefault((row['kind'], row['key']['id']['S']), {})
        if row['attribute'] is not None:
            attributes[row['attribute']] = row['source_value'], row['target_value']
    return found


def repair(database, name='events'):
    return database.value('SELECT podyn_repair(%s)', name)


class PacedWriter(InBackground):
    """Writes so many items a second, as long as the test goes on: `with PacedWriter(write): …`."""

    def __init__(self, write, per_second=WRITES_PER_SECOND):
        self.write, self.per_second = write, per_second
        self.stop, self.done = threading.Event(), 0
        super().__init__(self._write_all)

    def _write_all(self):
        begun = time.monotonic()
        while not self.stop.is_set():
            due = int((time.monotonic() - begun) * self.per_second)
            if due <= self.done:
                self.stop.wait(1 / self.per_second)
                continue
            self.write(self.done)
            self.done += 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.join()


# ---- what is found --------------------------------------------------------------------------------------------------

def item_of_all_types(number):
    return {
        'id': {'S': f'{number:04}'}, 'at': {'N': str(number % 7)},
        'text': {'S': f'text {number}'}, 'number': {'N': f'{number}.5'}, 'flag': {'BOOL': number % 2 == 0},
        'bytes': {'B': f'bytes {number}'.encode()},
        'map': {'M': {'inner': {'N': str(number)}, 'tags': {'SS': ['a', 'b']}}},
        'list': {'L': [{'S': 'one'}, {'M': {'numbers': {'NS': ['1', '2', str(number + 3)]}}}]},
        'strings': {'SS': ['x', 'y', f'z{number}']}, 'numbers': {'NS': ['1', '2.5', str(number + 10)]},
        'binaries': {'BS': [b'p', b'q', f'{number}'.encode()]}, 'nothing': {'NULL': True},
        'mixed': {'S': 'seven'} if number % 2 else {'N': '7'},
    }


# What is planted in the row of an item, 20 times each, and in which attribute it is to be found.
PLANTED = {
    'text': "text = text || '!'", 'number': 'number = number + 0.1', 'flag': 'flag = NOT flag',
    'bytes': "bytes = bytes || '\\x00'", 'map': "map = jsonb_set(map, '{inner}', '-1')",
    'list': "list = jsonb_set(list, '{1,numbers,0}', '77')", 'strings': "strings = strings || '\"w\"'",
    'numbers': 'numbers = numbers - 0', 'binaries': "binaries = jsonb_set(binaries, '{0}', '\"eA==\"')",
    # It moves to the column of its other type.
    'mixed': "({numeric}, {text}) = (CASE WHEN {numeric} IS NULL THEN 7 END, "
             "CASE WHEN {text} IS NULL THEN 'seven' END)",
}
REVERSED = "(SELECT jsonb_agg(member ORDER BY n DESC) FROM jsonb_array_elements({}) WITH ORDINALITY AS m (member, n))"
# The same values, written otherwise.
EQUAL = ('number = number::numeric(20, 7)',
         *(f'{name} = {REVERSED.format(name)}' for name in ('strings', 'numbers', 'binaries')),
         "map = jsonb_set(map, '{tags}', " + REVERSED.format("map -> 'tags'") + ')',
         "list = jsonb_set(list, '{1,numbers}', " + REVERSED.format("list #> '{1,numbers}'") + ')',
         "map = jsonb_set(map, '{inner}', to_jsonb((map ->> 'inner')::numeric(20, 3)))")


def plant(database):
    """300 differences in 600 rows, and as much in the others that is none."""
    planted = {}
    mixed = dict(database.query("SELECT type, column_name FROM podyn.column_map WHERE attribute = 'mixed'"))
    for at, (attribute, change) in enumerate(PLANTED.items()):
        change = change.format(**mixed) if attribute == 'mixed' else change
        database.query(f'UPDATE events SET {change} WHERE id BETWEEN %s AND %s', f'{at * 20:04}', f'{at * 20 + 19:04}')
        planted |= {('different', f'{at * 20 + n:04}'): {attribute} for n in range(20)}
    database.query("DELETE FROM events WHERE id BETWEEN '0200' AND '0249'")
    planted |= {('missing', f'{200 + n:04}'): set() for n in range(50)}
    database.query("INSERT INTO events (id, at, text) SELECT 'extra ' || n, n, 'x' FROM generate_series(0, 49) AS n")
    planted |= {('extra', f'extra {n}'): set() for n in range(50)}
    for change in EQUAL:
        database.query(f"UPDATE events SET {change} WHERE id BETWEEN '0300' AND '0349'")
    return planted


def test_each_of_300_planted_differences_is_found_and_mended_while_others_write(dynamodb, database, polling_fast):
    dynamodb.create_table('events', key=KEY)
    dynamodb.put('events', *map(item_of_all_types, range(600)))
    database.replicate('events', scan_rate=0)
    database.wait_for_state('events', 'streaming')
    assert verify(database) == {'source_items': 600, 'target_rows': 600, **CLEAN}
    planted = plant(database)
    assert len(planted) == 300

    assert verify(database) == {'source_items': 600, 'target_rows': 600, 'missing': 50, 'extra': 50, 'different': 200}
    found = findings(database)
    assert {key: set(attributes) for key, attributes in found.items()} == planted
    assert found['different', '0000'] == {'text': ('text 0', 'text 0!')}
    assert found['different', '0021'] == {'number': (Decimal('21.5'), Decimal('21.6'))}
    assert found['different', '0060'] == {'bytes': ('Ynl0ZXMgNjA=', 'Ynl0ZXMgNjAA')}

    client = boto3_client(dynamodb.direct_endpoint)

    def write(number):
        at = 350 + number % 250
        client.put_item(TableName='events', Item=item_of_all_types(at) | {'text': {'S': f'written {number}'}})
    with PacedWriter(write) as writer:
        verify(database)
        assert {key: set(attributes) for key, attributes in findings(database).items()} == planted
        assert repair(database) == 300
        assert findings(database) == {}
        assert counts(verify(database)) == CLEAN, findings(database)
        wait_until(lambda: writer.done > 100, 'enough has been written to matter')


@pytest.mark.parametrize('mode', ['columns', 'jsonb', 'dynamodb_json'])
def test_a_replication_in_sync_has_no_differences_however_much_is_written(dynamodb, database, polling_fast, mode):
    """Items of all types are put, updated and deleted, some of them many times."""
    dynamodb.create_table('events', key=KEY)
    writer = RandomWriter(boto3_client(dynamodb.direct_endpoint), 'events', keys=300, seed=5)
    writer.fill()
    database.replicate('events', scan_rate=0, conversion_mode=mode)
    database.wait_for_state('events', 'streaming')
    with PacedWriter(lambda _: writer.write(1)):
        for _ in range(2):
            assert counts(verify(database)) == CLEAN, findings(database)


def test_nor_has_one_whose_stream_is_slow(simulator, simulated, polling_fast):
    """Where the table is half a second behind, a hundred keys have moved at any moment, some of them twice."""
    events = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')

    def write(number):
        key = {'id': {'S': f'{number * 7 % 150}'}}
        if number % 5 == 0 and events.get(key):
            events.delete(key)
        else:
            events.put({**key, 'n': {'N': f'{number}'}})
    for number in range(300):
        write(number)
    streaming(simulated)
    simulator.fault('slow', operation='GetRecords', seconds=0.5, times=None)
    with PacedWriter(write):
        assert counts(verify(simulated)) == CLEAN, findings(simulated)


# ---- where values stand ---------------------------------------------------------------------------------------------

@pytest.fixture
def events(simulator):
    return simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')


def put(events, name, **attributes):
    events.put({'id': {'S': name}, **attributes})


def streaming(simulated, **options):
    simulated.query('SET podyn.stream_delay = 50')  # a write is in the simulator's stream at once
    simulated.replicate('events', **{'scan_rate': 0} | options)
    simulated.wait_for_state('events', 'streaming')


def mends(simulated, found):
    """The findings are these, podyn_repair mends them all, and nothing is left."""
    verify(simulated)
    assert findings(simulated) == found
    assert repair(simulated) == len(found)
    assert counts(verify(simulated)) == CLEAN, findings(simulated)


def test_documents(simulated, events, polling_fast):
    put(events, 'same', text={'S': 'x'}, bytes={'B': 'eA=='}, tags={'SS': ['a', 'b']}, nothing={'NULL': True})
    put(events, 'changed', text={'S': 'x'}, inner={'M': {'list': {'L': [{'NS': ['1', '2']}]}}})
    put(events, 'emptied', text={'S': 'x'})
    put(events, 'enriched', n={'N': '1'})
    streaming(simulated, conversion_mode='jsonb')
    assert counts(verify(simulated)) == CLEAN, findings(simulated)
    simulated.query("""
        UPDATE events SET data = data || '{"tags": ["b", "a"]}' WHERE id = 'same';
        UPDATE events SET data = jsonb_set(data, '{inner,list,0}', '[2, 1, 3]') WHERE id = 'changed';
        UPDATE events SET data = '{}' WHERE id = 'emptied';
        UPDATE events SET data = data || '{"mine": true, "n": 1.000}' WHERE id = 'enriched'""")
    mends(simulated, {
        ('different', 'changed'): {'inner': ({'list': [[1, 2]]}, {'list': [[2, 1, 3]]})},
        ('different', 'emptied'): {'id': ('emptied', None), 'text': ('x', None)},
        ('different', 'enriched'): {'mine': (None, True)}})


def test_items_as_dynamodb_json(simulated, events, polling_fast):
    """Types differ where values do not; sets are without order, numbers by value."""
    put(events, 'same', text={'S': 'x'}, bytes={'B': 'eA=='}, tags={'SS': ['a', 'b']}, numbers={'NS': ['1', '20']},
        nothing={'NULL': True}, flag={'BOOL': False}, list={'L': [{'M': {'n': {'N': '7'}, 'b': {'B': 'eQ=='}}}]})
    put(events, 'changed', inner={'M': {'list': {'L': [{'NS': ['1', '2']}]}}})
    put(events, 'another type', n={'N': '1'})
    put(events, 'no type', n={'N': '1'})
    streaming(simulated, conversion_mode='dynamodb_json')
    assert counts(verify(simulated)) == CLEAN, findings(simulated)
    simulated.query("""
        UPDATE events SET data = data || '{"tags": {"SS": ["b", "a"]}, "numbers": {"NS": ["2e1", "1.0"]}}'
        WHERE id = 'same';
        UPDATE events SET data = jsonb_set(data, '{inner,M,list,L,0,NS}', '["2", "3"]') WHERE id = 'changed';
        UPDATE events SET data = data || '{"n": {"S": "1"}}' WHERE id = 'another type';
        UPDATE events SET data = data || '{"n": {"N": "one"}}' WHERE id = 'no type'""")
    mends(simulated, {
        ('different', 'changed'): {'inner': ({'M': {'list': {'L': [{'NS': ['1', '2']}]}}},
                                             {'M': {'list': {'L': [{'NS': ['2', '3']}]}}})},
        ('different', 'another type'): {'n': ({'N': '1'}, {'S': '1'})},
        ('different', 'no type'): {'n': ({'N': '1'}, {'N': 'one'})}})


def test_items_are_compared_as_the_profile_has_them(simulated, events, polling_fast):
    """What parse and filter leave out has no row; what they change is right as they have it."""
    put(events, 'kept', kind={'S': 'order'}, text={'S': 'small'})
    put(events, 'also kept', kind={'S': 'order'}, text={'S': 'small'})
    put(events, 'left out', kind={'S': 'secret'})
    hook = parse(simulated, "SELECT item || jsonb_build_object('text', upper(item ->> 'text'))")
    streaming(simulated, profile=create_profile(simulated, parse=hook, filter="item ->> 'kind' = 'order'"))
    assert counts(verify(simulated)) == CLEAN, findings(simulated)
    simulated.query("UPDATE events SET text = 'small' WHERE id = 'kept'; DELETE FROM events WHERE id = 'also kept'")
    simulated.query("INSERT INTO events (id, kind) VALUES ('left out', 'secret')")
    mends(simulated, {('different', 'kept'): {'text': ('SMALL', 'small')}, ('missing', 'also kept'): {},
                      ('extra', 'left out'): {}})
    assert simulated.query('SELECT id, text FROM events ORDER BY id') == [('also kept', 'SMALL'), ('kept', 'SMALL')]


def test_what_columns_cannot_hold_is_compared_in_podyn_rest(simulated, events, polling_fast):
    """An item that is too wide stands there with all but its key."""
    wide = {f'attribute {number}': {'S': f'{number:040}'} for number in range(900)}
    for name in ('same', 'changed', 'poorer'):
        put(events, name, bytes={'B': 'eA=='}, **wide)
    put(events, 'narrow', text={'S': 'x'})
    streaming(simulated)
    assert simulated.value("SELECT count(*) FROM events, jsonb_object_keys(podyn_rest) WHERE id = 'same'") == 901
    assert counts(verify(simulated)) == CLEAN, findings(simulated)
    simulated.query("""
        UPDATE events SET podyn_rest = podyn_rest || '{"attribute 7": "7"}' WHERE id = 'changed';
        UPDATE events SET podyn_rest = podyn_rest - 'bytes' WHERE id = 'poorer';
        UPDATE events SET podyn_rest = '{"text": "x"}' WHERE id = 'narrow'""")
    mends(simulated, {
        ('different', 'changed'): {'attribute 7': (f'{7:040}', '7')},
        ('different', 'poorer'): {'bytes': ('eA==', None)},
        ('different', 'narrow'): {'text': ('x', 'x')}})


def test_an_attribute_in_the_column_of_another_type(simulated, events, polling_fast):
    put(events, 'text', price={'S': 'one'})
    put(events, 'number', price={'N': '1'})
    put(events, 'both', price={'N': '2'})
    streaming(simulated)
    columns = dict(simulated.query("SELECT type, column_name FROM podyn.column_map WHERE attribute = 'price'"))
    assert len(columns) == 2
    simulated.query(f"UPDATE events SET {columns['text']} = 'two' WHERE id = 'both'")
    mends(simulated, {('different', 'both'): {'price': (None, 'two')}})


def test_only_what_has_a_column_is_compared_in_a_table_of_the_users_own(simulated, events, polling_fast):
    """Of other types than podyn would have chosen."""
    simulated.query("""
        CREATE TABLE events (id text PRIMARY KEY, at timestamptz, n int, tags text[], doc json, plain text,
                             price float8, note text DEFAULT 'mine')""")
    for name in ('same', 'later', 'fewer', 'reordered', 'documented'):
        put(events, name, at={'S': '2026-01-02T03:04:05Z'}, n={'N': '7'}, tags={'SS': ['a', 'b', 'c']},
            doc={'M': {'a': {'SS': ['p', 'q']}}}, plain={'L': [{'NS': ['1', '2']}]}, price={'N': '0.1'},
            elsewhere={'S': name})
    streaming(simulated, schema=False)
    assert counts(verify(simulated)) == CLEAN, findings(simulated)
    simulated.query("""
        UPDATE events SET note = 'changed', tags = '{c,a,b}', plain = '[[2, 1.0]]',
                          doc = '{"a" :  ["q", "p"]}' WHERE id = 'same';
        UPDATE events SET at = at + interval '1 us' WHERE id = 'later';
        UPDATE events SET tags = '{a,b}' WHERE id = 'fewer';
        UPDATE events SET plain = 'no document' WHERE id = 'documented';
        UPDATE events SET price = 0.2, n = NULL WHERE id = 'reordered'""")
    verify(simulated)
    found = findings(simulated)
    assert found['different', 'later']['at'][1].startswith('2026-01-02 03:04:05.000001')
    assert {key: set(attributes) for key, attributes in found.items()} == {
        ('different', 'later'): {'at'}, ('different', 'fewer'): {'tags'}, ('different', 'documented'): {'plain'},
        ('different', 'reordered'): {'price', 'n'}}
    assert repair(simulated) == 4
    assert counts(verify(simulated)) == CLEAN, findings(simulated)
    assert simulated.value("SELECT note FROM events WHERE id = 'same'") == 'changed'


def test_a_table_that_others_have_filled(simulated, events, polling_fast):
    """podyn has met none of its attributes."""
    simulated.query("CREATE TABLE events (id text PRIMARY KEY, n numeric, text text); "
                    "INSERT INTO events VALUES ('same', 1, 'x'), ('changed', 2, 'x')")
    for name in ('same', 'changed'):
        put(events, name, n={'N': '1'}, text={'S': 'x'}, elsewhere={'S': 'y'})
    without_history(events)
    streaming(simulated, schema=False, data=False)
    assert simulated.column('SELECT attribute FROM podyn.column_map') == ['id']
    mends(simulated, {('different', 'changed'): {'n': (1, 2)}})


@pytest.mark.parametrize('key, values', [
    ([('id', 'N')], [{'id': {'N': '1'}}, {'id': {'N': '-0.5'}}, {'id': {'N': '1E+100'}}]),
    ([('id', 'B'), ('at', 'S')],
     [{'id': {'B': 'AAE='}, 'at': {'S': 'x"\\'}}, {'id': {'B': '/w=='}, 'at': {'S': 'é'}}]),
])
def test_keys_of_other_types(simulator, simulated, polling_fast, key, values):
    table = simulator.create_table('events', key=key, stream='NEW_AND_OLD_IMAGES')
    for item in values:
        table.put({**item, 'text': {'S': 'x'}})
    streaming(simulated)
    assert counts(verify(simulated)) == CLEAN
    simulated.query("UPDATE events SET text = 'y'")
    simulated.query('INSERT INTO events (id, at) VALUES (%s, %s)', b'more', 'x') if len(key) > 1 else \
        simulated.query('INSERT INTO events (id) VALUES (99.5)')
    assert counts(verify(simulated)) == {'missing': 0, 'extra': 1, 'different': len(values)}
    assert repair(simulated) == len(values) + 1
    assert counts(verify(simulated)) == CLEAN


def test_rows_with_keys_that_no_item_can_have(simulator, simulated, polling_fast):
    """They are told of, and left to their owner."""
    simulator.create_table('events', key=[('id', 'N')], stream='NEW_AND_OLD_IMAGES')
    streaming(simulated)
    simulated.query("INSERT INTO events (id) VALUES ('NaN'), (1e200), (1e-200), ((repeat('123', 13) || '.5')::numeric)")
    assert counts(verify(simulated))['extra'] == 4
    assert simulated.column('SELECT DISTINCT detail FROM podyn.difference') == ['no item can have this key']
    assert repair(simulated) == 0


# ---- deletions ------------------------------------------------------------------------------------------------------

def test_rows_that_stay_on_purpose_are_not_extra(simulated, events, polling_fast):
    put(events, 'gone')
    put(events, 'there')
    streaming(simulated, deletes='ignore')
    events.delete({'id': {'S': 'gone'}})
    simulated.sync('events')
    assert verify(simulated) == {'source_items': 1, 'target_rows': 2, **CLEAN}


def test_rows_with_a_mark_are_not_extra(simulated, events, polling_fast):
    for name in ('gone', 'lost', 'there'):
        put(events, name)
    streaming(simulated, deletes='mark')
    events.delete({'id': {'S': 'gone'}})
    simulated.sync('events')
    assert verify(simulated) == {'source_items': 2, 'target_rows': 2, **CLEAN}
    simulated.query("""
        INSERT INTO events (id) VALUES ('extra');
        UPDATE events SET podyn_deleted_at = '2026-01-01Z' WHERE id = 'there'""")
    mends(simulated, {('extra', 'extra'): {},
                      ('different', 'there'): {'podyn_deleted_at': (None, '2026-01-01 00:00:00+00')}})
    assert simulated.column("SELECT id FROM events WHERE podyn_deleted_at IS NOT NULL ORDER BY 1") == ['extra', 'gone']


# ---- rejected items -------------------------------------------------------------------------------------------------

def test_rejected_items_are_told_of_with_their_reason(simulated, events, polling_fast):
    simulated.query("CREATE TABLE events (id text PRIMARY KEY, n int CHECK (n < 10))")
    put(events, 'good', n={'N': '1'})
    put(events, 'high', n={'N': '11'})
    put(events, 'nul\0in its key', n={'N': '1'})
    streaming(simulated, schema=False)
    put(events, 'good', n={'N': '1.5'})
    simulated.sync('events')
    verify(simulated)
    assert findings(simulated) == {
        ('different', 'good'): {}, ('missing', 'high'): {}, ('missing', 'nul\u2400in its key'): {}}
    details = dict(simulated.query("SELECT key ->> 'id', detail FROM podyn.difference"))
    errors = dict(simulated.query("SELECT key ->> 'id', message FROM podyn.error"))
    assert details == errors and len(details) == 3
    assert repair(simulated) == 0
    assert 'integer' in simulated.value("SELECT detail FROM podyn.difference WHERE kind = 'different'")
    simulated.query('ALTER TABLE events DROP CONSTRAINT events_n_check, ALTER COLUMN n TYPE numeric')
    assert repair(simulated) == 2
    assert counts(verify(simulated)) == {'missing': 1, 'extra': 0, 'different': 0}


# ---- when, and by whom ----------------------------------------------------------------------------------------------

def test_the_last_findings_replace_the_former(simulated, events, polling_fast):
    put(events, 'one')
    streaming(simulated)
    simulated.query('DELETE FROM events')
    verify(simulated)
    verify(simulated)
    assert findings(simulated) == {('missing', 'one'): {}}
    assert simulated.value('SELECT count(*) FROM podyn.difference') == 1
    simulated.query("SELECT podyn_reset('events')")
    assert findings(simulated) == {}


def test_a_copy_without_changes_is_compared_as_it_is(simulated, events):
    put(events, 'old', n={'N': '1'})
    simulated.replicate('events', changes=False)
    simulated.wait_for_state('events', 'completed')
    assert counts(verify(simulated)) == CLEAN
    put(events, 'new')
    put(events, 'old', n={'N': '2'})
    mends(simulated, {('missing', 'new'): {}, ('different', 'old'): {'n': (2, 1)}})


def test_what_has_no_common_position_is_refused(simulated, events, polling_fast):
    streaming(simulated)
    simulated.query("SELECT podyn_stop('events')")
    fails(simulated, "SELECT * FROM podyn_verify('events')", says='stopped', hint='podyn_start')
    simulated.query("SELECT podyn_start('events')")
    simulated.wait_for_state('events', 'streaming')
    for sample in (0, 1.1, -1, 'NaN'):
        fails(simulated, "SELECT * FROM podyn_verify('events', %s)", sample, says='sample', hint='share')
    for function in ('podyn_verify', 'podyn_repair'):
        fails(simulated, f"BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT {function}('events')", says=function,
              hint='READ COMMITTED')
        simulated.query('ROLLBACK')
        fails(simulated, f"SELECT {function}('nothing')", says='nothing')


def test_imports_have_no_source_to_be_compared_with(simulated, bucket):
    path = bucket.write('items.json', b'{"Item": {"id": {"S": "x"}}}\n')
    simulated.query("SELECT podyn_import(%s, 'events', key => '{id}')", str(path))
    simulated.wait_for_state('events', 'completed')
    fails(simulated, "SELECT podyn_verify('events')", says='import', hint='podyn_status')


def test_records_that_hooks_have_made_have_no_items_to_be_compared_with(simulated, events):
    put(events, 'one')
    simulated.query('CREATE TABLE events (id text PRIMARY KEY)')
    profile = create_profile(simulated, transform=transform(simulated, 'SELECT unnest(items)'))
    simulated.replicate('events', profile=profile, changes=False)
    simulated.wait_for_state('events', 'completed')
    fails(simulated, "SELECT podyn_verify('events')", says='profile', hint='podyn_status')


def test_owners_compare_and_read_their_own(simulated, events, owners):
    put(events, 'one')
    ann, bob = owners.values()
    ann.replicate('events', target='podyn_ann.events', scan_rate=0)
    ann.wait_for_state('events', 'streaming')
    ann.query('DELETE FROM podyn_ann.events')
    assert counts(verify(ann)) == {'missing': 1, 'extra': 0, 'different': 0}
    assert ann.value('SELECT count(*) FROM podyn.difference') == 1
    bob.replicate('events', name='other', target='podyn_bob.events')
    assert bob.value('SELECT count(*) FROM podyn.difference') == 0
    assert refused(ann, 'DELETE FROM podyn.difference').pgcode == '42501'
    for function in ('podyn_verify', 'podyn_repair'):
        assert refused(bob, f"SELECT {function}('events')").pgcode == '42704'
    assert repair(ann) == 1


def test_a_superusers_call_runs_the_owners_code_as_the_owner(simulated, events, owners, polling_fast):
    ann = owners['podyn_ann']
    put(events, 'one', n={'N': '1'})
    ann.query("""
        CREATE FUNCTION podyn_ann.look(n numeric) RETURNS boolean LANGUAGE plpgsql AS
        $$ BEGIN RAISE NOTICE 'checked by %', current_user; RETURN true; END $$;
        CREATE DOMAIN podyn_ann.checked AS numeric CHECK (podyn_ann.look(VALUE));
        CREATE TABLE podyn_ann.events (id text PRIMARY KEY, n podyn_ann.checked)""")
    ann.replicate('events', target='podyn_ann.events', schema=False, scan_rate=0)
    ann.wait_for_state('events', 'streaming')
    assert counts(verify(simulated)) == CLEAN
    ann.query('DELETE FROM podyn_ann.events')
    verify(simulated)
    assert repair(simulated) == 1
    assert 'checked by podyn_ann' in simulated.notices() and 'checked by postgres' not in simulated.notices()


def test_a_sample(simulated, events, polling_fast):
    for number in range(2_000):
        put(events, f'{number}', text={'S': 'x'})
    streaming(simulated)
    verified = verify(simulated, sample=0.25)
    assert counts(verified) == CLEAN
    assert 100 < verified['source_items'] < 1_000 and 300 < verified['target_rows'] < 700
    simulated.query("INSERT INTO events (id) SELECT 'extra ' || n FROM generate_series(1, 1000) AS n; "
                    "DELETE FROM events WHERE text = 'x' AND length(id) = 4")
    verified = verify(simulated, sample=0.25)
    assert 150 < verified['extra'] < 350 and 0 < verified['missing'] < 600 and verified['different'] == 0
    assert len(findings(simulated)) == verified['extra'] + verified['missing']


def test_new_columns_are_made_while_it_goes_on(simulator, simulated, events, polling_fast):
    """It lets go of the target between two looks: who adds a column does not wait for it, nor it for them."""
    for number in range(100):
        put(events, f'{number}')
    streaming(simulated)
    release = threading.Event()
    looked = simulator.count('Scan') + 1
    simulator.fault('held', operation='Scan', after=1, until=release)
    work = InBackground(lambda: counts(verify(simulated)))
    simulated_too = Database(simulated.postgres, simulated.name)
    simulated_too.wait_until(lambda: simulator.count('Scan') > looked, 'some pages have been looked at')
    put(events, 'late', new={'S': 'x'})
    simulated_too.wait_until(lambda: simulated_too.value("SELECT count(*) FROM events WHERE id = 'late'"), 'the column')
    assert work.is_alive()
    release.set()
    work.join(30)
    simulated_too.close()


def test_it_is_not_reset_or_dropped_meanwhile(simulator, simulated, events, polling_fast):
    """The one would wait for the other, which waits for the stream, which waits for the one."""
    put(events, 'one')
    streaming(simulated)
    simulated.query("DELETE FROM events")
    other = Database(simulated.postgres, simulated.name)
    other.query("BEGIN; SELECT podyn_verify('events')")
    for function in ('podyn_reset', 'podyn_drop'):
        fails(simulated, f"SELECT {function}('events')", says='differences', hint='cancel')
    other.query('COMMIT')
    other.close()
    simulated.query("SELECT podyn_reset('events'); SELECT podyn_drop('events')")


def test_a_cancel_is_served_at_once(simulator, simulated, events, polling_fast):
    put(events, 'one')
    streaming(simulated)
    release = threading.Event()
    simulator.fault('held', operation='Scan', until=release)
    simulated.query("SET statement_timeout = '500ms'")
    begun = time.monotonic()
    assert refused(simulated, "SELECT podyn_verify('events')").pgcode == '57014'
    assert time.monotonic() - begun < 1.5
    release.set()
    simulated.query('RESET statement_timeout')
    assert counts(verify(simulated)) == CLEAN


def test_an_exception_block_around_it_takes_back_what_it_holds(simulated, events, polling_fast):
    """The error comes from the middle of a look at the target."""
    simulated.query("""
        CREATE TABLE broken ();
        CREATE FUNCTION fine() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
            IF EXISTS (SELECT FROM public.broken) THEN RAISE undefined_column; END IF;
            RETURN true; END $$;
        CREATE DOMAIN checked AS numeric CHECK (fine());
        CREATE TABLE events (id text PRIMARY KEY, n checked)""")
    put(events, 'one', n={'N': '1'})
    streaming(simulated, schema=False)
    simulated.query("""DO $$ BEGIN
        INSERT INTO broken DEFAULT VALUES;
        PERFORM podyn_verify('events');
        RAISE EXCEPTION 'no error';
    EXCEPTION WHEN undefined_column THEN
        CREATE TABLE survived ();
    END $$""")
    assert simulated.value("SELECT to_regclass('survived')::text") == 'survived'
    assert simulated.value('SELECT count(*) FROM broken') == 0
    assert counts(verify(simulated)) == CLEAN


def test_read_units_are_held_at_scan_rate(simulator, simulated, events, polling_fast):
    """12 KB each: one and a half units, eventually consistent."""
    for number in range(40):
        put(events, f'{number}', text={'S': 'x' * 12_000})
    streaming(simulated)
    simulated.query("SELECT podyn_alter('events', scan_rate => 20)")
    begun = time.monotonic()
    assert counts(verify(simulated)) == CLEAN
    assert time.monotonic() - begun > 1  # 60 units, of which one second's are there, and a page is spent ahead


def test_what_is_throttled_is_asked_again(simulator, simulated, events, polling_fast):
    for number in range(20):
        put(events, f'{number}', text={'S': 'x'})
    streaming(simulated, scan_rate=100)
    simulated.query("UPDATE events SET text = 'y'")
    simulator.fault('throttle', operation='Scan', times=4)  # one more than a request is sent by itself
    simulator.fault('throttle', operation='BatchGetItem', times=4)
    assert counts(verify(simulated)) == CLEAN | {'different': 20}


# ---- Citus ----------------------------------------------------------------------------------------------------------

def test_a_distributed_table(distributed, events):
    for number in range(200):
        put(events, f'{number}', text={'S': 'x'}, tags={'SS': ['a', 'b']})
    streaming(distributed, citus=True)
    assert counts(verify(distributed)) == CLEAN, findings(distributed)
    distributed.query("""
        UPDATE events SET text = 'y' WHERE id = '7';
        DELETE FROM events WHERE id = '8';
        INSERT INTO events (id) VALUES ('extra')""")
    mends(distributed, {('different', '7'): {'text': ('x', 'y')}, ('missing', '8'): {}, ('extra', 'extra'): {}})
