"""On a standby podyn does nothing; once promoted, it goes on from the checkpoint that it has."""

import psycopg2
import pytest

from comparison import assert_equal_tables
from database import Database
from postgres_server import PostgresServer
from waiting import wait_until


@pytest.fixture
def standby(postgres):
    server = PostgresServer(standby_of=postgres)
    yield server
    server.remove()


def podyn_processes(server):
    return [kind for kind in ('podyn launcher', 'podyn supervisor', 'podyn worker') if server.processes(kind)]


def test_a_promoted_standby_goes_on_from_its_own_checkpoint(postgres, dynamodb, database, request):
    def put(*names):
        dynamodb.put('events', *({'id': {'S': name}, 'by': {'S': names[0]}} for name in (*names, 'changed')))

    dynamodb.create_table('events', key=[('id', 'S')])
    put('copied')
    database.replicate('events')
    database.wait_for_state('events', 'streaming')
    standby = request.getfixturevalue('standby')
    copy = Database(standby, database.name)

    put('known to the standby')
    database.sync('events')
    copy.wait_until(lambda: copy.value("SELECT by FROM events WHERE id = 'changed'") == 'known to the standby',
                    'the standby has the change')
    assert podyn_processes(standby) == []
    for statement in ("SELECT podyn_replicate('events', name => 'again')", "SELECT podyn_stop('events')"):
        with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
            copy.query(statement)

    # What the primary applies from now on, the standby never hears of.
    standby.query("ALTER SYSTEM SET primary_conninfo = ''")
    standby.query('SELECT pg_reload_conf()')
    wait_until(lambda: not postgres.query('SELECT pid FROM pg_stat_replication'), 'the standby is cut off')
    put('known to the primary')
    dynamodb.delete('events', {'id': {'S': 'copied'}})
    database.sync('events')
    database.close()
    postgres.stop('immediate')
    try:
        put('known to nobody')
        assert copy.value("SELECT by FROM events WHERE id = 'changed'") == 'known to the standby'
        standby.query('SELECT pg_promote()')
        copy.sync('events')
        assert copy.state('events') == 'streaming'
        assert assert_equal_tables(dynamodb.client, 'events', copy) == 4
        put('after the promotion')
        copy.sync('events')
        assert assert_equal_tables(dynamodb.client, 'events', copy) == 5
        copy.close()
    finally:
        postgres.start()
