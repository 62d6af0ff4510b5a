"""podyn_import from the server's file system: exports, chains of them, plain files; what is wrong with them; restarts
inside a file."""

import gzip
import json

import psycopg2
import pytest

from comparison import assert_equal_items
from exports import at, change, for_json, full_records, lines_of
from failing import fails
from items import RandomItems
from sample_data import lines, sample

KEYS = ['id']


@pytest.fixture
def loading(make_database):
    """A database without a server: files need none."""
    return make_database()


def imported(database, source, target='events', **options):
    named = ', '.join(f'{name} => %s' for name in ('source', 'target', *options))
    name = database.value(f'SELECT podyn_import({named})', str(source), target, *options.values())
    if options.get('start', True):
        database.wait_for_state(name, 'completed')
    return name


def numbered(count, first=0):
    return [{'id': {'S': f'{number:06}'}, 'n': {'N': str(number)}, 'text': {'S': 'x' * (number % 50)}}
            for number in range(first, first + count)]


def random_items(count, seed=1):
    random = RandomItems(seed)
    return [{**random.attributes(), 'id': {'S': f'{number:06}'}} for number in range(count)]


def totals(database, name):
    status = database.status(name)
    read = database.value('SELECT sum(items_read) FROM podyn_tasks WHERE name = %s', name)
    return int(read), status['items_copied'], status['skipped'], status['errors']


def test_a_full_export_arrives(bucket, loading):
    items = numbered(3_000)
    export = bucket.full_export([full_records(items[:1_000]), full_records(items[1_000:]), []])
    imported(loading, export, key=KEYS)
    assert assert_equal_items(items, KEYS, loading, 'events') == 3_000
    assert totals(loading, 'events') == (3_000, 3_000, 0, 0)
    assert loading.status('events')['items_total'] == 3_000
    assert loading.value("SELECT pg_get_constraintdef(oid) FROM pg_constraint "
                         "WHERE conrelid = 'events'::regclass AND contype = 'p'") == 'PRIMARY KEY (id)'
    events = loading.column("SELECT event FROM podyn_events WHERE name = 'events' AND event <> 'column'")
    assert events == ['created', 'start', *['file_complete'] * 3, 'complete']


def test_the_real_export_arrives(loading):
    imported(loading, sample('export-full') / 'dynamodb-export', key=KEYS)
    (line,) = (sample('export-full')).rglob('*.json.gz')
    items = [json.loads(text)['Item'] for text in gzip.open(line, 'rt')]
    assert loading.value('SELECT count(*) FROM events') == len(items) == 3


def test_items_of_every_kind_arrive(bucket, loading):
    items = random_items(800)
    imported(loading, bucket.full_export([full_records(items)]), key=KEYS)
    assert assert_equal_items(items, KEYS, loading, 'events') == 800


def test_every_record_shape_that_awss_importer_knows(bucket, loading):
    """Those without an attribute `id` get one, as a table's items all have their key."""
    shapes = [line['record'] for line in lines('export-record-shapes.jsonl')]
    full = [{'Item': {**shape['Item'], 'id': {'S': str(number)}}} for number, shape in enumerate(shapes)
            if 'Item' in shape]
    assert full
    imported(loading, bucket.full_export([full]), key=KEYS)
    assert assert_equal_items([record['Item'] for record in full], KEYS, loading, 'events') == len(full)


# ---- chains ---------------------------------------------------------------------------------------------------------

def chain(bucket, second_begins=2):
    """A full export at 0 h, changes from 0 h to 2 h, and from then to 4 h."""
    old = numbered(10)
    bucket.full_export([full_records(old)], time=at(0))
    changed = {'id': {'S': '000001'}, 'n': {'N': '100'}}
    bucket.incremental_export([[change({'id': old[0]['id']}, old=old[0]), change({'id': changed['id']}, changed, old[1])],
                               [change({'id': {'S': 'new'}}, {'id': {'S': 'new'}, 'note': {'S': 'first'}})]], at(0), at(2))
    again = {'id': {'S': 'new'}, 'note': {'S': 'second'}}
    bucket.incremental_export([[change({'id': {'S': 'new'}}, again)], [change({'id': old[2]['id']})]],
                              at(second_begins), at(4), view='NEW_IMAGE')
    return [changed, *old[3:], again]


