"""podyn_replicate with backfill => a place: exports that are there already, and a stream that goes on where they end."""

import pytest

from comparison import assert_equal_items
from database import KEY, SECRET, Database
from exports import full_records, upload, url
from failing import fails, nothing_is_left
from history import History
from test_import import KEYS, numbered

def assert_equal(history, database):
    return assert_equal_items(list(history.table.items.values()), KEYS, database, 'events')


def replicate(database, place, **options):
    return database.replicate('events', backfill=str(place), **options)


def prefix(history):
    return history.bucket.folder / 'exports'


# ---- from the exports on --------------------------------------------------------------------------------------------

def an_eventful_day(history):
    """An export two hours ago; before it and after it items come, change and go, and shards are closed. Gives it."""
    history.put('old', text='never changed')
    history.put('gone before', text='x')
    history.wait_until(20)
    for number in range(50):
        history.put(f'item {number}', text='first')
    history.delete('gone before')
    history.put('comes and goes', text='before')
    history.table.stream.rotate_all()
    history.wait_until(2)
    export = history.full_export()
    history.put('item 1', text='changed after the export')
    history.put('new', text='after the export')
    history.delete('item 2')
    history.delete('comes and goes')
    low, _ = history.table.stream.split(history.table.stream.open_shards()[0])
    history.put('item 3', text='in the child shard')
    history.put('comes and goes', text='again')
    history.table.stream.rotate(low)
    history.wait_until(0)
    history.put('item 4', text='just now')
    return export


@pytest.mark.parametrize('where', ['directory', 's3'])
def test_changes_since_the_export_come_from_the_stream(simulator, history, exporting, s3, where):
    """Those in shards that have been closed since, too, and in their order."""
    export = an_eventful_day(history)
    upload(s3, history.bucket)
    replicate(exporting, url(history.bucket, export) if where == 's3' else export)
    exporting.wait_for_state('events', 'streaming')
    assert assert_equal(history, exporting) == 52
    assert simulator.count('Scan') == 0 and simulator.children_read_too_early() == []
    assert exporting.status('events')['items_total'] == 52 and exporting.status('events')['read_units'] == 0
    history.delete('old')
    exporting.sync('events')
    assert assert_equal(history, exporting) == 51


def test_items_are_read_again_where_the_stream_has_no_images(simulator, bucket, exporting):
    history = History(simulator, bucket)
    history.table.disable_stream()
    history.table.enable_stream('KEYS_ONLY')
    export = an_eventful_day(history)
    replicate(exporting, export)
    exporting.wait_for_state('events', 'streaming')
    assert assert_equal(history, exporting) == 52


def test_incremental_exports_close_the_gap(simulator, history, exporting):
    """A full export of 28 hours ago is too old for the stream; with the changes up to three hours ago it is not."""
    for item in numbered(50):
        history.table.put(item)
    history.put('comes', text='and goes')
    history.wait_until(28)
    full = history.full_export()
    history.wait_until(27)
    history.put('000001', text='changed')
    history.delete('000002')
    history.wait_until(20)
    history.incremental_export()
    history.wait_until(15)
    history.put('000003', text='changed')
    history.delete('comes')
    history.wait_until(3)
    history.incremental_export()
    history.put('000004', text='changed')
    history.delete('000005')
    history.wait_until(0)
    fails(exporting, 'SELECT podyn_replicate(%s, backfill => %s)', 'events', str(full), says='does not reach back',
          hint='incremental exports', sqlstates=('55000',))
    nothing_is_left(exporting)
    replicate(exporting, prefix(history))
    exporting.wait_for_state('events', 'streaming')
    assert assert_equal(history, exporting) == 48
    stages = exporting.column('SELECT max(t.done_at) FROM podyn.task AS t JOIN podyn.file AS f ON f.task = t.id '
                              'GROUP BY stage ORDER BY stage')
    assert stages == sorted(stages) and len(stages) == 3


def test_without_changes_any_export_will_do(simulator, history, exporting):
    history.put('old')
    export = history.full_export()
    history.wait_until(0)
    history.table.disable_stream()
    replicate(exporting, export, changes=False)
    exporting.wait_for_state('events', 'completed')
    assert assert_equal(history, exporting) == 1


def test_a_closed_shard_that_is_listed_too_late_is_a_gap(history, exporting):
    """Its child has been read by then, and nobody can put the changes in order any more."""
    history.put('one')
    history.wait_until(2)
    export = history.full_export()
    (parent,) = history.table.stream.open_shards()
    history.put('in the parent')
    history.table.stream.rotate(parent)
    history.wait_until(0)
    replicate(exporting, export, start=False)
    parent.hidden = 2
    exporting.query("SELECT podyn_start('events')")
    exporting.wait_for_state('events', 'needs_resync')
    assert parent.id in exporting.status('events')['last_error']
    exporting.query("SELECT podyn_reset('events')")
    exporting.query("SELECT podyn_start('events')")
    exporting.wait_for_state('events', 'streaming')
    assert assert_equal(history, exporting) == 2


