"""podyn_retry_errors: rejected items are tried again once their owner has mended the reason."""

import pytest

from database import Database
from exports import at, change, full_records, lines_of
from test_import import KEYS, imported, loading, numbered, totals  # noqa: F401 (fixtures)
from test_privileges import owners, refused  # noqa: F401 (fixture)
from test_profiles import create_profile, parse, transform, upsert
from waiting import holds_for

LOOK = """
    CREATE TABLE {0}.seen (who text, path text);
    CREATE FUNCTION {0}.look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO {0}.seen VALUES (current_user, current_setting('search_path'));
        RETURN NEW; END $$;
    CREATE TRIGGER look BEFORE INSERT OR UPDATE ON {0}.events FOR EACH ROW EXECUTE FUNCTION {0}.look()"""


def retry(database, name='events'):
    return database.value('SELECT podyn_retry_errors(%s)', name)


# ---- imports --------------------------------------------------------------------------------------------------------

@pytest.fixture
def checked(loading):
    """A table that refuses high numbers."""
    loading.query('CREATE TABLE events (id text PRIMARY KEY, n numeric CONSTRAINT low CHECK (n < 10), text text)')
    return loading


def test_an_imports_items_arrive_once_the_check_is_gone(bucket, checked, configure):
    """In more than one portion, from two files."""
    configure('podyn.batch_rows', 7)
    items = numbered(40)
    imported(checked, bucket.full_export([full_records(items[:20]), full_records(items[20:])]))
    assert totals(checked, 'events') == (40, 10, 0, 30)
    checked.query('ALTER TABLE events DROP CONSTRAINT low')
    assert retry(checked) == 30
    assert totals(checked, 'events') == (40, 40, 0, 0)
    assert checked.column('SELECT n::int FROM events ORDER BY n') == list(range(40))
    assert '30 rejected items taken by podyn_retry_errors, 0 left' in checked.value(
        "SELECT message FROM podyn_events WHERE event = 'retried'")
    assert retry(checked) == 0


def test_what_is_still_refused_stays_with_its_new_reason(bucket, checked):
    imported(checked, bucket.full_export([full_records(numbered(20))]))
    before = {error['id'] for error in checked.errors('events')}
    checked.query('ALTER TABLE events DROP CONSTRAINT low; '
                  'ALTER TABLE events ADD CONSTRAINT odd CHECK (n < 10 OR n % 2 = 1)')
    assert retry(checked) == 5
    left = checked.errors('events')
    assert len(left) == 5 and {error['id'] for error in left} < before
    assert all('odd' in error['message'] and error['sqlstate'] == '23514' for error in left)
    assert totals(checked, 'events') == (20, 15, 0, 5)


def test_new_columns_are_made(bucket, loading):
    """The only item with such an attribute was refused by a table that takes new columns by now."""
    imported(loading, bucket.full_export([full_records(numbered(2))]), key=KEYS, start=False)
    loading.query("ALTER TABLE events ADD CONSTRAINT low CHECK (n < 1)")
    loading.value("SELECT podyn_start('events')")
    loading.wait_for_state('events', 'completed')
    loading.query("""ALTER TABLE events DROP CONSTRAINT low;
        UPDATE podyn.error SET item = '{"id": {"S": "x"}, "late": {"S": "new"}, "n": {"S": "text"}}'""")
    assert retry(loading) == 1
    assert loading.query("SELECT id, late, n_text FROM events WHERE id = 'x'") == [('x', 'new', 'text')]


def test_a_row_too_wide_gets_its_rest_column(bucket, loading):
    imported(loading, bucket.full_export([full_records(numbered(2))]), key=KEYS, start=False)
    loading.query("ALTER TABLE events ADD CONSTRAINT low CHECK (n < 1)")
    loading.value("SELECT podyn_start('events')")
    loading.wait_for_state('events', 'completed')
    wide = ', '.join(f'"attribute {number}": {{"S": "{number:040}"}}' for number in range(900))
    loading.query("ALTER TABLE events DROP CONSTRAINT low; UPDATE podyn.error SET item = %s",
                  f'{{"id": {{"S": "x"}}, {wide}}}')
    assert retry(loading) == 1
    assert loading.value("SELECT count(*) FROM events, jsonb_object_keys(podyn_rest) WHERE id = 'x'") == 900


