"""podyn_plan: what podyn_replicate would do and cost, and nothing done."""

import psycopg2
import pytest

from failing import fails


@pytest.fixture
def events(simulator):
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES',
                                   gsis={'by_day': [('day', 'S')]})
    for number in range(100):
        table.put({'id': {'S': f'{number:03}'}, 'price': {'N': str(number)}, 'Name': {'S': 'x' * 2000},
                   'nothing': {'NULL': True}})
    table.put({'id': {'S': 'mixed'}, 'price': {'S': 'a lot'}, 'tags': {'SS': ['a']}, 'xmin': {'N': '1'}})
    return table


class Plan:
    def __init__(self, database, table='events', **options):
        named = ', '.join(f'{name} => %s' for name in ('source_table', *options))
        self.rows = database.query(f'SELECT step, detail FROM podyn_plan({named})', table, *options.values())

    def details(self, step):
        return [detail for each, detail in self.rows if each == step]

    def detail(self, step):
        (detail,) = self.details(step)
        return detail


def everything(database):
    """All that a plan could change."""
    return database.query("""
        SELECT (SELECT array_agg(c::text ORDER BY c.oid) FROM pg_class AS c WHERE c.oid >= 16384),
               (SELECT count(*) FROM pg_attribute), (SELECT count(*) FROM pg_depend),
               (SELECT array_agg(r::text) FROM podyn.replication AS r), (SELECT count(*) FROM podyn.task),
               (SELECT count(*) FROM podyn.column_map), (SELECT count(*) FROM podyn.event),
               (SELECT count(*) FROM podyn.error), current_setting('client_min_messages'),
               current_setting('lock_timeout')""")


def test_it_changes_nothing_and_only_reads(events, simulator, simulated):
    before = everything(simulated)
    plan = Plan(simulated)
    assert plan.detail('result') == 'podyn_replicate would succeed: warnings 0', plan.rows
    assert everything(simulated) == before
    assert [request.operation for request in simulator.requests] == ['DescribeTable', 'DescribeStream', 'Scan']
    assert simulated.connection.notices == []


def test_the_ddl_is_what_podyn_replicate_runs(events, simulated):
    statements = Plan(simulated).details('ddl')
    assert statements[0] == 'CREATE TABLE public.events (id text NOT NULL, day text, PRIMARY KEY (id))'
    assert statements[1] == 'CREATE INDEX events_by_day ON public.events (day)'
    assert statements[2].startswith('ALTER TABLE public.events ADD COLUMN')
    simulated.query('CREATE SCHEMA planned; CREATE SCHEMA made')
    for statement in statements:
        simulated.query(statement.replace('public.', 'planned.'))
    simulated.replicate('events', target='made.events')
    simulated.wait_for_state('events', 'streaming')
    shapes = [simulated.query("SELECT attname, atttypid::regtype::text, attnotnull FROM pg_attribute WHERE attrelid = "
                              "%s::regclass AND attnum > 0 ORDER BY attname", f'{schema}.events')
              for schema in ('planned', 'made')]
    assert shapes[0] == shapes[1]


def test_types_conflicts_and_names_of_the_sample(events, simulator, simulated):
    plan = Plan(simulated)
    sample = plan.detail('sample')
    (scan,) = simulator.sent('Scan')
    assert sample == f'101 items read for this plan, at {scan.read_units:g} read units'
    columns = plan.details('column')
    assert '"id" (S) -> id text, in 101 of 101 items' in columns
    assert '"price" (N) -> price numeric, in 100 of 101 items' in columns or \
        '"price" (N) -> price_numeric numeric, in 100 of 101 items' in columns
    assert '"tags" (SS) -> tags jsonb, in 1 of 101 items' in columns
    assert '"Name" (S) -> "Name" text, in 100 of 101 items' in columns
    assert '"nothing" (NULL) -> no column before it has a value' in columns
    conflict = plan.detail('conflict')
    assert conflict.startswith('attribute "price" has several types:') and 'N in 100 items' in conflict
    assert 'S in 1 items' in conflict
    renamed = plan.details('renamed')
    assert any('"xmin"' in each and 'xmin_' in each for each in renamed)
    lower = Plan(simulated, lower_case_columns=True)
    assert any(each == 'attribute "Name" of type S goes to column name' for each in lower.details('renamed'))


def test_items_that_would_be_rejected(events, simulated):
    events.put({'id': {'S': 'k\x00'}, 'price': {'N': '1'}})
    events.put({'id': {'S': 'big'}, 'Name': {'M': {'k' + str(i): {'S': 'v'} for i in range(3)}}})
    plan = Plan(simulated)
    (rejected,) = plan.details('rejected')
    assert 'podyn.error' in rejected and '22P05' in rejected
    assert rejected.startswith("item with \"id\" = 'k")
    assert any('1 of 103 items' in warning for warning in plan.details('warning'))


def test_an_item_whose_fault_stands_before_its_key_is_shown_by_its_beginning(events, simulated):
    events.put({'a\x00b': {'S': 'x'}, 'id': {'S': 'the key'}})
    (rejected,) = Plan(simulated).details('rejected')
    assert rejected.startswith('item {"a') and 'the key' in rejected and '22P05' in rejected


