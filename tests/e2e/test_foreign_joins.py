"""Joins with foreign tables by their key: how many requests they take, whatever is done with them meanwhile."""

import psycopg2
import pytest

from background import InBackground
from failing import fails
from foreign_tables import import_tables, nodes, scan
from waiting import wait_until

ITEMS = 300


@pytest.fixture
def events(simulator, simulated):
    """300 items in a table of the simulator, which knows BatchGetItem and no GetItem, and 250 local rows about them."""
    table = simulator.create_table('events', [('id', 'S')])
    for i in range(ITEMS):
        table.put({'id': {'S': f'e{i}'}, 'n': {'N': str(i)}, 'filler': {'S': 'x' * 500}})
    import_tables(simulated)
    simulated.query("CREATE TABLE wanted AS SELECT i AS k, 'e' || i AS id FROM generate_series(0, 249) AS i; "
                    "ALTER TABLE wanted ADD PRIMARY KEY (k); ANALYZE wanted")
    return table


def sizes(simulator):
    """How many keys each BatchGetItem had, since the last time this was asked."""
    asked = simulator.sent('BatchGetItem')[getattr(simulator, 'seen', 0):]
    simulator.seen = len(simulator.sent('BatchGetItem'))
    return [len(request.body['RequestItems']['events']['Keys']) for request in asked]


JOIN = 'SELECT n FROM wanted JOIN events USING (id)'


def test_a_hundred_items_are_asked_for_at_once(simulator, simulated, events):
    assert sorted(simulated.column(JOIN)) == list(range(250))
    assert sorted(sizes(simulator)) == [50, 100, 100]
    assert simulator.count('GetItem') == 0


def test_each_key_is_asked_for_once(simulator, simulated, events):
    simulated.query("CREATE TABLE many AS SELECT CASE WHEN i % 5 > 0 THEN 'e' || i % 30 END AS id "
                    "FROM generate_series(1, 500) AS i; ANALYZE many")
    assert simulated.value('SELECT count(n) FROM many LEFT JOIN events USING (id)') == 400
    assert sizes(simulator) == [24]


def test_keys_that_no_item_can_have_are_not_asked_for(simulator, simulated, events):
    simulated.query("CREATE TABLE odd (id text); "
                    "INSERT INTO odd VALUES (NULL), (''), (repeat('x', 2049)), ('e1'), ('none'); "
                    "INSERT INTO odd SELECT NULL FROM generate_series(1, 100); ANALYZE odd")
    assert simulated.query('SELECT n, count(*) FROM odd LEFT JOIN events USING (id) GROUP BY n ORDER BY n') == [
        (1, 1), (None, 104)]
    assert sizes(simulator) == [2]
    simulated.query('DELETE FROM odd WHERE id IS NOT NULL')
    assert simulated.column('SELECT n FROM odd JOIN events USING (id)') == []
    assert sizes(simulator) == []


def test_kinds_of_joins(simulator, simulated, events):
    simulated.query("INSERT INTO wanted SELECT i, 'none' || i FROM generate_series(1000, 1009) AS i; "
                    "INSERT INTO wanted VALUES (2000, NULL); ANALYZE wanted")
    for statement, rows in (
            ('SELECT k FROM wanted LEFT JOIN events USING (id) WHERE n IS NULL', [*range(1000, 1010), 2000]),
            ('SELECT k FROM wanted AS w WHERE NOT EXISTS (SELECT FROM events AS e WHERE e.id = w.id)',
             [*range(1000, 1010), 2000]),
            ('SELECT k FROM wanted AS w WHERE EXISTS (SELECT FROM events AS e WHERE e.id = w.id AND n > 247)',
             [248, 249]),
            ('SELECT k FROM wanted WHERE id IN (SELECT id FROM events WHERE n < 2)', [0, 1]),
            ('SELECT n FROM events WHERE id IN (SELECT id FROM wanted WHERE k < 5)', [0, 1, 2, 3, 4]),
            ('SELECT k FROM wanted AS w LEFT JOIN events AS e ON e.id = w.id AND e.n < w.k WHERE e IS NULL',
             [*range(250), *range(1000, 1010), 2000]),
            ('SELECT k FROM events RIGHT JOIN wanted USING (id) WHERE n = 7', [7])):
        assert [node['Request'] for node in nodes(simulated, statement, 'Foreign Scan')] == ['BatchGetItem'], statement
        assert sorted(simulated.column(statement)) == rows, statement
    assert all(size <= 100 for size in sizes(simulator))