@pytest.mark.parametrize('on_conflict, row, counts', [
    ('update', (11, None), (12, 12, 0, 0)),
    ('merge', (11, 'newer'), (12, 12, 0, 0)),
    ('nothing', (1, 'newer'), (12, 11, 1, 0)),
    ('error', (1, 'newer'), (12, 11, 0, 1)),
])
def test_on_conflict(bucket, checked, on_conflict, row, counts):
    """A row that has come meanwhile is treated as by the import itself."""
    items = numbered(11) + [{'id': {'S': 'there'}, 'n': {'N': '11'}}]
    imported(checked, bucket.full_export([full_records(items)]), on_conflict=on_conflict)
    checked.query("ALTER TABLE events DROP CONSTRAINT low; INSERT INTO events VALUES ('there', 1, 'newer')")
    assert retry(checked) == 2 - counts[3]
    assert checked.query("SELECT n, text FROM events WHERE id = 'there'") == [row]
    assert totals(checked, 'events') == counts


def test_what_the_filter_leaves_out_is_skipped(bucket, checked):
    """It failed for an item, and leaves it out by now."""
    checked.query("CREATE TABLE limits (most int); CREATE FUNCTION most() RETURNS int VOLATILE LANGUAGE sql AS "
                  "'SELECT 1 / count(*)::int * min(most) FROM public.limits'")
    imported(checked, bucket.full_export([full_records(numbered(3))]), filter="(item ->> 'n')::int < public.most()")
    assert totals(checked, 'events') == (3, 0, 0, 3)
    assert retry(checked) == 0
    checked.query('INSERT INTO limits VALUES (1)')
    assert retry(checked) == 3
    assert totals(checked, 'events') == (3, 1, 2, 0)


def test_what_is_no_item_stays(bucket, loading):
    lines = [b'no json at all', b'{"Item": {"id": {"S": "cut', b'[]', b'42', b'"text"', b'{"Item": {"n": {"N": "1"}}}']
    path = bucket.write('items.json', lines_of(full_records(numbered(1))) + b'\n'.join(lines) + b'\n')
    imported(loading, path, key=KEYS)
    assert len(loading.errors('events')) == 6
    assert retry(loading) == 0
    assert len(loading.errors('events')) == 6 and loading.value('SELECT count(*) FROM events') == 1


def test_a_later_export_is_not_overwritten(bucket, checked):
    """What the last export of the chain was refused is tried; of those before, nobody knows what came after."""
    items = numbered(12)
    bucket.full_export([full_records(items)], time=at(0))
    newer, refused_too = {'id': items[11]['id'], 'n': {'N': '5'}}, {'id': {'S': 'x'}, 'n': {'N': '50'}}
    bucket.incremental_export([[change({'id': item['id']}, item) for item in (newer, refused_too)]], at(0), at(2))
    imported(checked, bucket.folder / 'exports')
    assert len(checked.errors('events')) == 3
    checked.query('ALTER TABLE events DROP CONSTRAINT low')
    assert retry(checked) == 1
    assert 'are followed by others' in checked.notices()
    assert checked.query("SELECT id, n FROM events WHERE id IN ('x', '000011') ORDER BY 1") == [
        ('000011', 5), ('x', 50)]


def test_deferred_constraints_are_checked_at_once(bucket, loading):
    loading.query("""
        CREATE TABLE kinds (text text PRIMARY KEY);
        CREATE TABLE events (id text PRIMARY KEY, n numeric,
                             text text REFERENCES kinds DEFERRABLE INITIALLY DEFERRED)""")
    imported(loading, bucket.full_export([full_records(numbered(3))]))
    loading.query("INSERT INTO kinds VALUES (''), ('x')")
    assert retry(loading) == 2
    assert [error['sqlstate'] for error in loading.errors('events')] == ['23503']


def test_a_cancel_takes_everything_back(bucket, checked, configure):
    """The second portion never ends."""
    configure('podyn.batch_rows', 5)
    imported(checked, bucket.full_export([full_records(numbered(20))]))
    checked.query("""ALTER TABLE events DROP CONSTRAINT low;
        CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.n > 16 THEN PERFORM pg_sleep(600); END IF; RETURN NEW; END $$;
        CREATE TRIGGER wait BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION wait();
        SET statement_timeout = '1s'""")
    assert refused(checked, "SELECT podyn_retry_errors('events')").pgcode == '57014'
    assert totals(checked, 'events') == (20, 10, 0, 10)
    checked.query('DROP TRIGGER wait ON events; RESET statement_timeout')
    assert retry(checked) == 10


# ---- imports with hooks ---------------------------------------------------------------------------------------------

