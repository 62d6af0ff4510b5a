"""Foreign tables as SQL knows tables: triggers, computed columns, partitions, children, views, statements in statements."""

import psycopg2
import pytest

from foreign_tables import copy
from test_foreign_writes import KEY, count_written, items, make_foreign_table, status
from test_foreign_writes import events, simulated_events  # noqa: F401 (fixtures)


def create_trigger(database, when, body, table='events', row=True):
    """`body`: PL/pgSQL."""
    database.query(f"CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; END $$")
    database.query(f"CREATE TRIGGER act {when} ON {table} {'FOR EACH ROW' if row else ''} EXECUTE FUNCTION act()")


def item(key, number, **attributes):
    return {'pk': {'S': key}, 'sk': {'N': str(number)}, **attributes}


def stored(table):
    return sorted(table.items.values(), key=lambda stored_item: (stored_item['pk']['S'], int(stored_item['sk']['N'])))


# ---- triggers -------------------------------------------------------------------------------------------------------

def test_a_trigger_before_insert_changes_rows_and_leaves_some_out(simulator, simulated, simulated_events):
    create_trigger(simulated, 'BEFORE INSERT',
                   "NEW.name := 'by trigger'; RETURN CASE WHEN NEW.sk = 2 THEN NULL ELSE NEW END")
    assert status(simulated, "INSERT INTO events (pk, sk) SELECT 'a', i FROM generate_series(1, 3) AS i") == 'INSERT 0 2'
    assert copy(simulated, 'events (pk, sk)', 'b\t1\nb\t2\n') == 1
    assert stored(simulated_events) == [item(key, number, name={'S': 'by trigger'}) for key, number in
                                        (('a', 1), ('a', 3), ('b', 1))]


def test_a_trigger_before_update_sets_other_columns_and_takes_nothing_away(simulator, simulated, simulated_events):
    simulated_events.put(item('a', 1, n={'N': '1'}, flag={'S': 'no boolean'}, name={'S': 'x'}))
    create_trigger(simulated, 'BEFORE UPDATE', "NEW.at := '2022-02-02 00:00+00'; NEW.name := NULL; RETURN NEW")
    simulated.query('UPDATE events SET n = n + 1')
    assert stored(simulated_events) == [
        item('a', 1, n={'N': '2'}, flag={'S': 'no boolean'}, at={'S': '2022-02-02T00:00:00.000000000Z'})]


def test_a_trigger_does_not_change_a_key_either(simulator, simulated, simulated_events):
    simulated_events.put(item('a', 1))
    simulated_events.put(item('a', 2))
    create_trigger(simulated, 'BEFORE UPDATE', 'NEW.sk := 2; RETURN NEW')
    with pytest.raises(psycopg2.errors.FeatureNotSupported, match='column "sk" of foreign table "events" cannot be'):
        simulated.query('UPDATE events SET n = 1 WHERE sk = 1')
    assert stored(simulated_events) == [item('a', 1), item('a', 2)]


def test_triggers_after_each_row_see_it_before_and_after(simulator, simulated, simulated_events):
    simulated.query('CREATE TABLE log (entry text)')
    create_trigger(simulated, 'AFTER INSERT OR UPDATE OR DELETE', "INSERT INTO log VALUES (concat_ws(' ', TG_OP, OLD.pk, "
                   'OLD.sk, OLD.n, OLD.name, NEW.pk, NEW.sk, NEW.n, NEW.name)); RETURN NULL')
    simulated.query("INSERT INTO events (pk, sk, n, name) VALUES ('a', 1, 5, 'x')")
    simulated.query('UPDATE events SET n = 6')
    simulated.query('DELETE FROM events')
    assert simulated.column('SELECT entry FROM log') == ['INSERT a 1 5 x', 'UPDATE a 1 5 x a 1 6 x', 'DELETE a 1 6 x']
    assert stored(simulated_events) == []


