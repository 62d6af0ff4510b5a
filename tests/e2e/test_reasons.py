"""podyn_status and podyn_tasks say why something waits, and what to do."""

import pytest

from database import SECRET


@pytest.fixture
def events(simulator):
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    for number in range(200):
        table.put({'id': {'S': f'{number:03}'}, 'note': {'S': 'x' * 2000}})
    return table


def waits_for(database, kind, name='events'):
    return set(database.column('SELECT waits_for FROM podyn_tasks WHERE name = %s AND kind = %s', name, kind))


@pytest.mark.parametrize('operation, state', [('Scan', 'copying'), ('GetRecords', 'streaming')])
def test_a_denied_action_is_named_with_what_to_do(events, simulator, simulated, operation, state):
    fault = simulator.fault('access_denied', operation=operation, times=None,
                            after=1 if operation == 'Scan' else 0)
    simulated.replicate('events')
    simulated.wait_until(lambda: simulated.state('events') == 'failed', 'it has failed')
    error = simulated.status('events')['last_error']
    assert f'request {operation} was denied by AWS' in error
    assert f'dynamodb:{operation}' in error.rsplit('; ', 1)[1], error  # the remedy, after what AWS said
    assert waits_for(simulated, 'shard') <= {'podyn_start'}
    simulator.faults.remove(fault)
    simulated.query("SELECT podyn_start('events')")
    simulated.wait_for_state('events', 'streaming')
    assert simulated.status('events')['last_error'] is None


def test_throttling_is_shown_with_its_remedy_and_the_next_try(events, simulator, simulated):
    simulator.fault('throttle', operation='Scan', times=None, after=1)
    simulated.replicate('events')
    simulated.wait_until(lambda: simulated.status('events')['retry_at'], 'a retry is pending')
    status = simulated.status('events')
    assert status['state'] == 'copying' and status['throttled'] >= 3
    assert 'throttled' in status['last_error'] and 'read capacity' in status['last_error']
    simulated.wait_until(lambda: waits_for(simulated, 'segment') == {'retry'}, 'the segment waits for a retry')


def test_a_lock_names_who_holds_it(events, simulated):
    simulated.replicate('events')
    simulated.wait_for_state('events', 'streaming')
    holder = simulated.postgres.connect(simulated.name)
    with holder.cursor() as cursor:
        cursor.execute('BEGIN; LOCK TABLE events')
    events.put({'id': {'S': 'another'}})
    pid = holder.info.backend_pid
    simulated.wait_until(lambda: f'process {pid} (postgres) holds AccessExclusiveLock on' in (
        simulated.status('events')['last_error'] or ''), 'the holder is named')
    holder.close()
    simulated.sync('events')
    assert simulated.status('events')['last_error'] is None


def test_a_copy_at_its_scan_rate_says_so(events, simulated):
    simulated.replicate('events', scan_rate=5)
    simulated.wait_until(lambda: waits_for(simulated, 'segment') == {'scan_rate'}, 'the segment waits for read units')
    assert simulated.status('events')['last_error'] is None
    simulated.query("SELECT podyn_stop('events')")
    assert waits_for(simulated, 'segment') == {'podyn_start'}


def test_what_is_done_and_what_works_waits_for_nothing(events, simulated):
    simulated.replicate('events', scan_rate=0)
    simulated.wait_for_state('events', 'streaming')
    assert waits_for(simulated, 'segment') == {None}
    simulated.wait_until(lambda: waits_for(simulated, 'shard') == {None}, 'the shards are read')


def test_who_has_no_worker_is_told(events, simulator, simulated, configure):
    configure('podyn.max_workers', 1)
    simulated.postgres.query('CREATE ROLE second LOGIN')
    try:
        simulated.replicate('events', scan_rate=1)
        simulated.wait_for_state('events', 'copying')
        simulated.query(f"""
            GRANT USAGE ON FOREIGN SERVER dynamodb TO second; GRANT CREATE ON SCHEMA public TO second;
            GRANT EXECUTE ON FUNCTION podyn_replicate TO second;
            CREATE USER MAPPING FOR second SERVER dynamodb OPTIONS (access_key_id 'AKIDEXAMPLE',
                secret_access_key '{SECRET}');
            SET ROLE second""")
        simulated.replicate('events', name='other', target='others', scan_rate=1)
        simulated.query('RESET ROLE')
        simulated.wait_until(lambda: any('podyn.max_workers' in (simulated.status(name)['last_error'] or '')
                                         for name in ('events', 'other')), 'the lack of workers is told')
    finally:
        simulated.query("RESET ROLE; SELECT podyn_drop(name) FROM podyn_status; DROP OWNED BY second CASCADE")
        simulated.postgres.query('DROP ROLE second')


