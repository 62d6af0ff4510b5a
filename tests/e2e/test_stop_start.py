"""Stop and start anywhere changes nothing, and repeats nothing."""

import pytest

from background import InBackground
from comparison import assert_equal_tables
from dynamodb_local import boto3_client
from items import KEY, RandomWriter
from waiting import holds_for, wait_until


def test_stops_and_starts_amid_writes_change_nothing(dynamodb, database):
    dynamodb.create_table('events', key=KEY)
    writer = RandomWriter(dynamodb.client, 'events', keys=300, seed=21)
    writer.fill()
    database.replicate('events', segments=2, scan_rate=10)
    writing = InBackground(lambda: writer.write(5_000))
    for round in range(10):
        assert database.value("SELECT podyn_stop('events')") == 1
        database.wait_for_state('events', 'stopped', timeout=10)
        seen = writer.done
        wait_until(lambda: writer.done > seen + 100 or not writing.is_alive(), 'some writes while it is stopped')
        assert database.value("SELECT podyn_start('events')") == 1
        seen = writer.done
        wait_until(lambda: writer.done > seen + 200 or not writing.is_alive(), 'some writes while it runs')
    writing.join()
    database.wait_for_state('events', 'streaming')
    database.sync('events')
    assert_equal_tables(dynamodb.client, 'events', database)


# What holds a replication in each state: the operation that does not answer, and when it begins not to.
HELD = {'starting': ('DescribeTable', 'from the start'), 'copying': ('Scan', 'from the start'),
        'merging': ('GetRecords', 'from the start'), 'streaming': ('GetRecords', 'later')}


@pytest.mark.parametrize('state', HELD)
def test_a_stop_in_each_state_changes_and_repeats_nothing(simulator, simulated, state):
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')

    def put(text):
        for number in range(200):
            table.put({'id': {'S': f'item {number}'}, 'text': {'S': f'{text} {number}'}})

    put('first')
    simulated.replicate('events', segments=2, start=False)
    operation, when = HELD[state]
    slow = simulator.fault('slow', operation=operation, seconds=60, times=None,
                           after=1 if state == 'copying' else 0) if when == 'from the start' else None
    simulated.value("SELECT podyn_start('events')")
    simulated.wait_for_state('events', state)
    slow = slow or simulator.fault('slow', operation=operation, seconds=60, times=None)
    put('second')
    simulated.wait_until(lambda: slow.fired, 'a request waits for its answer')
    assert simulated.state('events') == state
    assert simulated.value("SELECT podyn_stop('events')") == 1
    simulated.wait_for_state('events', 'stopped', timeout=10)
    simulator.faults.remove(slow)
    put('third')
    holds_for(lambda: simulated.state('events') == 'stopped', 'it is stopped', 0.5)
    assert simulated.value("SELECT podyn_start('events')") == 1
    simulated.wait_for_state('events', 'streaming')
    simulated.sync('events')
    status = simulated.status('events')
    assert (status['items_copied'], status['changes_applied'], status['errors']) == (200, 600, 0)
    assert assert_equal_tables(boto3_client(simulator.endpoint), 'events', simulated) == 200


