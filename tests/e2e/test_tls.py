"""TLS: certificates are verified against ca_file or the system's, and connections are kept."""

import ssl
import subprocess

import pytest

from comparison import assert_equal_tables
from dynamodb_local import boto3_client
from failing import fails, nothing_is_left
from simulator import Simulator


class Authority:
    """A certificate authority of our own, in a folder that PostgreSQL can read."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.ca_file = folder / f'{name}.pem'
        self._make(name, '-addext', 'basicConstraints=critical,CA:TRUE')

    def _make(self, name, *options):
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                        '-days', '2', '-subj', f'/CN=podyn test {name}', '-keyout', self.folder / f'{name}.key',
                        '-out', self.folder / f'{name}.pem', *options], check=True, capture_output=True)
        (self.folder / f'{name}.pem').chmod(0o644)

    def server_context(self, host):
        """A server's TLS with a certificate for a host, such as 'DNS:localhost'."""
        name = f'{self.name}-server'
        self._make(name, '-CA', self.ca_file, '-CAkey', self.folder / f'{self.name}.key',
                   '-addext', f'subjectAltName={host}', '-addext', 'basicConstraints=critical,CA:FALSE')
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f'{name}.pem', self.folder / f'{name}.key')
        return context


@pytest.fixture(scope='module')
def authority(postgres):
    return Authority(postgres.folder, 'authority')


@pytest.fixture(scope='module')
def stranger(postgres):
    return Authority(postgres.folder, 'stranger')


@pytest.fixture
def serve(authority):
    """serve(host): a simulator with TLS whose certificate is for this host, and a table with an item."""
    running = []

    def serve(host='IP:127.0.0.1'):
        simulator = Simulator(tls=authority.server_context(host))
        running.append(simulator)
        events = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
        events.put({'id': {'S': 'one'}})
        return simulator
    yield serve
    for simulator in running:
        simulator.stop()


def test_a_certificate_of_an_authority_in_ca_file_is_trusted(serve, authority, make_database):
    simulator = serve()
    database = make_database(simulator.endpoint, ca_file=str(authority.ca_file))
    database.replicate('events')
    database.wait_for_state('events', 'streaming')
    simulator.tables['events'].put({'id': {'S': 'two'}})
    database.sync('events')
    client = boto3_client(simulator.endpoint, verify=str(authority.ca_file))
    assert assert_equal_tables(client, 'events', database) == 2


def test_a_certificate_that_nobody_vouches_for(serve, make_database):
    database = make_database(serve().endpoint)
    fails(database, "SELECT podyn_replicate('events')", says=('could not verify the TLS certificate', 'https://127.0'),
          hint=('endpoint', 'ca_file'), sqlstates=('08001',))
    nothing_is_left(database)


def test_a_certificate_of_another_authority(serve, stranger, make_database):
    simulator = serve()
    database = make_database(simulator.endpoint, ca_file=str(stranger.ca_file))
    fails(database, "SELECT podyn_replicate('events')", says='could not verify the TLS certificate', hint='ca_file',
          sqlstates=('08001',))
    assert simulator.requests == [], 'nothing is sent to a stranger'
    nothing_is_left(database)


def test_a_certificate_for_another_host(serve, authority, make_database):
    simulator = serve('DNS:dynamodb.example')
    database = make_database(simulator.endpoint, ca_file=str(authority.ca_file))
    fails(database, "SELECT podyn_replicate('events')", says=('could not verify the TLS certificate', '127.0.0.1'),
          hint='endpoint', sqlstates=('08001',))
    assert simulator.requests == []
    nothing_is_left(database)


@pytest.mark.parametrize('content', [None, b'', b'no certificate'], ids=['missing', 'empty', 'no certificate'])
def test_a_ca_file_that_is_none(serve, postgres, make_database, content):
    path = postgres.folder / 'bad.pem'
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)
        path.chmod(0o644)
    simulator = serve()
    database = make_database(simulator.endpoint, ca_file=str(path))
    fails(database, "SELECT podyn_replicate('events')", says='could not read the TLS certificates', hint='ca_file',
          sqlstates=('08001',))
    assert simulator.requests == []
    nothing_is_left(database)


def test_a_relative_ca_file(database):
    fails(database, "CREATE SERVER other FOREIGN DATA WRAPPER podyn OPTIONS (region 'us-east-1', ca_file 'ca.pem')",
          says='ca_file', hint='absolute', sqlstates=('HV024',))


def test_a_certificate_that_is_no_longer_trusted_fails_until_it_is_mended(serve, authority, stranger, make_database):
    simulator = serve()
    database = make_database(simulator.endpoint, ca_file=str(authority.ca_file))
    database.replicate('events')
    database.wait_for_state('events', 'streaming')
    database.query(f"ALTER SERVER dynamodb OPTIONS (SET ca_file '{stranger.ca_file}')")
    database.value("SELECT podyn_stop('events')")
    database.wait_for_state('events', 'stopped', timeout=10)
    database.value("SELECT podyn_start('events')")
    database.wait_until(lambda: database.state('events') == 'failed', 'it fails')
    assert 'could not verify the TLS certificate' in database.status('events')['last_error']
    simulator.tables['events'].put({'id': {'S': 'meanwhile'}})
    database.query(f"ALTER SERVER dynamodb OPTIONS (SET ca_file '{authority.ca_file}')")
    database.value("SELECT podyn_start('events')")
    database.sync('events')
    assert database.column('SELECT id FROM events ORDER BY id') == ['meanwhile', 'one']


def test_connections_are_used_again(serve, authority, make_database):
    """A handshake for each call would cost more than the call."""
    simulator = serve()
    stream = simulator.tables['events'].stream
    for _ in range(2):
        for shard in stream.open_shards():
            stream.split(shard)
    database = make_database(simulator.endpoint, ca_file=str(authority.ca_file))
    database.replicate('events')
    database.wait_for_state('events', 'streaming')
    accepted, asked = simulator.accepted, len(simulator.requests)
    database.wait_until(lambda: len(simulator.requests) >= asked + 60, 'many calls')
    assert simulator.accepted <= accepted + 4, 'one for each of four shards, at most'
