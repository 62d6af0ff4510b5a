"""credentials 'default': the environment in which the PostgreSQL server was started."""

import psycopg2
import pytest

from comparison import assert_equal_tables
from database import KEY, SECRET, Database
from postgres_server import PostgresServer


@pytest.fixture
def started_with():
    """started_with(environment): a server's database with podyn in it."""
    servers = []

    def start(**environment):
        servers.append(PostgresServer(environment=environment))
        database = Database(servers[-1], 'postgres')
        database.query('CREATE EXTENSION podyn')
        return database

    yield start
    for server in servers:
        server.remove()


def test_a_replication_runs_with_the_environments_credentials(dynamodb, started_with):
    dynamodb.create_table('events', key=[('id', 'S')])
    dynamodb.put('events', {'id': {'S': 'before'}})
    database = started_with(AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET)
    database.create_server(dynamodb.endpoint, mapping=False, credentials='default')
    database.replicate('events')
    database.wait_for_state('events', 'streaming')
    dynamodb.put('events', {'id': {'S': 'after'}})
    database.sync('events')
    assert assert_equal_tables(dynamodb.client, 'events', database) == 2
    database.postgres.restart()  # in the same environment
    database.close()
    dynamodb.put('events', {'id': {'S': 'after the restart'}})
    database.sync('events')
    database.close()


def test_they_are_what_is_signed_with(dynamodb, started_with):
    dynamodb.create_table('events', key=[('id', 'S')])
    database = started_with(AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY='wrong')
    database.create_server(dynamodb.endpoint, mapping=False, credentials='default')
    with pytest.raises(psycopg2.errors.InvalidAuthorizationSpecification):
        database.replicate('events')
    assert dynamodb.take_refusals() == {'InvalidSignatureException'}
    database.close()
