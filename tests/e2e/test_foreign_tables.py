"""Foreign tables: what DynamoDB is asked for, and that the rows are those that PostgreSQL wants."""

import pytest

from failing import fails
from foreign_tables import import_tables, scan

ORDERS = 40


def s(value):
    return {'S': value}


def n(value):
    return {'N': str(value)}


@pytest.fixture
def orders(dynamodb, database):
    """A table with a sort key, two indexes, and attributes of several types; imported."""
    dynamodb.create_table('orders', [('customer', 'S'), ('at', 'S')],
                          gsis={'by_status': [('status', 'S'), ('total', 'N')]},
                          lsis={'by_total': [('customer', 'S'), ('total', 'N')]}, stream=None)
    dynamodb.put('orders', *(
        {'customer': s(f'c{i % 4}'), 'at': s(f'2024-01-{i // 4:02}'), 'status': s('open' if i % 3 else 'done'),
         'total': n(i * 10), 'size': n(i), 'odd name#': s(f'x{i}'), 'paid': {'BOOL': i % 2 == 0}} for i in range(ORDERS)))
    import_tables(database)
    return database


def test_import_makes_columns_of_keys_indexes_and_a_sample(orders):
    columns = orders.query(
        "SELECT attname::text, format_type(atttypid, NULL), array_to_string(attfdwoptions, ' '), attnotnull, collname "
        "FROM pg_attribute LEFT JOIN pg_collation AS c ON c.oid = attcollation "
        "WHERE attrelid = 'orders'::regclass AND attnum > 0 ORDER BY attnum")
    assert columns[:2] == [('customer', 'text', 'key=partition', True, 'default'), ('at', 'text', 'key=sort', True, 'C')]
    assert sorted(columns[2:4]) == [('status', 'text', None, False, 'default'), ('total', 'numeric', None, False, None)]
    assert sorted(columns[4:]) == [('odd name#', 'text', None, False, 'default'), ('paid', 'boolean', None, False, None),
                                   ('size', 'numeric', None, False, None)]


LOOKUPS = [
    # condition, request, index, key condition, rows
    ("customer = 'c1' AND at = '2024-01-03'", 'GetItem', None, 1),
    ("customer = 'c1'", 'Query', None, 10),
    ("customer = 'c1' AND at > '2024-01-03'", 'Query', None, 6),
    ("customer = 'c1' AND at >= '2024-01-03'", 'Query', None, 7),
    ("customer = 'c1' AND at < '2024-01-03'", 'Query', None, 3),
    ("customer = 'c1' AND at <= '2024-01-03'", 'Query', None, 4),
    ("customer = 'c1' AND at BETWEEN '2024-01-03' AND '2024-01-05'", 'Query', None, 3),
    ("customer = 'c1' AND at > '2024-01-03' AND at < '2024-01-05'", 'Query', None, 1),
    ("customer = 'c1' AND at LIKE '2024-01-0%%'", 'Query', None, 10),
    ("customer = 'c1' AND at LIKE '2024-01-_3'", 'Query', None, 1),
    ("customer = 'c1' AND starts_with(at, '2024-01-03')", 'Query', None, 1),
    ("customer = 'c1' AND at ^@ '2024-01-03'", 'Query', None, 1),
    ("customer IN ('c1', 'c2', 'c1', 'nobody') AND at = '2024-01-03'", 'BatchGetItem', None, 2),
    ("customer = 'c1' AND at = ANY (ARRAY['2024-01-03', '2024-01-04', NULL])", 'BatchGetItem', None, 2),
    ("customer = ANY ('{c1,c2}')", 'Query', None, 20),
    ("status = 'done' AND total > 100", 'Query', 'by_status', 10),
    ("customer = 'c1' AND total BETWEEN 100 AND 200", 'Query', 'by_total', 2),
    ("status = 'done'", 'Scan', None, 14),
    ("status = 'done' AND total IS NOT NULL", 'Query', 'by_status', 14),
    ("total > 100", 'Scan', None, 29),
    ("customer = ''", 'Query', None, 0),
    ("customer = 'c1' AND at > '2024-01-05' AND at < '2024-01-03'", 'Query', None, 0),
]