def test_groups_are_tried_as_a_whole(bucket, loading, configure):
    """Those of several batches each by itself, as when they failed; some rows of podyn.error have been removed."""
    configure('podyn.batch_rows', 100)
    loading.query("CREATE TABLE events (id text PRIMARY KEY, n numeric CONSTRAINT few CHECK (n < 10))")
    items = [{'id': {'S': f'{number:03}'}, 'kind': {'N': str(number % 3)}} for number in range(60)]
    profile = create_profile(loading, group_by=['kind'], transform=transform(
        loading, "SELECT jsonb_build_object('id', string_agg(item ->> 'id', ' ' ORDER BY place), 'n', count(*)) "
                 'FROM unnest(items) WITH ORDINALITY AS i (item, place)'))
    imported(loading, bucket.full_export([full_records(items)]), profile=profile, batch_size=30)
    assert totals(loading, 'events') == (60, 0, 0, 60)
    assert dict(loading.query('SELECT group_position, count(*) FROM podyn.error GROUP BY 1')) == {
        str(line): 10 for line in (1, 2, 3, 31, 32, 33)}
    assert retry(loading) == 0
    loading.query("DELETE FROM podyn.error WHERE position = '1'; ALTER TABLE events DROP CONSTRAINT few; "
                  "ALTER TABLE events ADD CONSTRAINT most CHECK (id !~ '031')")
    assert retry(loading) == 49
    assert sorted(loading.column('SELECT id FROM events')) == sorted(
        ' '.join(f'{number:03}' for number in range(first + kind, first + 30, 3) if number > 0)
        for first in (0, 30) for kind in range(3) if (first, kind) != (30, 1))
    assert {(error['group_position'], 'most' in error['message']) for error in loading.errors('events')} == {('32', True)}
    assert totals(loading, 'events')[1:] == (49, 0, 10)


def test_items_of_hooks_are_tried_again(bucket, loading):
    """By each of the hooks, of which parse leaves out some by now."""
    loading.query('CREATE TABLE events (id text, n numeric)')
    hooks = {'parse': parse(loading, "SELECT CASE WHEN 1 / ((item ->> 'n')::int - 5) IS NOT NULL THEN item END"),
             'upsert': upsert(loading, "BEGIN IF (SELECT max((i ->> 'n')::int) FROM unnest(records) AS i) > 9 THEN "
                                       "RAISE 'too high'; END IF; RETURN 0; END")}
    path = bucket.write('items.json', lines_of(full_records(numbered(40))) + b'no item\n')
    imported(loading, path, profile=create_profile(loading, **hooks), key=KEYS, batch_size=7)
    assert totals(loading, 'events') == (41, 0, 9, 32)
    parse(loading, "SELECT CASE WHEN (item ->> 'n')::int <> 20 THEN item END")
    upsert(loading, "BEGIN INSERT INTO public.events SELECT item ->> 'id', (item ->> 'n')::numeric "
                    'FROM unnest(records) AS item; RETURN cardinality(records); END')
    assert retry(loading) == 31
    assert loading.column('SELECT n::int FROM events ORDER BY n') == [
        5, *(number for number in range(10, 40) if number != 20)]
    assert totals(loading, 'events') == (41, 30, 10, 1)


def test_another_replication_of_the_table_is_newer(bucket, checked, simulator):
    imported(checked, bucket.full_export([full_records(numbered(11))]), name='old')
    simulator.create_table('source', key=[('id', 'S')], stream='NEW_IMAGE')
    checked.create_server(simulator.endpoint)
    checked.replicate('source', target='events', schema=False, on_existing='upsert', start=False)
    error = refused(checked, "SELECT podyn_retry_errors('old')")
    assert error.pgcode == '55000' and '"source"' in error.diag.message_primary


# ---- replications ---------------------------------------------------------------------------------------------------

@pytest.fixture
def events(simulator):
    return simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')


def an_item(number, n):
    return {'id': {'S': f'{number:03}'}, 'n': {'N': str(n)}}


def follow(database, **options):
    """Streams into a table that refuses high numbers."""
    database.query('CREATE TABLE events (id text PRIMARY KEY, n numeric)')
    database.replicate('events', schema=False, **options)
    database.wait_for_state('events', 'streaming')
    database.query('ALTER TABLE events ADD CONSTRAINT low CHECK (n < 10)')


def mended(database, *statements):
    """Everything has been tried, and the reason is gone."""
    database.sync('events')
    database.query('ALTER TABLE events DROP CONSTRAINT low')


def numbers(database):
    return dict(database.query('SELECT id, n::int FROM events'))


