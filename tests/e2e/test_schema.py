"""The target's schema: keys, indexes, names, columns that come later, types that differ, and what no column can hold."""

import random

import pytest

from comparison import assert_equal_documents, assert_equal_tables


def columns_of(database, table):
    return dict(database.query(
        'SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute '
        'WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped', f'"{table}"'))


def indexes_of(database, table):
    """{name: [columns]} of all but the primary key."""
    return dict(database.query(
        'SELECT c.relname, array_agg(a.attname::text ORDER BY k.place) FROM pg_index i '
        'JOIN pg_class c ON c.oid = i.indexrelid '
        'CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k (number, place) '
        'JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number '
        'WHERE i.indrelid = %s::regclass AND NOT i.indisprimary GROUP BY 1', f'"{table}"'))


def primary_key_of(database, table):
    return database.column(
        'SELECT a.attname::text FROM pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k (number, place) '
        'JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number '
        'WHERE i.indrelid = %s::regclass AND i.indisprimary ORDER BY k.place', f'"{table}"')


def replicated(dynamodb, database, table, *items, **options):
    dynamodb.put(table, *items)
    name = database.replicate(table, **options)
    database.wait_for_state(name, 'streaming')
    return name


def follow(dynamodb, database, table, *items):
    dynamodb.put(table, *items)
    database.sync(table)
    return assert_equal_tables(dynamodb.client, table, database)


# ---- keys and indexes -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize('kind, column', [('S', 'text'), ('N', 'numeric'), ('B', 'bytea')])
def test_a_key_of_each_type(dynamodb, database, kind, column):
    dynamodb.create_table('events', key=[('sort_last', kind), ('a_first', kind)])
    values = {'S': ['a', 'ß', ' '], 'N': ['1', '-2.50', '1E+20'], 'B': [b'\x00', b'\xff', b'a']}[kind]
    replicated(dynamodb, database, 'events',
               *({'sort_last': {kind: value}, 'a_first': {kind: values[0]}} for value in values))
    assert primary_key_of(database, 'events') == ['sort_last', 'a_first']
    assert columns_of(database, 'events') == {'sort_last': column, 'a_first': column}
    assert database.column("SELECT attnotnull FROM pg_attribute WHERE attrelid = 'events'::regclass AND attnum > 0") \
        == [True, True]
    assert assert_equal_tables(dynamodb.client, 'events', database) == 3


def test_secondary_indexes_become_indexes(dynamodb, database):
    dynamodb.create_table('orders', key=[('customer', 'S'), ('at', 'N')],
                          gsis={'by-day': [('day', 'S'), ('sum', 'N')], 'by_photo': [('photo', 'B')]},
                          lsis={'by_sum': [('customer', 'S'), ('sum', 'N')]})
    replicated(dynamodb, database, 'orders')
    assert indexes_of(database, 'orders') == {
        'orders_by-day': ['day', 'sum'], 'orders_by_photo': ['photo'], 'orders_by_sum': ['customer', 'sum']}
    assert columns_of(database, 'orders') == {
        'customer': 'text', 'at': 'numeric', 'day': 'text', 'sum': 'numeric', 'photo': 'bytea'}


def test_an_index_name_that_is_too_long_is_cut_distinctly(dynamodb, database):
    table = 'a_table_with_a_long_name_'.ljust(60, 'x')
    dynamodb.create_table(table, key=[('id', 'S')],
                          gsis={f'and_an_index_with_a_long_name_{n}': [(f'attribute{n}', 'S')] for n in range(2)})
    replicated(dynamodb, database, table)
    names = list(indexes_of(database, table))
    assert len(names) == 2 and all(len(name.encode()) <= 63 for name in names)