@pytest.mark.parametrize('row', [True, False])
def test_a_trigger_that_reads_the_table_finds_what_was_written(simulator, simulated, simulated_events, row):
    """The writes of a statement are waited for at its end, which is after its triggers."""
    simulated.query('CREATE TABLE log (entry numeric)')
    create_trigger(simulated, 'AFTER INSERT', 'INSERT INTO log SELECT sum(sk) FROM events; RETURN NULL', row=row)
    simulator.fault('slow', operation='BatchWriteItem', seconds=0.2)
    simulated.query("INSERT INTO events (pk, sk) VALUES ('a', 1), ('a', 2)")
    assert simulated.column('SELECT entry FROM log') == [3] * (2 if row else 1)


def test_a_statement_trigger_may_not_ask_for_the_rows(simulator, simulated, simulated_events):
    with pytest.raises(psycopg2.errors.WrongObjectType, match='foreign tables cannot have transition tables'):
        create_trigger(simulated, 'AFTER INSERT', 'RETURN NULL', table='events REFERENCING NEW TABLE AS rows', row=False)


# ---- columns that PostgreSQL computes, and constraints that it does not look at -------------------------------------

COMPUTED = """project text, id numeric, pk text GENERATED ALWAYS AS ('PROJECT#' || project) STORED,
    sk numeric GENERATED ALWAYS AS (id * 10) STORED, n numeric DEFAULT 7, twice numeric GENERATED ALWAYS AS (n * 2) STORED,
    big bigint GENERATED ALWAYS AS (id * 2) STORED, place bigint GENERATED ALWAYS AS IDENTITY"""


def computed(number, n):
    return item('PROJECT#p', number * 10, project={'S': 'p'}, id={'N': str(number)}, n={'N': str(n)},
                twice={'N': str(n * 2)}, big={'N': str(number * 2)}, place={'N': str(number)})


def test_generated_columns_and_defaults_are_stored(events, database):
    make_foreign_table(database, 'computed', columns=COMPUTED)
    assert database.query("INSERT INTO computed (project, id) VALUES ('p', 1) RETURNING pk, sk, n, twice, big, place") == [
        ('PROJECT#p', 10, 7, 14, 2, 1)]
    assert copy(database, 'computed (project, id, n)', 'p\t2\t8\n') == 1
    assert items(events) == [computed(1, 7), computed(2, 8)]
    assert database.query('UPDATE computed SET n = n + 1 WHERE id = 2 RETURNING twice') == [(18,)]
    assert items(events) == [computed(1, 7), computed(2, 9)]
    assert database.query('SELECT sk, n, twice FROM computed ORDER BY sk') == [(10, 7, 14), (20, 9, 18)]
    with pytest.raises(psycopg2.errors.FeatureNotSupported, match='column "pk" of foreign table "computed" cannot be'):
        database.query("UPDATE computed SET project = 'q'")


def test_not_null_and_check_are_declarations_only(simulator, simulated, simulated_events):
    """As PostgreSQL says of foreign tables; what DynamoDB's keys ask for is refused by podyn."""
    make_foreign_table(simulated, 'declared', columns='pk text NOT NULL, sk numeric, n numeric NOT NULL CHECK (n > 0)')
    simulated.query("INSERT INTO declared VALUES ('a', 1, -1), ('a', 2, NULL)")
    assert stored(simulated_events) == [item('a', 1, n={'N': '-1'}), item('a', 2)]
    with pytest.raises(psycopg2.Error, match='attribute "pk" is missing'):
        simulated.query('INSERT INTO declared VALUES (NULL, 1, 1)')


# ---- partitions and children ----------------------------------------------------------------------------------------

@pytest.fixture
def parted(simulator, simulated):
    """Rows of region 'here' stay in PostgreSQL, those of region 'there' are items."""
    table = simulator.create_table('events', key=KEY)
    simulated.query('CREATE TABLE parted (pk text, sk numeric, region text, n numeric) PARTITION BY LIST (region)')
    simulated.query("CREATE TABLE here PARTITION OF parted FOR VALUES IN ('here')")
    simulated.query("CREATE FOREIGN TABLE there PARTITION OF parted FOR VALUES IN ('there') SERVER dynamodb "
                    "OPTIONS (table_name 'events')")
    return table