# ---- what is refused ------------------------------------------------------------------------------------------------

def refused(database, place, says, hint, sqlstate='22023', **options):
    named = ''.join(f', {name} => %s' for name in options)
    fails(database, f'SELECT podyn_replicate(%s, backfill => %s{named})', 'events', str(place), *options.values(),
          says=says, hint=hint, sqlstates=(sqlstate,))
    nothing_is_left(database)


def test_a_stream_that_began_after_the_export(simulator, history, exporting):
    history.put('old')
    history.table.disable_stream()
    history.wait_until(2)
    export = history.full_export()
    history.wait_until(1)
    refused(exporting, export, 'does not reach back', "backfill => 'export'", '55000', enable_stream=True)
    assert not history.table.stream.enabled
    history.table.enable_stream('NEW_IMAGE')
    history.wait_until(0)
    refused(exporting, export, 'The stream was turned on after that', "backfill => 'export'", '55000')


def test_an_export_of_another_table(history, exporting):
    history.put('one')
    history.wait_until(1)
    export = history.full_export(tableArn=history.table.arn + '2')
    history.wait_until(0)
    refused(exporting, export, ('of another table', history.table.arn + '2'), 'another export')


def test_changes_without_a_full_export(history, exporting):
    history.put('one')
    history.exported = history.now()
    history.wait_until(1)
    history.put('two')
    export = history.incremental_export()
    history.wait_until(0)
    refused(exporting, export, 'no full export', 'podyn_import')


def test_a_gap_between_the_exports(history, exporting):
    history.put('one')
    history.full_export()
    history.wait_until(10)
    history.exported = history.now()
    history.wait_until(1)
    history.incremental_export()
    history.wait_until(0)
    refused(exporting, prefix(history), 'no export contains the changes from', 'Export that period too.', '55000')


def test_a_plain_file_and_a_place_without_exports(history, exporting):
    history.wait_until(0)
    path = history.bucket.write('items.json', b'{"Items": []}')
    refused(exporting, path, 'a file, and no export', 'podyn_import')
    refused(exporting, history.bucket.folder / 'nowhere', 'no export found', 'AWSDynamoDB', '58P01')


def test_one_export_for_many_tables(simulated):
    fails(simulated, "SELECT * FROM podyn_replicate_all(backfill => 's3://bucket/exports')", says='several tables',
          hint="backfill => 'export'", sqlstates=('22023',))


def test_the_servers_files_need_a_right(postgres, history, exporting):
    history.wait_until(1)
    export = history.full_export()
    history.wait_until(0)
    exporting.query('CREATE ROLE reader LOGIN')
    try:
        exporting.query('GRANT USAGE ON FOREIGN SERVER dynamodb TO reader')
        exporting.query('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO reader')
        exporting.query('CREATE USER MAPPING FOR reader SERVER dynamodb OPTIONS (access_key_id %s, secret_access_key %s)',
                        KEY, SECRET)
        as_reader = Database(postgres, exporting.name, 'reader')
        try:
            fails(as_reader, 'SELECT podyn_replicate(%s, backfill => %s)', 'events', str(export),
                  says='permission denied', hint='pg_read_server_files', sqlstates=('42501',))
        finally:
            as_reader.close()
    finally:
        exporting.query('DROP OWNED BY reader CASCADE; DROP USER MAPPING IF EXISTS FOR reader SERVER dynamodb; '
                        'DROP ROLE reader')


# ---- later on -------------------------------------------------------------------------------------------------------

def test_exports_may_have_grown_too_old_by_the_start(history, exporting):
    history.put('one')
    history.wait_until(2)
    export = history.full_export()
    history.wait_until(0)
    replicate(exporting, export, start=False)
    exporting.query("UPDATE podyn.replication SET exported_until = exported_until - interval '22 hours'")
    exporting.query("SELECT podyn_start('events')")
    exporting.wait_for_state('events', 'failed')
    assert 'A stream keeps changes for 24 hours' in exporting.status('events')['last_error']
    assert exporting.query("SELECT * FROM podyn_tasks WHERE kind = 'shard'") == []


def test_files_wait_for_the_start_positions(history, exporting):
    history.put('one')
    history.wait_until(2)
    export = history.full_export()
    history.wait_until(0)
    replicate(exporting, export, start=False)
    files = "SELECT DISTINCT state FROM podyn_tasks WHERE kind = 'file'"
    assert exporting.column(files) == ['waiting']
    exporting.query("SELECT podyn_start('events')")
    exporting.wait_for_state('events', 'streaming')
    assert exporting.column(files) == ['done']


