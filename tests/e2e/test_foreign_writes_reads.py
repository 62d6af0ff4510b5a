"""What an UPDATE or DELETE on a foreign table reads of the rows that it changes: no more than it looks at."""

import pytest

from foreign_tables import scan
from test_foreign_writes import items, make_foreign_table, status
from test_foreign_writes import events, simulated_events  # noqa: F401 (fixtures)

ALL = {'pk', 'sk', 'name', 'n', 'tags', 'doc', 'raw', 'at', 'flag'}
READS = {
    'DELETE FROM events': 'pk sk',
    'DELETE FROM events WHERE n > 1 AND length(name) > 1': 'pk sk n name',
    'DELETE FROM events RETURNING flag': 'pk sk flag',
    'DELETE FROM events RETURNING upper(name), tableoid': 'pk sk name',
    "UPDATE events SET n = 1 WHERE pk = 'a'": 'pk sk n',
    'UPDATE events SET n = 1, raw = NULL': 'pk sk n raw',
    'UPDATE events SET n = length(name)': 'pk sk n name',
    'UPDATE events SET (n, name) = (SELECT 1, flag::text) WHERE EXISTS (SELECT FROM other WHERE other.t = at)':
        'pk sk n name flag at',
    'UPDATE events AS e SET n = 1 FROM other WHERE other.s = e.sk RETURNING other.t, e.name': 'pk sk n name',
    'UPDATE named SET n = 1': 'pk sk n name flag',
}
WHOLE = ['DELETE FROM events RETURNING *', 'DELETE FROM events RETURNING events', 'UPDATE events SET n = 1 RETURNING *',
         'UPDATE events SET n = length(events::text)', 'DELETE FROM events WHERE events IS NOT NULL',
         'UPDATE events SET n = 1 FROM other WHERE other.t::text = events::text']


def read_columns(database, statement):
    return set(scan(database, statement)['Projection'].split(', '))


@pytest.fixture
def surroundings(simulated, simulated_events):
    simulated.query('CREATE TABLE other (s numeric, t timestamptz)')
    simulated.query("CREATE VIEW named WITH (security_barrier) AS SELECT pk, n FROM events WHERE flag "
                    "AND length(name) > 0 WITH CHECK OPTION")
    return simulated


def test_only_what_is_looked_at_is_read(surroundings):
    assert {statement: read_columns(surroundings, statement) for statement in READS} == {
        statement: set(columns.split()) for statement, columns in READS.items()}


def test_whole_rows_are_read_where_they_are_named(surroundings):
    read = {statement: read_columns(surroundings, statement) for statement in WHOLE}
    assert all('*' in columns or columns == ALL for columns in read.values()), read


@pytest.mark.parametrize('operation, statement', [('UPDATE', 'UPDATE events SET n = 1'), ('DELETE', 'DELETE FROM events')])
@pytest.mark.parametrize('moment', ['BEFORE', 'AFTER'])
def test_whole_rows_are_read_for_row_triggers(surroundings, operation, statement, moment):
    surroundings.query('CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$')
    surroundings.query(f'CREATE TRIGGER t {moment} {operation} ON events EXECUTE FUNCTION nothing()')
    assert '*' not in read_columns(surroundings, statement), 'a trigger of the statement sees no rows'
    surroundings.query(f'CREATE TRIGGER r {moment} {operation} ON events FOR EACH ROW EXECUTE FUNCTION nothing()')
    assert '*' in read_columns(surroundings, statement)


def test_the_document_is_read_only_where_it_is_set(surroundings):
    make_foreign_table(surroundings, 'whole', columns='pk text, sk numeric, data jsonb', conversion_mode='jsonb')
    assert read_columns(surroundings, "DELETE FROM whole WHERE pk = 'a'") == {'pk', 'sk'}
    assert 'data' in read_columns(surroundings, "UPDATE whole SET data = '{}'")


def test_what_is_not_read_is_neither_lost_nor_returned_wrong(events, database):
    """DynamoDB's own projections."""
    database.query("INSERT INTO events (pk, sk, name, n, tags, flag) SELECT 'a', i, 'x' || i, i, '{p}', i % 2 = 0 "
                   'FROM generate_series(1, 6) AS i')
    assert database.query("UPDATE events SET n = n * 10 WHERE name > 'x4' COLLATE \"C\" RETURNING sk, n, flag, tags") == [
        (5, 50, False, ['p']), (6, 60, True, ['p'])]
    assert status(database, 'UPDATE events SET n = CASE WHEN sk < 3 THEN n ELSE 7 END, flag = NULL WHERE sk < 5') == \
        'UPDATE 4'
    assert database.query('DELETE FROM events WHERE n = 60 RETURNING events.*') == [
        ('a', 6, 'x6', 60, ['p'], None, None, None, True)]
    assert status(database, 'DELETE FROM events WHERE sk = 4') == 'DELETE 1'
    assert items(events) == [
        {'pk': {'S': 'a'}, 'sk': {'N': str(i)}, 'name': {'S': f'x{i}'}, 'n': {'N': n}, 'tags': {'L': [{'S': 'p'}]},
         **({'flag': {'BOOL': False}} if i == 5 else {})} for i, n in ((1, '1'), (2, '2'), (3, '7'), (5, '50'))]


def test_it_sends_only_what_has_changed_of_what_it_has_read(simulator, simulated, simulated_events):
    simulated_events.put({'pk': {'S': 'a'}, 'sk': {'N': '1'}, 'name': {'S': 'x'}, 'n': {'N': '1'}, 'flag': {'BOOL': True}})
    assert simulated.query("UPDATE events SET name = 'x', n = 2 RETURNING flag") == [(True,)]
    read, = simulator.sent('Scan')
    assert sorted(read.body['ExpressionAttributeNames'].values()) == ['flag', 'n', 'name', 'pk', 'sk']
    sent, = simulator.sent('UpdateItem')
    assert sent.body['UpdateExpression'] == 'SET #0 = :0'
    assert sent.body['ExpressionAttributeNames'] == {'#0': 'n', '#1': 'pk'}