@pytest.fixture
def of_second(events, simulated):
    """The replication 'events' is another role's. Gives what drops the role, with its table and rights."""
    simulated.postgres.query('CREATE ROLE second LOGIN')
    try:
        simulated.query(f"""
            GRANT USAGE ON FOREIGN SERVER dynamodb TO second; GRANT CREATE ON SCHEMA public TO second;
            GRANT EXECUTE ON FUNCTION podyn_replicate TO second;
            CREATE USER MAPPING FOR second SERVER dynamodb OPTIONS (access_key_id 'AKIDEXAMPLE',
                secret_access_key '{SECRET}');
            SET ROLE second""")
        simulated.replicate('events', scan_rate=0)
        simulated.query('RESET ROLE')
        yield 'DROP OWNED BY second; DROP ROLE second'
    finally:
        simulated.query("RESET ROLE; SELECT podyn_drop(name) FROM podyn_status")
        if simulated.value("SELECT to_regrole('second')"):
            simulated.query('DROP OWNED BY second CASCADE; DROP ROLE second')


def test_an_owner_as_whom_no_worker_can_run_is_told(simulated, of_second):
    """Whatever its role has lost, the reason stands in podyn_status, and goes when the role has it again."""
    accidents = [(f'REVOKE CONNECT ON DATABASE {simulated.name} FROM PUBLIC',
                  f'GRANT CONNECT ON DATABASE {simulated.name} TO second', 'CONNECT'),
                 (of_second, None, 'podyn_drop')]
    if simulated.workers_need_login():
        accidents.insert(0, ('ALTER ROLE second NOLOGIN', 'ALTER ROLE second LOGIN', 'LOGIN'))
    for accident, remedy, says in accidents:
        simulated.wait_for_state('events', 'streaming')
        simulated.wait_until(lambda: simulated.status('events')['last_error'] is None, 'nothing is wrong')
        simulated.query("SELECT podyn_stop('events')")
        simulated.query(accident)
        simulated.query("SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity "
                        "WHERE backend_type = 'podyn worker' AND datname = current_database()")
        simulated.query("SELECT podyn_start('events')")
        simulated.wait_until(lambda: says in (simulated.status('events')['last_error'] or ''), 'the reason is told')
        if remedy:
            simulated.query(remedy)
            simulated.query("SELECT podyn_start('events')")


def test_an_owner_that_is_dropped_is_told_while_its_worker_is_there(simulated, of_second):
    """As other sessions of the role, the worker goes on; nothing that it would do next works any more."""
    simulated.wait_for_state('events', 'streaming')
    simulated.query(f"SELECT podyn_stop('events'); {of_second}; SELECT podyn_start('events')")
    simulated.wait_until(lambda: 'role is gone' in (simulated.status('events')['last_error'] or ''),
                         'the reason is told')
    assert 'OID' not in ' '.join(simulated.column('SELECT message FROM podyn_events'))


def test_the_view_is_a_live_screen(events, simulated):
    """Plain numbers and times in every column, for \\watch and exporters."""
    simulated.replicate('events')
    simulated.wait_for_state('events', 'streaming')
    types = simulated.query("SELECT attname, atttypid::regtype::text FROM pg_attribute "
                            "WHERE attrelid = 'podyn_status'::regclass AND attnum > 0 ORDER BY attnum")
    assert types == [
        ('name', 'text'), ('source', 'text'), ('target', 'text'), ('state', 'text'), ('progress', 'double precision'),
        ('items_copied', 'bigint'), ('items_total', 'bigint'), ('items_per_second', 'double precision'),
        ('eta', 'interval'), ('changes_applied', 'bigint'), ('changes_per_second', 'double precision'),
        ('lag', 'interval'), ('spooled', 'bigint'), ('errors', 'bigint'), ('workers', 'integer'),
        ('read_units', 'double precision'), ('throttled', 'bigint'),
        ('consistent_since', 'timestamp with time zone'), ('last_change_at', 'timestamp with time zone'),
        ('started_at', 'timestamp with time zone'), ('last_error', 'text'),
        ('last_error_at', 'timestamp with time zone'), ('retry_at', 'timestamp with time zone'), ('skipped', 'bigint')]