def test_a_chain_of_exports_is_loaded_in_the_order_of_its_periods(bucket, loading):
    items = chain(bucket)
    imported(loading, bucket.folder / 'exports', key=KEYS)
    assert assert_equal_items(items, KEYS, loading, 'events') == 9
    stages = loading.column("SELECT max(t.done_at) FROM podyn.task t JOIN podyn.file f ON f.task = t.id "
                            'GROUP BY stage ORDER BY stage')
    begun = loading.column("SELECT min(t.done_at) FROM podyn.task t JOIN podyn.file f ON f.task = t.id "
                           'GROUP BY stage ORDER BY stage')
    assert all(before <= after for before, after in zip(stages, begun[1:]))


def test_a_gap_in_a_chain_is_named(bucket, loading):
    chain(bucket, second_begins=3)
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState) as raised:
        imported(loading, bucket.folder / 'exports', key=KEYS)
    message = raised.value.diag.message_primary
    assert '12:00' in message and '13:00' in message
    assert 'allow_gaps' in raised.value.diag.message_hint
    assert loading.value("SELECT to_regclass('events')") is None
    imported(loading, bucket.folder / 'exports', key=KEYS, allow_gaps=True)
    assert loading.value("SELECT note FROM events WHERE id = 'new'") == 'second'


def test_a_gap_after_the_full_export_is_named(bucket, loading):
    bucket.full_export([full_records(numbered(3))], time=at(0))
    bucket.incremental_export([[]], at(1), at(2))
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState, match='no export contains the changes'):
        imported(loading, bucket.folder / 'exports', key=KEYS)


def test_exports_of_another_table_do_not_belong_to_the_chain(bucket, loading):
    bucket.full_export([full_records(numbered(3))], time=at(0))
    bucket.incremental_export([[]], at(0), at(2), tableArn='arn:aws:dynamodb:us-east-1:123456789012:table/other')
    with pytest.raises(psycopg2.errors.InvalidParameterValue, match='of different tables'):
        imported(loading, bucket.folder / 'exports', key=KEYS)


def test_changes_older_than_the_full_export_are_left_out(bucket, loading):
    items = numbered(3)
    bucket.incremental_export([[change({'id': items[0]['id']})]], at(-2), at(0))
    bucket.full_export([full_records(items)], time=at(0))
    imported(loading, bucket.folder / 'exports', key=KEYS)
    assert 'left out' in loading.notices()
    assert assert_equal_items(items, KEYS, loading, 'events') == 3


# ---- plain files ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('form', ['scan', 'pretty_scan', 'lines', 'gzipped_lines', 'gzipped_scan'])
def test_a_plain_file(bucket, loading, form):
    items = random_items(300)
    document = json.dumps({'Count': 300, 'Items': for_json(items), 'ScannedCount': 300},
                          indent=2 if form == 'pretty_scan' else None).encode()
    content = {'scan': document, 'pretty_scan': document, 'lines': lines_of(items)}.get(form.removeprefix('gzipped_'))
    path = bucket.write('items.json', gzip.compress(content) if 'gzipped' in form else content)
    imported(loading, path, key=KEYS)
    assert assert_equal_items(items, KEYS, loading, 'events') == 300


# ---- what is there already ------------------------------------------------------------------------------------------

@pytest.fixture
def with_rows(loading):
    """Rows 0 and 1 of their own."""
    loading.query("CREATE TABLE events (id text PRIMARY KEY, n numeric, text text, kept text); "
                  "INSERT INTO events VALUES ('000000', -1, 'old', 'kept'), ('000001', -1, 'old', 'kept')")
    return loading


