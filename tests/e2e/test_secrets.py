"""Secrets of user mappings appear nowhere: after successes and after every kind of failure, in a server that logs all
that it can."""

import select

import psycopg2
import pytest

from failing import fails
from postgres_server import PostgresServer
from waiting import wait_until

SECRET, TOKEN = 'CanaryOfTheSecretKey', 'CanaryOfTheSessionToken'
CANARY = 'Canary'


STATEMENTS = 'pg_stat_statements'  # of PostgreSQL's contrib, where that is installed


@pytest.fixture(scope='module')
def own_postgres(postgres):
    offered = postgres.query('SELECT FROM pg_available_extensions WHERE name = %s', STATEMENTS)
    settings = {'shared_preload_libraries': f'podyn, {STATEMENTS}', f'{STATEMENTS}.track': 'all'} if offered else {}
    server = PostgresServer(log_min_messages='debug5', log_error_verbosity='verbose', log_min_error_statement='debug5',
                            log_min_duration_statement='0', track_activity_query_size='16384', **settings)
    yield server
    server.remove()


@pytest.fixture
def events(simulator):
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    for number in range(20):
        table.put({'id': {'S': str(number)}})
    table.put({'id': {'S': 'bad\x00'}})
    return table


def test_no_secret_is_written_anywhere(events, simulator, own_postgres, make_database):
    database = make_database(simulator.endpoint, on=own_postgres, mapping=False)
    # What the user writes is the server's affair to log; podyn adds nothing. So the statement itself is not logged.
    database.query("SET log_min_messages = panic; SET log_min_duration_statement = -1")
    statements = [STATEMENTS] if STATEMENTS in database.value('SHOW shared_preload_libraries') else []
    if statements:
        database.query(f'CREATE EXTENSION {STATEMENTS}')
    database.query(f"CREATE USER MAPPING FOR CURRENT_USER SERVER dynamodb OPTIONS (access_key_id 'AKIDEXAMPLE', "
                   f"secret_access_key '{SECRET}', session_token '{TOKEN}')")
    database.query('RESET log_min_messages; RESET log_min_duration_statement; LISTEN podyn')
    if statements:
        database.query(f'SELECT {STATEMENTS}_reset()')
    begun = own_postgres.log_size()

    # Successes
    database.query("SELECT * FROM podyn_plan('events')")
    database.replicate('events')
    database.wait_for_state('events', 'streaming')
    with simulator.clock.lock:
        assert {request.headers['X-Amz-Security-Token'] for request in simulator.requests} == {TOKEN}
    assert database.errors('events')

    # Failures of each kind, in the session and in the workers
    for kind in ('access_denied', 'expired_token', 'unrecognized_client', 'internal_error', 'throttle', 'close',
                 'no_json'):
        fault = simulator.fault(kind, times=None)
        for statement in ("SELECT podyn_replicate('events', name => 'other', target => 'other')",
                          "SELECT * FROM podyn_plan('events', name => 'other', target => 'other')"):
            with pytest.raises(psycopg2.Error) as raised:
                database.query(statement)
            diagnostics = raised.value.diag
            assert CANARY not in ' '.join(str(getattr(diagnostics, field)) for field in dir(diagnostics))
        wait_until(lambda: database.status('events')['last_error'], 'the failure is shown', report=database.report)
        simulator.faults.remove(fault)
        database.query("SELECT podyn_stop('events')")
        database.query("CALL podyn_run('events')")
    fault = simulator.fault('access_denied', times=None)
    database.query("SELECT podyn_reset('events')")
    fails(database, "CALL podyn_run('events')", says='failed')

    look_everywhere(database, own_postgres, begun, statements)
    assert not statements or database.value(f"SELECT count(*) FROM {STATEMENTS} WHERE query ~ 'podyn.task'") > 5


def look_everywhere(database, server, begun, more):
    log = server.log_since(begun)
    assert 'DEBUG:' in log and 'access_denied' not in log and 'was denied by AWS' in log
    assert CANARY not in log
    relations = database.column("SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'v') AND "
                                "(relnamespace = 'podyn'::regnamespace OR relname LIKE 'podyn\\_%')")
    assert {'podyn_status', 'podyn_tasks', 'podyn_events', 'podyn.event', 'podyn.error', 'podyn.task'} <= set(relations)
    for relation in (*relations, *more, 'pg_stat_activity', 'pg_settings', 'pg_stat_progress_copy', 'pg_cursors',
                     'pg_prepared_statements', 'pg_file_settings', 'pg_db_role_setting', 'pg_foreign_server'):
        rows = database.column(f'SELECT r::text FROM {relation} AS r')
        # This session's own statement is what it is, and no longer that of the mapping.
        assert CANARY not in '\n'.join(rows), relation
    select.select([database.connection], [], [], 1)
    database.connection.poll()
    payloads = [notification.payload for notification in database.connection.notifies]
    assert payloads and CANARY not in ''.join(payloads)
    assert CANARY not in database.notices()
    # Whoever may not read the mapping's options does not see them.
    database.query('CREATE ROLE onlooker; SET ROLE onlooker')
    try:
        rows = database.column('SELECT o::text FROM information_schema.user_mapping_options AS o')
        assert CANARY not in '\n'.join(rows)
    finally:
        database.query('RESET ROLE; DROP ROLE onlooker')
