"""podyn_replicate with backfill => 'export': the start positions, an export that DynamoDB is asked for, its files, the
merge of what came meanwhile, streaming."""

import random
import threading

import pytest

from background import InBackground
from comparison import assert_equal_items
from exports import BUCKET
from failing import fails
from test_import import KEYS, numbered
from test_kill import kill_one
from test_tls import authority, serve  # fixtures
from waiting import wait_until

EXPORT_TO = f's3://{BUCKET}/backups'


@pytest.fixture
def events(simulator):
    """A table that can be exported, with 200 items that its stream does not tell of."""
    return exportable(simulator, 'events')


def exportable(simulator, name):
    table = simulator.create_table(name, key=[('id', 'S')])
    for item in numbered(200):
        table.put(item)
    table.recoverable_since = simulator.clock.now() - 3600
    table.enable_stream('NEW_AND_OLD_IMAGES')
    return table


def replicate(database, table='events', **options):
    return database.replicate(table, **{'backfill': 'export', 'export_to': EXPORT_TO, **options})


def assert_equal(table, database, name='events'):
    return assert_equal_items(list(table.items.values()), KEYS, database, name)


def export_task(database, name='events'):
    return database.row("SELECT * FROM podyn_tasks WHERE kind = 'export' AND name = %s", name)


def events_of(database, name='events'):
    return database.column("SELECT event FROM podyn_events WHERE name = %s", name)


def wait_for_export(database, table, count=1):
    """It has been asked for and podyn knows its ARN."""
    database.wait_until(lambda: len(table.exports) == count and export_task(database)['position'] == table.exports[-1].arn,
                        'the export is under way')


# ---- from the beginning to the end ----------------------------------------------------------------------------------

def test_the_export_is_asked_for_when_the_start_positions_are_committed(simulator, events, exporting):
    replicate(exporting)
    exporting.wait_for_state('events', 'streaming')
    order = [request.operation for request in simulator.requests]
    assert order.index('ExportTableToPointInTime') > order.index('DescribeContinuousBackups')
    assert order.index('ExportTableToPointInTime') > max(at for at, name in enumerate(order) if name == 'Scan')
    body = simulator.sent('ExportTableToPointInTime')[0].body
    assert body.pop('ClientToken') and body == {'TableArn': events.arn, 'S3Bucket': BUCKET, 'S3Prefix': 'backups',
                                                'ExportFormat': 'DYNAMODB_JSON'}
    assert exporting.value('SELECT positions_at <= to_timestamp(%s) FROM podyn.replication', events.exports[0].time)
    assert simulator.count('Scan') == 1, 'the sample'
    assert assert_equal(events, exporting) == 200
    events.put({'id': {'S': 'later'}})
    events.delete({'id': {'S': '000000'}})
    exporting.sync('events')
    assert assert_equal(events, exporting) == 200


def test_what_is_going_on_can_be_seen(simulator, events, exporting):
    held = threading.Event()
    simulator.fault('held', operation='DescribeExport', until=held)
    replicate(exporting)
    try:
        wait_for_export(exporting, events)
        task = export_task(exporting)
        assert task['task'] == events.arn and task['waits_for'] == 'DynamoDB' and task['state'] == 'ready'
        status = exporting.status('events')
        assert status['state'] == 'copying' and status['progress'] == 0
    finally:
        held.set()
    exporting.wait_for_state('events', 'streaming')
    status = exporting.status('events')
    assert (status['items_copied'], status['items_total'], status['progress']) == (200, 200, 1)
    seen = events_of(exporting)
    assert [event for event in seen if event in ('copying', 'exporting', 'exported', 'file_complete', 'copied', 'streaming')] \
        == ['copying', 'exporting', 'exported', 'file_complete', 'file_complete', 'copied', 'streaming']
    assert exporting.value("SELECT message FROM podyn_events WHERE event = 'exporting'") == \
        f'waiting for export {events.exports[0].arn} to {EXPORT_TO}'


