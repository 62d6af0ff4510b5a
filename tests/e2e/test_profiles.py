"""Profiles of imports: each hook, errors in each hook, kills in the middle, and the examples of docs/profiles.md."""

import random
import re
from pathlib import Path

import psycopg2
import pytest

from comparison import assert_equal_items
from database import Database
from exports import at, change, full_records
from killed_loads import interrupt_load
from test_accidents import run_as_server
from test_import import KEYS, imported, numbered, totals

DOCS = Path(__file__).parents[2] / 'docs' / 'profiles.md'


@pytest.fixture
def loading(make_database):
    return make_database()


def function(database, name, arguments, result, body, language='sql'):
    database.query(f'CREATE OR REPLACE FUNCTION {name}({arguments}) RETURNS {result} LANGUAGE {language} AS $hook$ '
                   f'{body} $hook$')


def parse(database, body, language='sql'):
    function(database, 'parse', 'item jsonb', 'jsonb', body, language)
    return 'parse(jsonb)'


def transform(database, body, language='sql'):
    function(database, 'transform', 'items jsonb[]', 'SETOF jsonb', body, language)
    return 'transform(jsonb[])'


def upsert(database, body, language='plpgsql'):
    function(database, 'upsert', 'target regclass, records jsonb[]', 'bigint', body, language)
    return 'upsert(regclass,jsonb[])'


def on_complete(database, body):
    function(database, 'on_complete', 'name text', 'void', body, 'plpgsql')
    return 'on_complete(text)'


def create_profile(database, name='p', **hooks):
    named = ', '.join(f'{hook} => %s' for hook in ('name', *hooks))
    database.query(f'SELECT podyn_create_profile({named})', name, *hooks.values())
    return name


def errors(database):
    """By line."""
    return {int(line): (sqlstate, message) for line, sqlstate, message in database.query(
        'SELECT position, sqlstate, message FROM podyn.error')}


# ---- parse and filter -----------------------------------------------------------------------------------------------

def test_parse_reshapes_and_skips(bucket, loading):
    """What parse gives becomes a row as an item does: columns come up, binary stays binary."""
    items = [{**item, 'bytes': {'B': b'\x00\xff'}, 'list': {'L': [{'N': '1.50'}, {'M': {'a': {'NULL': True}}}]}}
             for item in numbered(100)]
    profile = create_profile(loading, parse=parse(
        loading, "SELECT CASE WHEN (item ->> 'n')::int % 4 > 0 THEN item - 'text' || "
                 "jsonb_build_object('double', (item ->> 'n')::int * 2, 'late', item ->> 'id') "
                 "- CASE WHEN (item ->> 'n')::int < 50 THEN 'late' ELSE '' END END"))
    name = imported(loading, bucket.full_export([full_records(items)]), profile=profile, key=KEYS)
    expected = [{name: value for name, value in item.items() if name != 'text'} for item in items]
    for number, item in enumerate(expected):
        item['double'] = {'N': str(number * 2)}
        if number >= 50:
            item['late'] = item['id']
    expected = [item for number, item in enumerate(expected) if number % 4]
    assert assert_equal_items(expected, KEYS, loading, 'events') == 75
    assert totals(loading, name) == (100, 75, 25, 0)


def test_parse_may_make_the_key(bucket, loading):
    profile = create_profile(loading, parse=parse(loading, "SELECT jsonb_build_object('key', item -> 'n')"))
    imported(loading, bucket.full_export([full_records(numbered(10))]), profile=profile, key=['key'])
    assert loading.column('SELECT key FROM events ORDER BY key') == list(range(10))


def test_both_filters_are_applied_after_parse(bucket, loading):
    profile = create_profile(loading, filter="(item ->> 'm')::int % 2 = 0", parse=parse(
        loading, "SELECT item || jsonb_build_object('m', item -> 'n')"))
    name = imported(loading, bucket.full_export([full_records(numbered(30))]), profile=profile, key=KEYS,
                    filter="(item ->> 'm')::int % 3 = 0")
    assert loading.column('SELECT n FROM events ORDER BY n') == [0, 6, 12, 18, 24]
    assert totals(loading, name) == (30, 5, 25, 0)


# ---- transform, group_by and the built-in write ---------------------------------------------------------------------

