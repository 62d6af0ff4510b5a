"""podyn_push: a query's rows become items; boto3 and the simulator say what has arrived."""

import random
import re
import time

import psycopg2
import pytest

from background import InBackground
from waiting import wait_until

KEY = [('pk', 'S'), ('sk', 'N')]


def push(database, query, table, **options):
    named = ''.join(f', {name} => %s' for name in options)
    return database.row(f'SELECT * FROM podyn_push(%s, %s{named})', query, table, *options.values())


def counts(read, written, skipped=0, failed=0):
    return {'read': read, 'written': written, 'skipped': skipped, 'failed': failed}


def items_of(dynamodb, table):
    pages = dynamodb.client.get_paginator('scan').paginate(TableName=table, ConsistentRead=True)
    return [item for page in pages for item in page['Items']]


def test_every_type_has_its_way_back(dynamodb, database):
    dynamodb.create_table('types', key=KEY, stream=None)
    query = r"""SELECT 'a' AS pk, 1 AS sk, 12345678901234567890123456789.123456789::numeric AS digits, 1.5::float8 AS f,
        'text'::varchar AS v, 'ab5f0ae4-a9a4-4f5c-8b21-1a4f3a7b0c11'::uuid AS u, '2022-02-02'::date AS d, true AS yes,
        '\x0102ff'::bytea AS b, '2022-02-02 19:01:49.345261+01'::timestamptz AS t, NULL::text AS nothing,
        '2022-02-02 19:01:49'::timestamp AS local,
        '{"m": {"l": [1, "x", null, true, {"n": 1234567890123456789.0123456789}]}}'::jsonb AS j, '[1, [2]]'::json AS l,
        '"s"'::jsonb AS scalar, 'null'::jsonb AS json_null, ARRAY['x', 'y'] AS texts, ARRAY[[1, 2], [3, NULL]] AS table2,
        ARRAY['\x01'::bytea] AS binaries, '{}'::int[] AS empty"""
    database.query("SET timezone = 'Asia/Tokyo'; SET datestyle = 'German'")
    assert push(database, query, 'types') == counts(1, 1)
    item, = items_of(dynamodb, 'types')
    assert item == {
        'pk': {'S': 'a'}, 'sk': {'N': '1'}, 'digits': {'N': '12345678901234567890123456789.123456789'},
        'f': {'N': '1.5'}, 'v': {'S': 'text'}, 'u': {'S': 'ab5f0ae4-a9a4-4f5c-8b21-1a4f3a7b0c11'},
        'd': {'S': '2022-02-02'}, 'yes': {'BOOL': True}, 'b': {'B': b'\x01\x02\xff'},
        't': {'S': '2022-02-02T18:01:49.345261000Z'}, 'local': {'S': '2022-02-02T19:01:49'},
        'j': {'M': {'m': {'M': {'l': {'L': [{'N': '1'}, {'S': 'x'}, {'NULL': True}, {'BOOL': True},
                                            {'M': {'n': {'N': '1234567890123456789.0123456789'}}}]}}}}},
        'l': {'L': [{'N': '1'}, {'L': [{'N': '2'}]}]}, 'scalar': {'S': 's'}, 'json_null': {'NULL': True},
        'texts': {'L': [{'S': 'x'}, {'S': 'y'}]},
        'table2': {'L': [{'L': [{'N': '1'}, {'N': '2'}]}, {'L': [{'N': '3'}, {'NULL': True}]}]},
        'binaries': {'L': [{'B': b'\x01'}]}, 'empty': {'L': []}}


def test_arrays_become_sets_and_null_becomes_null_where_asked(dynamodb, database):
    dynamodb.create_table('sets', key=KEY, stream=None)
    query = r"""SELECT 'a' AS pk, 1 AS sk, ARRAY['x', 'y'] AS s, ARRAY[1, 2.5] AS n, ARRAY['\x01'::bytea] AS b,
        NULL::text AS nothing, ARRAY[true] AS flags"""
    assert push(database, query, 'sets', sets=True, nulls=True) == counts(1, 1)
    item, = items_of(dynamodb, 'sets')
    assert {kind: sorted(members) for name in 'snb' for kind, members in item[name].items()} == {
        'SS': ['x', 'y'], 'NS': ['1', '2.5'], 'BS': [b'\x01']}
    assert item['nothing'] == {'NULL': True} and item['flags'] == {'L': [{'BOOL': True}]}