def test_elsewhere_the_export_is_asked_for_five_minutes_later(serve, authority, configure, make_database):
    """AWS's exports are not exact to the second, unlike those of a server on this machine."""
    configure('podyn.allowed_endpoints', "'aws.localhost'")
    simulator, held = serve('DNS:aws.localhost'), threading.Event()
    simulator.tables['events'].recoverable_since = simulator.clock.now() - 60
    database = make_database(f'https://aws.localhost:{simulator.port}', ca_file=str(authority.ca_file))
    simulator.fault('held', operation='DescribeExport', until=held)
    try:
        replicate(database)
        database.wait_until(lambda: (export_task(database) or {}).get('waits_for') == 'time of export', 'it waits')
        assert simulator.count('ExportTableToPointInTime') == 0
        database.query("UPDATE podyn.replication SET positions_at = positions_at - interval '5 minutes'")
        database.query("SELECT podyn_alter('events', workers => 2)")  # the task begins again
        database.wait_until(lambda: simulator.count('DescribeExport') > 0, 'the export is asked for')
        assert simulator.count('ExportTableToPointInTime') == 1
    finally:
        held.set()


def test_throttled_descriptions_are_waited_out(simulator, events, exporting):
    throttled = simulator.fault('throttle', operation='DescribeExport', times=6)
    replicate(exporting)
    wait_for_export(exporting, events)
    events.exports[0].looks = 10_000
    exporting.wait_until(lambda: 'DescribeExport' in (exporting.status('events')['last_error'] or ''), 'it is told')
    exporting.wait_until(lambda: throttled.fired == 6 and exporting.status('events')['last_error'] is None,
                         'the error is forgotten')
    assert export_task(exporting)['state'] == 'ready' and exporting.status('events')['throttled'] == 6
    events.exports[0].looks = 0
    exporting.wait_for_state('events', 'streaming')
    assert len(events.exports) == 1 and assert_equal(events, exporting) == 200


def test_without_changes_the_copy_is_complete(simulator, exporting):
    table = exportable(simulator, 'events')
    table.disable_stream()
    replicate(exporting, changes=False)
    exporting.wait_for_state('events', 'completed')
    assert assert_equal(table, exporting) == 200


def test_without_the_right_to_scan_columns_come_with_the_items(simulator, events, exporting):
    simulator.fault('access_denied', operation='Scan', times=None)
    replicate(exporting)
    exporting.wait_for_state('events', 'streaming')
    assert assert_equal(events, exporting) == 200


# ---- exports that fail ----------------------------------------------------------------------------------------------

def test_without_recovery_the_error_says_how_to_turn_it_on(simulator, events, exporting):
    events.recoverable_since = None
    fails(exporting, "SELECT podyn_replicate('events', backfill => 'export', export_to => %s)", EXPORT_TO,
          says='point-in-time recovery', hint='aws dynamodb update-continuous-backups', sqlstates=('55000',))
    assert exporting.query('SELECT * FROM podyn_status') == []
    assert exporting.value("SELECT to_regclass('events')") is None


def test_a_failed_export_fails_the_replication_and_a_start_asks_for_another(simulator, events, exporting):
    held = threading.Event()
    simulator.fault('held', operation='DescribeExport', until=held)
    replicate(exporting)
    try:
        wait_for_export(exporting, events)
        events.exports[0].looks, events.exports[0].failure = 0, ('S3NoSuchBucket', 'The specified bucket does not exist')
    finally:
        held.set()
    exporting.wait_for_state('events', 'failed')
    told = exporting.status('events')['last_error']
    assert 'S3NoSuchBucket: The specified bucket does not exist' in told and 'podyn_start' in told
    events.put({'id': {'S': 'meanwhile'}})
    exporting.query("SELECT podyn_start('events')")
    exporting.wait_for_state('events', 'streaming')
    tokens = [request.body['ClientToken'] for request in simulator.sent('ExportTableToPointInTime')]
    assert len(events.exports) == 2 and len(set(tokens)) == 2
    assert assert_equal(events, exporting) == 201


@pytest.mark.parametrize('operation', ['ExportTableToPointInTime', 'DescribeExport'])
def test_a_missing_permission_is_named(simulator, events, exporting, operation):
    denied = simulator.fault('access_denied', operation=operation, times=None)
    replicate(exporting)
    exporting.wait_for_state('events', 'failed')
    assert f'dynamodb:{operation}' in exporting.status('events')['last_error']
    denied.times = denied.fired
    exporting.query("SELECT podyn_start('events')")
    exporting.wait_for_state('events', 'streaming')
    assert len(events.exports) == 1 and assert_equal(events, exporting) == 200