def test_conditions_on_keys_become_requests_by_key(orders):
    for condition, request, index, rows in LOOKUPS:
        statement = f'SELECT * FROM orders WHERE {condition}'.replace('%%', '%')
        found = scan(orders, statement)
        assert (found['Request'], found.get('DynamoDB Index')) == (request, index), (condition, found)
        assert len(orders.query(statement)) == rows, condition


def test_equal_keys_are_not_looked_at_again(simulator, simulated):
    """PostgreSQL compares each row with a list that is no constant one by one: 4,000 keys took eight million steps."""
    simulator.create_table('events', key=[('pk', 'S'), ('sk', 'N')])
    simulated.query("SELECT podyn_push('SELECT i::text AS pk, 1 AS sk, i AS size FROM generate_series(1, 300) AS i', 'events')")
    import_tables(simulated)
    keys = 'SELECT array_agg(i::text) FROM generate_series(1, 600) AS i'
    statement = f'SELECT size FROM events WHERE pk = ANY (({keys})::text[]) AND sk = 1'
    assert 'Filter' not in scan(simulated, statement)
    assert len(simulated.query(statement)) == 300
    assert scan(simulated, f'{statement} AND size > 100')['Filter'] == "(events.size > '100'::numeric)"
    assert len(simulated.query(f'{statement} AND size > 100')) == 200
    bounded = scan(simulated, "SELECT size FROM events WHERE pk = '7' AND sk > 0 AND sk < 2")
    assert bounded['Filter'] == "((events.sk > '0'::numeric) AND (events.sk < '2'::numeric))"


FILTERS = [
    ("size = 5", 'size = \'5\'::numeric', 1),
    ("size <> 5", 'size <> \'5\'::numeric', 39),
    ("\"odd name#\" = 'x7'", '"odd name#" = \'x7\'::text', 1),
    ("paid", 'paid = true', 20),
    ("NOT paid AND size < 10", 'paid = false AND size < \'10\'::numeric', 5),
    ("size = 3 OR \"odd name#\" LIKE '%7'", None, 5),
    ("size = 3 OR \"odd name#\" LIKE '%7%'", '(size = \'3\'::numeric OR contains("odd name#", \'7\'::text))', 5),
    ("size IN (1, 2, 3, 100)", "size = ANY ('{1,2,3,100}'::numeric[])", 3),
    ("size NOT IN (1, 2, 3)", "size <> ALL ('{1,2,3}'::numeric[])", 37),
    ("total IS NULL", 'total IS NULL', 0),
    ("length(status) = 4", None, 40),
    ("\"odd name#\" > 'x5'", None, 4),
    ("\"odd name#\" COLLATE \"C\" > 'x5'", '"odd name#" > \'x5\'::text', 4),
]


def test_other_conditions_become_filter_expressions(orders):
    for condition, expression, rows in FILTERS:
        statement = f'SELECT * FROM orders WHERE {condition}'
        found = scan(orders, statement)
        assert (found['Request'], found.get('Filter Expression')) == ('Scan', expression), (condition, found)
        assert len(orders.query(statement)) == rows, condition


def test_only_needed_attributes_are_read(orders):
    found = scan(orders, "SELECT size FROM orders WHERE customer = 'c1' AND paid")
    assert found['Projection'] == 'customer, size, paid'
    orders.query("ALTER FOREIGN TABLE orders ADD COLUMN size_text text OPTIONS (attribute 'size')")
    assert scan(orders, 'SELECT size, size_text FROM orders')['Projection'] == 'size'
    assert orders.query("SELECT size, size_text FROM orders WHERE size = 1") == [(1, None)]


def test_order(orders):
    for order, expected in (('at', 'ascending'), ('at DESC', 'descending'), ('at DESC, size', 'descending'),
                            ('customer, at', 'ascending'), ('size', None), ('at COLLATE "default"', None)):
        statement = f"SELECT at FROM orders WHERE customer = 'c1' ORDER BY {order}"
        assert scan(orders, statement).get('Order') == expected, order
        assert orders.column(statement) == sorted(orders.column(statement), reverse='DESC' in order), order
    statement = "SELECT total FROM orders WHERE status = 'open' AND total > 0 ORDER BY total DESC LIMIT 3"
    found = scan(orders, statement)
    assert (found['DynamoDB Index'], found['Order'], found['Limit']) == ('by_status', 'descending', 3)
    assert orders.column(statement) == [380, 370, 350]