def test_a_reset_loads_the_same_exports_again(history, exporting):
    export = an_eventful_day(history)
    replicate(exporting, export)
    exporting.wait_for_state('events', 'streaming')
    exporting.query("INSERT INTO events (id) VALUES ('nobody knows')")
    history.put('later')
    exporting.query("SELECT podyn_reset('events')")
    exporting.query("SELECT podyn_start('events')")
    exporting.wait_for_state('events', 'streaming')
    assert assert_equal(history, exporting) == 53
    assert exporting.status('events')['items_copied'] == 52


def test_a_file_that_is_missing_is_named(history, exporting):
    """Nothing of it has been given: it is enough to put it there."""
    history.put('one')
    history.put('two')
    history.wait_until(1)
    export = history.full_export()
    history.wait_until(0)
    replicate(exporting, export, start=False)
    (path, *_) = history.bucket.files_of(export)
    content = path.read_bytes()
    path.unlink()
    exporting.query("SELECT podyn_start('events')")
    exporting.wait_for_state('events', 'failed')
    assert path.name in exporting.status('events')['last_error']
    path.write_bytes(content)
    exporting.query("SELECT podyn_start('events')")
    exporting.wait_for_state('events', 'streaming')
    assert assert_equal(history, exporting) == 2


# ---- rows that are there --------------------------------------------------------------------------------------------

@pytest.mark.parametrize('deletes', ['apply', 'ignore', 'mark'])
def test_a_chain_over_rows(history, exporting, deletes):
    """What the exports' changes remove goes as deletes says, like rows of items that the source does not have."""
    for name in ('stays', 'removed', 'line by line'):
        history.put(name, text='full')
    history.wait_until(29)
    history.full_export()
    history.delete('removed')
    history.put('added', text='incremental')
    history.wait_until(25)  # the stream does not tell of this any more
    history.incremental_export()
    history.wait_until(2)
    history.incremental_export()
    history.wait_until(0)
    exporting.query("CREATE TABLE events (id text PRIMARY KEY, text text, podyn_deleted_at timestamptz)")
    exporting.query("INSERT INTO events VALUES ('stays', 'old'), ('added', 'old'), ('removed', 'old'), ('nobody', 'old')")
    replicate(exporting, prefix(history), on_existing='upsert', deletes=deletes)
    exporting.wait_for_state('events', 'streaming')
    rows = {name: (text, mark is not None) for name, text, mark in exporting.query('SELECT * FROM events')}
    expected = {'stays': ('full', False), 'line by line': ('full', False), 'added': ('incremental', False)}
    if deletes != 'apply':
        marked = deletes == 'mark'
        expected.update({'removed': ('full', marked), 'nobody': ('old', marked)})
    assert rows == expected
    assert exporting.status('events')['errors'] == 0


def test_a_profile_sees_the_exports_changes(history, exporting):
    """An item that the filter lets through no more is removed, though an earlier export has brought it."""
    for name in ('stays', 'leaves', 'comes'):
        history.put(name, kind='invoice' if name == 'comes' else 'order')
    history.wait_until(20)
    history.full_export()
    history.put('leaves', kind='invoice')
    history.put('comes', kind='order')
    history.wait_until(2)
    history.incremental_export()
    history.wait_until(0)
    exporting.query("SELECT podyn_create_profile('orders', filter => $$item ->> 'kind' = 'order'$$)")
    replicate(exporting, prefix(history), changes=False, profile='orders')
    exporting.wait_for_state('events', 'completed')
    assert sorted(exporting.column('SELECT id FROM events')) == ['comes', 'stays']


def test_a_line_that_is_no_item_among_rows_that_are_there(history, exporting):
    """It has no key that could be remembered."""
    history.put('one', text='new')
    history.wait_until(1)
    history.exported = history.now()
    export = history.bucket.full_export([[*full_records(history.table.items.values()), b'no JSON', 'no item', [], {'Item': 5}]],
                                        history.exported, tableArn=history.table.arn)
    history.wait_until(0)
    exporting.query("CREATE TABLE events (id text PRIMARY KEY, text text)")
    exporting.query("INSERT INTO events VALUES ('one', 'old'), ('gone', 'old')")
    replicate(exporting, export, on_existing='upsert')
    exporting.wait_for_state('events', 'streaming')
    assert exporting.query('SELECT * FROM events') == [('one', 'new')]
    assert [error['position'] for error in exporting.errors('events')] == ['2', '3', '4', '5']


def test_the_plan_of_a_place(history, exporting):
    history.put('one', text='x')
    history.wait_until(1)
    export = history.full_export()
    history.wait_until(0)
    steps = dict(exporting.query("SELECT step, detail FROM podyn_plan('events', backfill => %s)", str(export)))
    assert '1 export, 2 files, 1 items' in steps['export'] and steps['read units'].startswith('0 for the copy')
    assert '"text" (S)' in steps['column'] and 'would succeed' in steps['result']
    steps = dict(exporting.query("SELECT step, detail FROM podyn_plan('events', backfill => '/nowhere')"))
    assert 'no export found' in steps['error'] and 'would fail' in steps['result']
    assert exporting.query('SELECT * FROM podyn_status') == []
