"""podyn_plan of files: what podyn_import would do, and nothing done."""

import psycopg2
import pytest

from exports import at, change, full_records, lines_of
from s3_server import BUCKET
from test_import import KEYS, chain, imported, loading, numbered, random_items, totals  # noqa: F401 (fixture)
from test_import_s3 import upload, url
from test_plan import Plan, everything
from test_profiles import BAD, create_profile, on_complete, parse, target, transform, upsert  # noqa: F401 (fixture)


@pytest.fixture
def plan(loading):
    """plan(source, option=…): of an import into table events; what it leaves is what there was."""
    def plan(source, **options):
        before = everything(loading)
        planned = Plan(loading, str(source), **{'target': 'events', 'key': KEYS, **options})
        assert everything(loading) == before
        return planned
    return plan


def succeeds(planned, warnings=0):
    assert planned.detail('result') == f'podyn_import would succeed: warnings {warnings}', planned.rows
    return planned


def test_a_full_export(bucket, loading, plan):
    items = random_items(1_500)
    export = bucket.full_export([full_records(items[:1_200]), full_records(items[1_200:]), []])
    planned = succeeds(plan(export))
    stored = sum(path.stat().st_size for path in bucket.files_of(export))
    source = planned.detail('source')
    assert 'full export of ' in source and str(export) in source
    assert source.endswith(f'files 3, items 1500, bytes 1000, as stored {stored}')
    largest = max(bucket.files_of(export), key=lambda path: path.stat().st_size)
    assert planned.detail('sample') == f'the first 1000 items of {largest}'
    assert planned.detail('writes') == 'of 1000 items in the sample: written 1000, skipped 0, rejected 0'
    assert 'at the rate of the sample: 1000 items in' in planned.detail('time')
    assert planned.detail('target') == 'public.events'
    statements = planned.details('ddl')
    assert statements[0] == 'CREATE TABLE public.events (id text NOT NULL, PRIMARY KEY (id))'
    name = imported(loading, export, key=KEYS)
    planned_columns = {detail.split(' -> ')[1].rsplit(',', 1)[0] for detail in planned.details('column') if ',' in detail}
    made = {f'{column} {type}' for column, type in loading.query(
        "SELECT quote_ident(attname), format_type(atttypid, atttypmod) FROM pg_attribute "
        "WHERE attrelid = 'events'::regclass AND attnum > 0")}
    assert planned_columns <= made and 'id text' in planned_columns
    assert totals(loading, name) == (1_500, 1_500, 0, 0)


def test_a_chain_and_its_gap(bucket, plan):
    chain(bucket, second_begins=3)
    folder = bucket.folder / 'exports'
    planned = plan(folder)
    (gap,) = planned.details('error')
    assert '12:00' in gap and '13:00' in gap and 'allow_gaps' in gap
    kinds = [source.split(' of ')[0] for source in planned.details('source')]
    assert kinds == ['full export', 'incremental export (NEW_AND_OLD_IMAGES)', 'incremental export (NEW_IMAGE)']
    assert planned.detail('result') == 'podyn_import would fail: errors 1, warnings 0'
    assert '12:00' in succeeds(plan(folder, allow_gaps=True), warnings=1).detail('warning')


def test_changes_and_exports_that_are_left_out(bucket, plan):
    bucket.incremental_export([[]], at(-2), at(0))
    bucket.full_export([[]], time=at(0))
    bucket.incremental_export([[change({'id': {'S': str(number)}}, {'id': {'S': str(number)}} if number else None)
                                for number in range(3)]], at(0), at(1))
    planned = succeeds(plan(bucket.folder / 'exports'))
    assert any('left out' in source for source in planned.details('source'))
    assert planned.detail('writes').startswith('of 3 items in the sample: written 3')


def test_what_would_be_skipped_and_rejected(bucket, loading, plan):
    loading.query("CREATE TABLE events (id text PRIMARY KEY, n numeric CHECK (n < 60)); "
                  "INSERT INTO events VALUES ('000010', 1), ('000020', 1)")
    path = bucket.write('items.json', lines_of(full_records(numbered(100))) + b'no json\n')
    planned = plan(path, filter="(item ->> 'n')::int % 2 = 0", on_conflict='nothing', key=None)
    assert planned.detail('source') == f'file {path}: as stored {path.stat().st_size} bytes'
    assert planned.detail('writes') == 'of 101 items in the sample: written 28, skipped 52, rejected 21'
    assert len(planned.details('rejected')) == 21, 'twenty, and how many more'
    assert '23514' in planned.details('rejected')[1] and "\"id\" = '000060'" in planned.details('rejected')[1]
    assert planned.details('warning') == ['21 of 101 items of the sample would be rejected']
    name = imported(loading, path, filter="(item ->> 'n')::int % 2 = 0", on_conflict='nothing')
    assert totals(loading, name) == (101, 28, 52, 21)


