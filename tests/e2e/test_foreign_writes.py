"""Writing to foreign tables; boto3 and the simulator say what has arrived."""

import psycopg2
import pytest

from failing import fails
from foreign_tables import copy
from sample_data import item_for_boto3

KEY = [('pk', 'S'), ('sk', 'N')]
COLUMNS = 'pk text, sk numeric, name text, n numeric, tags text[], doc jsonb, raw bytea, at timestamptz, flag boolean'


@pytest.fixture
def events(dynamodb, database):
    """An empty DynamoDB table, and a foreign table for it."""
    dynamodb.create_table('events', key=KEY, stream=None)
    make_foreign_table(database, 'events')
    return dynamodb


@pytest.fixture
def simulated_events(simulator, simulated):
    table = simulator.create_table('events', key=KEY)
    make_foreign_table(simulated, 'events')
    return table


def make_foreign_table(database, name, columns=COLUMNS, **options):
    listed = ''.join(f", {option} '{value}'" for option, value in options.items())
    database.query(f"CREATE FOREIGN TABLE {name} ({columns}) SERVER dynamodb OPTIONS (table_name 'events'{listed})")


def items(dynamodb):
    found = dynamodb.client.scan(TableName='events', ConsistentRead=True)['Items']
    return sorted(found, key=lambda item: (item['pk']['S'], int(item['sk']['N'])))


def count_written(simulator):
    return sum(request.writes for operation in ('BatchWriteItem', 'PutItem', 'UpdateItem')
               for request in simulator.sent(operation))


def status(database, statement, *arguments):
    with database.connection.cursor() as cursor:
        cursor.execute(statement, arguments or None)
        return cursor.statusmessage


def test_insert_writes_items_and_returns_them(events, database):
    assert database.query(r"""INSERT INTO events VALUES ('a', 1, 'x', 1.5, '{p,q}', '{"k": [1, null]}', '\x01',
                              '2022-02-02 18:01:49.345261+00', true),
                              ('b', 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL) RETURNING pk, n""") == [('a', 1.5), ('b', None)]
    assert items(events) == [
        {'pk': {'S': 'a'}, 'sk': {'N': '1'}, 'name': {'S': 'x'}, 'n': {'N': '1.5'}, 'tags': {'L': [{'S': 'p'}, {'S': 'q'}]},
         'doc': {'M': {'k': {'L': [{'N': '1'}, {'NULL': True}]}}}, 'raw': {'B': b'\x01'},
         'at': {'S': '2022-02-02T18:01:49.345261000Z'}, 'flag': {'BOOL': True}},
        {'pk': {'S': 'b'}, 'sk': {'N': '2'}}]


def test_an_insert_replaces_an_item_with_its_key(events, database):
    database.query("INSERT INTO events (pk, sk, name) VALUES ('a', 1, 'old')")
    assert status(database, "INSERT INTO events (pk, sk, n) VALUES ('a', 1, 2)") == 'INSERT 0 1'
    assert items(events) == [{'pk': {'S': 'a'}, 'sk': {'N': '1'}, 'n': {'N': '2'}}]


def test_insert_goes_in_batches_of_25_and_what_is_sent_again_arrives_once(simulator, simulated, simulated_events):
    simulator.fault('throttle', operation='BatchWriteItem', probability=0.2, seed=1, times=None)
    given_back = set()

    def once(write):
        key = str(write)
        again = key in given_back
        given_back.add(key)
        return hash(key) % 20 == 0 and not again
    simulator.leaves_unprocessed = once
    assert status(simulated, "INSERT INTO events (pk, sk) SELECT 'a', i FROM generate_series(1, 2000) AS i") == \
        'INSERT 0 2000'
    assert len(simulated_events.items) == 2000 == count_written(simulator)
    assert max(len(request.body['RequestItems']['events']) for request in simulator.sent('BatchWriteItem')) == 25


def test_copy_from(simulator, simulated, simulated_events):
    assert copy(simulated, 'events (pk, sk, tags)', ''.join(f'a\t{i}\t{{x,y}}\n' for i in range(1000))) == 1000
    assert len(simulated_events.items) == 1000
    assert simulator.count('BatchWriteItem') == 40


@pytest.mark.parametrize('returning', ['', ' RETURNING sk'])
def test_on_conflict_do_nothing_counts_what_is_new(simulator, simulated, simulated_events, returning):
    for number in range(0, 300, 3):
        simulated_events.put({'pk': {'S': 'a'}, 'sk': {'N': str(number)}, 'name': {'S': 'old'}})
    simulator.fault('internal_error', operation='PutItem', times=3)
    assert status(simulated, "INSERT INTO events (pk, sk, name) SELECT 'a', i, 'new' FROM generate_series(0, 299) AS i "
                  f"ON CONFLICT DO NOTHING{returning}") == 'INSERT 0 200'
    names = [item['name']['S'] for item in simulated_events.items.values()]
    assert (names.count('old'), names.count('new')) == (100, 200)