def test_limit(orders):
    def limit(statement):
        return scan(orders, statement).get('Limit')
    assert limit('SELECT * FROM orders LIMIT 7') == 7
    assert limit("SELECT * FROM orders WHERE customer = 'c1' ORDER BY at LIMIT 2 OFFSET 1") == 3
    assert limit("SELECT max(at) FROM orders WHERE customer = 'c1'") == 1
    assert orders.value("SELECT max(at) FROM orders WHERE customer = 'c1'") == '2024-01-09'
    assert limit("SELECT * FROM orders WHERE status = 'done' AND total IS NOT NULL AND at IS NOT NULL LIMIT 7") == 7
    assert limit('SELECT * FROM orders WHERE size IS NOT NULL LIMIT 7') is None
    assert limit('SELECT * FROM orders WHERE length(status) = 4 LIMIT 7') is None
    assert limit('SELECT * FROM orders WHERE size = 1 LIMIT 7') is None
    assert limit('SELECT * FROM orders ORDER BY size LIMIT 7') is None
    assert len(orders.query('SELECT * FROM orders LIMIT 7')) == 7
    assert len(orders.query('SELECT * FROM orders WHERE size >= 20 LIMIT 7')) == 7


def test_counts(orders):
    for condition, request, rows in (('true', 'Scan', 40), ("customer = 'c1'", 'Query', 10), ('size < 10', 'Scan', 10),
                                     ("customer = 'c1' AND at >= '2024-01-03' AND at <= '2024-01-05'", 'Query', 3),
                                     ("status = 'done' AND size > 5", 'Scan', 12),
                                     ("size IN (1, 3, 77) OR status NOT IN ('done', 'open')", 'Scan', 2),
                                     ("customer IN ('c1', 'c2') AND size NOT IN (1, 2)", 'Query', 18)):
        found = scan(orders, f'SELECT count(*) FROM orders WHERE {condition}')
        assert (found['Request'], found.get('Select')) == (request, 'COUNT'), (condition, found)
        assert orders.value(f'SELECT count(*) FROM orders WHERE {condition}') == rows, condition
    for counted, select in (('count(1)', 'COUNT'), ('count(*) * 2 > 5', 'COUNT'), ('count(size)', None),
                            ('count(DISTINCT 1)', None), ('count(*), max(size)', None)):
        assert scan(orders, f'SELECT {counted} FROM orders').get('Select') == select, counted
    assert orders.query('SELECT count(1), count(*) > 39 FROM orders') == [(ORDERS, True)]
    for condition, rows in (("customer = 'c1' AND at > '2024-01-03' AND at < '2024-01-05'", 1),
                            ('length(status) = 4', 40), ('size = ANY ((ARRAY(SELECT generate_series(0, 50)))::int[])', 40),
                            ('size IN (1, NULL)', 1), (f"size IN ({', '.join(map(str, range(50)))})", 40),
                            ("status IN ('open', '␀')", 26), ("\"odd name#\" COLLATE \"C\" > 'x5'", 4)):
        assert 'Select' not in scan(orders, f'SELECT count(*) FROM orders WHERE {condition}'), condition
        assert orders.value(f'SELECT count(*) FROM orders WHERE {condition}') == rows, condition


def test_joins_look_rows_up(orders):
    orders.query("CREATE TABLE wanted (c text, day text COLLATE \"C\"); "
                 "INSERT INTO wanted VALUES ('c1', '2024-01-03'), ('c2', '2024-01-04'), ('c9', '2024-01-03'), (NULL, 'x'); "
                 "ANALYZE wanted")
    statement = 'SELECT o.size FROM wanted AS w JOIN orders AS o ON o.customer = w.c AND o.at = w.day ORDER BY 1'
    found = scan(orders, statement)
    assert (found['Request'], found['Key Condition']) == ('BatchGetItem', 'customer = $1 AND at = $2')
    assert orders.column(statement) == [13, 18]
    by_partition = 'SELECT count(o.size) FROM wanted AS w LEFT JOIN orders AS o ON o.customer = w.c'
    assert scan(orders, by_partition)['Request'] == 'Query'
    assert orders.value(by_partition) == 20
    orders.query("DELETE FROM wanted WHERE c <> 'c1' OR c IS NULL; ANALYZE wanted")
    found = scan(orders, statement)
    assert (found['Request'], found['Key Condition']) == ('GetItem', 'customer = $0 AND at = $1')
    assert orders.column(statement) == [13]