@pytest.mark.parametrize('hook', ['parse', 'transform', 'upsert'])
def test_hooks_run_and_are_undone(bucket, target, plan, hook):
    target.query('CREATE TABLE log (what text)')
    hooks = {'on_complete': on_complete(target, "BEGIN RAISE 'it ran'; END")}
    if hook == 'parse':
        hooks['parse'] = parse(target, f"SELECT CASE WHEN (item ->> 'n')::int <> 5 THEN {BAD} - 'text' END")
    if hook == 'transform':
        hooks['transform'] = transform(
            target, f"SELECT {BAD} FROM unnest(items) AS item WHERE (item ->> 'n')::int <> 5")
        hooks['group_by'] = ['id']
    if hook == 'upsert':
        hooks['upsert'] = upsert(
            target, "BEGIN INSERT INTO public.log SELECT item ->> 'id' FROM unnest(records) AS item; "
                    "IF EXISTS (SELECT FROM unnest(records) AS i WHERE i ->> 'n' IN ('7', '8', '70')) THEN "
                    "RAISE 'no' USING ERRCODE = '22012'; END IF; RETURN cardinality(records) - "
                    "(SELECT count(*) FROM unnest(records) AS i WHERE i ->> 'n' = '5'); END")
    profile = create_profile(target, **hooks)
    export = bucket.full_export([full_records(numbered(100))])
    planned = plan(export, profile=profile, batch_size=30)
    assert planned.detail('writes') == 'of 100 items in the sample: written 96, skipped 1, rejected 3'
    assert all('22012' in detail for detail in planned.details('rejected')) and len(planned.details('rejected')) == 3
    assert any('on_complete is not run' in detail for detail in planned.details('sample'))
    assert ('member "text" of records' in ''.join(planned.details('warning'))) == (hook == 'transform')
    assert target.value('SELECT count(*) FROM log') == target.value('SELECT count(*) FROM events') == 0
    on_complete(target, 'BEGIN END')
    name = imported(target, export, profile=profile, key=KEYS, batch_size=30)
    assert totals(target, name) == (100, 96, 1, 3)


def test_from_s3(bucket, s3, dynamodb, make_database):
    database = make_database(dynamodb.endpoint, s3_endpoint=s3.endpoint, s3_path_style='true')
    export = bucket.full_export([full_records(numbered(10))])
    upload(s3, bucket)
    planned = succeeds(Plan(database, url(bucket, export), target='events', key=KEYS))
    assert f's3://{BUCKET}/' in planned.detail('source') and f's3://{BUCKET}/' in planned.detail('sample')
    assert planned.detail('writes').startswith('of 10 items in the sample: written 10')


def test_what_would_fail(bucket, loading, plan):
    export = bucket.full_export([full_records(numbered(3))])
    imported(loading, export, name='taken', key=KEYS)
    assert any('already exists' in error for error in plan(export, name='taken').details('error'))
    assert any('has no attribute' in error or 'no attribute "none"' in error
               for error in plan(export, key=['none']).details('error'))
    assert any('syntax error' in error for error in plan(export, filter='item ->').details('error'))
    assert plan(export, filter='item ->').detail('result') == 'podyn_import would fail: errors 1, warnings 0'
    with pytest.raises(psycopg2.errors.UndefinedFile, match='no export found'):
        plan(bucket.folder / 'nowhere')


@pytest.mark.parametrize('source, option, value', [
    ('/tmp', 'scan_rate', 5), ('/tmp', 'deletes', 'mark'), ('/tmp', 'segments', 2), ('/tmp', 'schema', False),
    ('events', 'key', ['id']), ('events', 'on_conflict', 'merge'), ('events', 'batch_size', 5)])
def test_options_of_the_other_kind_of_plan(loading, source, option, value):
    with pytest.raises(psycopg2.errors.InvalidParameterValue, match=f'has no option {option}') as raised:
        Plan(loading, source, target='events', **{option: value})
    assert raised.value.diag.message_hint