REFUSED = {
    "repeat('1', 39)::numeric": 'attribute "value" has a number of 39 digits; DynamoDB keeps 38',
    "'1e126'::numeric": 'attribute "value" has a number beyond DynamoDB',
    "'NaN'::float8": 'attribute "value" is no number that DynamoDB has: NaN',
    "'infinity'::timestamptz": 'attribute "value" is a time that RFC 3339 has no form for',
    "repeat('x', 409600)": 'the item has 40961',
    "'{}'::text[]": 'attribute "value" is a set without members',
    "ARRAY['a', 'a']": 'attribute "value" is a set with a member twice: a',
    "ARRAY['a', NULL]": 'attribute "value" is a set with a NULL in it',
    "(repeat('[', 32) || repeat(']', 32))::jsonb": 'attribute "value" is nested more than 32 levels deep',
    r"""'{"a": "\u0000"}'::json""": 'attribute "value" is no JSON that can be written: unsupported Unicode escape sequence',
}


@pytest.mark.parametrize('value', REFUSED)
def test_what_dynamodb_has_no_form_for_is_refused_by_its_row_and_the_rest_goes_on(simulator, simulated, value):
    simulator.create_table('limits', key=KEY)
    query = f"SELECT 'a' AS pk, 1 AS sk, {value} AS value UNION ALL SELECT 'a', 2, NULL"
    assert push(simulated, query, 'limits', sets=True) == counts(2, 1, failed=1)
    assert 'row 1 with key {"pk": "a", "sk": 1} was not written: ' + REFUSED[value] in simulated.notices()
    assert simulator.tables['limits'].get({'pk': {'S': 'a'}, 'sk': {'N': '2'}})


@pytest.mark.parametrize('row, reason', [
    ("'', 1", 'attribute "pk" is empty, which a key must not be'),
    ("NULL, 1", 'attribute "pk" is missing'),
    ("'a', NULL", 'attribute "sk" is missing'),
    ("repeat('x', 2049), 1", 'attribute "pk" is a partition key of more than 2048 bytes'),
])
def test_bad_keys_are_refused(simulator, simulated, row, reason):
    simulator.create_table('keys', key=KEY)
    assert push(simulated, f'SELECT v.* FROM (VALUES ({row})) AS v (pk, sk)', 'keys') == counts(1, 0, failed=1)
    assert reason in simulated.notices()


def test_many_failures_are_named_and_the_others_counted(simulator, simulated):
    simulator.create_table('many', key=[('pk', 'S')])
    query = "SELECT CASE WHEN i % 2 = 0 THEN i::text ELSE '' END AS pk FROM generate_series(1, 100) AS i"
    assert push(simulated, query, 'many') == counts(100, 50, failed=50)
    assert simulated.notices().count('was not written') == 10
    assert '40 more rows were not written' in simulated.notices()


def test_whole_items_as_plain_json_and_as_dynamodb_json(dynamodb, database):
    dynamodb.create_table('whole', key=[('pk', 'S')], stream=None)
    push(database, """SELECT '{"pk": "plain", "n": 1.50, "l": ["a"]}'::jsonb AS item""", 'whole')
    push(database, """SELECT '{"pk": {"S": "typed"}, "s": {"NS": ["1"]}, "b": {"B": "AQI="}}'::jsonb AS dynamodb_json""",
         'whole')
    found = {item['pk']['S']: item for item in items_of(dynamodb, 'whole')}
    assert found == {'plain': {'pk': {'S': 'plain'}, 'n': {'N': '1.5'}, 'l': {'L': [{'S': 'a'}]}},
                     'typed': {'pk': {'S': 'typed'}, 's': {'NS': ['1']}, 'b': {'B': b'\x01\x02'}}}


def test_the_last_of_several_rows_with_one_key_stays(simulator, simulated):
    simulator.create_table('again', key=[('pk', 'S')])
    query = "SELECT (i % 10)::text AS pk, i AS n FROM generate_series(1, 1000) AS i ORDER BY i"
    assert push(simulated, query, 'again') == counts(1000, 1000)
    assert {key['pk']['S']: key['n']['N'] for key in simulator.tables['again'].items.values()} == {
        str(i % 10): str(i) for i in range(991, 1001)}


