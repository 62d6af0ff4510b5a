"""podyn_export lets DynamoDB export a table to S3, podyn_exports tells of its exports; podyn_import loads them."""

from datetime import datetime, timedelta, timezone

import psycopg2
import pytest

from comparison import assert_equal_items
from s3_server import BUCKET
from test_import import KEYS, numbered

DAY = 24 * 3600
HOUR = timedelta(hours=1)


@pytest.fixture
def events(simulator):
    """A table that can be recovered to any time of the last two days."""
    table = simulator.create_table('events', key=[('id', 'S')])
    table.recoverable_since = simulator.clock.now() - 2 * DAY
    table.put({'id': {'S': 'one'}})
    return table


def whole_seconds_ago(span):
    return (datetime.now(timezone.utc) - span).replace(microsecond=0)


def at(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc)


def export(database, **options):
    options = {'source_table': 'events', 'export_to': 's3://bucket/backups/', **options}
    named = ', '.join(f'{name} => %s' for name in options)
    return database.value(f'SELECT podyn_export({named})', *options.values())


def exports_of(database):
    return database.rows("SELECT * FROM podyn_exports('events')")


def asked(simulator):
    return simulator.sent('ExportTableToPointInTime')[-1].body


def refused(database, sqlstate, *says, **options):
    with pytest.raises(psycopg2.Error) as caught:
        export(database, **options)
    told = caught.value.diag
    assert told.sqlstate == sqlstate, caught.value
    for text in says:
        assert text in f'{told.message_primary} {told.message_detail} {told.message_hint}', caught.value


# ---- what is asked for ----------------------------------------------------------------------------------------------

def test_a_full_export_of_now(simulator, events, simulated):
    arn = export(simulated)
    body = asked(simulator)
    assert len(body.pop('ClientToken')) == 32
    assert body == {'TableArn': events.arn, 'S3Bucket': 'bucket', 'S3Prefix': 'backups',
                    'ExportFormat': 'DYNAMODB_JSON'}
    assert arn == events.exports[0].arn


def test_a_full_export_of_a_time(simulator, events, simulated):
    time = whole_seconds_ago(HOUR)
    export(simulated, export_to='s3://bucket', to_time=time)
    assert asked(simulator)['ExportTime'] == time.timestamp()
    assert 'S3Prefix' not in asked(simulator) and 'ExportType' not in asked(simulator)


def test_an_incremental_export(simulator, events, simulated):
    begin, end = whole_seconds_ago(2 * HOUR), whole_seconds_ago(HOUR)
    export(simulated, from_time=begin, to_time=end)
    body = asked(simulator)
    assert body['ExportType'] == 'INCREMENTAL_EXPORT' and 'ExportTime' not in body
    assert body['IncrementalExportSpecification'] == {
        'ExportFromTime': begin.timestamp(), 'ExportToTime': end.timestamp(), 'ExportViewType': 'NEW_AND_OLD_IMAGES'}
    export(simulated, from_time=begin)
    assert 'ExportToTime' not in asked(simulator)['IncrementalExportSpecification']


def test_each_call_is_an_export_of_its_own_and_its_retries_are_none(simulator, events, simulated):
    simulator.fault('truncate', operation='ExportTableToPointInTime')
    first = export(simulated)
    assert simulator.count('ExportTableToPointInTime') == 2
    assert [made.arn for made in events.exports] == [first]
    assert export(simulated) != first


# ---- what cannot be exported ----------------------------------------------------------------------------------------

def test_without_recovery_the_error_says_how_to_turn_it_on(simulator, events, simulated):
    events.recoverable_since = None
    refused(simulated, '55000', 'point-in-time recovery', '"events"', 'aws dynamodb update-continuous-backups '
            '--table-name events --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true')
    assert simulator.count('ExportTableToPointInTime') == 0


@pytest.mark.parametrize('option, other', [('to_time', {}), ('from_time', {'to_time': timedelta(days=3, hours=-1)})])
def test_a_time_that_cannot_be_recovered_is_refused_with_the_earliest_one(simulator, events, simulated, option, other):
    times = {option: timedelta(days=3), **other}
    earliest = simulated.value('SELECT to_timestamp(%s)::text', int(events.recoverable_since))
    refused(simulated, '22023', option, 'EarliestRestorableDateTime', earliest.split('+')[0],
            **{name: whole_seconds_ago(span) for name, span in times.items()})
    assert simulator.count('ExportTableToPointInTime') == 0


@pytest.mark.parametrize('begin, end', [
    (timedelta(minutes=14), None), (timedelta(hours=25), None), (HOUR, timedelta(minutes=46)),
    (timedelta(hours=26), HOUR), (HOUR, 2 * HOUR)])
def test_a_period_that_dynamodb_does_not_take_is_refused_before_anything_is_asked(simulator, simulated, begin, end):
    times = {'from_time': whole_seconds_ago(begin), **({'to_time': whole_seconds_ago(end)} if end else {})}
    refused(simulated, '22023', '15 minutes to 24 hours', **times)
    assert simulator.requests == []