def test_a_damaged_file_is_named_and_a_reset_asks_anew(simulator, events, exporting, s3, bucket):
    """What it has given may be rows that no item has, so the copy does not go on."""
    spoiled = []

    def spoil(path, answer):
        status, headers, body = answer
        if '.json.gz' in path and not spoiled:
            spoiled.append(path)
            (file,) = [file for file in bucket.folder.rglob('*.json.gz') if file.name in path]
            body = file.read_bytes()[:-8] + b'\x00' * 8
        return status, headers, body
    s3.proxy.interfere = spoil
    replicate(exporting)
    exporting.wait_for_state('events', 'needs_resync')
    s3.proxy.interfere = None
    told = exporting.status('events')['last_error']
    assert spoiled[0].rsplit('/', 1)[1].split('?')[0] in told and 'podyn_reset' in told
    exporting.query("SELECT podyn_reset('events')")
    exporting.query("SELECT podyn_start('events')")
    exporting.wait_for_state('events', 'streaming')
    assert len(events.exports) == 2 and assert_equal(events, exporting) == 200


# ---- workers that are killed ----------------------------------------------------------------------------------------

@pytest.mark.parametrize('operation', ['ExportTableToPointInTime', 'DescribeExport'])
def test_a_killed_worker_asks_for_no_second_export(postgres, simulator, events, exporting, operation):
    """Even if the answer to its request is lost with it."""
    held = threading.Event()
    holding = simulator.fault('held', operation=operation, until=held)
    replicate(exporting)
    try:
        exporting.wait_until(lambda: holding.fired == 1 and len(events.exports) == 1, f'{operation} is held')
        exporting.close()
        kill_one(postgres, exporting, random.Random(1))
    finally:
        held.set()
    exporting.wait_for_state('events', 'streaming')
    assert len(events.exports) == 1
    assert assert_equal(events, exporting) == 200


class Writing:
    """Puts and deletes at random, in the background, until it is stopped."""

    def __init__(self, table):
        self.table, self.chance, self.done, self.stopped = table, random.Random(5), 0, threading.Event()
        self.thread = InBackground(self.write)

    def write(self):
        while not self.stopped.wait(0.002):
            key = {'id': {'S': f'{self.chance.randrange(400):06}'}}
            if self.chance.random() < 0.4:
                if self.table.get(key):
                    self.table.delete(key)
            else:
                self.table.put({**key, 'n': {'N': str(self.done)}, f'at {self.done % 7}': {'S': 'written'}})
            self.done += 1

    def go_on(self):
        """Some more writes."""
        enough = self.done + 50
        wait_until(lambda: self.done >= enough, 'writes go on')

    def stop(self):
        self.stopped.set()
        self.thread.join(10)


def test_writes_and_kills_in_every_phase_leave_both_sides_equal(postgres, simulator, events, exporting, s3, configure):
    """A worker dies while the export is asked for, while it is waited for, while a file is loaded, while the spool is
    merged, and while changes are applied."""
    configure('podyn.batch_rows', 20)
    chance, phases = random.Random(2), []

    def kill(phase):
        exporting.close()
        kill_one(postgres, exporting, chance)
        phases.append(phase)
        writing.go_on()
        events.stream.rotate_all()

    def hold(operation, phase):
        release = threading.Event()
        held = simulator.fault('held', operation=operation, until=release)
        released.append(release)
        return lambda: wait_until(lambda: held.fired >= 1, f'{phase}: {operation} is held'), release

    released, loading, load = [], threading.Event(), threading.Event()

    def hold_files(path, answer):
        if '.json.gz' in path and not load.is_set():
            loading.set()
            load.wait(60)
        return answer
    asked, go_on_asking = hold('ExportTableToPointInTime', 'asking')
    looked, go_on_looking = hold('DescribeExport', 'waiting')
    s3.proxy.interfere = hold_files
    writing = Writing(events)
    try:
        replicate(exporting)
        asked()
        writing.go_on()
        kill('asking')
        go_on_asking.set()
        looked()
        kill('waiting')
        go_on_looking.set()
        assert loading.wait(60)
        writing.go_on()
        kill('loading')
        load.set()
        exporting.wait_until(lambda: exporting.state('events') in ('merging', 'streaming'), 'the copy is complete')
        kill('merging')
        exporting.wait_for_state('events', 'streaming')
        kill('streaming')
        writing.go_on()
    finally:
        load.set()
        for release in released:
            release.set()
        writing.stop()
    exporting.sync('events')
    assert len(events.exports) == 1
    assert assert_equal(events, exporting) > 100
    assert exporting.status('events')['errors'] == 0 and exporting.status('events')['spooled'] == 0


# ---- with other options ---------------------------------------------------------------------------------------------