def test_items_are_taken_as_they_are_now(events, simulated):
    """Item 1 has changed twice, each time to what is refused; item 2 was written well since then."""
    follow(simulated)
    for item in (an_item(1, 100), an_item(1, 101), an_item(2, 200), an_item(2, 2)):
        events.put(item)
        simulated.sync('events')
    mended(simulated)
    assert len(simulated.errors('events')) == 3
    assert retry(simulated) == 3
    assert numbers(simulated) == {'001': 101, '002': 2}
    assert simulated.status('events')['errors'] == 0
    events.put(an_item(3, 300))
    simulated.sync('events')
    assert numbers(simulated)['003'] == 300


def test_more_items_than_one_request_reads(events, simulated):
    follow(simulated)
    for number in range(250):
        events.put(an_item(number, 1000 + number))
    mended(simulated)
    assert retry(simulated) == 250
    assert numbers(simulated) == {f'{number:03}': 1000 + number for number in range(250)}


def test_workers_wait_for_the_callers_transaction(events, simulated):
    """So nothing newer than what was read is written before it."""
    follow(simulated)
    events.put(an_item(1, 100))
    mended(simulated)
    simulated.query('BEGIN')
    assert retry(simulated) == 1
    events.put(an_item(2, 2))
    another = Database(simulated.postgres, simulated.name)
    holds_for(lambda: numbers(another) == {}, 'the workers wait', 2)
    another.close()
    events.put(an_item(1, 1))
    simulated.query('COMMIT')
    simulated.sync('events')
    assert numbers(simulated) == {'001': 1, '002': 2}


def test_a_stopped_replication(events, simulated):
    """What was written to DynamoDB since is read, too, and the stream's older changes do not stay."""
    follow(simulated)
    events.put(an_item(1, 100))
    mended(simulated)
    simulated.value("SELECT podyn_stop('events')")
    for n in (1, 200):
        events.put(an_item(1, n))
    assert retry(simulated) == 1
    assert numbers(simulated) == {'001': 200}
    simulated.value("SELECT podyn_start('events')")
    simulated.wait_for_state('events', 'streaming')
    simulated.sync('events')
    assert numbers(simulated) == {'001': 200}


@pytest.mark.parametrize('deletes, left', [('apply', {}), ('ignore', {'001': 1}), ('mark', {'001': 1})])
def test_items_that_have_vanished(events, simulated, deletes, left):
    """Of item 1 there is an older row."""
    follow(simulated, deletes=deletes)
    for item in (an_item(1, 1), an_item(1, 100), an_item(2, 100)):
        events.put(item)
        simulated.sync('events')
    mended(simulated)
    simulated.value("SELECT podyn_stop('events')")
    for number in (1, 2):
        events.delete({'id': {'S': f'{number:03}'}})
    assert retry(simulated) == 2
    assert numbers(simulated) == left
    assert simulated.status('events')['errors'] == 0


@pytest.mark.parametrize('deletes', ['apply', 'mark'])
def test_a_refused_deletion(events, simulated, deletes):
    follow(simulated, deletes=deletes)
    simulated.query("""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF TG_OP = 'DELETE' OR to_jsonb(NEW) ->> 'podyn_deleted_at' IS NOT NULL THEN RAISE 'it stays'; END IF;
            RETURN NEW; END $$;
        CREATE TRIGGER refuse BEFORE DELETE OR UPDATE ON events FOR EACH ROW EXECUTE FUNCTION refuse()""")
    events.put(an_item(1, 1))
    simulated.sync('events')
    events.delete({'id': {'S': '001'}})
    simulated.sync('events')
    assert [error['operation'] for error in simulated.errors('events')] == ['remove']
    assert retry(simulated) == 0
    simulated.query('DROP TRIGGER refuse ON events')
    assert retry(simulated) == 1
    remaining = 'SELECT count(*) FROM events' + (' WHERE podyn_deleted_at IS NULL' if deletes == 'mark' else '')
    assert simulated.value(remaining) == 0
    assert deletes == 'apply' or simulated.value('SELECT count(*) FROM events') == 1


def test_a_copy_under_way_is_waited_for(events, simulated):
    simulated.replicate('events', start=False)
    error = refused(simulated, "SELECT podyn_retry_errors('events')")
    assert error.pgcode == '55000' and "podyn_wait('events', 'streaming')" in error.diag.message_hint