@pytest.mark.parametrize('options, says', [
    ({'export_to': '/srv/exports'}, 's3://bucket/prefix'), ({'export_to': 's3://'}, 'names no bucket'),
    ({'export_to': None}, 'export_to must not be empty'), ({'source_table': ''}, 'source_table must not be empty'),
    ({'to_time': 'infinity'}, 'no time in the past'), ({'from_time': '2999-01-01'}, 'no time in the past')])
def test_arguments_that_make_no_sense(simulator, simulated, options, says):
    refused(simulated, '22023', says, **options)
    assert simulator.requests == []


def test_a_table_that_does_not_exist(simulator, simulated):
    refused(simulated, '42P01', 'does not exist')
    with pytest.raises(psycopg2.errors.UndefinedTable):
        exports_of(simulated)


@pytest.mark.parametrize('operation, resource', [
    ('DescribeContinuousBackups', 'the table'), ('ExportTableToPointInTime', 'the table'),
    ('ListExports', 'all resources'), ('DescribeExport', "the table's exports")])
def test_a_permission_that_is_missing_is_named(simulator, events, simulated, operation, resource):
    simulator.fault('access_denied', operation=operation, times=None)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege) as caught:
        export(simulated)
        exports_of(simulated)
    assert f'dynamodb:{operation} on {resource}' in caught.value.diag.message_hint


def test_not_in_a_read_only_transaction(simulator, events, simulated):
    simulated.query('SET default_transaction_read_only = on')
    refused(simulated, '25006')
    assert exports_of(simulated) == []


# ---- the exports there are ------------------------------------------------------------------------------------------

def test_an_export_under_way_has_no_figures_yet(simulator, events, simulated):
    arn = export(simulated)
    events.exports[0].looks = 1
    under_way = {'export_arn': arn, 'status': 'IN_PROGRESS', 'type': 'full', 'items': None, 'bytes': None,
                 'export_time': at(events.exports[0].time), 'manifest': None}
    assert exports_of(simulated) == [under_way]
    assert exports_of(simulated) == [{
        **under_way, 'status': 'COMPLETED', 'items': 1, 'bytes': 1000,
        'manifest': f's3://bucket/backups/AWSDynamoDB/{events.exports[0].id}'}]


def test_a_failed_export_says_why(simulator, events, simulated):
    export(simulated)
    events.exports[0].looks, events.exports[0].failure = 0, ('S3NoSuchBucket', 'The specified bucket does not exist')
    (failed,) = exports_of(simulated)
    assert failed['status'] == 'FAILED' and failed['manifest'] is None and failed['items'] is None
    assert 'S3NoSuchBucket' in simulated.notices() and 'The specified bucket does not exist' in simulated.notices()


def test_all_pages_are_listed(simulator, events, simulated):
    for _ in range(26):
        export(simulated)
    assert {row['export_arn'] for row in exports_of(simulated)} == {made.arn for made in events.exports}
    assert simulator.count('ListExports') == 2


def test_a_list_waits_while_descriptions_are_throttled(simulator, events, simulated):
    export(simulated)
    simulator.fault('throttle', operation='DescribeExport', times=4)
    assert len(exports_of(simulated)) == 1
    assert simulator.count('DescribeExport') == 5


# ---- from DynamoDB into a table -------------------------------------------------------------------------------------

def manifest_of_latest(database):
    (latest,) = database.rows("SELECT * FROM podyn_exports('events') ORDER BY export_time DESC LIMIT 1")
    return latest


def test_an_export_and_what_came_after_it_are_loaded(simulator, events, exporting):
    """As an hour goes by: a full export, changes, an incremental one that begins where the full one ended."""
    simulator.advance(-3600)
    simulator.advance(1 - simulator.clock.now() % 1)
    for item in numbered(200):
        events.put(item)
    simulator.advance(0.5)  # within one second: a period that began with it would not tell of the item's deletion
    export(exporting, export_to=f's3://{BUCKET}/backups')
    events.exports[0].looks = 0
    full = manifest_of_latest(exporting)
    assert (full['status'], full['type'], full['items']) == ('COMPLETED', 'full', 201)
    name = exporting.value('SELECT podyn_import(%s, %s, name => %s)', full['manifest'], 'first', 'first')
    exporting.wait_for_state(name, 'completed')
    assert assert_equal_items(list(events.items.values()), KEYS, exporting, 'first') == 201

    simulator.advance(1800)
    for item in numbered(10, first=195):
        events.put({**item, 'new': {'S': 'yes'}})
    events.delete({'id': {'S': '000000'}})
    simulator.advance(1800)
    export(exporting, export_to=f's3://{BUCKET}/backups', from_time=full['export_time'])
    events.exports[1].looks = 0
    assert manifest_of_latest(exporting)['type'] == 'incremental'
    name = exporting.value('SELECT podyn_import(%s, %s)', f's3://{BUCKET}/backups', 'events')
    exporting.wait_for_state(name, 'completed')
    assert assert_equal_items(list(events.items.values()), KEYS, exporting, 'events') == 205