def test_a_reset_asks_anew(simulator, events, exporting):
    replicate(exporting)
    exporting.wait_for_state('events', 'streaming')
    events.put({'id': {'S': 'later'}})
    exporting.query("SELECT podyn_reset('events')")
    assert exporting.query("SELECT * FROM podyn_tasks WHERE kind IN ('file', 'export')") == []
    exporting.query("SELECT podyn_start('events')")
    exporting.wait_for_state('events', 'streaming')
    assert len(events.exports) == 2 and assert_equal(events, exporting) == 201
    assert exporting.status('events')['items_copied'] == 201


@pytest.mark.parametrize('on_existing', ['truncate', 'upsert'])
def test_a_target_that_has_rows(simulator, events, exporting, on_existing):
    """Rows of items that the source does not have go; those of the others are replaced."""
    exporting.query("CREATE TABLE events (id text PRIMARY KEY, n numeric, note text DEFAULT 'mine')")
    exporting.query("INSERT INTO events VALUES ('gone', 1), ('000001', 5)")
    fails(exporting, "SELECT podyn_replicate('events', schema => false, backfill => 'export', export_to => %s)",
          EXPORT_TO, says='rows')
    replicate(exporting, on_existing=on_existing)
    exporting.wait_for_state('events', 'streaming')
    rows = dict(exporting.query('SELECT id, n FROM events'))
    assert len(rows) == 200 and rows['000001'] == 1 and 'gone' not in rows
    assert ('prune' in exporting.column('SELECT kind FROM podyn_tasks')) is (on_existing == 'upsert')
    assert exporting.value('SELECT count(*) FROM podyn.seen') == 0


def test_every_table_gets_an_export_of_its_own(simulator, events, exporting):
    others = exportable(simulator, 'others')
    refused = exportable(simulator, 'without recovery')
    refused.recoverable_since = None
    assert sorted(exporting.column("SELECT podyn_replicate_all(backfill => 'export', export_to => %s)", EXPORT_TO)) == \
        ['events', 'others']
    assert 'without recovery is not replicated' in exporting.notices()
    for table in (events, others):
        exporting.wait_for_state(table.name, 'streaming')
        assert len(table.exports) == 1 and assert_equal(table, exporting, table.name) == 200


def test_options_of_scans_are_not_passed_over_in_silence(simulator, events, exporting):
    replicate(exporting, start=False)
    assert 'are not used' not in exporting.notices()
    for name, options in enumerate(({'scan_rate': 5}, {'segments': 2}, {'consistent_read': 'off'})):
        del exporting.connection.notices[:]
        replicate(exporting, name=str(name), target=f'target_{name}', start=False, **options)
        assert 'are not used' in exporting.notices()
    del exporting.connection.notices[:]
    exporting.query("SELECT podyn_alter('events', scan_rate => 7)")
    assert 'are not used' in exporting.notices()


@pytest.mark.parametrize('options, says, hint', [
    ("backfill => 'export'", 'needs export_to', 's3://bucket/prefix'),
    ("export_to => 's3://bucket/prefix'", "needs backfill => 'export'", 'export_to'),
    ("backfill => 's3://bucket/x', export_to => 's3://bucket/y'", "needs backfill => 'export'", 'export_to'),
    ("backfill => 'export', export_to => '/srv/exports'", 'no place in S3', 's3://bucket/prefix'),
    ("backfill => 'export', export_to => 's3://bucket', data => false", 'backfill needs data', 'data => false'),
    ("backfill => 's3://bucket/x', data => false", 'backfill needs data', 'data => false')])
def test_options_that_do_not_go_together(simulator, simulated, options, says, hint):
    fails(simulated, f"SELECT podyn_replicate('events', {options})", says=says, hint=hint, sqlstates=('22023',))
    assert simulator.requests == []


def test_the_plan_tells_the_price(simulator, events, exporting):
    plan = exporting.query("SELECT step, detail FROM podyn_plan('events', backfill => 'export', export_to => %s)", EXPORT_TO)
    steps = dict(plan)
    assert steps['read units'].startswith('0 for the copy')
    price = next(detail for step, detail in plan if step == 'price' and 'export' in detail)
    assert '0.1 USD per GB' in price
    assert 'segments' not in steps and 'would succeed' in steps['result']
    events.recoverable_since = None
    steps = dict(exporting.query("SELECT step, detail FROM podyn_plan('events', backfill => 'export', export_to => %s)",
                                 EXPORT_TO))
    assert 'point-in-time recovery' in steps['error'] and 'would fail' in steps['result']
    assert simulator.count('ExportTableToPointInTime') == 0