def there(number, **attributes):
    return item('a', number, region={'S': 'there'}, **attributes)


def test_rows_are_routed_to_a_foreign_partition(simulator, simulated, parted):
    assert status(simulated, "INSERT INTO parted SELECT 'a', i, CASE WHEN i % 2 = 0 THEN 'here' ELSE 'there' END "
                  'FROM generate_series(1, 100) AS i') == 'INSERT 0 100'
    assert copy(simulated, 'parted (pk, sk, region)', 'a\t101\tthere\na\t102\there\n') == 2
    assert stored(parted) == [there(i) for i in range(1, 102, 2)]
    assert simulated.query("SELECT count(*), count(*) FILTER (WHERE tableoid = 'there'::regclass) FROM parted") == [(102, 51)]
    assert simulated.query("INSERT INTO parted VALUES ('a', 103, 'there') RETURNING sk, tableoid::regclass::text") == [
        (103, 'there')]
    assert status(simulated, "INSERT INTO parted SELECT 'a', i, 'there' FROM generate_series(1, 201) AS i "
                  'ON CONFLICT DO NOTHING') == f'INSERT 0 {201 - 52}'
    assert status(simulated, 'UPDATE parted SET n = 1 WHERE sk IN (1, 2)') == 'UPDATE 3'
    assert status(simulated, 'DELETE FROM parted WHERE sk > 2') == f'DELETE {201 - 2 + 50}'
    assert stored(parted) == [there(number, n={'N': '1'}) for number in (1, 2)]


def test_rows_move_into_a_foreign_partition_and_not_out_of_it(simulator, simulated, parted):
    simulated.query("INSERT INTO parted VALUES ('a', 1, 'here'), ('a', 2, 'here'), ('a', 3, 'there')")
    assert status(simulated, "UPDATE parted SET region = 'there' WHERE region = 'here' AND sk = 1") == 'UPDATE 1'
    assert stored(parted) == [there(1), there(3)]
    with pytest.raises(psycopg2.errors.CheckViolation, match='new row for relation "there" violates partition constraint'):
        simulated.query("UPDATE parted SET region = 'here'")
    with pytest.raises(psycopg2.errors.FeatureNotSupported, match='cannot move rows to foreign table "there"'):
        simulated.query("UPDATE parted SET region = 'there', n = 1 + coalesce(n, 0)")
    assert simulated.column('SELECT sk FROM here') == [2]
    assert stored(parted) == [there(1), there(3)]


def test_rows_that_a_partition_would_not_show_are_not_written_to_it(simulator, simulated, parted):
    with pytest.raises(psycopg2.errors.CheckViolation, match='violates partition constraint'):
        simulated.query("INSERT INTO there VALUES ('a', 1, 'here')")
    create_trigger(simulated, 'BEFORE INSERT', "NEW.region := 'here'; RETURN NEW", table='there')
    with pytest.raises(psycopg2.errors.CheckViolation, match='violates partition constraint'):
        simulated.query("INSERT INTO parted VALUES ('a', 1, 'there')")
    assert not simulator.count('BatchWriteItem')


def test_a_partition_is_written_to_as_the_owner_of_the_view(simulator, simulated, parted):
    """The role that inserts has no user mapping."""
    simulated.query('CREATE VIEW door AS TABLE parted')
    simulated.query('CREATE ROLE guest; GRANT INSERT ON door TO guest')
    try:
        simulated.query("SET ROLE guest; INSERT INTO door VALUES ('a', 1, 'there'); RESET ROLE")
        assert stored(parted) == [there(1)]
    finally:
        simulated.query('RESET ROLE; DROP OWNED BY guest; DROP ROLE guest')