@pytest.fixture
def target(loading):
    loading.query("CREATE TABLE events (id text PRIMARY KEY, n numeric, made text DEFAULT 'default', bytes bytea, "
                  'twice numeric GENERATED ALWAYS AS (n * 2) STORED)')
    return loading


def test_transform_gives_none_one_or_many_records(bucket, target):
    """Counts are those of items."""
    profile = create_profile(target, transform=transform(
        target, "SELECT jsonb_build_object('id', item ->> 'id' || '/' || part, 'n', item -> 'n') "
                "FROM unnest(items) AS item, generate_series(1, (item ->> 'n')::int % 3) AS part"))
    name = imported(target, bucket.full_export([full_records(numbered(90))]), profile=profile, batch_size=7)
    assert target.value('SELECT count(*) FROM events') == 90
    assert target.value("SELECT count(*) FROM events WHERE twice = n * 2 AND made = 'default'") == 90
    assert totals(target, name) == (90, 60, 30, 0)


def test_items_of_equal_values_are_one_group(bucket, target, configure):
    """In the order of the file, within a batch; absent and null are one value."""
    configure('podyn.batch_rows', 100)
    items = [{'id': {'S': f'{number:03}'}, **({} if number % 3 == 0 else {'kind': {'S': f'kind {number % 3}'}})}
             for number in range(60)]
    items[3]['kind'] = {'NULL': True}
    profile = create_profile(target, group_by=['kind', 'nowhere'], transform=transform(
        target, "SELECT jsonb_build_object('id', string_agg(item ->> 'id', ' ' ORDER BY place), 'n', count(*)) "
                'FROM unnest(items) WITH ORDINALITY AS i (item, place)'))
    name = imported(target, bucket.full_export([full_records(items)]), profile=profile, batch_size=30)
    assert sorted(target.column('SELECT id FROM events')) == sorted(
        ' '.join(f'{number:03}' for number in range(first + kind, first + 30, 3))
        for first in (0, 30) for kind in range(3))
    assert totals(target, name) == (60, 60, 0, 0)


@pytest.mark.parametrize('on_conflict, old, counts', [
    ('update', (0, 'default', None), (3, 3, 0, 0)),
    ('merge', (0, 'old', b'old'), (3, 3, 0, 0)),
    ('nothing', (-1, 'old', b'old'), (3, 2, 1, 0)),
    ('error', (-1, 'old', b'old'), (3, 2, 0, 1)),
])
def test_records_are_written_as_on_conflict_says(bucket, target, on_conflict, old, counts):
    target.query("INSERT INTO events VALUES ('000000', -1, 'old', 'old')")
    items = numbered(2) + [{'id': {'S': 'bytes'}, 'bytes': {'B': b'\x00\xff'}, 'twice': {'N': '1'}}]
    profile = create_profile(target, transform=transform(target, 'SELECT unnest(items)'))
    name = imported(target, bucket.full_export([full_records(items)]), profile=profile, on_conflict=on_conflict)
    n, made, content = target.query("SELECT n, made, bytes FROM events WHERE id = '000000'")[0]
    assert (n, made, content and bytes(content)) == old
    assert bytes(target.value("SELECT bytes FROM events WHERE id = 'bytes'")) == b'\x00\xff'
    assert totals(target, name) == counts


def test_members_without_a_column_are_told_of_once(bucket, target, configure):
    """However many pages have them. Nobody writes to a generated column."""
    configure('podyn.batch_rows', 100)
    items = [{**item, 'twice': {'N': '1'}} for item in numbered(450)]
    profile = create_profile(target, transform=transform(target, 'SELECT unnest(items)'))
    name = imported(target, bucket.full_export([full_records(items)]), profile=profile)
    left_out = target.column("SELECT substring(message FROM '\"([^\"]*)\"') FROM podyn_events WHERE event = 'column'")
    assert sorted(left_out) == ['text', 'twice']
    assert target.value('SELECT count(*) FROM events WHERE twice = n * 2') == 450
    assert totals(target, name) == (450, 450, 0, 0)