def test_long_keys_arrive(dynamodb, database):
    """2,048 and 1,024 bytes: together over what a btree can hold."""
    dynamodb.create_table('events', key=[('id', 'S'), ('sort', 'S')])
    chance = random.Random(5)  # so that compression does not save the day
    text = ''.join(chr(chance.randrange(33, 127)) for _ in range(3072))
    dynamodb.put('events', {'id': {'S': text[:2048]}, 'sort': {'S': text[2048:]}}, {'id': {'S': 'a'}, 'sort': {'S': 'b'}})
    database.replicate('events')
    database.wait_for_state('events', 'streaming')
    rejected = [error['key'] for error in database.errors('events')]
    assert assert_equal_tables(dynamodb.client, 'events', database, rejected=rejected) + len(rejected) == 2
    assert len(rejected) == 1
    # podyn_rest would not help, and was made all the same.
    assert columns_of(database, 'events') == {'id': 'text', 'sort': 'text'}


# ---- where it goes --------------------------------------------------------------------------------------------------

def test_the_call_tells_what_it_does(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')])
    dynamodb.put('events', {'id': {'S': 'one'}, 'name': {'S': 'first'}})
    database.replicate('events')
    assert 'constructing table schema for table events' in database.notices()
    assert 'adding new column to table events: "name" text' in database.notices()
    assert 'moving data for table events' in database.notices()
    assert 'replicating changes for table events' in database.notices()


def test_the_case_of_a_table_name_is_kept(dynamodb, database):
    dynamodb.create_table('My-Events.2024', key=[('Id', 'S')])
    replicated(dynamodb, database, 'My-Events.2024', {'Id': {'S': 'one'}})
    assert database.query('SELECT "Id" FROM "My-Events.2024"') == [('one',)]


def test_a_target_in_another_schema(dynamodb, database):
    database.query('CREATE SCHEMA lake')
    dynamodb.create_table('events', key=[('id', 'S')])
    replicated(dynamodb, database, 'events', {'id': {'S': 'one'}}, target='lake.happenings', name='mine')
    assert database.query('SELECT id FROM lake.happenings') == [('one',)]
    assert database.status('mine')['source'] == 'events'


def test_a_quoted_target(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')])
    replicated(dynamodb, database, 'events', {'id': {'S': 'one'}}, target='public."Odd.Name"')
    assert database.query('SELECT id FROM "Odd.Name"') == [('one',)]


def test_only_the_schema(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')])
    dynamodb.put('events', {'id': {'S': 'one'}})
    database.replicate('events', data=False, changes=False)
    database.wait_for_state('events', 'completed')
    assert database.value('SELECT count(*) FROM events') == 0


def test_only_what_is_there_now(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')])
    dynamodb.put('events', {'id': {'S': 'one'}})
    database.replicate('events', changes=False)
    database.wait_for_state('events', 'completed')
    assert database.value('SELECT count(*) FROM events') == 1
    assert database.status('events')['lag'] is None


def test_only_changes_from_now_on(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')])
    database.replicate('events', data=False)
    database.wait_for_state('events', 'streaming')
    dynamodb.put('events', {'id': {'S': 'two'}})
    database.sync('events')
    assert 'two' in database.column('SELECT id FROM events')


def test_into_a_table_of_ones_own(dynamodb, database):
    """With a column that has a default, and one that is generated."""
    database.query('CREATE TABLE events (id text PRIMARY KEY, n numeric, seen timestamptz NOT NULL DEFAULT now(), '
                   'twice numeric GENERATED ALWAYS AS (n * 2) STORED)')
    dynamodb.create_table('events', key=[('id', 'S')])
    dynamodb.put('events', {'id': {'S': 'one'}, 'n': {'N': '21'}})
    database.replicate('events', schema=False)
    database.wait_for_state('events', 'streaming')
    dynamodb.put('events', {'id': {'S': 'two'}, 'n': {'N': '1'}})
    database.sync('events')
    assert database.query('SELECT id, n, twice, seen IS NOT NULL FROM events ORDER BY n') == [
        ('two', 1, 2, True), ('one', 21, 42, True)]


# ---- columns --------------------------------------------------------------------------------------------------------

def test_new_attributes_become_columns_on_the_fly(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')])
    replicated(dynamodb, database, 'events', {'id': {'S': 'one'}, 'a': {'S': 'x'}})
    follow(dynamodb, database, 'events', {'id': {'S': 'two'}, 'b': {'N': '1'}, 'c': {'M': {}}, 'd': {'B': b'\x00'},
                                          'e': {'BOOL': True}, 'f': {'L': []}, 'g': {'SS': ['x']}})
    assert columns_of(database, 'events') == {'id': 'text', 'a': 'text', 'b': 'numeric', 'c': 'jsonb', 'd': 'bytea',
                                              'e': 'boolean', 'f': 'jsonb', 'g': 'jsonb'}


def test_an_attribute_seen_only_as_null_makes_no_column(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')])
    replicated(dynamodb, database, 'events', {'id': {'S': 'one'}, 'nothing': {'NULL': True}})
    assert columns_of(database, 'events') == {'id': 'text'}
    follow(dynamodb, database, 'events', {'id': {'S': 'two'}, 'nothing': {'S': 'something'}})
    assert columns_of(database, 'events') == {'id': 'text', 'nothing': 'text'}


def test_an_attribute_of_another_type_gets_a_column_of_its_own(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')])
    replicated(dynamodb, database, 'events', {'id': {'S': 'one'}, 'price': {'N': '1.50'}})
    follow(dynamodb, database, 'events', {'id': {'S': 'two'}, 'price': {'S': 'cheap'}})
    follow(dynamodb, database, 'events', {'id': {'S': 'three'}, 'price': {'BOOL': False}},
           {'id': {'S': 'four'}, 'price': {'L': [{'N': '1'}]}})
    assert columns_of(database, 'events') == {'id': 'text', 'price': 'numeric', 'price_text': 'text',
                                              'price_boolean': 'boolean', 'price_jsonb': 'jsonb'}
    assert database.query('SELECT id, price, price_text FROM events WHERE id IN (%s, %s) ORDER BY 1', 'one', 'two') \
        == [('one', pytest.approx(1.5), None), ('two', None, 'cheap')]


def test_an_item_whose_attribute_changes_its_type_keeps_only_the_new_value(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')])
    replicated(dynamodb, database, 'events', {'id': {'S': 'one'}, 'price': {'N': '1'}})
    follow(dynamodb, database, 'events', {'id': {'S': 'one'}, 'price': {'S': 'cheap'}})
    assert database.query('SELECT price, price_text FROM events') == [(None, 'cheap')]


def test_an_attribute_that_goes_becomes_null(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')])
    replicated(dynamodb, database, 'events', {'id': {'S': 'one'}, 'a': {'S': 'x'}, 'b': {'S': 'y'}})
    follow(dynamodb, database, 'events', {'id': {'S': 'one'}, 'a': {'S': 'x'}})
    assert database.query('SELECT a, b FROM events') == [('x', None)]


@pytest.mark.parametrize('attribute', ['price_text', 'ctid', 'xmin', 'tableoid', 'podyn_rest', 'select', 'a"b', "a'b",
                                       'a;b', 'ä' * 32, 'x' * 64, 'x' * 255, ' ', '%s', '\\', '🐘', 'a\nb', 'ID'])
def test_any_attribute_name_gets_a_column(dynamodb, database, attribute):
    dynamodb.create_table('events', key=[('id', 'S')])
    replicated(dynamodb, database, 'events', {'id': {'S': 'one'}, attribute: {'S': 'x'}})
    follow(dynamodb, database, 'events', {'id': {'S': 'two'}, attribute: {'S': 'y'}, 'price': {'N': '1'}},
           {'id': {'S': 'three'}, attribute: {'N': '2'}, 'price': {'S': 'cheap'}})


def test_names_that_are_cut_stay_distinct_and_stable(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')])
    names = ['x' * 63 + end for end in ('a', 'b', 'c')] + ['ä' * 31 + end for end in ('aaa', 'bbb')]
    replicated(dynamodb, database, 'events', {'id': {'S': 'one'}, **{name: {'S': name[-1]} for name in names}})
    columns = columns_of(database, 'events')
    assert len(columns) == 6
    follow(dynamodb, database, 'events', {'id': {'S': 'two'}, **{name: {'S': 'again'} for name in names}})
    assert columns_of(database, 'events') == columns


def test_lower_case_columns(dynamodb, database):
    dynamodb.create_table('Events', key=[('Id', 'S')], gsis={'ByUser': [('UserName', 'S')]})
    replicated(dynamodb, database, 'Events', {'Id': {'S': 'one'}, 'UserName': {'S': 'a'}, 'ISBN': {'S': '1'}},
               lower_case_columns=True)
    assert columns_of(database, 'Events') == {'id': 'text', 'username': 'text', 'isbn': 'text'}
    assert primary_key_of(database, 'Events') == ['id']
    follow(dynamodb, database, 'Events', {'Id': {'S': 'two'}, 'NewOne': {'S': 'x'}})
    assert 'newone' in columns_of(database, 'Events')


def test_names_that_collide_in_lower_case_stay_distinct(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')])
    replicated(dynamodb, database, 'events', {'id': {'S': 'one'}, 'Name': {'S': 'a'}, 'name': {'S': 'b'},
                                              'NAME': {'S': 'c'}, 'ID': {'S': 'd'}}, lower_case_columns=True)
    assert len(columns_of(database, 'events')) == 5
    assert assert_equal_tables(dynamodb.client, 'events', database) == 1
    follow(dynamodb, database, 'events', {'id': {'S': 'two'}, 'nAmE': {'S': 'e'}, 'NAME': {'S': 'f'}})


def test_what_columns_cannot_hold_goes_to_podyn_rest(dynamodb, database):
    """1,600 columns are PostgreSQL's limit."""
    dynamodb.create_table('events', key=[('id', 'S')])
    items = [{'id': {'S': f'item {n}'}, **{f'attribute {n} {i}': {'S': f'{n} {i}'} for i in range(200)}}
             for n in range(10)]
    replicated(dynamodb, database, 'events', *items)
    assert assert_equal_tables(dynamodb.client, 'events', database) == 10
    assert 'podyn_rest' in columns_of(database, 'events')
    changed = {'id': {'S': 'item 9'}, 'attribute 9 199': {'N': '7'}, 'attribute 9 1': {'B': b'\xff'}}
    follow(dynamodb, database, 'events', changed)


def test_a_row_that_is_too_wide_for_its_page_arrives(dynamodb, database):
    """450 values that do not compress: "row is too big" with a column for each."""
    chance = random.Random(6)
    dynamodb.create_table('events', key=[('id', 'S')])
    wide = {f'a{n}': {'B': chance.randbytes(400)} for n in range(700)}
    replicated(dynamodb, database, 'events', {'id': {'S': 'wide'}, **wide}, {'id': {'S': 'narrow'}, 'a1': {'B': b'x'}})
    rejected = [error['key'] for error in database.errors('events')]
    assert rejected == []
    assert assert_equal_tables(dynamodb.client, 'events', database) == 2
    follow(dynamodb, database, 'events', {'id': {'S': 'another'}, **wide})


def test_jsonb_mode(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S'), ('at', 'N')], gsis={'by_user': [('user', 'S')]})
    item = {'id': {'S': 'one'}, 'at': {'N': '1.5'}, 'user': {'S': 'a'}, 'b': {'B': b'\xff'}, 'z': {'NULL': True},
            'n': {'N': '12345678901234567890123456789012345678'}, 's': {'NS': ['1', '2']}, 'e': {'S': ''},
            'm': {'M': {'l': {'L': [{'BOOL': True}, {'NULL': True}]}}}}
    replicated(dynamodb, database, 'events', item, conversion_mode='jsonb')
    assert columns_of(database, 'events') == {'id': 'text', 'at': 'numeric', 'data': 'jsonb'}
    assert_equal_documents(dynamodb.client, 'events', database)
    dynamodb.put('events', {'id': {'S': 'two'}, 'at': {'N': '2'}, 'data': {'S': 'an attribute called data'}})
    dynamodb.delete('events', {'id': {'S': 'one'}, 'at': {'N': '1.5'}})
    database.sync('events')
    assert assert_equal_documents(dynamodb.client, 'events', database) == 1


def test_jsonb_mode_has_indexes_that_queries_use(dynamodb, database):
    """On the expressions of docs/type-mapping.md; also with an item in which the attribute has another type."""
    dynamodb.create_table('events', key=[('id', 'S')],
                          gsis={'by_user': [('user', 'S'), ('price', 'N')], 'by_price': [('price', 'N')]})
    replicated(dynamodb, database, 'events', {'id': {'S': 'one'}, 'user': {'S': 'a'}, 'price': {'N': '1.5'}},
               conversion_mode='jsonb')
    dynamodb.put('events', {'id': {'S': 'two'}, 'user': {'S': 'a'}, 'price': {'N': '20'}}, {'id': {'S': 'three'}})
    database.sync('events')
    number = "CASE WHEN jsonb_typeof(data -> 'price') = 'number' THEN (data ->> 'price')::numeric END"
    database.query("""INSERT INTO events VALUES ('old', '{"id": "old", "price": "no number"}')""")
    database.query('SET enable_seqscan = off')
    for condition, index, found in ((f'({number}) > 2', 'events_by_price', ['two']),
                                    (f"data ->> 'user' = 'a' AND ({number}) < 2", 'events_by_user', ['one'])):
        plan = '\n'.join(database.column(f'EXPLAIN SELECT id FROM events WHERE {condition}'))
        assert f'Index Scan using {index}' in plan or f'Bitmap Index Scan on {index}' in plan, plan
        assert 'Filter' not in plan, plan
        assert database.column(f'SELECT id FROM events WHERE {condition}') == found


def test_jsonb_mode_with_a_key_called_data(dynamodb, database):
    dynamodb.create_table('events', key=[('data', 'S')])
    dynamodb.put('events', {'data': {'S': 'one'}, 'x': {'N': '1'}})
    database.replicate('events', conversion_mode='jsonb')
    database.wait_for_state('events', 'streaming')
    documents = [value for row in database.query('SELECT * FROM events') for value in row if isinstance(value, dict)]
    assert documents == [{'data': 'one', 'x': 1}]
    assert assert_equal_documents(dynamodb.client, 'events', database) == 1


def test_the_column_map_tells_where_attributes_are(dynamodb, database):
    dynamodb.create_table('events', key=[('Id', 'S')])
    replicated(dynamodb, database, 'events', {'Id': {'S': 'one'}, 'Price': {'N': '1'}}, lower_case_columns=True)
    assert sorted(database.query(
        "SELECT attribute, type, column_name FROM podyn.column_map WHERE name = 'events'")) == [
            ('Id', 'text', 'id'), ('Price', 'numeric', 'price')]


def test_replicate_all_takes_the_tables_that_match(dynamodb, database):
    for table in ('app_users', 'app_orders', 'other'):
        dynamodb.create_table(table, key=[('id', 'S')])
    assert sorted(database.column("SELECT podyn_replicate_all('app%')")) == ['app_orders', 'app_users']


def test_replicate_all_passes_over_a_table_that_cannot_be_replicated(dynamodb, database):
    dynamodb.create_table('first', key=[('id', 'S')])
    dynamodb.create_table('second', key=[('id', 'S')], stream=None)
    dynamodb.create_table('third', key=[('id', 'S')])
    database.query('CREATE TABLE third (mine text)')
    dynamodb.create_table('zuletzt', key=[('id', 'S')])
    dynamodb.put('zuletzt', {'id': {'S': 'one'}})
    assert sorted(database.column('SELECT podyn_replicate_all()')) == ['first', 'zuletzt']
    assert 'WARNING:  table second is not replicated: stream of DynamoDB table "second" is disabled' \
        in database.notices()
    assert 'WARNING:  table third is not replicated' in database.notices()
    assert database.notices().count('HINT:') >= 2
    assert sorted(database.column('SELECT name FROM podyn_status')) == ['first', 'zuletzt']
    assert database.value("SELECT to_regclass('second')") is None
    assert database.value("SELECT count(*) FROM podyn.column_map WHERE name IN ('second', 'third')") == 0
    database.wait_for_state('zuletzt', 'streaming')
    assert assert_equal_tables(dynamodb.client, 'zuletzt', database) == 1


