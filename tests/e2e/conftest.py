"""Fixtures: servers for the session, a fresh database and empty DynamoDB for each test."""

import itertools
import os
import re
import subprocess
import time
from pathlib import Path

import pytest
from psycopg2 import sql

from citus_cluster import CitusCluster
from database import Database
from dynamodb_local import DynamoDBLocal
from exports import Bucket, upload, write_simulated
from history import History
from postgres_server import PostgresServer
from s3_server import S3Server
from simulator import Simulator

# Signal 9 is what tests send; any other end of a process is a bug. Anchored, as a statement in the log may be a very
# long line, whose every end would be searched.
CRASH = re.compile(r'^.*(PANIC|TRAP:|was terminated by signal (?!9\b)|AddressSanitizer).*', re.MULTILINE)
DROP_SECONDS = 5  # nothing may hold up DROP DATABASE; a second, and some more for a busy machine

database_numbers = itertools.count(1)


@pytest.fixture(scope='session')
def postgres():
    server = PostgresServer()
    yield server
    server.remove()


@pytest.fixture(scope='session')
def dynamodb_process():
    # It lives for minutes: the second compiler would take more of the processors than its code gives back.
    process = DynamoDBLocal(JAVA_TOOL_OPTIONS='-XX:TieredStopAtLevel=1')
    yield process
    process.stop()


@pytest.fixture
def dynamodb(dynamodb_process):
    """DynamoDB Local behind the signing proxy, without tables. Whoever signs wrongly on purpose takes the refusals."""
    dynamodb_process.take_refusals()
    yield dynamodb_process
    dynamodb_process.proxy.held = None
    dynamodb_process.drop_tables()
    assert dynamodb_process.take_refusals() == set(), 'requests were signed wrongly'


@pytest.fixture(scope='session')
def s3_process():
    process = S3Server()
    yield process
    process.stop()


@pytest.fixture
def s3(s3_process):
    """s3rver behind the signing proxy, with an empty bucket. Whoever signs wrongly on purpose takes the refusals."""
    s3_process.take_refusals()
    s3_process.create_bucket()
    yield s3_process
    s3_process.proxy.interfere = s3_process.proxy.page_size = s3_process.proxy.held = None
    s3_process.drop_buckets()
    assert s3_process.take_refusals() == set(), 'requests were signed wrongly'


@pytest.fixture
def simulator():
    with Simulator() as running:
        yield running


@pytest.fixture
def bucket():
    """A folder that exports are written into, as in a bucket of S3."""
    bucket = Bucket()
    yield bucket
    bucket.remove()


@pytest.fixture
def exporting(make_database, simulator, s3, bucket):
    """A fresh database with a server for the simulator, which writes its exports into the bucket of S3."""
    def write(made):
        folder = write_simulated(bucket, made)
        upload(s3, bucket)
        return folder.name
    simulator.write_export = write
    return make_database(simulator.endpoint, s3_endpoint=s3.endpoint, s3_path_style='true')


@pytest.fixture
def history(simulator, bucket):
    """A table of the simulator that begins 30 hours ago."""
    return History(simulator, bucket)


@pytest.fixture
def configure(postgres):
    """configure('podyn.batch_rows', 100): a setting of the server for this test."""
    changed = []

    def configure(name, value):
        changed.append(name)
        postgres.set(name, value)
    yield configure
    for name in changed:
        postgres.reset(name)


@pytest.fixture
def polling_fast(configure):
    """Shards are read fifty times a second."""
    configure('podyn.poll_interval', 20)


@pytest.fixture
def no_crash(postgres):
    """The server's log tells of no crash after the test."""
    begun = postgres.log_size()
    yield
    crashes = CRASH.findall(postgres.log_since(begun))
    assert not crashes, postgres.log_since(begun)[-4000:]


@pytest.fixture
def make_database(postgres, no_crash):
    """make_database(endpoint): a database with podyn and a server 'dynamodb'; dropped after the test."""
    made = []

    def make(endpoint=None, on=postgres, **server_options):
        database = Database(on, f'test_{next(database_numbers)}')
        on.query(sql.SQL('CREATE DATABASE {}').format(sql.Identifier(database.name)))
        made.append(database)
        database.query('CREATE EXTENSION podyn')
        if endpoint:
            database.create_server(endpoint, **server_options)
        return database

    yield make
    for database in made:
        database.close()
        database.postgres.wait_until_accepting()
        begun = time.monotonic()
        database.postgres.query(sql.SQL('DROP DATABASE IF EXISTS {} WITH (FORCE)').format(
            sql.Identifier(database.name)))
        assert time.monotonic() - begun < DROP_SECONDS, 'DROP DATABASE was held up'


@pytest.fixture
def database(make_database, dynamodb):
    """A fresh database with a server for DynamoDB Local."""
    return make_database(dynamodb.endpoint)


@pytest.fixture
def simulated(make_database, simulator):
    """A fresh database with a server for the simulator."""
    return make_database(simulator.endpoint)


@pytest.fixture(scope='session')
def citus(postgres):
    """A coordinator and two worker nodes."""
    if not postgres.query("SELECT name FROM pg_available_extensions WHERE name = 'citus'"):
        pytest.skip('this PostgreSQL does not offer the extension citus')
    cluster = CitusCluster()
    yield cluster
    cluster.remove()


@pytest.fixture
def distributed(citus, simulator):
    """A fresh database on the cluster, with a server for the simulator."""
    begun = [server.log_size() for server in citus.servers]
    database = citus.create_database(f'test_{next(database_numbers)}')
    database.create_server(simulator.endpoint)
    yield database
    citus.drop_database(database)
    for server, at in zip(citus.servers, begun):
        crashes = CRASH.findall(server.log_since(at))
        assert not crashes, server.log_since(at)[-4000:]


def pytest_report_header(config):
    pg_config = os.environ.get('PG_CONFIG', '/usr/lib/postgresql/15/bin/pg_config')
    library = subprocess.run([pg_config, '--pkglibdir'], capture_output=True, text=True)
    module = Path(library.stdout.strip()) / 'podyn.so'
    return f'podyn: {module}' if module.exists() else 'podyn is not installed: run ./test e2e'
