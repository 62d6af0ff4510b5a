"""Foreign tables when things go otherwise: cancels, throttling, errors, changes, rights."""

import json
import time

import psycopg2
import pytest

from background import InBackground
from failing import fails
from foreign_tables import import_tables, scan
from waiting import wait_until


@pytest.fixture
def events(simulator, simulated):
    """200 items of 1 KB in a table of the simulator, which knows Scan and BatchGetItem."""
    table = simulator.create_table('events', [('id', 'S')])
    for i in range(200):
        table.put({'id': {'S': f'e{i}'}, 'n': {'N': str(i)}, 'filler': {'S': 'x' * 1000}})
    import_tables(simulated)
    return table


def test_a_cancel_ends_a_slow_request(simulator, simulated, events):
    pid = simulated.value('SELECT pg_backend_pid()')
    simulator.fault('slow', operation='Scan', seconds=60)
    before = simulator.count('Scan')

    def run():
        with pytest.raises(psycopg2.errors.QueryCanceled):
            simulated.query('SELECT * FROM events')
    running = InBackground(run)
    wait_until(lambda: simulator.count('Scan') > before, 'the scan is under way')
    simulated.postgres.query('SELECT pg_cancel_backend(%s)', pid)
    running.join(30)
    assert simulated.value('SELECT pg_backend_pid()') == pid
    assert len(simulated.query('SELECT * FROM events')) == 200


def test_throttling_slows_and_never_fails(simulator, simulated, events):
    simulator.fault('throttle', operation='Scan', times=8)  # more than the engine tries by itself
    assert len(simulated.query('SELECT * FROM events')) == 200


def test_keys_that_a_batch_left_out_are_asked_for_again(simulator, simulated, events):
    events.keys_per_read = 7
    statement = 'SELECT n FROM events WHERE id = ANY (%s) ORDER BY n'
    assert scan(simulated, statement, ['e1', 'e2'])['Request'] == 'BatchGetItem'
    assert simulated.column(statement, [f'e{i}' for i in range(150)] + ['nobody']) == list(range(150))


def test_a_long_list_of_keys_is_made_ready_in_time(simulated, events):
    simulated.query("SET statement_timeout = '1s'")
    begun = time.monotonic()
    with pytest.raises(psycopg2.errors.QueryCanceled):
        simulated.query("SELECT * FROM events WHERE id = ANY (ARRAY(SELECT 'x' || i FROM generate_series(1, 200000) AS i))")
    assert time.monotonic() - begun < 15  # comparing every two of them would take a minute, without an end


def test_scan_rate_holds_a_full_scan_back(simulator, simulated, events):
    simulated.query("ALTER FOREIGN TABLE events OPTIONS (ADD scan_rate '50')")
    begun = time.monotonic()
    found = scan(simulated, 'SELECT * FROM events', analyze=True)
    # 200 items of 1 KB, read consistently, are some 50 units; the first 100 are read at once, then their price is known.
    assert time.monotonic() - begun > 0.4
    assert found['Requests'] >= 2 and found['Read Units'] >= 50, found


def test_segments_are_read_beside_each_other(simulator, simulated, events):
    simulated.query("ALTER FOREIGN TABLE events OPTIONS (ADD segments '4')")
    assert sorted(simulated.column('SELECT n FROM events')) == list(range(200))
    assert {request.body.get('TotalSegments') for request in simulator.requests if request.operation == 'Scan'
            and not request.body.get('Limit')} == {4}


def test_imports_of_many_tables(simulator, simulated):
    for i in range(105):  # ListTables gives a hundred at once
        simulator.create_table(f't{i}', [('id', 'S')])
    simulator.create_table('Ünï"' + 'x' * 100, [('id', 'S')])
    simulated.query('CREATE SCHEMA one; CREATE SCHEMA two; CREATE SCHEMA three')

    def tables(schema):
        return simulated.value('SELECT count(*) FROM information_schema.foreign_tables '
                               'WHERE foreign_table_schema = %s', schema)
    import_tables(simulated, 'LIMIT TO (t3, t104)', schema='one')
    assert tables('one') == 2
    import_tables(simulated, 'EXCEPT (t3, t104)', schema='two')
    assert tables('two') == 104
    import_tables(simulated, schema='three', conversion_mode='jsonb')
    assert tables('three') == 106
    fails(simulated, 'IMPORT FOREIGN SCHEMA dynamodb FROM SERVER dynamodb INTO one OPTIONS (access_key_id $$x$$)',
          says='access_key_id', hint='user mapping')