def test_skip_leaves_what_exists_and_error_stops_there(dynamodb, database):
    dynamodb.create_table('conflicts', key=[('pk', 'S')], stream=None)
    dynamodb.put('conflicts', {'pk': {'S': '3'}, 'n': {'N': '0'}})
    query = 'SELECT i::text AS pk, i AS n FROM generate_series(1, 5) AS i'
    assert push(database, query, 'conflicts', on_conflict='skip') == counts(5, 4, skipped=1)
    assert {item['pk']['S']: item['n']['N'] for item in items_of(dynamodb, 'conflicts')} == {
        '1': '1', '2': '2', '3': '0', '4': '4', '5': '5'}
    with pytest.raises(psycopg2.errors.UniqueViolation, match=r'has an item with key \{"pk":\{"S":"') as caught:
        push(database, "SELECT 'new' AS pk UNION ALL SELECT '3'", 'conflicts', on_conflict='error')
    assert '1 items were written before; they stay.' in str(caught.value)
    assert len(items_of(dynamodb, 'conflicts')) == 6


@pytest.mark.parametrize('spoiled', ['truncate', 'reset', 'internal_error'])
def test_a_put_that_was_not_answered_is_not_taken_for_an_older_item(simulator, simulated, spoiled):
    table = simulator.create_table('ambiguous', key=[('pk', 'S')])
    table.put({'pk': {'S': '1'}, 'n': {'N': '0'}})
    simulator.fault(spoiled, operation='PutItem', times=5)
    query = "SELECT i::text AS pk, i AS n, ARRAY['b', 'a'] AS s FROM generate_series(1, 20) AS i"
    assert push(simulated, query, 'ambiguous', on_conflict='skip', sets=True) == counts(20, 19, skipped=1)
    assert simulator.count('PutItem') == 25


def test_throttled_and_unprocessed_writes_arrive_once_each(simulator, simulated):
    simulator.create_table('throttled', key=[('pk', 'S')])
    chance = random.Random(5)
    simulator.fault('throttle', operation='BatchWriteItem', probability=0.1, seed=3, times=None)
    simulator.leaves_unprocessed = lambda write: chance.random() < 0.01  # 10 % of batches, and some more
    number = 100_000
    query = f"SELECT md5(i::text) AS pk, i AS n FROM generate_series(1, {number}) AS i"
    assert push(simulated, query, 'throttled') == counts(number, number)
    assert len(simulator.tables['throttled'].items) == number
    assert sum(request.writes for request in simulator.sent('BatchWriteItem')) == number


def test_a_batch_that_is_refused_is_sent_one_by_one(simulator, simulated):
    simulator.create_table('refusing', key=[('pk', 'S')])
    simulator.fault('error', name='ValidationException', message='item 7 is not good', operation='BatchWriteItem',
                    times=None, when=lambda request: any(
                        write['PutRequest']['Item']['n'] == {'N': '7'} for write in request.body['RequestItems']['refusing']))
    query = 'SELECT i::text AS pk, i AS n FROM generate_series(1, 60) AS i'
    assert push(simulated, query, 'refusing') == counts(60, 59, failed=1)
    assert 'row 7 with key {"pk":{"S":"7"}} was not written' in simulated.notices()
    assert 'item 7 is not good' in simulated.notices()


def test_an_error_that_concerns_all_ends_the_push_and_says_what_was_sent(simulator, simulated):
    simulator.create_table('denied', key=[('pk', 'S')])
    simulator.fault('access_denied', operation='BatchWriteItem', after=2, times=None)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match='dynamodb:BatchWriteItem'):
        push(simulated, 'SELECT i::text AS pk FROM generate_series(1, 1000) AS i', 'denied')
    assert '50 items were written before the error; they stay' in simulated.notices()


def test_a_dry_run_sends_nothing_and_says_what_it_would_do(simulator, simulated):
    table = simulator.create_table('dry', key=[('pk', 'S')])
    table.put({'pk': {'S': '2'}})
    query = 'SELECT i::text AS pk FROM generate_series(1, 30) AS i'
    assert push(simulated, query, 'dry', dry_run=True, on_conflict='skip') == counts(30, 29, skipped=1)
    assert 'dry run: would put {"pk":{"S":"1"}}' in simulated.notices()
    assert 'dry run: would skip, as it exists, the item with key {"pk":{"S":"2"}}' in simulated.notices()
    simulated.query('SET podyn.dry_run = on')
    assert push(simulated, query, 'dry') == counts(30, 30)
    assert '30 items would be written to DynamoDB table dry' in simulated.notices()
    assert len(table.items) == 1 and not simulator.count('BatchWriteItem') and not simulator.count('PutItem')


