"""Bad input gives one clear error with SQLSTATE and hint, in the caller's session, and leaves nothing behind."""

import socket

import psycopg2
import pytest

from failing import fails, nothing_is_left


@pytest.fixture
def events(dynamodb):
    dynamodb.create_table('events', key=[('id', 'S')])
    dynamodb.put('events', {'id': {'S': 'one'}})
    return 'events'


# ---- what podyn_replicate is asked for ------------------------------------------------------------------------------

def test_no_such_table(dynamodb, database):
    fails(database, "SELECT podyn_replicate('nowhere')", says='nowhere', sqlstates=('42P01', 'HV00R'))
    nothing_is_left(database, 'nowhere')


def test_no_such_server(events, database):
    fails(database, "SELECT podyn_replicate('events', server => 'other')", says='other', hint='CREATE SERVER',
          sqlstates=('42704',))
    nothing_is_left(database)


def test_no_user_mapping(events, dynamodb, make_database):
    database = make_database(dynamodb.endpoint, mapping=False)
    fails(database, "SELECT podyn_replicate('events')", hint='CREATE USER MAPPING')
    nothing_is_left(database)


def test_a_server_of_another_kind(events, database):
    database.query('CREATE EXTENSION postgres_fdw')
    database.query('CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw')
    fails(database, "SELECT podyn_replicate('events', server => 'other')", says='other', hint='podyn')
    nothing_is_left(database)


def test_wrong_region(events, dynamodb, make_database):
    database = make_database(dynamodb.endpoint, region='eu-west-1')
    fails(database, "SELECT podyn_replicate('events')", says='region', hint='region')
    assert dynamodb.take_refusals() == {'InvalidSignatureException'}
    nothing_is_left(database)


def test_wrong_secret(events, dynamodb, make_database):
    database = make_database(dynamodb.endpoint, secret='wrong')
    error = fails(database, "SELECT podyn_replicate('events')", says='signature', hint='secret_access_key')
    assert 'wrong' not in str(error).replace('wrong region', '')
    assert dynamodb.take_refusals() == {'InvalidSignatureException'}
    nothing_is_left(database)


def test_wrong_key(events, dynamodb, make_database):
    database = make_database(dynamodb.endpoint, key='AKIDNOBODY')
    fails(database, "SELECT podyn_replicate('events')", says='security token', hint='access_key_id')
    assert dynamodb.take_refusals() == {'UnrecognizedClientException'}
    nothing_is_left(database)