def test_an_import_says_that_a_table_has_more_attributes_than_columns(simulator, simulated):
    table = simulator.create_table('wide', [('id', 'S')])
    for i in range(16):
        table.put({'id': {'S': f'w{i}'}, **{f'a{100 * i + j}': {'N': '1'} for j in range(100)}})
    import_tables(simulated)
    assert 'foreign table "wide" has columns for the first 1500 attributes only' in simulated.notices()
    assert simulated.value("SELECT count(*) FROM wide WHERE id > ''") == 16


def test_errors_say_what_to_do(simulator, simulated, events):
    simulator.fault('access_denied', operation='Scan')
    fails(simulated, 'SELECT * FROM events', says='is not authorized', hint='dynamodb:Scan')
    simulated.query("CREATE FOREIGN TABLE absent (id text) SERVER dynamodb OPTIONS (table_name 'nowhere')")
    fails(simulated, 'SELECT * FROM absent', says='"nowhere" does not exist', hint='region', sqlstates={'42P01'})
    simulated.query("CREATE FOREIGN TABLE other (id text) SERVER dynamodb OPTIONS (table_name 'events', index_name 'x')")
    fails(simulated, 'SELECT * FROM other', says='no index "x"', hint='index_name')
    simulated.query("CREATE FOREIGN TABLE wrong (n text OPTIONS (key 'sort')) SERVER dynamodb "
                    "OPTIONS (table_name 'events')")
    fails(simulated, 'SELECT * FROM wrong', says='is not the sort key', hint='DROP key')
    simulated.query("CREATE FOREIGN TABLE bare (id text) SERVER dynamodb "
                    "OPTIONS (table_name 'events', conversion_mode 'jsonb')")
    fails(simulated, 'SELECT * FROM bare', says='no column "data"', hint='ADD COLUMN')
    simulated.query('DROP USER MAPPING FOR CURRENT_USER SERVER dynamodb')
    fails(simulated, 'SELECT * FROM events', says='user mapping not found', hint='CREATE USER MAPPING')


def test_views_read_as_their_owner(simulator, simulated, events):
    simulated.query('CREATE VIEW seen AS SELECT n FROM events; CREATE ROLE podyn_reader; '
                    'GRANT SELECT ON seen, events TO podyn_reader')
    try:
        simulated.query('SET ROLE podyn_reader')
        assert simulated.value('SELECT count(*) FROM seen') == 200
        assert simulated.value('SELECT sum(n) FROM seen WHERE n < 3') == 3
        fails(simulated, 'SELECT count(*) FROM events', says='user mapping not found for "podyn_reader"', hint='CREATE')
    finally:
        simulated.query('RESET ROLE; DROP OWNED BY podyn_reader; DROP ROLE podyn_reader')


def test_a_changed_server_counts_at_once(simulator, simulated, events):
    assert simulated.value('SELECT count(*) FROM events') == 200
    simulated.query("ALTER SERVER dynamodb OPTIONS (SET endpoint 'http://127.0.0.1:1')")
    with pytest.raises(psycopg2.Error):
        simulated.query('SELECT * FROM events')
    simulated.query('ALTER SERVER dynamodb OPTIONS (SET endpoint {})'.format(f"'{simulator.endpoint}'"))
    assert simulated.value('SELECT count(*) FROM events') == 200
    simulated.query("SET podyn.allowed_endpoints = '*.amazonaws.com'")
    fails(simulated, 'SELECT * FROM events', says='127.0.0.1', hint='podyn.allowed_endpoints')


def test_documents_keep_every_type(dynamodb, database):
    item = {'id': {'S': 'one'}, 'data': {'N': '1.50'}, 'bytes': {'B': b'\1'}, 'set': {'SS': ['a', 'b']},
            'map': {'M': {'none': {'NULL': True}, 'list': {'L': [{'N': '12345678901234567890123456789012345678'}]}}}}
    dynamodb.create_table('things', [('id', 'S')], stream=None)
    dynamodb.put('things', item)
    database.query('CREATE SCHEMA plain; CREATE SCHEMA typed')
    import_tables(database, schema='plain', conversion_mode='jsonb')
    import_tables(database, schema='typed', conversion_mode='dynamodb_json')
    assert database.column("SELECT attname::text FROM pg_attribute WHERE attrelid = 'plain.things'::regclass "
                           "AND attnum > 0 ORDER BY attnum") == ['id', 'data']
    plain = json.loads(database.value("SELECT data::text FROM plain.things WHERE id = 'one'"))
    assert plain == {'id': 'one', 'data': 1.5, 'bytes': 'AQ==', 'set': ['a', 'b'],
                     'map': {'none': None, 'list': [12345678901234567890123456789012345678]}}
    typed = json.loads(database.value('SELECT data::text FROM typed.things'))
    assert typed['set'] in ({'SS': ['a', 'b']}, {'SS': ['b', 'a']}) and typed['bytes'] == {'B': 'AQ=='}
    assert typed['map']['M']['list'] == item['map']['M']['list']