def test_a_foreign_table_as_a_child(simulator, simulated, simulated_events):
    simulated.query('CREATE TABLE parent (pk text, sk numeric, n numeric)')
    simulated.query('CREATE FOREIGN TABLE child (note text) INHERITS (parent) SERVER dynamodb '
                    "OPTIONS (table_name 'events')")
    simulated.query("INSERT INTO parent VALUES ('p', 1, 1); INSERT INTO child VALUES ('c', 1, 1, 'x'), ('c', 2, 2, 'y')")
    assert status(simulated, 'UPDATE parent SET n = n + 1 WHERE sk = 1') == 'UPDATE 2'
    assert simulated.query('DELETE FROM parent WHERE sk = 2 RETURNING pk, n') == [('c', 2)]
    assert simulated.query('SELECT pk, n FROM parent ORDER BY pk') == [('c', 2), ('p', 2)]
    assert stored(simulated_events) == [item('c', 1, n={'N': '2'}, note={'S': 'x'})]


# ---- views and statements -------------------------------------------------------------------------------------------

@pytest.mark.parametrize('statement', ["INSERT INTO small VALUES ('a', 3, 50) ON CONFLICT DO NOTHING",
                                       'UPDATE small SET n = n * 10 RETURNING n'])
def test_a_check_option_refuses_a_row_before_it_is_sent(simulator, simulated, simulated_events, statement):
    simulated_events.put(item('a', 1, n={'N': '5'}))
    simulated.query('CREATE VIEW small AS SELECT pk, sk, n FROM events WHERE n < 10 AND length(pk) > 0 WITH CHECK OPTION')
    assert status(simulated, "UPDATE small SET n = 6; INSERT INTO small VALUES ('a', 4, 4)") == 'INSERT 0 1'
    before = count_written(simulator)
    with pytest.raises(psycopg2.errors.WithCheckOptionViolation, match='violates check option for view "small"'):
        simulated.query(statement)
    assert stored(simulated_events) == [item('a', 1, n={'N': '6'}), item('a', 4, n={'N': '4'})]
    assert count_written(simulator) == before


def test_writes_inside_of_other_statements(events, database):
    assert database.query("WITH new AS (INSERT INTO events (pk, sk) SELECT 'a', i FROM generate_series(1, 60) AS i "
                          'RETURNING sk) SELECT count(*), sum(sk) FROM new') == [(60, 1830)]
    assert database.query("WITH new AS (INSERT INTO events (pk, sk) VALUES ('b', 1)) SELECT 1") == [(1,)]
    assert database.query('WITH gone AS (DELETE FROM events WHERE sk > 1 RETURNING *) INSERT INTO events (pk, sk, name) '
                          "SELECT 'c', max(sk), 'kept' FROM gone RETURNING name") == [('kept',)]
    assert items(events) == [item('a', 1), item('b', 1), item('c', 60, name={'S': 'kept'})]


def test_a_function_that_catches_an_error_can_go_on(simulator, simulated, simulated_events):
    """What was sent before it stays."""
    simulated.query("""DO $$ BEGIN
        BEGIN
            INSERT INTO events (pk, sk) SELECT 'a', 60 / (61 - i) FROM generate_series(1, 61) AS i;
        EXCEPTION WHEN division_by_zero THEN
            INSERT INTO events (pk, sk) VALUES ('caught', 1);
        END;
        INSERT INTO events (pk, sk) SELECT 'after', count(*) FROM events;
    END $$""")
    kept = [stored_item['pk']['S'] for stored_item in stored(simulated_events)]
    assert kept.count('caught') == kept.count('after') == 1


def test_merge_is_refused_by_postgresql(simulator, simulated, simulated_events):
    if simulated.connection.server_version < 150000:
        pytest.skip('MERGE came with PostgreSQL 15')
    with pytest.raises(psycopg2.Error, match='cannot execute MERGE on relation "events"'):
        simulated.query("MERGE INTO events USING (VALUES (1)) AS v (x) ON sk = x WHEN MATCHED THEN DELETE")