def test_an_update_sends_only_what_has_changed(simulator, simulated, simulated_events):
    simulated_events.put({'pk': {'S': 'a'}, 'sk': {'N': '1'}, 'name': {'S': 'old'}, 'n': {'N': '1'}, 'other': {'SS': ['x']},
                          'raw': {'B': 'AQ=='}, 'flag': {'S': 'no boolean'}})
    assert status(simulated, "UPDATE events SET name = 'new', n = 1.0, raw = NULL, flag = NOT flag, at = NULL") == 'UPDATE 1'
    request, = simulator.sent('UpdateItem')
    assert request.body['UpdateExpression'] == 'SET #0 = :0 REMOVE #1'
    assert request.body['ExpressionAttributeNames'] == {'#0': 'name', '#1': 'raw', '#2': 'pk'}
    assert request.body['ConditionExpression'] == 'attribute_exists(#2)'
    assert list(simulated_events.items.values()) == [
        {'pk': {'S': 'a'}, 'sk': {'N': '1'}, 'name': {'S': 'new'}, 'n': {'N': '1'}, 'other': {'SS': ['x']},
         'flag': {'S': 'no boolean'}}]
    assert status(simulated, "UPDATE events SET name = 'new', flag = NULL") == 'UPDATE 1'
    assert simulator.count('UpdateItem') == 1, 'nothing has changed'


def test_update_and_delete_of_many_rows(events, database):
    database.query("INSERT INTO events (pk, sk, n) SELECT 'a', i, i FROM generate_series(1, 300) AS i")
    assert status(database, 'UPDATE events SET n = n * 2, name = sk::text WHERE sk > 100') == 'UPDATE 200'
    assert status(database, 'DELETE FROM events WHERE sk <= 50') == 'DELETE 50'
    assert [(int(item['sk']['N']), int(item['n']['N']), 'name' in item) for item in items(events)] == [
        (i, i if i <= 100 else 2 * i, i > 100) for i in range(51, 301)]


def test_update_and_delete_return_rows(events, database):
    database.query("INSERT INTO events (pk, sk, n) VALUES ('a', 1, 1), ('a', 2, 2)")
    assert database.query('UPDATE events SET n = 7 WHERE sk = 1 RETURNING pk, sk, n') == [('a', 1, 7)]
    assert database.query('DELETE FROM events WHERE sk = 1 RETURNING pk, sk, n') == [('a', 1, 7)]
    assert len(items(events)) == 1


def test_updates_and_deletes_need_columns_for_the_key_and_warn_of_nothing(events, database):
    database.query("INSERT INTO events (pk, sk) VALUES ('a', 1)")
    database.query("UPDATE events SET n = 1")
    database.query('DELETE FROM events')
    assert database.notices() == ''
    make_foreign_table(database, 'keyless', columns='pk text, n numeric')
    for statement in ('UPDATE keyless SET n = 2', 'DELETE FROM keyless'):
        fails(database, statement, says='foreign table "keyless" has no column for attribute "sk"', hint='ADD COLUMN sk')


@pytest.mark.parametrize('returning, counted', [('', 2), (' RETURNING sk', 1)])
def test_an_item_that_went_meanwhile_is_not_made_again(simulator, simulated, simulated_events, returning, counted):
    for number in '12':
        simulated_events.put({'pk': {'S': 'a'}, 'sk': {'N': number}})

    def delete_first(request):
        if request.body['Key']['sk'] == {'N': '1'}:
            simulated_events.delete(request.body['Key'])
        return False
    simulator.fault('reset', operation='UpdateItem', when=delete_first)
    assert status(simulated, f"UPDATE events SET name = 'x'{returning}") == f'UPDATE {counted}'
    assert ('1 items that the statement counts as updated were deleted meanwhile' in simulated.notices()) == (counted == 2)
    assert [item['sk'] for item in simulated_events.items.values()] == [{'N': '2'}]


def test_explain_names_the_request(simulated, simulated_events):
    for statement, request in (("INSERT INTO events (pk, sk) VALUES ('a', 1)", 'BatchWriteItem'),
                               ("INSERT INTO events (pk, sk) VALUES ('a', 1) ON CONFLICT DO NOTHING", 'PutItem'),
                               ('UPDATE events SET n = 1', 'UpdateItem'), ('DELETE FROM events', 'BatchWriteItem')):
        plan = simulated.column(f'EXPLAIN {statement}')
        assert f'  DynamoDB Write: {request}' in plan, plan