def test_columns_of_other_types(dynamodb, database):
    dynamodb.create_table('visits', [('who', 'S'), ('when', 'S')],
                          gsis={'by_place': [('place', 'S')]}, stream=None)
    uuid, day = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2024-02-29'
    dynamodb.put('visits',
                 {'who': {'S': uuid}, 'when': {'S': day}, 'n': {'N': '7'}, 'tags': {'SS': ['a']}, 'place': {'S': 'x'}},
                 {'who': {'S': uuid}, 'when': {'S': '2024-03-01'}, 'n': {'S': 'seven'}, 'tags': {'L': [{'S': 'b'}]}})
    database.query(f'''CREATE FOREIGN TABLE visits (
            visitor uuid OPTIONS (attribute 'who', key 'partition'), day date OPTIONS (attribute 'when', key 'sort'),
            n integer, n_text text OPTIONS (attribute 'n'), again text OPTIONS (attribute 'n'), tags text[], place text)
        SERVER dynamodb''')
    condition = f"visitor = '{uuid}' AND day = '{day}'"
    assert scan(database, f'SELECT * FROM visits WHERE {condition}')['Request'] == 'GetItem'
    assert database.query(f'SELECT n, n_text, again, tags FROM visits WHERE {condition}') == [(7, None, None, ['a'])]
    assert database.query("SELECT n, n_text, again, tags FROM visits WHERE n_text = 'seven'") == [
        (None, 'seven', 'seven', ['b'])]
    assert database.query('SELECT count(n), count(*) FROM visits') == [(1, 2)]
    database.query("CREATE FOREIGN TABLE at_places (place text, who text) SERVER dynamodb "
                   "OPTIONS (table_name 'visits', index_name 'by_place')")
    assert scan(database, 'SELECT * FROM at_places')['DynamoDB Index'] == 'by_place'
    assert database.query('SELECT * FROM at_places') == [('x', uuid)]


def test_what_the_executor_may_ask_for(dynamodb, database):
    dynamodb.create_table('pairs', [('a', 'N'), ('b', 'N')], stream=None)
    dynamodb.put('pairs', *({'a': {'N': str(a)}, 'b': {'N': str(b)}} for a in range(3) for b in range(5)))
    import_tables(database)
    database.query('BEGIN; DECLARE c SCROLL CURSOR FOR SELECT a, b FROM pairs WHERE a = 1 ORDER BY b')
    assert database.query('FETCH 3 FROM c') == [(1, 0), (1, 1), (1, 2)]
    assert database.query('FETCH BACKWARD 1 FROM c') == [(1, 1)]
    database.query('COMMIT')
    assert len(database.query('SELECT * FROM pairs WHERE a = 2 FOR UPDATE')) == 5
    assert database.value('SELECT count(*) FROM pairs AS x, pairs AS y WHERE x.a = y.b') == 45
    database.query('SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off')
    assert database.value('SELECT count(*) FROM pairs AS x, pairs AS y WHERE x.b < y.a') == 45
    assert database.query('SELECT g, (SELECT sum(b) FROM pairs WHERE a = g) FROM generate_series(1, 3) AS g') == [
        (1, 10), (2, 10), (3, None)]
    assert database.value('SELECT count(*) FROM generate_series(0, 1) AS g, LATERAL '
                          '(SELECT * FROM pairs WHERE a = g ORDER BY b DESC LIMIT 2) AS _') == 4
    assert database.value('SELECT p IS NOT NULL FROM pairs AS p WHERE a = 1 AND b = 1')
    assert database.value('SELECT tableoid::regclass::text FROM pairs LIMIT 1') == 'pairs'
    assert database.value('SELECT exists (SELECT FROM pairs WHERE a = 2)')