def test_a_key_that_comes_twice_keeps_its_last_record(bucket, target):
    items = [{'id': {'S': 'a'}, 'n': {'N': '1'}}, {'id': {'S': 'b'}}, {'id': {'S': 'a'}},
             {'id': {'S': 'a'}, 'n': {'N': '3'}}, {'id': {'S': 'a'}, 'n': {'N': '4'}}]
    profile = create_profile(target, transform=transform(target, 'SELECT unnest(items)'))
    name = imported(target, bucket.full_export([full_records(items)]), profile=profile)
    assert target.query('SELECT id, n FROM events ORDER BY id') == [('a', 4), ('b', None)]
    assert totals(target, name) == (5, 5, 0, 0)


# ---- upsert ---------------------------------------------------------------------------------------------------------

def test_upsert_writes_to_a_view(bucket, loading):
    loading.query('CREATE TABLE base (id text, n numeric); CREATE VIEW events AS SELECT id, n FROM base; '
                  'CREATE FUNCTION put() RETURNS trigger LANGUAGE plpgsql AS '
                  "'BEGIN INSERT INTO public.base VALUES (NEW.id, NEW.n); RETURN NEW; END'; "
                  'CREATE TRIGGER put INSTEAD OF INSERT ON events FOR EACH ROW EXECUTE FUNCTION put()')
    profile = create_profile(loading, upsert=upsert(
        loading, "BEGIN EXECUTE format('INSERT INTO %s SELECT r.* FROM unnest($1) AS u, "
                 "jsonb_to_record(u) AS r (id text, n numeric) WHERE n > 9', target) USING records; "
                 "RETURN (SELECT count(*) FROM unnest(records) AS r WHERE (r ->> 'n')::int > 9); END"))
    name = imported(loading, bucket.full_export([full_records(numbered(30))]), profile=profile)
    assert loading.column('SELECT n FROM base ORDER BY n') == list(range(10, 30))
    assert totals(loading, name) == (30, 20, 10, 0)


# ---- errors ---------------------------------------------------------------------------------------------------------

# What is constant would fail before any item is looked at.
BAD = ("CASE WHEN item ->> 'n' IN ('7', '8', '70') THEN to_jsonb(1 / ((item ->> 'n')::int - (item ->> 'n')::int)) "
       'ELSE item END')


@pytest.mark.parametrize('hook', ['parse', 'filter', 'transform', 'upsert', 'write'])
def test_a_bad_item_stops_nothing(bucket, target, hook):
    hooks = {'transform': transform(target, 'SELECT unnest(items)')}
    if hook == 'parse':
        hooks['parse'] = parse(target, f'SELECT {BAD}')
    elif hook == 'filter':
        hooks['filter'] = f'{BAD} IS NOT NULL'
    elif hook == 'transform':
        hooks['transform'] = transform(target, f'SELECT {BAD} FROM unnest(items) AS item')
    elif hook == 'upsert':
        hooks['upsert'] = upsert(
            target, 'BEGIN INSERT INTO public.events (id, n) SELECT item ->> $$id$$, (item ->> $$n$$)::numeric '
                    f'FROM (SELECT {BAD} AS item FROM unnest(records) AS item) AS i; RETURN 100; END')
    else:
        target.query('ALTER TABLE events ADD CONSTRAINT small CHECK (n NOT IN (7, 8, 70))')
    name = imported(target, bucket.full_export([full_records(numbered(100))]), profile=create_profile(target, **hooks),
                    batch_size=30)
    assert totals(target, name) == (100, 97, 0, 3)
    assert target.value('SELECT count(*) FROM events') == 97
    found = errors(target)
    assert set(found) == {8, 9, 71}
    expected = 'violates check constraint "small"' if hook == 'write' else f'{hook} failed: division by zero'
    assert all(expected in message for _, message in found.values()), found
    assert target.value("SELECT item -> 'n' ->> 'N' FROM podyn.error WHERE position = '71'") == '70', 'as received'


def test_a_bad_item_takes_its_group_with_it(bucket, target):
    items = [{**item, 'kind': {'N': str(number % 5)}} for number, item in enumerate(numbered(50))]
    profile = create_profile(target, group_by=['kind'], transform=transform(
        target, f"SELECT {BAD} - 'kind' - 'text' FROM unnest(items) AS item"))
    name = imported(target, bucket.full_export([full_records(items)]), profile=profile)
    assert target.value('SELECT count(*) FROM events WHERE n::int % 5 NOT IN (2, 3)') == 30
    assert totals(target, name) == (50, 30, 0, 20)
    assert set(errors(target)) == {line + 1 for line in range(50) if line % 5 in (2, 3)}


