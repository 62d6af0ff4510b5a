"""Columns of other types in a table of the user's own: converted through the type's input function, or podyn.error."""

import json

import pytest

from test_errors import fails
from ways import WAYS, bring, bring_all

TYPES = """
    CREATE TYPE mood AS ENUM ('sad', 'glad');
    CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
    CREATE DOMAIN short AS varchar(5);
    CREATE DOMAIN raw AS bytea;
    CREATE TYPE pair AS (a integer, b text)"""


def s(value):
    return {'S': value}


def n(value):
    return {'N': value}


# (column's type, value, the column as text afterwards or, with a leading !, the SQLSTATE in podyn.error)
CASES = [
    ('timestamptz', s('2024-02-29T12:00:00.5Z'), '2024-02-29 12:00:00.5+00'),
    ('timestamptz', s('2024-02-29T13:00:00+01:00'), '2024-02-29 12:00:00+00'),
    ('timestamptz', s('2023-02-29T13:00:00Z'), '!22008'),
    ('timestamptz', s('soon'), '!22007'),
    ('timestamptz', s(''), '!22007'),
    ('timestamptz', n('1700000000'), '!22008'),
    ('timestamp', s('2024-02-29T12:00:00'), '2024-02-29 12:00:00'),
    ('date', s('2024-02-29'), '2024-02-29'),
    ('date', s('2024-13-01'), '!22008'),
    ('time', s('12:34:56.789'), '12:34:56.789'),
    ('interval', s('1 day 02:00'), '1 day 02:00:00'),
    ('uuid', s('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'), 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'),
    ('uuid', s('not one'), '!22P02'),
    ('varchar(3)', s('abc'), 'abc'),
    ('varchar(3)', s('äöü'), 'äöü'),
    ('varchar(3)', s('abcd'), '!22001'),
    ('varchar(3)', s('abc '), '!22001'),  # varchar cuts blanks silently
    ('varchar(3)', n('123'), '123'),
    ('varchar', s('any length'), 'any length'),
    ('char(4)', s('ab'), 'ab'),
    ('"char"', s('a'), 'a'),
    ('inet', s('10.0.0.1'), '10.0.0.1/32'),
    ('inet', s('10.0.0.256'), '!22P02'),
    ('cidr', s('10.0.0.0/8'), '10.0.0.0/8'),
    ('macaddr', s('08:00:2b:01:02:03'), '08:00:2b:01:02:03'),
    ('mood', s('glad'), 'glad'),
    ('mood', s('Glad'), '!22P02'),
    ('positive', n('7'), '7'),
    ('positive', n('-7'), '!23514'),
    ('positive', n('7.5'), '!22P02'),
    ('short', s('12345'), '12345'),
    ('short', s('123456'), '!22001'),
    ('short', s('12345 '), '!22001'),
    ('pair', s('(1,"a b")'), '(1,"a b")'),
    ('pair', s('(x,y)'), '!22P02'),
    ('bigint', n('9223372036854775807'), '9223372036854775807'),
    ('bigint', n('9223372036854775808'), '!22003'),
    ('bigint', n('1E+3'), '1000'),
    ('bigint', n('-0'), '0'),
    ('bigint', n('1.5'), '!22P02'),
    ('bigint', s(' 12 '), '12'),
    ('bigint', s('twelve'), '!22P02'),
    ('bigint', {'BOOL': True}, '!22P02'),
    ('bigint', {'L': [n('1')]}, '!22P02'),
    ('integer', n('2147483648'), '!22003'),
    ('smallint', n('-32768'), '-32768'),
    ('numeric(10,2)', n('1.23'), '1.23'),
    ('numeric(10,2)', n('1.5'), '1.50'),
    ('numeric(10,2)', n('1.239'), '!22003'),  # it would be rounded
    ('numeric(10,2)', n('123456789.00'), '!22003'),
    ('numeric(10,2)', s('1.235'), '!22003'),
    ('numeric', s('1.2390'), '1.2390'),
    ('real', n('0.1'), '0.1'),
    ('double precision', n('12345678901234567890'), '1.2345678901234567e+19'),
    ('double precision', n('1E+125'), '1e+125'),
    ('real', n('1E+125'), '!22003'),
    ('money', n('1.239'), None),  # rounds: never used
    ('text', n('1E+20'), '100000000000000000000'),
    ('text', n('1.50'), '1.5'),
    ('text', {'BOOL': True}, 'true'),
    ('text', {'B': 'AP8='}, 'AP8='),
    ('text', {'M': {'a': {'L': [n('1'), {'NULL': True}]}}}, '{"a": [1, null]}'),
    ('text', {'SS': ['b"', 'a']}, '["b\\"", "a"]'),
    ('boolean', s('yes'), 'true'),
    ('boolean', n('1'), 'true'),
    ('boolean', s('perhaps'), '!22P02'),
    ('raw', {'B': 'AP8='}, '\\x00ff'),
    ('bytea', s('plain'), '\\x706c61696e'),
    ('json', {'M': {'a': n('1.5')}}, '{"a": 1.5}'),
    ('json', s('{"b":  2}'), '{"b":  2}'),
    ('json', s('{b'), '!22P02'),
    ('json', {'B': 'YWI='}, '"YWI="'),
    ('jsonb', s('{"b":  2}'), '{"b": 2}'),
    ('jsonb', n('1.50'), '1.5'),
    ('jsonb', {'BOOL': False}, 'false'),
    ('jsonb', {'B': 'YWI='}, '"YWI="'),
    ('jsonb', s('no json'), '!22P02'),
    ('text[]', {'SS': ['a', 'b "c" \\', '{', 'NULL', '']}, ['a', 'b "c" \\', '{', 'NULL', '']),
    ('text[]', {'L': [s('a'), n('1E+1'), {'BOOL': True}, {'NULL': True}, {'M': {'k': s('"')}}]},
     ['a', '10', 'true', None, '{"k": "\\""}']),
    ('text[]', {'L': []}, []),
    ('text[]', {'M': {}}, '!22P02'),
    ('text[]', {'BS': ['YWI=']}, ['YWI=']),
    ('bigint[]', {'NS': ['1', '2E+1']}, [1, 20]),
    ('bigint[]', {'L': [{'L': [n('1')]}, {'L': [n('2')]}]}, [[1], [2]]),
    ('bigint[]', {'L': [s('x')]}, '!22P02'),
    ('bigint[]', {'L': [{'L': [n('1')]}, n('2')]}, '!22P02'),
    ('numeric(4,1)[]', {'NS': ['1.5', '2']}, None),
    ('numeric(4,1)[]', {'NS': ['1.55']}, '!22003'),
    ('regclass', s('no_such_table'), '!22P02'),  # 42P01: no statement is at fault
    ('regclass', s('pg_class'), 'pg_class'),
]
COLUMNS = {kind: f'c{number}' for number, kind in enumerate(dict.fromkeys(kind for kind, _, _ in CASES))}


@pytest.fixture
def events(simulator):
    return simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')


def errors_by_key(simulated):
    return {(key if isinstance(key, dict) else json.loads(key))['id']['S']: error
            for error in simulated.errors('events') for key in [error['key']]}


# ---- values ---------------------------------------------------------------------------------------------------------

def check_every_value(way, simulator, events, simulated, prepare=''):
    """`prepare`: what is done to the table before it is replicated."""
    simulated.query(TYPES)
    simulated.query(f"ALTER ROLE CURRENT_USER IN DATABASE {simulated.name} SET timezone = 'UTC'")
    simulated.query(f'CREATE TABLE events (id text PRIMARY KEY, '
                    f'{", ".join(f"{column} {kind}" for kind, column in COLUMNS.items())}); {prepare}')

    def put():
        for number, (kind, value, _) in enumerate(CASES):
            events.put({'id': {'S': f'case {number}'}, COLUMNS[kind]: value})
    bring(way, simulator, simulated, 'events', put, schema=False)

    errors, wrong = errors_by_key(simulated), []
    simulated.query("SET timezone = 'UTC'")
    for number, (kind, value, expected) in enumerate(CASES):
        key = f'case {number}'
        arrays = isinstance(expected, list)
        row = simulated.query(f'SELECT {COLUMNS[kind]}{"" if arrays else "::text"} FROM events WHERE id = %s', key)
        if isinstance(expected, str) and expected.startswith('!'):
            error = errors.pop(key, None)
            named = error and f'"{COLUMNS[kind]}"' in error['detail'] and error['sqlstate'] == expected[1:]
            if row or not named:
                wrong.append((kind, value, expected, row, error))
        elif row != [(expected,)] and not (kind == 'numeric(4,1)[]' and row == [('{1.5,2.0}',)]):
            wrong.append((kind, value, expected, row, errors.pop(key, None)))
    assert not wrong and not errors, (wrong, errors)
    assert simulated.state('events') == 'streaming'


@pytest.mark.parametrize('way', WAYS)
def test_every_value_is_converted_or_in_podyn_error(simulator, events, simulated, way):
    check_every_value(way, simulator, events, simulated)


def test_the_error_names_attribute_and_column(simulator, events, simulated):
    simulated.query('CREATE TABLE events (id text PRIMARY KEY, "size" bigint)')
    bring('backfill', simulator, simulated, 'events',
          lambda: events.put({'id': s('one'), 'Size': s('huge')}), schema=False, lower_case_columns=True)
    (error,) = simulated.errors('events')
    assert error['message'] == 'invalid input syntax for type bigint: "huge"'
    assert error['detail'] == 'Attribute "Size" of type text was to go to column "size" of type bigint.'


@pytest.mark.parametrize('way', WAYS)
def test_a_domain_that_refuses_null(simulator, events, simulated, way):
    """An absent attribute is NULL, which the ephemeral relation of the upsert does not check."""
    simulated.query('CREATE DOMAIN filled AS text NOT NULL; CREATE TABLE events (id text PRIMARY KEY, note filled)')

    def put():
        events.put({'id': s('full'), 'note': s('x')})
        events.put({'id': s('empty')})
    bring(way, simulator, simulated, 'events', put, schema=False)
    if way == 'direct':  # the column is known by now, whatever came first
        events.put({'id': s('empty'), 'n': {'NULL': True}})
        simulated.sync('events')
    assert simulated.query('SELECT id, note FROM events') == [('full', 'x')]
    assert errors_by_key(simulated)['empty']['sqlstate'] == '23502'


def test_two_types_of_one_attribute_share_a_converting_column(simulator, events, simulated):
    """Or have one each, where the table's owner made two."""
    simulated.query('CREATE TABLE events (id text PRIMARY KEY, a bigint, b numeric, b_text text)')
    bring('direct', simulator, simulated, 'events', lambda: [
        events.put({'id': s('one'), 'a': n('1'), 'b': n('1')}),
        events.put({'id': s('two'), 'a': s('2'), 'b': s('zwei')}),
        events.put({'id': s('three'), 'a': s('drei')})], schema=False)
    events.put({'id': s('one'), 'a': s('11'), 'b': s('elf')})
    events.put({'id': s('four'), 'a': n('4')})
    simulated.sync('events')
    assert simulated.query('SELECT * FROM events ORDER BY a') == [
        ('two', 2, None, 'zwei'), ('four', 4, None, None), ('one', 11, None, 'elf')]
    assert list(errors_by_key(simulated)) == ['three']


# ---- keys -----------------------------------------------------------------------------------------------------------

UUID = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'
# (DynamoDB's type, column's type, keys that arrive, keys that do not)
KEYS = [
    ('S', 'uuid', [UUID, UUID.replace('a', 'b')], [UUID.upper(), '{' + UUID + '}', UUID.replace('-', ''), 'no']),
    ('S', 'bigint', ['1', '-20', '0'], ['01', '1 ', '+1', '-0', '1.0', 'x', '9223372036854775808']),
    ('S', 'numeric(10,2)', ['1.5', '1.25'], ['1.50', '1.255', '01.5', '1e1', 'x']),
    ('S', 'timestamptz', ['2024-02-29T12:00:00Z', '2024-02-29T12:00:00.5Z'],
     ['2024-02-29T12:00:00.000Z', '2024-02-29T13:00:00+01:00', '2024-02-29 12:00:00+00', 'infinity', 'now',
      '2024-02-29T12:00:00.0000001Z', '2024-02-29']),
    ('S', 'timestamptz(3)', ['2024-02-29T12:00:00.000Z', '2024-02-29T12:00:00.120Z'],
     ['2024-02-29T12:00:00Z', '2024-02-29T12:00:00.1204Z', '2024-02-29T12:00:00.12Z']),
    ('S', 'timestamp(0)', ['2024-02-29T12:00:00'], ['2024-02-29T12:00:00Z', '2024-02-29 12:00:00']),
    ('S', 'date', ['2024-02-29'], ['20240229', 'today', '2024-2-29']),
    ('S', 'inet', ['10.0.0.1', '10.0.0.0/8', '::1'], ['10.0.0.1/32', '0:0::1']),
    ('S', 'varchar(3)', ['abc', 'ab', 'ab '], ['abc ', 'abcd']),
    ('S', 'mood', ['sad'], ['Sad', 'sad ']),
    ('S', 'positive', ['5'], ['05', '-5']),
    ('N', 'bigint', ['1', '10'], ['1.5', '9223372036854775808']),
    ('N', 'numeric(10,2)', ['1.5', '2'], ['1.505']),
    ('N', 'double precision', ['0.1', '10000000000'], ['12345678901234567890', '12345678901234567891']),
    ('N', 'text', ['1.5', '1000'], []),
    ('B', 'raw', ['AA==', '/w=='], []),
    ('B', 'text', ['AA==', '/w=='], []),
]
AT_ONCE = 8  # keys' tables


def check_keys(way, simulator, simulated, keys, prepare=''):
    """Different keys have rows of their own, or none. `prepare`: what is done to each table before it is replicated."""
    simulated.query(TYPES)
    simulated.query("SET timezone = 'Asia/Tokyo'")
    for number, (kind, column, good, bad) in enumerate(keys):
        simulator.create_table(f't{number}', key=[('id', kind)], stream='NEW_AND_OLD_IMAGES')
        simulated.query(f'CREATE TABLE t{number} (id {column} PRIMARY KEY, key text); {prepare.format(f"t{number}")}')
    wrong = []
    for at in range(0, len(keys), AT_ONCE):
        some = {f't{number}': keys[number] for number in range(at, min(at + AT_ONCE, len(keys)))}

        def put():
            for name, (kind, _, good, bad) in some.items():
                for key in good + bad:
                    simulator.tables[name].put({'id': {kind: key}, 'key': s(str(key))})
        bring_all(way, simulator, simulated, {name: {'source_table': name, 'schema': False} for name in some}, put)
        for name, (kind, column, good, bad) in some.items():
            arrived = simulated.column(f'SELECT key FROM {name}')
            if sorted(arrived) != sorted(map(str, good)):
                wrong.append((column, arrived, [error['message'] for error in simulated.errors(name)]))
            if len(simulated.errors(name)) != len(bad):
                wrong.append((column, simulated.errors(name)))
            for key in good:
                simulator.tables[name].delete({'id': {kind: key}})
        for name, (_, column, _, _) in some.items():
            simulated.sync(name)
            if simulated.value(f'SELECT count(*) FROM {name}') != 0:
                wrong.append((column, 'not deleted'))
    assert not wrong, wrong


@pytest.mark.parametrize('way', WAYS)
def test_keys_of_other_types_never_become_one(simulator, simulated, configure, way):
    configure('podyn.max_workers', AT_ONCE)
    check_keys(way, simulator, simulated, KEYS)


def test_an_update_of_a_converted_key_finds_its_row(simulator, simulated):
    events = simulator.create_table('events', key=[('id', 'S'), ('at', 'S')], stream='NEW_AND_OLD_IMAGES')
    simulated.query('CREATE TABLE events (id uuid, at timestamptz(3), n integer, PRIMARY KEY (at, id))')
    key = {'id': s(UUID), 'at': s('2024-02-29T12:00:00.000Z')}
    bring('direct', simulator, simulated, 'events', lambda: events.put({**key, 'n': n('1')}), schema=False)
    events.put({**key, 'n': n('2')})
    simulated.sync('events')
    assert simulated.query("SELECT id::text, at AT TIME ZONE 'UTC' = '2024-02-29 12:00', n FROM events") == [(UUID, True, 2)]


@pytest.mark.parametrize('kind, column', [('S', 'citext'), ('S', 'char(10)'), ('S', 'double precision'), ('S', 'jsonb'),
                                          ('S', 'interval'), ('S', 'text[]'), ('N', 'timestamptz'), ('B', 'uuid'),
                                          ('S', 'bytea'), ('N', 'money')])
def test_key_types_in_which_different_keys_are_equal_are_refused(simulator, simulated, kind, column):
    if column == 'citext':
        if not simulated.value("SELECT count(*) FROM pg_available_extensions WHERE name = 'citext'"):
            pytest.skip('the server offers no citext')
        simulated.query('CREATE EXTENSION citext')
    simulator.create_table('events', key=[('id', kind)], stream='NEW_AND_OLD_IMAGES')
    simulated.query(f'CREATE TABLE events (id {column} PRIMARY KEY)')
    fails(simulated, "SELECT podyn_replicate('events', schema => false)", says='its key attribute is',
          sqlstates=('42804',))


def test_pruning_knows_converted_keys(simulator, simulated, configure):
    """on_existing => 'upsert': rows whose items are gone are removed, those of items that are there are not."""
    configure('podyn.batch_rows', 1)  # so that each row is found behind the last one
    simulated.query(TYPES)
    simulated.query("SET timezone = 'Asia/Tokyo'")
    cases = [(f't{number}', *case) for number, case in enumerate(KEYS) if len(case[2]) > 1]
    for name, kind, column, good, _ in cases:
        table = simulator.create_table(name, key=[('id', kind)], stream='NEW_AND_OLD_IMAGES')
        simulated.query(f'CREATE TABLE {name} (id {column} PRIMARY KEY, key text)')
        for key in good:
            value = f"decode('{key}', 'base64')" if column == 'raw' else f"'{key}'"
            simulated.query(f"INSERT INTO {name} VALUES ({value}, 'old')")
        for key in good[:-1]:
            table.put({'id': {kind: key}, 'key': s(key)})
        simulated.replicate(name, schema=False, on_existing='upsert', data=True, changes=False)
    wrong = []
    for name, kind, column, good, _ in cases:
        simulated.wait_for_state(name, 'completed')
        arrived = simulated.column(f'SELECT key FROM {name}')
        if sorted(arrived) != sorted(good[:-1]) or simulated.errors(name):
            wrong.append((column, arrived, [error['message'] for error in simulated.errors(name)]))
    assert not wrong, wrong