def test_prepared_statements_with_parameters(orders):
    orders.query("SET plan_cache_mode = force_generic_plan; "
                 "PREPARE one (text, text) AS SELECT size FROM orders WHERE customer = $1 AND at = $2; "
                 "PREPARE several (text, text) AS SELECT size FROM orders WHERE customer = $1 AND at LIKE $2 ORDER BY at; "
                 "PREPARE many (text[], numeric) AS SELECT size FROM orders WHERE customer = ANY ($1) AND size > $2")
    assert scan(orders, "EXECUTE one ('c1', '2024-01-03')")['Request'] == 'GetItem'
    assert orders.column("EXECUTE one ('c1', '2024-01-03')") == [13]
    assert orders.column("EXECUTE one ('c1', NULL)") == []
    assert scan(orders, "EXECUTE several ('c1', '2024-01-03')")['Request'] == 'Query'
    assert orders.column("EXECUTE several ('c1', '2024-01-03%')") == [13]
    assert orders.column("EXECUTE several ('c1', '%-03')") == [13]
    assert orders.column("EXECUTE several ('c1', NULL)") == []
    assert sorted(orders.column("EXECUTE many ('{c1,c2}', 30)")) == [33, 34, 37, 38]
    assert orders.column("EXECUTE many ('{c1,c2}', 1e200)") == []
    assert len(orders.column("EXECUTE many ('{c1,c1}', 'NaN')")) == 0
    names = "(SELECT array_agg('c' || i) FROM generate_series(1, 1001) AS i)::text[]"
    fails(orders, f'SELECT FROM orders WHERE customer = ANY ({names}) AND at = ANY ({names})',
          says='ask for 1002001 keys', hint='at most', sqlstates={'54000'})


def test_what_is_read_consistently_comes_from_no_global_index(orders):
    def index(condition):
        return scan(orders, f'SELECT * FROM orders WHERE {condition}').get('DynamoDB Index')
    orders.query("ALTER FOREIGN TABLE orders OPTIONS (ADD consistent_read 'true')")
    assert index("status = 'done' AND total > 100") is None
    assert index("customer = 'c1' AND total = 10") == 'by_total'


def test_an_index_has_to_hold_what_is_needed(dynamodb, database):
    definitions = [{'AttributeName': name, 'AttributeType': 'S'} for name in ('id', 'kind')]
    dynamodb.client.create_table(
        TableName='things', BillingMode='PAY_PER_REQUEST', AttributeDefinitions=definitions,
        KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}],
        GlobalSecondaryIndexes=[{'IndexName': 'by_kind', 'KeySchema': [{'AttributeName': 'kind', 'KeyType': 'HASH'}],
                                 'Projection': {'ProjectionType': 'INCLUDE', 'NonKeyAttributes': ['size']}}])
    dynamodb.put('things', {'id': s('a'), 'kind': s('x'), 'size': n(1), 'note': s('one')})
    import_tables(database)
    for columns, index in (('id, kind, size', 'by_kind'), ('note', None), ('*', None)):
        statement = f"SELECT {columns} FROM things WHERE kind = 'x'"
        assert scan(database, statement).get('DynamoDB Index') == index, columns
        assert len(database.query(statement)) == 1
    database.query("ALTER FOREIGN TABLE things OPTIONS (ADD index_name 'by_kind')")
    assert database.column('SELECT size FROM things') == [1]
    fails(database, 'SELECT note FROM things', says=('"by_kind"', 'does not hold attribute "note"'), hint='index_name')


def test_u0000_is_shown_as_another_character_and_refused_in_keys(dynamodb, database):
    dynamodb.create_table('notes', [('id', 'S')], stream=None)
    dynamodb.put('notes', {'id': s('a'), 'note': s('x\0y')}, {'id': s('b'), 'note': s('xy')})
    import_tables(database)
    for condition in ('note = \'x\u2400y\'', 'note COLLATE "C" > \'xz\'', 'note LIKE \'x\u2400%\''):
        assert database.column(f'SELECT note FROM notes WHERE {condition}') == ['x\u2400y'], condition
    dynamodb.put('notes', {'id': s('c\0'), 'note': s('z')})
    fails(database, 'SELECT * FROM notes', says='"id" contains the character U+0000', hint='json',
          sqlstates={'22P05'})