@pytest.mark.parametrize('on_conflict, row, counts', [
    ('update', (0, None, None), (3, 3, 0, 0)),
    ('merge', (0, 'old', 'kept'), (3, 3, 0, 0)),
    ('nothing', (-1, 'old', 'kept'), (3, 1, 2, 0)),
    ('error', (-1, 'old', 'kept'), (3, 1, 0, 2)),
])
def test_on_conflict(bucket, with_rows, on_conflict, row, counts):
    """The key is the target's primary key."""
    items = [{'id': {'S': f'{number:06}'}, 'n': {'N': str(number)}} for number in range(2)]
    items.append({'id': {'S': '000002'}, 'text': {'S': 'new'}, 'kept': {'S': 'new'}})
    name = imported(with_rows, bucket.full_export([full_records(items)]), on_conflict=on_conflict)
    assert with_rows.query("SELECT n, text, kept FROM events WHERE id = '000000'") == [row]
    assert with_rows.value('SELECT count(*) FROM events') == 3
    assert totals(with_rows, name) == counts
    if on_conflict == 'error':
        assert set(with_rows.column('SELECT sqlstate FROM podyn.error')) == {'23505'}


def test_merging_tells_null_from_absent(bucket, with_rows):
    items = [{'id': {'S': '000000'}, 'kept': {'NULL': True}}, {'id': {'S': '000001'}, 'n': {'N': '7'}},
             {'id': {'S': '000002'}, 'kept': {'S': 'new'}}]
    imported(with_rows, bucket.full_export([full_records(items)]), on_conflict='merge')
    assert with_rows.query('SELECT n, text, kept FROM events ORDER BY id') == [
        (-1, 'old', None), (7, 'old', 'kept'), (None, None, 'new')]


def test_a_document_is_merged_too(bucket, loading):
    loading.query("CREATE TABLE events (id text PRIMARY KEY, data jsonb NOT NULL); "
                  """INSERT INTO events VALUES ('a', '{"id": "a", "old": 1, "both": 1}')""")
    imported(loading, bucket.full_export([full_records([{'id': {'S': 'a'}, 'both': {'N': '2'}}])]),
             on_conflict='merge', conversion_mode='jsonb')
    assert loading.value('SELECT data FROM events') == {'id': 'a', 'old': 1, 'both': 2}


def test_a_second_import_into_the_same_table(bucket, loading):
    imported(loading, bucket.full_export([full_records(numbered(10))], prefix='a'), key=KEYS)
    name = imported(loading, bucket.full_export([full_records(numbered(10, first=5))], prefix='b'), name='again')
    assert totals(loading, name) == (10, 10, 0, 0)
    assert loading.value('SELECT count(*) FROM events') == 15


def test_what_an_item_has_lost_goes_with_the_next_import(bucket, loading):
    imported(loading, bucket.full_export([full_records([{'id': {'S': 'a'}, 'x': {'N': '1'}}])], prefix='a'), key=KEYS)
    items = [{'id': {'S': 'a'}, 'y': {'N': '2'}}]
    imported(loading, bucket.full_export([full_records(items)], prefix='b'), name='again')
    assert assert_equal_items(items, KEYS, loading, 'events', name='again') == 1


def test_a_filter_skips_and_counts(bucket, loading):
    items = numbered(100)
    items[7]['n'] = {'S': 'seven'}
    name = imported(loading, bucket.full_export([full_records(items)]), key=KEYS,
                    filter="(item ->> 'n')::int % 2 = 0 -- even ones")
    assert totals(loading, name) == (100, 50, 49, 1)
    assert loading.value("SELECT message FROM podyn_events WHERE event = 'complete'") == (
        'all items are loaded: 100 read, 50 written, 49 skipped, 1 rejected')
    (line, message), = loading.query('SELECT position, message FROM podyn.error')
    assert line == '8' and 'filter' in message and 'seven' in message