def test_costs_before_they_are_spent(simulator, simulated):
    table = simulator.create_table('large', key=[('id', 'S')], stream='NEW_IMAGE')
    for number in range(64):
        table.put({'id': {'S': str(number)}, 'body': {'S': 'x' * 64_000}})
    units = -(-sum(64_004 + len(str(n)) + 2 for n in range(64)) // 4096)
    plan = Plan(simulated, 'large', scan_rate=1)
    source = plan.detail('source')
    assert 'about 64 items' in source and 'ACTIVE' in source
    read = plan.detail('read units')
    consistent = int(read.split(': ')[1].split()[0])
    assert abs(consistent - units) <= 1
    # The first five minutes are read consistently, the rest at half the price.
    expected = int(read.split()[1])
    assert expected == round(300 + (consistent - 300) / 2)
    assert plan.detail('time') == f'about {-(-expected // 60)} minutes at 1 read units per second (scan_rate)'
    assert int(Plan(simulated, 'large', changes=False).detail('read units').split()[1]) == consistent
    copy, stream = plan.details('price')
    assert copy.startswith(f'estimate: {expected / 1e6 * 0.125:.4f} USD') and 'us-east-1' in copy
    assert 'estimate' in stream and 'per day' in stream
    assert plan.detail('segments').startswith('1, chosen')
    assert Plan(simulated, 'large', segments=7).detail('segments').startswith('7 as asked for')
    slow = Plan(simulated, 'large', scan_rate='0.05')
    assert any('over an hour' in warning for warning in slow.details('warning'))
    assert 'no limit' in Plan(simulated, 'large', scan_rate=0).detail('time')


def test_everything_that_would_fail_is_a_row(simulator, simulated):
    table = simulator.create_table('events', key=[('id', 'S')])
    table.put({'id': {'S': 'one'}})
    simulated.query('CREATE TABLE events ()')
    simulator.fault('access_denied', operation='Scan', times=None)
    plan = Plan(simulated)
    errors = plan.details('error')
    assert len(errors) == 3, errors
    assert 'stream of DynamoDB table "events" is disabled' in errors[0] and 'update-table' in errors[0]
    assert 'dynamodb:Scan' in errors[1]
    assert 'relation public.events already exists' in errors[2] and '42P07' in errors[2]
    assert plan.detail('result') == 'podyn_replicate would fail: errors 3, warnings 0'
    assert plan.detail('stream') == 'disabled'
    fails(simulated, "SELECT podyn_replicate('events')", says='disabled')


def test_a_name_that_is_taken_and_a_target_that_does_not_fit(events, simulated):
    simulated.replicate('events', start=False)
    assert any('already exists' in error for error in Plan(simulated).details('error'))
    simulated.query('CREATE TABLE other (id money PRIMARY KEY)')
    errors = Plan(simulated, name='second', target='other', schema=False).details('error')
    assert any('money' in error for error in errors), errors


def test_no_such_table_is_raised(simulated):
    fails(simulated, "SELECT * FROM podyn_plan('nowhere')", says='nowhere', sqlstates=('42P01',))


def test_triggers_of_a_table_of_ones_own_do_not_run(events, simulated):
    simulated.query("""
        CREATE TABLE events (id text PRIMARY KEY, day text);
        CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'fired'; END $$;
        CREATE TRIGGER fire BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION fire()""")
    plan = Plan(simulated, schema=False)
    assert plan.detail('result') == 'podyn_replicate would succeed: warnings 0', plan.rows
    assert any('triggers' in detail for detail in plan.details('sample'))
    assert plan.detail('target') == 'public.events, which exists'


def test_constraints_of_a_table_of_ones_own_are_tried(events, simulated):
    simulated.query('CREATE TABLE events (id text PRIMARY KEY, price numeric CHECK (price < 99))')
    plan = Plan(simulated, schema=False)
    rejected = sorted(plan.details('rejected'))
    assert len(rejected) == 2 and "\"id\" = '099'" in rejected[0] and '23514' in rejected[0], rejected
    assert "\"id\" = 'mixed'" in rejected[1] and '22P02' in rejected[1]  # a text for the column of numbers
    assert '"Name" (S) -> left out, the table has no column for it, in 100 of 101 items' in plan.details('column')
    assert simulated.value('SELECT count(*) FROM events') == 0


def test_the_document_of_jsonb_mode(events, simulated):
    plan = Plan(simulated, conversion_mode='jsonb')
    assert plan.details('ddl')[0] == \
        'CREATE TABLE public.events (id text NOT NULL, data jsonb NOT NULL, PRIMARY KEY (id))'
    assert plan.detail('result') == 'podyn_replicate would succeed: warnings 0'


def test_what_a_role_lacks(events, simulated):
    simulated.postgres.query('CREATE ROLE planner LOGIN')
    try:
        # Before PostgreSQL 15 everybody may create in schema public.
        simulated.query("REVOKE CREATE ON SCHEMA public FROM PUBLIC; "
                        "GRANT EXECUTE ON FUNCTION podyn_plan TO planner; GRANT USAGE ON FOREIGN SERVER dynamodb TO "
                        "planner; CREATE USER MAPPING FOR planner SERVER dynamodb OPTIONS (access_key_id 'AKIDEXAMPLE', "
                        "secret_access_key 'x'); SET ROLE planner")
        errors = Plan(simulated).details('error')
        assert len(errors) == 2, errors
        assert 'may not execute podyn_replicate' in errors[0]
        assert 'permission denied for schema public' in errors[1] and '42501' in errors[1]
    finally:
        simulated.query('RESET ROLE; DROP OWNED BY planner')
        simulated.postgres.query('DROP ROLE planner')


def test_a_read_only_transaction_is_told(events, simulated):
    simulated.query('BEGIN READ ONLY')
    errors = Plan(simulated).details('error')
    simulated.query('ROLLBACK')
    assert any('read-only transaction' in error for error in errors), errors


def test_a_cancel_is_no_row(events, simulator, simulated):
    simulator.fault('slow', operation='Scan', seconds=20)
    simulated.query("SET statement_timeout = '1s'")
    with pytest.raises(psycopg2.errors.QueryCanceled):
        Plan(simulated)