def test_keys_cannot_be_updated(simulator, simulated, simulated_events):
    with pytest.raises(psycopg2.errors.FeatureNotSupported, match='column "sk" of foreign table "events" cannot be') as caught:
        simulated.query('UPDATE events SET sk = 2')
    assert 'Insert the item with its new key' in caught.value.pgerror


def test_keys_of_other_types_are_found_again(dynamodb, database):
    dynamodb.create_table('events', key=[('day', 'S'), ('at', 'S')], stream=None)
    make_foreign_table(database, 'events', columns='day timestamptz, at timestamp(3), n int')
    database.query("INSERT INTO events VALUES ('2024-01-01 01:00+01', '2024-01-01 12:00:00.5', 1)")
    key = "day = '2024-01-01 00:00Z' AND at = '2024-01-01 12:00:00.5'"
    assert database.value(f'SELECT n FROM events WHERE {key}') == 1
    database.query(f'UPDATE events SET n = 2 WHERE {key}')
    assert dynamodb.client.scan(TableName='events')['Items'] == [
        {'day': {'S': '2024-01-01T00:00:00Z'}, 'at': {'S': '2024-01-01T12:00:00.500'}, 'n': {'N': '2'}}]
    with pytest.raises(psycopg2.errors.InvalidParameterValue, match='"day" has a value that no key can have'):
        database.query("INSERT INTO events VALUES ('infinity', '2024-01-01', 1)")
    assert status(database, 'DELETE FROM events') == 'DELETE 1'
    assert dynamodb.client.scan(TableName='events')['Items'] == []


def test_stored_generated_columns_are_written(events, database):
    make_foreign_table(database, 'generated', columns="project text, n int, sk numeric, twice int GENERATED ALWAYS AS "
                       "(n * 2) STORED, pk text GENERATED ALWAYS AS ('PROJECT#' || project) STORED")
    database.query("INSERT INTO generated (project, n, sk) VALUES ('p', 1, 1)")
    assert items(events) == [{'pk': {'S': 'PROJECT#p'}, 'sk': {'N': '1'}, 'project': {'S': 'p'}, 'n': {'N': '1'},
                              'twice': {'N': '2'}}]
    assert database.query("UPDATE generated SET n = 5 WHERE pk = 'PROJECT#p' RETURNING twice") == [(10,)]
    assert database.query('SELECT n, twice FROM generated') == [(5, 10)]
    with pytest.raises(psycopg2.errors.FeatureNotSupported, match='column "pk" of foreign table "generated" cannot be'):
        database.query("UPDATE generated SET project = 'q'")
    assert status(database, 'DELETE FROM generated') == 'DELETE 1'
    assert items(events) == []


def test_a_bad_row_is_named_and_what_was_sent_stays(simulator, simulated, simulated_events):
    with pytest.raises(psycopg2.errors.NumericValueOutOfRange, match=r'item with key \{"pk": "a", "sk": 7\}.* 39 digits'):
        simulated.query("INSERT INTO events (pk, sk, n) SELECT 'a', i, CASE WHEN i = 7 THEN repeat('1', 39)::numeric END "
                        "FROM generate_series(1, 10) AS i")
    simulated.query("BEGIN; INSERT INTO events (pk, sk) VALUES ('b', 1); ROLLBACK")
    assert simulated_events.get({'pk': {'S': 'b'}, 'sk': {'N': '1'}}), 'DynamoDB knows nothing of the transaction'


def test_a_dry_run_tells_each_write_and_sends_none(simulator, simulated, simulated_events):
    simulated_events.put({'pk': {'S': 'a'}, 'sk': {'N': '1'}, 'name': {'S': 'old'}, 'n': {'N': '1'}})
    simulated.query('SET podyn.dry_run = on')
    simulated.query("INSERT INTO events (pk, sk) VALUES ('b', 2)")
    simulated.query("INSERT INTO events (pk, sk) VALUES ('b', 2) ON CONFLICT DO NOTHING")
    simulated.query("UPDATE events SET name = 'new', n = NULL")
    simulated.query('DELETE FROM events')
    for message in ('dry run: would put {"pk":{"S":"b"},"sk":{"N":"2"}}',
                    'dry run: would put, unless it exists, {"pk":{"S":"b"},"sk":{"N":"2"}}',
                    'dry run: would update item with key {"pk": "a", "sk": 1}: name: "old" → "new", n: 1 → nothing',
                    'dry run: would delete item with key {"pk":{"S":"a"},"sk":{"N":"1"}}'):
        assert message in simulated.notices()
    assert len(simulated_events.items) == 1 and count_written(simulator) == 0