def test_what_a_change_takes_out_of_the_filter_goes(bucket, loading):
    """Its row is from before; what has come into the filter arrives."""
    items = numbered(6)
    bucket.full_export([full_records(items)], time=at(0))
    bucket.incremental_export([[change({'id': items[n]['id']}, {**items[n], 'n': {'N': str(n + 1)}}, items[n])
                                for n in range(4)]], at(0), at(1))
    name = imported(loading, bucket.folder / 'exports', key=KEYS, filter="(item ->> 'n')::int % 2 = 0")
    assert loading.query('SELECT id, n::int FROM events ORDER BY id') == [
        ('000001', 2), ('000003', 4), ('000004', 4)]
    assert totals(loading, name) == (10, 7, 3, 0)


@pytest.mark.parametrize('wrong', ['item ->', 'nothing > 1', "item ->> 'n'", 'true) OR (SELECT 1'])
def test_a_wrong_filter_is_refused_at_once(bucket, loading, wrong):
    with pytest.raises(psycopg2.Error):
        imported(loading, bucket.full_export([full_records(numbered(1))]), key=KEYS, filter=wrong)
    assert loading.value("SELECT to_regclass('events')") is None


# ---- bad files and lines --------------------------------------------------------------------------------------------

def test_what_has_no_items_is_loaded_into_a_table_that_is_there(bucket, loading):
    loading.query('CREATE TABLE events (id text, at numeric, raw bytea, PRIMARY KEY (id, at))')
    export = bucket.full_export([[], []])
    imported(loading, export)
    imported(loading, bucket.write('empty.json', b'{"Items": [], "Count": 0}'), name='plain', key=['id', 'at'])
    assert totals(loading, 'events') == totals(loading, 'plain') == (0, 0, 0, 0)
    fails(loading, "SELECT podyn_import(%s, 'other', key => '{id}')", str(export), says=('there are no items', '"id"'),
          hint='Create the table', sqlstates=('22023',))


def test_bad_lines_before_all_others_stop_nothing(bucket, loading):
    lines = [b'no JSON'] * 15
    imported(loading, bucket.full_export([[*lines, *full_records(numbered(5))]]), key=KEYS)
    assert totals(loading, 'events') == (20, 5, 0, 15)
    fails(loading, "SELECT podyn_import(%s, 'other', key => '{id}')", str(bucket.full_export([lines], prefix='other')),
          says=('none of the first lines', '.json.gz', 'no sound JSON'), hint='one on a line', sqlstates=('22P02',))


def test_a_bad_line_stops_nothing(bucket, loading):
    good = numbered(50)
    bad = [b'no json at all', b'{"Item": {"id": {"S": "cut', b'[]', b'42', b'{"Item": 1}', b'\xff\xfe', b'"text"',
           b'{"Item": {"n": {"N": "1"}}}']
    path = bucket.write('items.json', lines_of(full_records(good[:25])) + b'\n'.join(bad) + b'\n\n'
                        + lines_of(full_records(good[25:])))
    name = imported(loading, path, key=KEYS)
    assert assert_equal_items(good, KEYS, loading, 'events') == 50
    assert totals(loading, name) == (58, 50, 0, 8)
    assert loading.column('SELECT position::int FROM podyn.error ORDER BY 1') == list(range(26, 34))


def damaged(path, how):
    content = path.read_bytes()
    if how == 'truncated':
        content = content[:len(content) // 2]
    elif how == 'flipped':
        middle = len(content) // 2
        content = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1:]
    elif how == 'another':
        content = gzip.compress(lines_of(full_records(numbered(2_000, first=1_500))))
    elif how == 'empty':
        content = b''
    path.write_bytes(content)


@pytest.mark.parametrize('how, on_conflict', [
    ('truncated', 'update'), ('flipped', 'merge'), ('another', 'update'), ('another', 'nothing'), ('another', 'error'),
    ('empty', 'update')])