def test_stream_off(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')], stream=None)
    fails(database, "SELECT podyn_replicate('events')", says='events', hint='NEW', sqlstates=('55000',))
    nothing_is_left(database)


def test_a_stream_is_not_needed_without_changes(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')], stream=None)
    database.replicate('events', changes=False)
    database.wait_for_state('events', 'completed')


def test_the_target_has_rows(events, database):
    database.query('CREATE TABLE events (id text PRIMARY KEY)')
    database.query("INSERT INTO events VALUES ('mine')")
    fails(database, "SELECT podyn_replicate('events')", says='events', sqlstates=('42P07', '55000'))
    assert database.query('SELECT * FROM events') == [('mine',)]
    assert database.query('SELECT name FROM podyn_status') == []


def test_the_target_is_a_view(events, database):
    database.query("CREATE VIEW events AS SELECT 'one'::text AS id")
    fails(database, "SELECT podyn_replicate('events')", says='events', sqlstates=('42809', '42P07'))
    assert database.query('SELECT name FROM podyn_status') == []


def test_the_target_schema_does_not_exist(events, database):
    fails(database, "SELECT podyn_replicate('events', target => 'nowhere.events')", says='nowhere',
          sqlstates=('3F000',))
    nothing_is_left(database)


def test_the_target_would_be_temporary(events, database):
    fails(database, "SELECT podyn_replicate('events', target => 'pg_temp.events')", says='temporary', hint='schema',
          sqlstates=('42809',))
    database.query('CREATE TEMP TABLE mine (); SET search_path = pg_temp, public')  # there is a temporary schema now
    fails(database, "SELECT podyn_replicate('events')", says='temporary', hint='schema', sqlstates=('42809',))
    nothing_is_left(database)


def test_the_target_is_not_there_and_shall_not_be_made(events, database):
    fails(database, "SELECT podyn_replicate('events', schema => false)", says='events', sqlstates=('42P01',))
    nothing_is_left(database)


def test_the_name_is_taken(events, database):
    database.replicate('events')
    fails(database, "SELECT podyn_replicate('events', target => 'again')", says='events', hint='name',
          sqlstates=('42710',))
    assert database.value("SELECT to_regclass('again')") is None
    assert database.column('SELECT name FROM podyn_status') == ['events']


def test_the_target_belongs_to_another_replication(events, database):
    database.replicate('events')
    for options in ('', ', schema => false', ", on_existing => 'truncate'"):
        fails(database, f"SELECT podyn_replicate('events', name => 'again'{options})", says='another replication',
              hint='podyn_drop', sqlstates=('42710',))
    assert database.column('SELECT name FROM podyn_status') == ['events']


@pytest.mark.parametrize('option, value', [
    ('scan_rate', '-1'), ('scan_rate', "'NaN'"), ('scan_rate', "'Infinity'"), ('segments', '0'), ('segments', '-3'),
    ('segments', '1000001'), ('conversion_mode', "'xml'"), ('nul_characters', "'keep'"), ('deletes', "'never'"),
    ('on_existing', "'guess'"), ('consistent_read', "'sometimes'"), ('workers', '0')])
def test_a_value_out_of_range(events, database, option, value):
    fails(database, f"SELECT podyn_replicate('events', {option} => {value})", says=option,
          sqlstates=('22023', '22003'))
    nothing_is_left(database)


@pytest.mark.parametrize('statement', [
    'SELECT podyn_replicate(NULL)', "SELECT podyn_replicate('')", "SELECT podyn_replicate('events', target => '')",
    "SELECT podyn_replicate('events', name => '')"])
def test_an_empty_name(database, statement):
    fails(database, statement)
    assert database.query('SELECT name FROM podyn_status') == []


@pytest.mark.parametrize('call', ["podyn_start('nothing')", "podyn_stop('nothing')", "podyn_reset('nothing')",
                                  "podyn_drop('nothing')", "podyn_wait('nothing')", "podyn_sync('nothing')"])
def test_no_such_replication(database, call):
    fails(database, f'SELECT {call}', says='nothing', sqlstates=('42704',))


def test_a_reset_stops_a_replication_that_runs(events, database):
    database.replicate('events')
    database.wait_for_state('events', 'streaming')
    database.query("SELECT podyn_reset('events')")
    assert database.value("SELECT state FROM podyn_status") == 'stopped'
    assert database.value("SELECT items_copied FROM podyn_status") == 0


# ---- servers and mappings -------------------------------------------------------------------------------------------

def test_an_unknown_server_option(database):
    fails(database, "CREATE SERVER other FOREIGN DATA WRAPPER podyn OPTIONS (regoin 'us-east-1')", says='regoin',
          hint='region', sqlstates=('HV00D',))


@pytest.mark.parametrize('secret', ['access_key_id', 'secret_access_key', 'session_token'])
def test_a_secret_in_a_server_option(database, secret):
    fails(database, f"CREATE SERVER other FOREIGN DATA WRAPPER podyn OPTIONS (region 'us-east-1', {secret} 'x')",
          says=secret, hint='USER MAPPING', sqlstates=('HV00D',))


def test_an_unknown_mapping_option(database):
    database.query("CREATE SERVER other FOREIGN DATA WRAPPER podyn OPTIONS (region 'us-east-1')")
    fails(database, "CREATE USER MAPPING FOR CURRENT_USER SERVER other OPTIONS (password 'x')", says='password',
          hint='access_key_id', sqlstates=('HV00D',))


@pytest.mark.parametrize('endpoint', [
    'http://dynamodb.us-east-1.amazonaws.com', 'https://example.com', 'http://169.254.169.254', 'ftp://127.0.0.1',
    'http://127.0.0.1@example.com', 'not a url', 'https://amazonaws.com.example.com', 'file:///etc/passwd'])
def test_an_endpoint_that_is_not_allowed(database, endpoint):
    fails(database, f"CREATE SERVER other FOREIGN DATA WRAPPER podyn OPTIONS (region 'us-east-1', "
                    f"endpoint '{endpoint}')", says='endpoint')


@pytest.mark.parametrize('option, value', [('request_timeout', 'soon'), ('use_fips', 'perhaps'),
                                           ('credentials', 'anything'), ('region', '')])
def test_a_server_option_out_of_range(database, option, value):
    region = '' if option == 'region' else "region 'us-east-1', "
    fails(database, f"CREATE SERVER other FOREIGN DATA WRAPPER podyn OPTIONS ({region}{option} '{value}')",
          says=option)


# ---- the other side -------------------------------------------------------------------------------------------------

def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def test_dynamodb_cannot_be_reached(make_database):
    endpoint = f'http://127.0.0.1:{free_port()}'
    database = make_database(endpoint)
    fails(database, "SELECT podyn_replicate('events')", says=endpoint, sqlstates=('08001', '08006', 'HV00N'))
    nothing_is_left(database)


@pytest.mark.parametrize('body', [b'{"Table": [ this is no JSON', b'', b'[]', b'"text"', b'\xff\xfe', b'{"Table":{}}',
                                  b'[' * 100_000],
                         ids=['broken', 'empty', 'a list', 'a string', 'no UTF-8', 'no table', 'deep'])
def test_a_body_that_is_not_what_the_protocol_says(simulator, simulated, body):
    simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    simulator.fault('no_json', operation='DescribeTable', times=None, body=body)
    fails(simulated, "SELECT podyn_replicate('events')", sqlstates=('08P01',))
    nothing_is_left(simulated)


@pytest.mark.parametrize('fault, sqlstate, says, hint', [
    ({'kind': 'internal_error'}, '08006', 'InternalServerError', 'later'),
    ({'kind': 'unavailable'}, '08006', 'HTTP status 503', 'later'),
    ({'kind': 'reset'}, '08006', 'http://127.0.0.1', 'network'),
    ({'kind': 'close'}, '08006', 'http://127.0.0.1', 'network'),
    ({'kind': 'slow', 'seconds': 60}, '08006', 'timed out', 'request_timeout'),
    ({'kind': 'throttle'}, '53400', 'throttled', 'capacity'),
    ({'kind': 'error', 'name': 'ValidationException', 'message': 'so it is'}, '22023', 'so it is', 'name'),
    ({'kind': 'error', 'name': 'SerializationException'}, '08P01', 'SerializationException', 'endpoint'),
    ({'kind': 'error', 'name': 'NeverHeardOfException'}, '58000', 'NeverHeardOfException', 'API reference'),
], ids=lambda value: value.get('name', value['kind']) if isinstance(value, dict) else None)
def test_what_does_not_pass_is_told_after_three_attempts(simulator, make_database, fault, sqlstate, says, hint):
    simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    struck = simulator.fault(operation='DescribeTable', times=None, **fault)
    timeout = '300ms' if fault['kind'] == 'slow' else '30s'  # a busy machine takes its time for the other answers
    database = make_database(simulator.endpoint, request_timeout=timeout)
    fails(database, "SELECT podyn_replicate('events')", says=says, hint=hint, sqlstates=(sqlstate,))
    assert struck.fired == (1 if fault['kind'] == 'error' else 3)
    nothing_is_left(database)


def test_access_denied_is_told_in_the_words_of_aws(simulator, simulated):
    simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    simulator.fault('access_denied', operation='DescribeTable', times=None)
    fails(simulated, "SELECT podyn_replicate('events')", says='not authorized to perform', hint='dynamodb:')
    nothing_is_left(simulated)


def test_a_call_that_is_rolled_back_leaves_nothing(events, database):
    database.query('BEGIN')
    database.replicate('events')
    database.query('ROLLBACK')
    nothing_is_left(database)


def test_a_failed_call_among_good_ones_takes_only_itself(dynamodb, events, database):
    database.query('BEGIN')
    database.replicate('events')
    database.query('SAVEPOINT here')
    with pytest.raises(psycopg2.Error):
        database.replicate('nowhere')
    database.query('ROLLBACK TO here')
    database.query('COMMIT')
    database.wait_for_state('events', 'streaming')
    assert database.column('SELECT name FROM podyn_status') == ['events']