def test_explain_shows_requests_and_keys(simulator, simulated, events):
    found = scan(simulated, JOIN, analyze=True)
    assert (found['Request'], found['Requests'], found['Read Units']) == ('BatchGetItem', 3, 250), found
    ahead, = nodes(simulated, JOIN, 'Custom Scan', analyze=True)
    assert ahead['Custom Plan Provider'] == 'Podyn Look Ahead'
    assert (ahead['Lookup Key'], ahead['Keys'], ahead['Batches']) == (['wanted.id'], 250, 2), ahead
    lines = [line.strip() for line in simulated.column('EXPLAIN (COSTS off) ' + JOIN)]
    assert lines[:4] == ['Nested Loop', '->  Custom Scan (Podyn Look Ahead)', 'Lookup Key: wanted.id',
                         '->  Seq Scan on wanted']


def test_one_row_is_looked_up_alone(simulator, simulated, events):
    found = scan(simulated, JOIN + ' WHERE k = 17')
    assert found['Request'] == 'GetItem'


def test_joins_that_cannot_be_asked_for_together(simulator, simulated, events):
    simulated.query("CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
    for on in ('e.id = w.id COLLATE loose', 'e.id > w.id', 'e.id = w.id || random()', 'e.n = w.k'):
        statement = f'SELECT n FROM wanted AS w JOIN events AS e ON {on}'
        assert nodes(simulated, statement, 'Custom Scan') == [], on
    assert len(simulated.query('SELECT n FROM wanted AS w JOIN events AS e ON e.id = upper(w.id) COLLATE loose')) == 250


def test_few_rows_take_few_keys(simulator, simulated, events):
    assert simulated.column(JOIN + ' LIMIT 1') == [0]
    assert sizes(simulator) == [1]
    assert simulated.column(JOIN + ' WHERE n = 9 LIMIT 1') == [9]
    assert sizes(simulator) == [1, 4, 16]
    assert simulated.column(JOIN + ' ORDER BY k LIMIT 30') == list(range(30))
    assert sum(sizes(simulator)) == 30
    assert simulated.column(JOIN + ' ORDER BY n DESC LIMIT 3') == [249, 248, 247]
    assert sorted(sizes(simulator)) == [50, 100, 100]
    simulated.query(f'BEGIN; DECLARE c CURSOR FOR {JOIN}')
    assert simulated.query('FETCH 3 FROM c') == [(0,), (1,), (2,)]
    assert sizes(simulator) == [10]
    assert len(simulated.query('FETCH ALL FROM c')) == 247
    simulated.query('COMMIT')


def test_large_items_are_asked_for_in_small_numbers(simulator, simulated, events):
    simulated.query("SET work_mem = '64kB'")
    assert len(simulated.query('SELECT n, filler FROM wanted JOIN events USING (id)')) == 250
    asked = sizes(simulator)
    assert sum(asked) == 250 and len(asked) > 3, asked


def test_joins_that_are_run_again(simulator, simulated, events):
    assert simulated.query(
        'SELECT g, (SELECT sum(n) FROM wanted AS w JOIN events AS e ON e.id = w.id AND e.n % 2 = 0 WHERE w.k <= g) '
        'FROM generate_series(1, 7, 3) AS g') == [(1, 0), (4, 6), (7, 12)]
    # An outer side that keeps what it has made, as long as nothing changes for it.
    assert simulated.query(
        'SELECT g, (SELECT sum(n) FROM (SELECT DISTINCT id FROM wanted WHERE k <= g) AS w JOIN events USING (id)) '
        'FROM generate_series(1, 7, 3) AS g') == [(1, 1), (4, 10), (7, 28)]
    simulated.query('SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off; '
                    'SET enable_memoize = off')
    assert simulated.value('SELECT count(*) FROM generate_series(1, 3) AS g LEFT JOIN '
                           '(SELECT k, n FROM wanted JOIN events USING (id) WHERE k < 20) AS s ON s.n < g') == 6
    assert simulated.query('SELECT g, s.n FROM generate_series(1, 3) AS g, LATERAL (SELECT n FROM wanted JOIN events '
                           'USING (id) WHERE k > g * 10 ORDER BY k LIMIT 2) AS s ORDER BY 1, 2') == [
        (1, 11), (1, 12), (2, 21), (2, 22), (3, 31), (3, 32)]
    # Keys made of what changes from one run to the next.
    assert simulated.query(
        "SELECT g, (SELECT array_agg(n ORDER BY n) FROM generate_series(1, 3) AS i LEFT JOIN events AS e "
        "ON e.id = 'e' || i * g) FROM generate_series(1, 3) AS g") == [(1, [1, 2, 3]), (2, [2, 4, 6]), (3, [3, 6, 9])]


def test_prepared_statements(simulator, simulated, events):
    simulated.query("SET plan_cache_mode = force_generic_plan; PREPARE joined (text, int) AS "
                    "SELECT n FROM wanted AS w JOIN events AS e ON e.id = $1 || w.k WHERE k < $2 ORDER BY n")
    assert scan(simulated, "EXECUTE joined ('e', 3)")['Request'] == 'BatchGetItem'
    for _ in range(2):
        assert simulated.column("EXECUTE joined ('e', 3)") == [0, 1, 2]
    assert simulated.column("EXECUTE joined (NULL, 3)") == simulated.column("EXECUTE joined ('x', 3)") == []
    simulated.query("CREATE FUNCTION names(integer) RETURNS SETOF numeric LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY "
                    "SELECT n FROM wanted JOIN events USING (id) WHERE k < $1; END $$")
    for few in (2, 5, 130):
        assert sorted(simulated.column('SELECT names(%s)', few)) == list(range(few))


def test_throttled_and_left_out_keys_are_asked_for_again(simulator, simulated, events):
    events.keys_per_read = 30
    simulator.fault('throttle', operation='BatchGetItem', times=2)
    assert sorted(simulated.column(JOIN)) == list(range(250))
    assert simulator.count('BatchGetItem') > 9


def test_a_cancel_ends_a_join(simulator, simulated, events):
    simulator.fault('slow', operation='BatchGetItem', seconds=60)
    pid = simulated.value('SELECT pg_backend_pid()')

    def run():
        with pytest.raises(psycopg2.errors.QueryCanceled):
            simulated.query(JOIN)
    running = InBackground(run)
    wait_until(lambda: simulator.count('BatchGetItem') > 0, 'the join is under way')
    simulated.postgres.query('SELECT pg_cancel_backend(%s)', pid)
    running.join(30)
    assert len(simulated.query(JOIN)) == 250


def test_errors_end_a_join(simulator, simulated, events):
    simulator.fault('access_denied', operation='BatchGetItem')
    fails(simulated, JOIN, says='is not authorized', hint='dynamodb:BatchGetItem')
    simulated.query('ALTER FOREIGN TABLE events ALTER n TYPE smallint')
    events.put({'id': {'S': 'e8'}, 'n': {'N': '80000'}})
    with pytest.raises(psycopg2.errors.NumericValueOutOfRange):
        simulated.query(JOIN)
    assert simulated.column(JOIN + ' WHERE k < 8 ORDER BY 1') == list(range(8))


def test_what_the_executor_may_ask_for(simulator, simulated, events):
    assert simulated.query('SELECT e, e.tableoid::regclass::text, w FROM wanted AS w JOIN events AS e USING (id) '
                           'WHERE k < 10 AND n = 3') == [(f'(e3,3,{"x" * 500})', 'events', '(3,e3)')]
    assert len(simulated.query(JOIN + ' FOR UPDATE')) == 250
    simulated.query('CREATE VIEW guarded WITH (security_barrier) AS SELECT * FROM events WHERE n < 100')
    assert simulated.value('SELECT count(*) FROM wanted JOIN guarded USING (id)') == 100
    assert simulated.value('SELECT count(*) FROM wanted AS w JOIN events AS e USING (id) JOIN events AS f '
                           "ON f.id = 'e' || (e.n + 10) WHERE f.n = w.k + 10") == 250
    simulated.query('CREATE TABLE part (k int, id text) PARTITION BY LIST (k); CREATE TABLE p0 PARTITION OF part '
                    "FOR VALUES IN (0); CREATE TABLE p1 PARTITION OF part FOR VALUES IN (1); "
                    "INSERT INTO part SELECT i % 2, 'e' || i FROM generate_series(0, 99) AS i; ANALYZE part")
    assert simulated.value('SELECT sum(n) FROM part JOIN events USING (id) WHERE k = 1') == 2500
    assert simulated.value('SELECT sum(n) FROM part JOIN events USING (id)') == 4950


def test_a_row_that_changed_meanwhile_is_looked_at_again(simulator, simulated, events):
    other = simulated.postgres.connect(simulated.name)
    other.autocommit = False
    changing = other.cursor()
    changing.execute("UPDATE wanted SET k = -k WHERE k IN (3, 4)")
    found = []
    locking = InBackground(lambda: found.extend(simulated.query(
        'SELECT k, n FROM wanted JOIN events USING (id) WHERE k < 6 AND k <> -3 FOR UPDATE OF wanted')))
    wait_until(lambda: simulated.postgres.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"),
               'the rows are waited for')
    other.commit()
    locking.join(30)
    assert sorted(found) == [(-4, 4), (0, 0), (1, 1), (2, 2), (5, 5)]
    other.close()


def test_writes_by_join(simulator, simulated, events):
    simulated.query('UPDATE events SET n = w.k + 1000 FROM wanted AS w WHERE events.id = w.id AND w.k < 20')
    assert sizes(simulator) == [20]
    assert [int(events.get({'id': {'S': f'e{i}'}})['n']['N']) for i in (0, 19, 20)] == [1000, 1019, 20]
    simulated.query('DELETE FROM events USING wanted AS w WHERE events.id = w.id AND w.k >= 100')
    assert len(simulated.query(JOIN)) == 100
    simulated.query('UPDATE wanted SET k = n FROM events AS e WHERE e.id = wanted.id')
    assert simulated.value('SELECT min(k) || \' \' || max(k) FROM wanted WHERE k >= 1000') == '1000 1019'


def test_views_join_as_their_owner(simulator, simulated, events):
    simulated.query(f'CREATE VIEW seen AS {JOIN}; CREATE ROLE podyn_reader; '
                    'GRANT SELECT ON seen, events, wanted TO podyn_reader')
    try:
        simulated.query('SET ROLE podyn_reader')
        assert simulated.value('SELECT count(*) FROM seen') == 250
        fails(simulated, JOIN, says='user mapping not found for "podyn_reader"', hint='CREATE')
    finally:
        simulated.query('RESET ROLE; DROP OWNED BY podyn_reader; DROP ROLE podyn_reader')


def test_keys_that_are_not_what_they_were_ahead(simulator, simulated, events):
    """A function that says STABLE and is not: what it gives in the end is looked up."""
    simulated.query("CREATE SEQUENCE calls; CREATE FUNCTION id_of(integer) RETURNS text STABLE LANGUAGE plpgsql AS "
                    "$$ BEGIN RETURN CASE WHEN nextval('calls') <= 4 THEN 'none' ELSE 'e' || $1 END; END $$")
    found = simulated.column('SELECT n FROM generate_series(1, 4) AS g JOIN events AS e ON e.id = id_of(g)')
    assert found == [1, 2, 3, 4]
    assert sizes(simulator) == [2, 1, 1, 1]