def test_a_damaged_file_is_named_and_replaced(bucket, loading, configure, how, on_conflict):
    """Nothing of what it holds is ever seen: not as rows of keys that only it has, nor as rows that are in the way."""
    configure('podyn.batch_rows', 100)
    items = random_items(2_000)
    export = bucket.full_export([full_records(items[:1_000]), full_records(items[1_000:])])
    path = bucket.files_of(export)[1]
    good = path.read_bytes()
    damaged(path, how)
    name = imported(loading, export, key=KEYS, on_conflict=on_conflict, start=False)
    loading.query('SELECT podyn_start(%s)', name)
    loading.wait_for_state(name, 'failed')
    assert path.name in loading.status(name)['last_error']
    loading.wait_until(lambda: loading.value("SELECT count(*) FROM podyn_tasks WHERE kind = 'file' AND "
                                             'worker IS NOT NULL') == 0, 'workers have let go')
    path.write_bytes(good)
    loading.query('SELECT podyn_start(%s)', name)
    loading.wait_for_state(name, 'completed')
    assert assert_equal_items(items, KEYS, loading, 'events') == 2_000
    assert totals(loading, name) == (2_000, 2_000, 0, 0)


def test_a_file_that_changes_while_it_is_loaded_is_named(bucket, loading, configure):
    """Its checksum has been taken by then. The second half of its rows waits for a lock meanwhile."""
    configure('podyn.batch_rows', 100)
    items = numbered(2_000)
    export = bucket.full_export([full_records(items)])
    (path,) = bucket.files_of(export)
    name = imported(loading, export, key=KEYS, start=False)
    loading.query('CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS '
                  "'BEGIN IF NEW.n = 1000 THEN PERFORM pg_advisory_lock(1); END IF; RETURN NEW; END'; "
                  'CREATE TRIGGER wait BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION wait(); '
                  f"SELECT pg_advisory_lock(1), podyn_start('{name}')")
    loading.wait_until(lambda: loading.status(name)['items_copied'] == 1_000, 'half of it is loaded')
    path.write_bytes(path.read_bytes())
    loading.query('SELECT pg_advisory_unlock(1)')
    loading.wait_for_state(name, 'failed')
    assert f'{path.name}: it was changed while it was loaded; it had given 2000 items' in (
        loading.status(name)['last_error'])
    loading.query('SELECT podyn_start(%s)', name)
    loading.wait_for_state(name, 'completed')
    assert totals(loading, name) == (2_000, 2_000, 0, 0)


def test_what_manifests_tell_must_be_there(bucket, loading):
    export = bucket.full_export([full_records(numbered(5))])
    (path,) = bucket.files_of(export)
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(psycopg2.errors.UndefinedFile, match=path.name):
        imported(loading, export, key=KEYS)
    path.write_bytes(content)
    summary = export / 'manifest-summary.json'
    summary.write_text(summary.read_text().replace('"itemCount": 5', '"itemCount": 6'))
    with pytest.raises(psycopg2.errors.DataCorrupted, match='contradict'):
        imported(loading, export, key=KEYS)
    summary.unlink()
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState, match='not finished'):
        imported(loading, export, key=KEYS)
    (export / '_started').unlink()
    with pytest.raises(psycopg2.errors.UndefinedFile, match='no export found'):
        imported(loading, export, key=KEYS)


@pytest.mark.parametrize('member, says', [('md5Checksum', 'its MD5 is'), ('itemCount', 'items, and its manifest says')])
def test_a_manifest_that_is_wrong_about_a_file(bucket, loading, member, says):
    """Two files have each other's MD5 or number of items, so that the sums are right. One that nobody names stays out."""
    export = bucket.full_export([full_records(numbered(5)), full_records(numbered(6, first=5))])
    files = export / 'manifest-files.json'
    first, second = map(json.loads, files.read_text().splitlines())
    first[member], second[member] = second[member], first[member]
    files.write_text(f'{json.dumps(first)}\n{json.dumps(second)}\n')
    bucket.write(f'{export.relative_to(bucket.folder)}/data/extra.json.gz', b'no gzip at all')
    name = imported(loading, export, key=KEYS, start=False)
    assert loading.value("SELECT count(*) FROM podyn_tasks WHERE kind = 'file'") == 2
    loading.query('SELECT podyn_start(%s)', name)
    loading.wait_for_state(name, 'failed')
    error = loading.status(name)['last_error']
    assert says in error and any(path.name in error for path in bucket.files_of(export))
    assert error in loading.value("SELECT message FROM podyn_events WHERE event = 'failed'")