@pytest.mark.parametrize('hook, result, message', [
    ('parse', "'[1]'::jsonb", 'no JSON object'), ('transform', "'[1]'::jsonb", 'no JSON object'),
    ('transform', "'{}'::jsonb", 'no member that is a column')])
def test_what_is_no_record_is_rejected(bucket, target, hook, result, message):
    hooks = {'transform': transform(target, 'SELECT unnest(items)')}
    hooks[hook] = {'parse': parse, 'transform': transform}[hook](target, f'SELECT {result}')
    name = imported(target, bucket.full_export([full_records(numbered(5))]), profile=create_profile(target, **hooks))
    assert totals(target, name) == (5, 0, 0, 5)
    assert all(message in found for _, found in errors(target).values())


def test_bad_items_of_parse_alone(bucket, loading):
    """Without transform and upsert items go the way of all items."""
    profile = create_profile(loading, parse=parse(loading, f'SELECT {BAD}'))
    name = imported(loading, bucket.full_export([full_records(numbered(100))]), profile=profile, key=KEYS)
    assert totals(loading, name) == (100, 97, 0, 3)
    assert set(errors(loading)) == {8, 9, 71}


def test_a_hook_that_is_gone_is_named(bucket, target):
    profile = create_profile(target, transform=transform(target, 'SELECT unnest(items)'))
    name = imported(target, bucket.full_export([full_records(numbered(5))]), profile=profile, start=False)
    target.query(f"DROP FUNCTION transform(jsonb[]); SELECT podyn_start('{name}')")
    target.wait_for_state(name, 'failed')
    assert 'transform of profile "p", does not exist' in target.status(name)['last_error']
    transform(target, 'SELECT unnest(items)')
    target.query('SELECT podyn_start(%s)', name)
    target.wait_for_state(name, 'completed')
    assert totals(target, name) == (5, 5, 0, 0)


# ---- on_complete ----------------------------------------------------------------------------------------------------

def test_on_complete_runs_once_behind_the_last_file(bucket, loading):
    loading.query('CREATE TABLE calls (name text, rows bigint, who text)')
    profile = create_profile(loading, on_complete=on_complete(
        loading, 'BEGIN INSERT INTO public.calls SELECT name, count(*), current_user FROM public.events; END'))
    export = bucket.full_export([full_records(numbered(100)), full_records(numbered(100, first=100))])
    name = imported(loading, export, profile=profile, key=KEYS)
    assert loading.query('SELECT * FROM calls') == [(name, 200, 'postgres')]
    assert loading.value("SELECT state FROM podyn_tasks WHERE kind = 'complete'") == 'done'


def test_on_complete_that_fails_is_tried_again_by_podyn_start(bucket, loading):
    loading.query('CREATE TABLE calls (name text)')
    profile = create_profile(loading, on_complete=on_complete(
        loading, "BEGIN INSERT INTO public.calls VALUES (name); RAISE 'not yet'; END"))
    name = imported(loading, bucket.full_export([full_records(numbered(10))]), profile=profile, key=KEYS, start=False)
    loading.query('SELECT podyn_start(%s)', name)
    loading.wait_for_state(name, 'failed')
    assert loading.status(name)['last_error'] == 'on_complete failed: not yet'
    assert loading.value('SELECT count(*) FROM events') == 10
    on_complete(loading, 'BEGIN INSERT INTO public.calls VALUES (name); END')
    loading.query('SELECT podyn_start(%s)', name)
    loading.wait_for_state(name, 'completed')
    assert loading.column('SELECT name FROM calls') == [name]


# ---- profiles themselves --------------------------------------------------------------------------------------------

@pytest.mark.parametrize('hooks, message', [
    ({'parse': 'lower(text)'}, 'cannot be parse'),
    ({'parse': 'jsonb_array_elements(jsonb)'}, 'cannot be parse'),
    ({'transform': 'jsonb_typeof(jsonb)'}, 'cannot be transform'),
    ({'upsert': 'lower(text)'}, 'cannot be upsert'),
    ({'on_complete': 'jsonb_typeof(jsonb)'}, 'cannot be on_complete'),
    ({'filter': 'item ->'}, 'syntax error'),
    ({'group_by': ['a']}, 'group_by needs transform'),
    ({'group_by': []}, 'group_by must name attributes'),
])
def test_hooks_are_checked_when_the_profile_is_made(loading, hooks, message):
    with pytest.raises(psycopg2.Error, match=message):
        create_profile(loading, **hooks)
    assert loading.value('SELECT count(*) FROM podyn.profile') == 0


