"""podyn_run: a replication in the foreground, from its start to the end of its backfill."""

import re

import psycopg2
import pytest

from background import InBackground
from exports import full_records
from failing import fails
from test_import import KEYS, imported, numbered, totals


@pytest.fixture
def events(simulator):
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    for number in range(400):
        table.put({'id': {'S': f'{number:03}'}, 'note': {'S': 'x' * 2000}})
    return table


def session(database, user='postgres'):
    return database.postgres.connect(database.name, user)


def call(connection, name='events'):
    with connection.cursor() as cursor:
        cursor.execute('CALL podyn_run(%s)', (name,))


def test_it_starts_tells_and_ends_with_the_backfill(events, simulated):
    simulated.replicate('events', scan_rate=0, start=False)
    simulated.connection.notices.clear()
    call(simulated.connection)
    assert simulated.state('events') == 'streaming'
    assert simulated.value('SELECT count(*) FROM events') == 400
    notices = simulated.notices()
    assert 'replication "events": starting' in notices
    assert 'replication "events": streaming, 400 of about 400 items' in notices
    simulated.connection.notices.clear()
    call(simulated.connection)  # nothing is left to do
    assert simulated.connection.notices == [
        'NOTICE:  replication "events": streaming, 400 of about 400 items\n']


def test_a_copy_without_changes_ends_as_completed(events, simulated):
    simulated.replicate('events', changes=False, scan_rate=0, start=False)
    call(simulated.connection)
    assert simulated.state('events') == 'completed'


def test_the_progress_names_rate_and_time_left(events, simulated):
    simulated.replicate('events', start=False, scan_rate=25)
    simulated.connection.notices.clear()
    call(simulated.connection)
    told = [notice for notice in simulated.connection.notices if 'copying' in notice]
    assert len(told) >= 2, told
    assert re.search(r'copying, \d+ of about 400 items, [0-9.]+ per second, \d\d:\d\d:\d\d left', told[-1]), told


@pytest.mark.parametrize('how', ['cancel', 'statement_timeout'])
def test_a_cancel_stops_the_replication_at_its_checkpoint(events, simulated, how):
    simulated.replicate('events', start=False, scan_rate=20)
    connection = session(simulated)
    if how == 'statement_timeout':
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = '2s'")
    running = InBackground(lambda: call(connection))
    simulated.wait_until(lambda: (simulated.status('events')['items_copied'] or 0) > 0, 'items are copied')
    if how == 'cancel':
        connection.cancel()
    with pytest.raises(psycopg2.errors.QueryCanceled) as raised:
        running.join(10)
    assert 'user request' in str(raised.value) if how == 'cancel' else 'statement timeout' in str(raised.value)
    assert 'stopped at its checkpoint' in raised.value.diag.message_detail
    assert 'podyn_run' in raised.value.diag.message_hint
    assert simulated.state('events') == 'stopped'
    copied = simulated.status('events')['items_copied']
    assert copied == simulated.value('SELECT count(*) FROM events')
    with connection.cursor() as cursor:
        cursor.execute('SELECT 1')  # the session is as good as before
    connection.close()
    simulated.query("UPDATE podyn.replication SET scan_rate = 0")
    call(simulated.connection)
    assert simulated.status('events')['items_copied'] == 400


def test_an_import_tells_of_files_and_stops_after_its_batch(bucket, make_database, configure):
    """Each row takes two milliseconds, so that more than five seconds pass, after which the progress is told."""
    configure('podyn.batch_rows', 100)
    loading = make_database()
    loading.query('CREATE TABLE events (id text PRIMARY KEY, n numeric, text text); '
                  'CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS '
                  "'BEGIN PERFORM pg_sleep(0.002); RETURN NEW; END'; "
                  'CREATE TRIGGER wait BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION wait()')
    files = [full_records(numbered(count, first=first)) for first, count in ((0, 4_000), (4_000, 3_000), (7_000, 1_000))]
    name = imported(loading, bucket.full_export(files), workers=1, start=False)
    connection = session(loading)
    running = InBackground(lambda: call(connection, name))
    pattern = re.compile(r'copying, file 1/3, (\d+) of 8000 items, [0-9.]+ per second, \d\d:\d\d:\d\d left')
    loading.wait_until(lambda: loading.status(name)['items_copied'] >= 2_800, 'the first file is nearly done')
    connection.cancel()
    with pytest.raises(psycopg2.errors.QueryCanceled) as raised:
        running.join(10)
    assert 'stopped at its checkpoint' in raised.value.diag.message_detail
    told = [int(match[1]) for match in map(pattern.search, connection.notices) if match]
    connection.close()
    assert loading.state(name) == 'stopped'
    done, *_ = totals(loading, name)
    assert told[-1] <= done < 8_000 and done % 100 == 0
    assert loading.value('SELECT count(*) FROM events') == done
    loading.query('DROP TRIGGER wait ON events')
    loading.connection.notices.clear()
    call(loading.connection, name)
    assert 'completed, file 3/3, 8000 of 8000 items' in loading.notices()
    assert totals(loading, name) == (8_000, 8_000, 0, 0)


def test_a_failure_is_raised_with_its_reason(events, simulator, simulated):
    simulated.replicate('events', scan_rate=0, start=False)
    simulator.fault('access_denied', operation='Scan', times=None)
    error = fails(simulated, "CALL podyn_run('events')", says=('failed', 'dynamodb:Scan'), hint='podyn_start',
                  sqlstates=('55000',))
    assert error
    simulator.faults.script.clear()
    call(simulated.connection)  # it starts what has failed
    assert simulated.state('events') == 'streaming'


def test_a_stop_by_somebody_else_is_told(events, simulated):
    simulated.replicate('events', start=False, scan_rate=20)
    connection = session(simulated)
    running = InBackground(lambda: call(connection))
    simulated.wait_for_state('events', 'copying')
    simulated.query("SELECT podyn_stop('events')")
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState) as raised:
        running.join(10)
    assert 'stopped meanwhile' in str(raised.value)
    connection.close()


def test_inside_a_transaction_it_says_what_to_do(events, simulated):
    simulated.replicate('events', start=False)
    simulated.query('BEGIN')
    fails(simulated, "CALL podyn_run('events')", says='transaction block', hint='podyn_wait', sqlstates=('25001',))
    simulated.query('ROLLBACK')
    fails(simulated, "CALL podyn_run('nothing')", says='does not exist', sqlstates=('42704',))
    assert simulated.state('events') == 'stopped'


def test_no_transaction_is_held_while_it_waits(events, simulated):
    simulated.replicate('events', start=False, scan_rate=20)
    connection = session(simulated)
    running = InBackground(lambda: call(connection))
    simulated.wait_for_state('events', 'copying')
    oldest = simulated.value('SELECT max(age(backend_xmin)) FROM pg_stat_activity WHERE pid = %s',
                             connection.info.backend_pid)
    locks = simulated.value("SELECT count(*) FROM pg_locks WHERE pid = %s AND locktype IN ('relation', 'advisory')",
                            connection.info.backend_pid)
    connection.cancel()
    with pytest.raises(psycopg2.errors.QueryCanceled):
        running.join(10)
    assert (oldest or 0) < 10 and locks <= 2, (oldest, locks)
    connection.close()