@pytest.mark.parametrize('key', ['elsewhere/data/x.json.gz', '{export}/../../../etc/passwd', '/etc/passwd', '.', ''])
def test_a_manifest_that_leads_elsewhere_is_refused(bucket, loading, key):
    export = bucket.full_export([full_records(numbered(5))])
    files = export / 'manifest-files.json'
    listed = json.loads(files.read_text())
    key = key.format(export=export.relative_to(bucket.folder))
    files.write_text(json.dumps({**listed, 'dataFileS3Key': key}) + '\n')
    with pytest.raises(psycopg2.Error, match='outside of it|dataFileS3Key'):
        imported(loading, export, key=KEYS)


def test_ion_is_refused_by_name(bucket, loading):
    with pytest.raises(psycopg2.errors.FeatureNotSupported, match='Ion'):
        imported(loading, bucket.full_export([[]], outputFormat='ION'), key=KEYS)


# ---- rights ---------------------------------------------------------------------------------------------------------

def test_only_who_may_read_the_servers_files_does(bucket, loading, postgres):
    from database import Database
    export = bucket.full_export([full_records(numbered(5))])
    postgres.query('CREATE ROLE reader LOGIN')
    reader = Database(postgres, loading.name, 'reader')
    try:
        loading.query('GRANT CREATE ON SCHEMA public TO reader; GRANT EXECUTE ON FUNCTION podyn_import TO reader')
        with pytest.raises(psycopg2.errors.InsufficientPrivilege, match='files of the server') as raised:
            imported(reader, export, key=KEYS)
        assert 'pg_read_server_files' in raised.value.diag.message_hint
        postgres.query('GRANT pg_read_server_files TO reader')
        imported(reader, export, key=KEYS)
        assert reader.value('SELECT count(*) FROM events') == 5
    finally:
        reader.close()
        loading.query('SELECT podyn_drop(name, true) FROM podyn_status; DROP OWNED BY reader')
        postgres.query('DROP ROLE reader')


def test_links_out_of_an_export_are_not_followed(bucket, loading):
    export = bucket.full_export([full_records(numbered(5))])
    (path,) = bucket.files_of(export)
    elsewhere = bucket.write('elsewhere.json.gz', path.read_bytes())
    path.unlink()
    path.symlink_to(elsewhere)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match='outside'):
        imported(loading, export, key=KEYS)


def test_a_link_that_the_caller_names_is_followed(bucket, loading):
    export = bucket.full_export([full_records(numbered(5))])
    latest = bucket.folder / 'links' / 'latest'
    latest.parent.mkdir()
    latest.symlink_to(export)
    imported(loading, latest, key=KEYS)
    assert totals(loading, 'events') == (5, 5, 0, 0)


# ---- files that go --------------------------------------------------------------------------------------------------

def test_a_file_that_has_gone_is_named(bucket, loading):
    export = bucket.full_export([full_records(numbered(5))])
    (path,) = bucket.files_of(export)
    name = imported(loading, export, key=KEYS, start=False)
    path.rename(f'{path}.away')
    loading.query('SELECT podyn_start(%s)', name)
    loading.wait_for_state(name, 'failed')
    assert path.name in loading.status(name)['last_error']
    path.with_name(f'{path.name}.away').rename(path)
    loading.query('SELECT podyn_start(%s)', name)
    loading.wait_for_state(name, 'completed')
    assert loading.value('SELECT count(*) FROM events') == 5