def test_a_profile_is_replaced_and_dropped(bucket, loading):
    create_profile(loading, filter='true', parse=parse(loading, 'SELECT item'))
    create_profile(loading, filter='false')
    assert loading.query("SELECT name, filter, parse, owner::text FROM podyn.profile") == [('p', 'false', None, 'postgres')]
    name = imported(loading, bucket.full_export([full_records(numbered(5))]), profile='p', key=KEYS, start=False)
    with pytest.raises(psycopg2.errors.ObjectInUse, match='"events"'):
        loading.query("SELECT podyn_drop_profile('p')")
    loading.query('SELECT podyn_drop(%s)', name)
    loading.query("SELECT podyn_drop_profile('p')")
    for call in ("podyn_drop_profile('p')", "podyn_import('/', 't', profile => 'p')"):
        with pytest.raises(psycopg2.errors.UndefinedObject, match='profile "p"'):
            loading.query(f'SELECT {call}')


def test_what_cannot_be_imported_with_hooks_is_refused(bucket, loading):
    profile = create_profile(loading, transform=transform(loading, 'SELECT unnest(items)'))
    full = bucket.full_export([full_records(numbered(5))])
    with pytest.raises(psycopg2.errors.UndefinedTable, match='"events" does not exist'):
        imported(loading, full, profile=profile)
    loading.query('CREATE TABLE events (id text)')
    with pytest.raises(psycopg2.errors.InvalidTableDefinition, match='no primary key'):
        imported(loading, full, profile=profile)
    with pytest.raises(psycopg2.errors.InvalidParameterValue, match='lower_case_columns'):
        imported(loading, full, profile=profile, on_conflict='error', lower_case_columns=True)
    bucket.incremental_export([[change({'id': {'S': 'a'}})]], at(0), at(2))
    with pytest.raises(psycopg2.errors.FeatureNotSupported, match='deletions'):
        imported(loading, bucket.folder / 'exports', profile=profile, on_conflict='error')
    imported(loading, full, profile=profile, on_conflict='error')
    assert loading.value('SELECT count(*) FROM events') == 5


@pytest.fixture
def others(loading, postgres):
    """Two roles that may make profiles."""
    databases = []
    for role in ('ann', 'bob'):
        postgres.query(f'CREATE ROLE {role} LOGIN')
        loading.query(f'GRANT EXECUTE ON FUNCTION podyn_create_profile, podyn_drop_profile, podyn_import TO {role}')
        databases.append(Database(postgres, loading.name, role))
    yield databases
    for other in databases:
        other.close()
        loading.query(f'DELETE FROM podyn.profile; DROP OWNED BY {other.user}')
        postgres.query(f'DROP ROLE {other.user}')


def test_a_profile_is_its_makers(loading, others):
    ann, bob = others
    parse(loading, 'SELECT item')
    loading.query('REVOKE EXECUTE ON FUNCTION parse FROM PUBLIC')
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match='public.parse'):
        create_profile(ann, parse='parse(jsonb)')
    create_profile(ann, filter='true')
    create_profile(bob, 'q')
    assert ann.column('SELECT name FROM podyn.profile') == ['p']
    with pytest.raises(psycopg2.errors.DuplicateObject, match='another role'):
        create_profile(bob)
    for role, call in ((bob, "podyn_drop_profile('p')"), (loading, "podyn_import('/', 't', profile => 'p')")):
        with pytest.raises(psycopg2.errors.UndefinedObject, match='profile "p"'):
            role.query(f'SELECT {call}')
    create_profile(loading)
    with pytest.raises(psycopg2.errors.DuplicateObject, match='another role'):
        create_profile(ann)


