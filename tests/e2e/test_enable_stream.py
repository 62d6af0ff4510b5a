"""enable_stream => true turns the table's stream on, after everything else that can fail."""

import psycopg2
import pytest

from comparison import assert_equal_tables
from waiting import holds_for

ENABLED = {'StreamEnabled': True, 'StreamViewType': 'NEW_IMAGE'}


@pytest.fixture
def events(simulator):
    """A table without a stream."""
    table = simulator.create_table('events', key=[('id', 'S')])
    table.put({'id': {'S': 'one'}, 'n': {'N': '1'}})
    return table


def fails(simulated, statement, sqlstate, *says):
    with pytest.raises(psycopg2.Error) as caught:
        simulated.query(statement)
    error = caught.value
    assert error.pgcode == sqlstate, error
    for text in says:
        assert text in f'{error.diag.message_primary} {error.diag.message_hint}', error
    assert simulated.value('SELECT count(*) FROM podyn.replication') == 0
    assert simulated.value("SELECT to_regclass('events')") is None


def test_dynamodb_local_is_replicated_with_a_stream_that_was_off(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')], stream=None)
    dynamodb.put('events', {'id': {'S': 'one'}, 'n': {'N': '1'}})
    database.replicate('events', enable_stream=True)
    assert 'NOTICE:  enabling the stream of DynamoDB table events with view type NEW_IMAGE' in database.notices()
    assert dynamodb.client.describe_table(TableName='events')['Table']['StreamSpecification'] == ENABLED
    database.wait_for_state('events', 'streaming')
    dynamodb.put('events', {'id': {'S': 'two'}, 'n': {'N': '2'}})
    dynamodb.delete('events', {'id': {'S': 'one'}})
    database.sync('events')
    assert assert_equal_tables(dynamodb.client, 'events', database) == 1


def test_the_call_waits_until_the_stream_can_be_read(simulator, events, simulated):
    """The table knows its stream before DynamoDB Streams does."""
    events.update_seconds = 1.5
    simulator.fault('error', operation='DescribeStream', name='ResourceNotFoundException')
    simulated.replicate('events', enable_stream=True)
    assert not events.updating
    assert simulator.count('DescribeStream') > 2
    simulated.wait_for_state('events', 'streaming')
    assert simulated.value('SELECT n FROM events') == 1


def test_a_stream_that_is_on_stays_as_it_is(simulator, simulated):
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    simulated.replicate('events', enable_stream=True, start=False)
    assert simulator.count('UpdateTable') == 0
    assert len(table.streams) == 1


def test_without_the_permission_nothing_is_made(simulator, events, simulated):
    simulator.fault('access_denied', operation='UpdateTable', times=None)
    fails(simulated, "SELECT podyn_replicate('events', enable_stream => true)", '42501', 'dynamodb:UpdateTable')


def test_the_stream_is_enabled_after_everything_else(simulator, events, simulated):
    """What fails before leaves the source as it was."""
    simulated.query('CREATE TABLE taken (mine text)')
    with pytest.raises(psycopg2.Error):
        simulated.query("SELECT podyn_replicate('events', target => 'taken', enable_stream => true)")
    simulator.fault('access_denied', operation='Scan')
    fails(simulated, "SELECT podyn_replicate('events', enable_stream => true)", '42501', 'dynamodb:Scan')
    assert simulator.count('UpdateTable') == 0
    assert events.stream is None


def test_a_table_that_is_being_changed_is_an_error_that_says_so(simulator, events, simulated):
    events.update_seconds, events.updating_until = 60, simulator.clock.now() + 60
    fails(simulated, "SELECT podyn_replicate('events', enable_stream => true)", '55006', 'being changed', 'ACTIVE')


def test_an_answer_that_is_lost_does_no_harm(simulator, events, simulated):
    """The second attempt finds the stream enabled already."""
    simulator.fault('truncate', operation='UpdateTable')
    simulated.replicate('events', enable_stream=True)
    assert simulator.count('UpdateTable') == 2
    assert len(events.streams) == 1
    simulated.wait_for_state('events', 'streaming')


def test_a_cancel_ends_the_waiting(simulator, events, simulated):
    events.update_seconds = 3600
    simulated.query("SET statement_timeout = '1s'")
    fails(simulated, "SELECT podyn_replicate('events', enable_stream => true)", '57014')
    assert events.stream.enabled  # what cannot be taken back
    simulated.query('RESET statement_timeout')
    events.updating_until = 0
    simulated.replicate('events', enable_stream=True)
    simulated.wait_for_state('events', 'streaming')


def test_replicate_all_enables_each_stream_that_is_off(simulator, simulated):
    for name, stream in (('a', None), ('b', 'NEW_AND_OLD_IMAGES'), ('c', None)):
        simulator.create_table(name, key=[('id', 'S')], stream=stream)
    denied = simulator.fault('access_denied', operation='UpdateTable',
                             when=lambda request: request.body['TableName'] == 'a')
    assert simulated.column('SELECT podyn_replicate_all(enable_stream => true)') == ['b', 'c']
    assert denied.fired
    assert 'WARNING:  table a is not replicated: request UpdateTable was denied by AWS' in simulated.notices()
    assert [request.body for request in simulator.sent('UpdateTable', error=None)][-1]['StreamSpecification'] == ENABLED
    simulated.wait_for_state('c', 'streaming')
    holds_for(lambda: simulated.state('b') != 'failed', 'b goes well', 0.5)