def test_sets_and_nulls_as_options_of_table_and_column(events, database):
    make_foreign_table(database, 'typed', sets='true', nulls='null',
                       columns="pk text, sk numeric, tags text[], list text[] OPTIONS (sets 'false'), "
                               "gone text OPTIONS (nulls 'absent'), nothing text")
    database.query("INSERT INTO typed VALUES ('a', 1, '{x}', '{y}')")
    assert items(events) == [{'pk': {'S': 'a'}, 'sk': {'N': '1'}, 'tags': {'SS': ['x']}, 'list': {'L': [{'S': 'y'}]},
                              'nothing': {'NULL': True}}]
    with pytest.raises(psycopg2.errors.InvalidParameterValue, match='a set without members'):
        database.query("INSERT INTO typed VALUES ('a', 2, '{}')")


def test_a_null_that_stays_null_is_not_written_over_what_the_column_does_not_show(simulator, simulated, simulated_events):
    make_foreign_table(simulated, 'typed', nulls='null', columns='pk text, sk numeric, flag boolean, n numeric, name text')
    item = {'pk': {'S': 'a'}, 'sk': {'N': '1'}, 'flag': {'S': 'no boolean'}, 'n': {'N': '1'}, 'name': {'N': '7'}}
    simulated_events.put(item)
    simulated.query('UPDATE typed SET flag = NULL, n = NULL, name = upper(name)')
    assert list(simulated_events.items.values()) == [{**item, 'n': {'NULL': True}}]


@pytest.mark.parametrize('mode', ['jsonb', 'dynamodb_json'])
def test_whole_items_in_one_column(events, database, mode):
    make_foreign_table(database, 'whole', columns='pk text, sk numeric, data jsonb', conversion_mode=mode)
    typed = mode == 'dynamodb_json'
    first, second = (('{"s": {"SS": ["x"]}, "n": {"N": "1"}}', '{"n": {"N": "1"}, "m": {"S": "y"}}') if typed else
                     ('{"s": ["x"], "n": 1}', '{"n": 1, "m": "y"}'))
    database.query('INSERT INTO whole VALUES (%s, 1, %s)', 'a', first)
    assert items(events) == [{'pk': {'S': 'a'}, 'sk': {'N': '1'}, 'n': {'N': '1'},
                              's': {'SS': ['x']} if typed else {'L': [{'S': 'x'}]}}]
    database.query('UPDATE whole SET data = %s', second)
    assert items(events) == [{'pk': {'S': 'a'}, 'sk': {'N': '1'}, 'n': {'N': '1'}, 'm': {'S': 'y'}}]
    database.query('UPDATE whole SET data = NULL')
    assert items(events) == [{'pk': {'S': 'a'}, 'sk': {'N': '1'}}]
    with pytest.raises(psycopg2.errors.InvalidParameterValue, match='JSON object'):
        database.query("UPDATE whole SET data = '[]'")


def test_a_foreign_table_of_an_index_is_not_written_to(simulator, simulated):
    simulator.create_table('events', key=KEY, gsis={'by_name': [('name', 'S')]})
    make_foreign_table(simulated, 'by_name', index_name='by_name')
    with pytest.raises(psycopg2.Error, match='does not allow inserts'):
        simulated.query("INSERT INTO by_name (pk, sk) VALUES ('a', 1)")


def test_the_guides_timestamps_are_mended_with_one_update(events, database):
    """docs/writing.md: PostgreSQL's form of a time becomes RFC 3339, with a preview."""
    events.put('events', item_for_boto3({'pk': {'S': 'PROJECT#p'}, 'sk': {'N': '1'},
                                         'created': {'S': '2022-02-02 18:01:49.345261+00'}}),
               item_for_boto3({'pk': {'S': 'PROJECT#p'}, 'sk': {'N': '2'}, 'created': {'S': '2022-02-02T18:01:49.345261000Z'}}))
    make_foreign_table(database, 'tokens', columns='pk text, sk numeric, created text')
    update = "UPDATE tokens SET created = podyn_rfc3339(created::timestamptz) WHERE created LIKE '%+00'"
    database.query('SET podyn.dry_run = on')
    database.query(update)
    assert 'created: "2022-02-02 18:01:49.345261+00" → "2022-02-02T18:01:49.345261000Z"' in database.notices()
    database.query('RESET podyn.dry_run')
    assert status(database, update) == 'UPDATE 1'
    assert {item['created']['S'] for item in items(events)} == {'2022-02-02T18:01:49.345261000Z'}