def test_a_profile_survives_dump_and_restore(bucket, target, make_database):
    """In a schema that no search_path has."""
    target.query('CREATE SCHEMA "Own hooks"')
    target.query('CREATE FUNCTION "Own hooks"."the transform"(items jsonb[]) RETURNS SETOF jsonb LANGUAGE sql AS '
                 "'SELECT unnest(items)'")
    create_profile(target, transform='"Own hooks"."the transform"(jsonb[])')
    postgres, copy = target.postgres, make_database()
    copy.query('DROP EXTENSION podyn')
    there = ('--host', postgres.folder, '--port', str(postgres.port), '--username', 'postgres')
    dump = postgres.folder / f'{target.name}.dump'
    run_as_server(postgres, 'pg_dump', *there, '--format', 'custom', '--file', dump, target.name)
    run_as_server(postgres, 'pg_restore', *there, '--exit-on-error', '--dbname', copy.name, dump)
    imported(copy, bucket.full_export([full_records(numbered(5))]), profile='p')
    assert copy.value('SELECT count(*) FROM events') == 5


# ---- the examples ---------------------------------------------------------------------------------------------------

def example(heading):
    """The SQL of a section of the documentation."""
    section = DOCS.read_text().split(f'\n## {heading}\n')[1].split('\n## ')[0]
    return '\n'.join(re.findall(r'```sql\n(.*?)```', section, re.S))


def single_table(projects, tokens):
    """Each project's item, behind it those of its tokens; and some of a kind that nobody asked for."""
    for project in range(projects):
        key = f'PROJECT#{project:04}'
        yield {'pk': {'S': key}, 'sk': {'S': key}, 'title': {'S': f'Project {project}'}}
        for token in range(tokens):
            yield {'pk': {'S': key}, 'sk': {'S': f'TOKEN#{token}'}, 'uses': {'N': str(token)}}
        yield {'pk': {'S': key}, 'sk': {'S': 'AUDIT#1'}}


def test_a_single_table_is_split_in_two_though_workers_are_killed(bucket, loading, configure):
    configure('podyn.batch_rows', 100)
    loading.query(example('One table of DynamoDB, two of PostgreSQL'))
    loading.query('CREATE TABLE log (id text); CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS '
                  "'BEGIN INSERT INTO public.log VALUES (NEW.id); RETURN NEW; END'; "
                  'CREATE TRIGGER note BEFORE INSERT ON projects FOR EACH ROW EXECUTE FUNCTION note(); '
                  'CREATE TRIGGER note BEFORE INSERT ON tokens FOR EACH ROW EXECUTE FUNCTION note()')
    items = list(single_table(projects=1_500, tokens=4))
    export = bucket.full_export([full_records(items[:6_000]), full_records(items[6_000:])])
    name = imported(loading, export, 'projects', profile='split', batch_size=20, start=False)
    loading.query('SELECT podyn_start(%s)', name)
    moments = random.Random(3)
    inside = interrupt_load(loading, name, [moments.randint(100, 1_200) for _ in range(3)])
    assert inside > 0
    loading.wait_for_state(name, 'completed', timeout=120)
    assert totals(loading, name) == (9_000, 7_500, 1_500, 0)
    assert loading.query('SELECT count(*), count(DISTINCT title), min(id), max(id) FROM projects') == [
        (1_500, 1_500, '0000', '1499')]
    assert loading.query('SELECT count(*), sum(uses), count(DISTINCT project) FROM tokens') == [(6_000, 9_000, 1_500)]
    assert loading.value('SELECT count(*) FROM log') == 7_500, 'no item was written twice'


def test_a_foreign_table_is_written_to(bucket, loading, postgres):
    if not postgres.query("SELECT name FROM pg_available_extensions WHERE name = 'postgres_fdw'"):
        pytest.skip('this PostgreSQL does not offer the extension postgres_fdw')
    loading.query("CREATE TABLE totals (id text PRIMARY KEY, total numeric); INSERT INTO totals VALUES ('000003', -1); "
                  'CREATE EXTENSION postgres_fdw; CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw OPTIONS '
                  f"(host '{postgres.folder}', port '{postgres.port}', dbname '{loading.name}'); "
                  "CREATE USER MAPPING FOR postgres SERVER other OPTIONS (user 'postgres'); "
                  "CREATE FOREIGN TABLE remote_totals (id text, total numeric) SERVER other "
                  "OPTIONS (table_name 'totals')")
    loading.query(example('Into a foreign table'))
    name = imported(loading, bucket.full_export([full_records(numbered(100))]), 'remote_totals', profile='send')
    assert loading.query('SELECT count(*), sum(total) FROM totals') == [(100, 4_950)]
    assert totals(loading, name) == (100, 100, 0, 0)