def test_a_stopped_replication_stays_stopped(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')])
    database.replicate('events')
    database.wait_for_state('events', 'streaming')
    database.value("SELECT podyn_stop('events')")
    database.wait_for_state('events', 'stopped', timeout=10)
    dynamodb.put('events', {'id': {'S': 'while stopped'}})
    database.postgres.restart()
    database.close()
    assert database.state('events') == 'stopped'
    assert database.value('SELECT count(*) FROM events') == 0
    database.value("SELECT podyn_start('events')")
    database.sync('events')
    assert database.value('SELECT count(*) FROM events') == 1


def test_a_running_replication_goes_on_after_a_restart_of_the_server(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')])
    database.replicate('events')
    database.wait_for_state('events', 'streaming')
    database.postgres.restart()
    database.close()
    dynamodb.put('events', {'id': {'S': 'after the restart'}})
    database.sync('events')
    assert database.value('SELECT id FROM events') == 'after the restart'


def test_a_backfill_resumes_where_it_stopped(simulator, simulated):
    """Each page's last key is committed with its rows: no page is applied twice."""
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    for number in range(400):
        table.put({'id': {'S': f'item {number}'}, 'text': {'S': 'x' * 10_000}})  # 4 pages
    simulated.replicate('events', segments=1, scan_rate=100)
    stops = 0
    while stops < 3:
        pages = simulator.count('Scan', error=None)
        simulated.wait_until(lambda: simulator.count('Scan', error=None) > pages
                             or simulated.state('events') == 'streaming', 'another page is read')
        simulated.value("SELECT podyn_stop('events')")
        simulated.wait_for_state('events', 'stopped', timeout=10)
        simulated.value("SELECT podyn_start('events')")
        stops += 1
    simulated.wait_for_state('events', 'streaming')
    assert_equal_tables(boto3_client(simulator.endpoint), 'events', simulated)
    # Each stop may cost the page that was on its way, and the one behind it that was asked for in advance.
    starts = [str(request.body.get('ExclusiveStartKey')) for request in simulator.sent('Scan')]
    assert len(starts) - len(set(starts)) <= 1 + 2 * stops  # one: podyn_replicate's sample
    assert simulated.status('events')['items_copied'] == 400


def test_without_a_name_all_are_stopped_and_started(dynamodb, database):
    for table in ('first', 'second', 'third'):
        dynamodb.create_table(table, key=[('id', 'S')])
        database.replicate(table)
    assert database.value('SELECT podyn_stop()') == 3
    for table in ('first', 'second', 'third'):
        database.wait_for_state(table, 'stopped', timeout=10)
    assert database.value('SELECT podyn_start()') == 3
    for table in ('first', 'second', 'third'):
        database.wait_for_state(table, 'streaming')


def test_a_reset_begins_anew(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')])
    dynamodb.put('events', *({'id': {'S': f'item {number}'}} for number in range(20)))
    database.replicate('events')
    database.wait_for_state('events', 'streaming')
    database.value("SELECT podyn_stop('events')")
    database.wait_for_state('events', 'stopped', timeout=10)
    dynamodb.delete('events', {'id': {'S': 'item 3'}})
    dynamodb.put('events', {'id': {'S': 'item 20'}})
    database.query("SELECT podyn_reset('events')")
    assert database.status('events')['items_copied'] == 0
    database.value("SELECT podyn_start('events')")
    database.wait_for_state('events', 'streaming')
    database.sync('events')
    assert_equal_tables(dynamodb.client, 'events', database)


def test_each_copy_chooses_its_segments_anew(simulator, simulated):
    """The number that was chosen for the first copy stood as the user's wish for the next."""
    for table in ('chosen', 'asked'):
        simulator.create_table(table, key=[('id', 'S')], stream='NEW_IMAGE')
    simulated.replicate('chosen')
    simulated.replicate('asked', segments=3)
    simulated.wait_for_state('chosen', 'streaming')
    simulated.wait_for_state('asked', 'streaming')
    assert simulated.query('SELECT name, segments, copy_segments FROM podyn.replication ORDER BY name') == [
        ('asked', 3, 3), ('chosen', None, 1)]
    assert simulated.query("SELECT name, message FROM podyn_events WHERE event = 'copying' ORDER BY name") == [
        ('asked', 'copying in 3 segments'), ('chosen', 'copying in 1 segment')]


def reset_and_start(simulated):
    simulated.wait_for_state('events', 'needs_resync')
    simulated.query("SELECT podyn_reset('events')")
    simulated.query("SELECT podyn_start('events')")


def test_a_new_stream_with_another_view_type_is_followed_after_a_reset(simulator, simulated):
    """It went on to streaming, and rejected every put."""
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    simulated.replicate('events')
    simulated.wait_for_state('events', 'streaming')
    for view_type, reads in (('KEYS_ONLY', True), ('NEW_IMAGE', False)):
        table.disable_stream()
        table.enable_stream(view_type)
        reset_and_start(simulated)
        simulated.wait_for_state('events', 'streaming')
        read = simulator.count('BatchGetItem')
        table.put({'id': {'S': view_type}, 'text': {'S': 'there'}})
        simulated.sync('events')
        assert simulated.value('SELECT text FROM events WHERE id = %s', view_type) == 'there'
        assert (simulator.count('BatchGetItem') > read) == reads
    assert simulated.status('events')['errors'] == 0


@pytest.mark.parametrize('changes', [True, False])
@pytest.mark.parametrize('key, says', [([('id', 'N')], '"id" (N)'), ([('other', 'S')], '"other" (S)'),
                                       ([('id', 'S'), ('sort', 'B')], '"id" (S), "sort" (B)')])
def test_a_table_that_was_made_again_with_another_key_is_refused(simulator, simulated, key, says, changes):
    """It was copied, and every item was rejected."""
    simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    simulated.replicate('events', changes=changes, start=False)
    simulator.drop_table('events')
    simulator.create_table('events', key=key, stream='NEW_AND_OLD_IMAGES')
    simulated.query("SELECT podyn_start('events')")
    simulated.wait_for_state('events', 'failed')
    error = simulated.status('events')['last_error']
    assert 'has another key than the target' in error and says in error and 'podyn_drop' in error


def test_a_table_that_was_made_again_with_another_key_is_refused_after_a_reset(simulator, simulated):
    simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES').put({'id': {'S': 'one'}})
    simulated.replicate('events')
    simulated.wait_for_state('events', 'streaming')
    simulator.drop_table('events')
    simulator.create_table('events', key=[('id', 'N')], stream='NEW_AND_OLD_IMAGES')
    reset_and_start(simulated)
    simulated.wait_for_state('events', 'failed')
    assert simulated.column('SELECT id FROM events') == ['one'], 'nothing was emptied'


def test_a_dropped_replication_is_forgotten_and_its_table_stays(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')])
    dynamodb.put('events', {'id': {'S': 'one'}})
    database.replicate('events')
    database.wait_for_state('events', 'streaming')
    database.query("SELECT podyn_drop('events')")
    assert database.status('events') is None
    assert database.value('SELECT count(*) FROM events') == 1
    assert database.value("SELECT count(*) FROM podyn_tasks") == 0
    assert database.value("SELECT count(*) FROM podyn.column_map") == 0


def test_or_its_table_goes_too(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')])
    database.replicate('events')
    database.wait_for_state('events', 'streaming')
    database.query("SELECT podyn_drop('events', drop_target => true)")
    assert database.value("SELECT to_regclass('events')") is None