def test_write_rate_is_kept(simulator, simulated):
    simulator.create_table('rate', key=[('pk', 'S')])
    begun = time.monotonic()
    push(simulated, 'SELECT i::text AS pk FROM generate_series(1, 200) AS i', 'rate', write_rate=100)
    times = [request.time for request in simulator.sent('BatchWriteItem')]
    assert times[-1] - times[0] >= 1.5, 'eight batches of 25 units at 100 units a second'
    assert time.monotonic() - begun < 30


def test_a_cancel_ends_it_within_a_second(simulator, simulated):
    simulator.create_table('slow', key=[('pk', 'S')])
    simulator.fault('slow', operation='BatchWriteItem', seconds=30, times=None)
    run = InBackground(lambda: push(simulated, 'SELECT i::text AS pk FROM generate_series(1, 5000) AS i', 'slow'))
    wait_until(lambda: simulator.count('BatchWriteItem'), 'the push writes')
    begun = time.monotonic()
    simulated.postgres.query("SELECT pg_cancel_backend(pid) FROM pg_stat_activity "
                             "WHERE query LIKE 'SELECT * FROM podyn_push%%' AND datname = %s", simulated.name)
    with pytest.raises(psycopg2.errors.QueryCanceled):
        run.join(30)
    assert time.monotonic() - begun < 5, 'a second, and more for a busy machine'


def test_progress_is_told_and_a_cancel_tells_how_much_was_written(simulator, simulated):
    """Every ten seconds; notices come to a client when its statement has ended, to the log at once."""
    simulator.create_table('slow', key=[('pk', 'S')])
    simulator.fault('slow', operation='BatchWriteItem', after=3, seconds=60, times=None)
    simulated.query('SET log_min_messages = notice')
    pid, begun = simulated.value('SELECT pg_backend_pid()'), simulated.postgres.log_size()
    run = InBackground(lambda: push(simulated, 'SELECT i::text AS pk FROM generate_series(1, 200) AS i', 'slow'))
    wait_until(lambda: 'pushing to DynamoDB table slow: 200 rows read, 75 written, 0 skipped, 0 failed, 75 write units' in
               simulated.postgres.log_since(begun), 'progress is told', timeout=60)
    simulated.postgres.query('SELECT pg_cancel_backend(%s)', pid)
    with pytest.raises(psycopg2.errors.QueryCanceled) as caught:
        run.join(30)
    assert 'CONTEXT:  pushing to DynamoDB table "slow": 200 rows read, 75 items were written before, 125 may have been; ' \
        'they stay' in caught.value.pgerror


def test_an_error_of_the_query_tells_how_much_was_written(simulator, simulated):
    simulator.create_table('erring', key=[('pk', 'S')])
    with pytest.raises(psycopg2.errors.DivisionByZero) as caught:
        push(simulated, 'SELECT i::text AS pk, 1 / (900 - i) AS n FROM generate_series(1, 1000) AS i', 'erring')
    written = int(re.search(r'(\d+) items were written before', caught.value.pgerror).group(1))
    assert 0 < written <= len(simulator.tables['erring'].items) < 900


@pytest.mark.parametrize('call, message', [
    ("podyn_push('SELECT 1 AS pk, 2 AS pk', 'args')", 'two columns named "pk"'),
    ("podyn_push('CREATE TABLE x ()', 'args')", 'the query returns no rows'),
    ("podyn_push('SELECT 1', 'args', on_conflict => 'maybe')", 'unknown on_conflict "maybe"'),
    ("podyn_push('SELECT 1', 'args', write_rate => -1)", 'write_rate must not be negative'),
    ("podyn_push('SELECT 1', 'absent')", 'DynamoDB table "absent" does not exist'),
])
def test_wrong_arguments_are_refused(simulator, simulated, call, message):
    simulator.create_table('args', key=[('pk', 'S')])
    with pytest.raises(psycopg2.Error, match=message):
        simulated.query(f'SELECT * FROM {call}')


def test_rfc3339(simulated):
    assert simulated.value("SELECT podyn_rfc3339('2022-02-02 18:01:49.345261+00')") == '2022-02-02T18:01:49.345261000Z'
    with pytest.raises(psycopg2.errors.DatetimeFieldOverflow):
        simulated.value("SELECT podyn_rfc3339('infinity')")