def test_an_isolated_transaction_is_refused(events, simulated):
    simulated.replicate('events', start=False)
    error = refused(simulated, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT podyn_retry_errors('events')")
    assert error.pgcode == '25001'
    simulated.query('ROLLBACK')


def test_dynamodb_itself(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S'), ('n', 'N')], stream='NEW_IMAGE')
    database.query('CREATE TABLE events (id text, n numeric CONSTRAINT low CHECK (n < 10), PRIMARY KEY (id, n))')
    dynamodb.put('events', *({'id': {'S': f'{number:03}'}, 'n': {'N': f'{number}.50'}} for number in range(30)))
    database.replicate('events', schema=False)
    database.wait_for_state('events', 'streaming')
    dynamodb.delete('events', {'id': {'S': '020'}, 'n': {'N': '20.5'}})
    database.sync('events')
    database.query('ALTER TABLE events DROP CONSTRAINT low')
    errors = database.errors('events')  # the copy and the stream may both have met an item
    assert len({str(error['key']) for error in errors}) == 20
    assert retry(database) == len(errors)
    assert database.value('SELECT count(*) FROM events') == 29


# ---- rights ---------------------------------------------------------------------------------------------------------

@pytest.fixture
def anns(events, simulated, owners):
    """A replication of podyn_ann's, with an item that her table has refused and a trigger that looks around."""
    ann = owners['podyn_ann']
    ann.query("""CREATE TABLE podyn_ann.events (id text PRIMARY KEY, n numeric CONSTRAINT low CHECK (n < 10))""")
    ann.query(LOOK.format('podyn_ann'))
    events.put(an_item(1, 100))
    ann.replicate('events', target='podyn_ann.events', schema=False)
    ann.wait_for_state('events', 'streaming')
    ann.query('ALTER TABLE podyn_ann.events DROP CONSTRAINT low; TRUNCATE podyn_ann.seen')
    return ann


def test_a_superuser_calls_for_another_role(anns, simulated):
    """The trigger runs as the owner; what it sets, it sets for itself."""
    simulated.query("SET search_path = public, podyn_ann; SET application_name = 'before'")
    anns.query("""CREATE OR REPLACE FUNCTION podyn_ann.look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO podyn_ann.seen VALUES (current_user, current_setting('search_path'));
        PERFORM set_config('application_name', 'after', false);
        RETURN NEW; END $$""")
    assert retry(simulated) == 1
    assert anns.query('SELECT * FROM podyn_ann.seen') == [('podyn_ann', 'pg_catalog, pg_temp')]
    assert simulated.query("SELECT current_user::text, current_setting('application_name')") == [('postgres', 'before')]
    assert simulated.value('SHOW search_path') == 'public, podyn_ann'


@pytest.mark.parametrize('trick', ['SET ROLE postgres', 'RESET SESSION AUTHORIZATION',
                                   'CREATE TEMP TABLE mine (a int)', 'INSERT INTO public.secrets VALUES (1)'])
def test_a_trigger_cannot_use_the_callers_rights(anns, simulated, trick):
    simulated.query('CREATE TABLE public.secrets (a int)')
    anns.query(f"""CREATE OR REPLACE FUNCTION podyn_ann.look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        {trick}; RETURN NEW; END $$""")
    assert refused(simulated, "SELECT podyn_retry_errors('events')").pgcode in ('42501', '42P01')
    assert simulated.query("SELECT current_user::text") == [('postgres',)]
    assert simulated.value('SELECT count(*) FROM public.secrets') == 0


def test_a_deferred_trigger_runs_as_the_owner_too(anns, simulated):
    anns.query("""DROP TRIGGER look ON podyn_ann.events;
        CREATE CONSTRAINT TRIGGER look AFTER INSERT ON podyn_ann.events DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION podyn_ann.look()""")
    assert retry(simulated) == 1
    assert anns.column('SELECT who FROM podyn_ann.seen') == ['podyn_ann']


def test_the_owner_calls(anns):
    assert retry(anns) == 1
    assert anns.column('SELECT who FROM podyn_ann.seen') == ['podyn_ann']


def test_another_role_is_refused(anns, owners):
    error = refused(owners['podyn_bob'], "SELECT podyn_retry_errors('events')")
    assert error.pgcode == '42704'
    assert len(anns.errors('events')) == 1


def test_it_has_to_be_granted(simulated):
    simulated.query('CREATE ROLE podyn_plain')
    try:
        assert not simulated.value(
            "SELECT has_function_privilege('podyn_plain', 'podyn_retry_errors(text)', 'EXECUTE')")
    finally:
        simulated.query('DROP ROLE podyn_plain')
