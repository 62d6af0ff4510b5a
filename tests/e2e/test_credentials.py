"""Where credentials come from: every source that a server can have, renewal while running, a wrong clock; who may use
the server's own identity; and that no secret is written anywhere."""

import hashlib
import json
import os
import pwd
import shutil
import tempfile
import textwrap
from pathlib import Path

import psycopg2
import pytest

from database import KEY, SECRET as MAPPING_SECRET
from identity import SECRET, Identity, iso
from postgres_server import PostgresServer
from simulator import Simulator

ROLE = 'arn:aws:iam::123456789012:role/Reader'


class Home:
    """The home directory of the operating system user that PostgreSQL runs as, with AWS's files."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix='podyn-home-'))
        self.write('.aws/config', f'''
            [profile instance]
            role_arn = {ROLE}
            credential_source = Ec2InstanceMetadata
            [profile web]
            role_arn = {ROLE}
            web_identity_token_file = {self.folder}/web-token
            [profile sso]
            sso_session = dev
            sso_account_id = 123456789012
            sso_role_name = Reader
            [sso-session dev]
            sso_region = us-east-1
            sso_start_url = https://example.awsapps.com/start
            [profile process]
            credential_process = sh {self.folder}/process.sh "a b"
            [profile chained]
            role_arn = {ROLE}
            source_profile = keys
            [profile broken]
            role_arn = {ROLE}
            ''')
        self.write('.aws/credentials', f'''
            [keys]
            aws_access_key_id = {KEY}
            aws_secret_access_key = {MAPPING_SECRET}
            ''')
        self.write('web-token', SECRET + 'Web\n')
        self.write('container-token', SECRET + 'Container\n')
        self.write('process.sh', f'''
            test "$1" = "a b" || exit 7
            echo '{{"Version": 1, "AccessKeyId": "PROCESS", "SecretAccessKey": "{SECRET}Process"}}'
            ''')
        self.sso_cache = f'.aws/sso/cache/{hashlib.sha1(b"dev").hexdigest()}.json'
        self.write(self.sso_cache, json.dumps({
            'accessToken': SECRET + 'Stale', 'expiresAt': iso(1_600_000_000), 'refreshToken': SECRET + 'Refresh',
            'clientId': 'client', 'clientSecret': SECRET + 'Client', 'registrationExpiresAt': '2099-01-01T00:00:00Z'}))

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        if os.geteuid() == 0:
            owner = pwd.getpwnam('postgres').pw_uid
            for each in (path, *path.parents):
                if self.folder in (each, *each.parents):
                    os.chown(each, owner, -1)

    def read(self, name):
        return (self.folder / name).read_text()


@pytest.fixture(scope='module')
def identity():
    server = Identity()
    yield server
    server.stop()


@pytest.fixture(scope='module')
def home():
    made = Home()
    yield made
    shutil.rmtree(made.folder)


@pytest.fixture(scope='module')
def own_postgres(identity, home):
    """A server with surroundings as on AWS, which logs all that it can."""
    server = PostgresServer(environment={
        'SERVER_HOME': str(home.folder),
        'AWS_CONTAINER_CREDENTIALS_FULL_URI': f'{identity.endpoint}/container',
        'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE': f'{home.folder}/container-token',
        'AWS_EC2_METADATA_SERVICE_ENDPOINT': identity.endpoint,
        'AWS_ENDPOINT_URL': identity.endpoint,
        'AWS_REGION': 'us-east-1',
    }, log_min_messages='debug5', log_error_verbosity='verbose')
    yield server
    server.remove()


@pytest.fixture
def events(simulator):
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    table.put({'id': {'S': 'first'}})
    return table


@pytest.fixture
def connect(own_postgres, make_database, simulator, identity):
    """connect(…server options): a database with a server for the simulator. Nothing secret is in the log afterwards."""
    identity.life, identity.broken = 3600, False
    begun = own_postgres.log_size()
    yield lambda **options: make_database(simulator.endpoint, on=own_postgres, **options)
    log = own_postgres.log_since(begun)
    assert 'DEBUG:' in log and SECRET not in log
    # A CREATE USER MAPPING is what its user wrote; podyn adds nothing.
    assert MAPPING_SECRET not in '\n'.join(line for line in log.splitlines() if 'CREATE USER MAPPING' not in line)


def keys_used(simulator):
    with simulator.clock.lock:
        return [request.key for request in simulator.requests]


def copies(database, simulator, prefix):
    """Replicates, and every request was signed with keys of this kind."""
    database.replicate('events')
    database.wait_for_state('events', 'streaming')
    assert database.column('SELECT id FROM events') == ['first']
    used = set(keys_used(simulator))
    assert all(key.startswith(prefix) for key in used), used


def refused(database, statement, *arguments):
    with pytest.raises(psycopg2.Error) as raised:
        database.query(statement, *arguments)
    return raised.value


# ---- sources --------------------------------------------------------------------------------------------------------

def test_the_default_chain_finds_the_container_s_role(events, simulator, connect, identity):
    copies(connect(credentials='default', mapping=False), simulator, 'CONTAINER')
    assert identity.count('metadata token') == 0


@pytest.mark.parametrize('profile, prefix, asked', [
    ('instance', 'ROLE', ['metadata token', 'metadata', 'metadata', 'AssumeRole']),
    ('web', 'ROLE', ['AssumeRoleWithWebIdentity']),
    ('chained', 'ROLE', ['AssumeRole']),
    ('keys', KEY, []),
])
def test_a_profile_of_the_configuration_files(events, simulator, connect, identity, profile, prefix, asked):
    begun = len(identity.asked)
    copies(connect(credentials='default', profile=profile, mapping=False), simulator, prefix)
    assert identity.asked[begun:begun + len(asked)] == asked


def test_sso_s_token_is_refreshed_and_kept(events, simulator, connect, identity, home):
    copies(connect(credentials='default', profile='sso', mapping=False), simulator, 'SSO')
    cached = json.loads(home.read(home.sso_cache))
    assert (cached['accessToken'], cached['refreshToken']) == (SECRET + 'Fresh', SECRET + 'NextRefresh')
    assert identity.count('oidc') == 1


def test_a_program_is_run_only_where_the_superuser_allows_it(events, simulator, connect, own_postgres):
    database = connect(credentials='default', profile='process', mapping=False)
    error = refused(database, "SELECT podyn_replicate('events')")
    assert error.pgcode == '28000' and 'podyn.allow_credential_process' in error.diag.message_hint
    own_postgres.query('ALTER SYSTEM SET podyn.allow_credential_process = on')
    own_postgres.query('SELECT pg_reload_conf()')
    try:
        database.wait_until(lambda: database.value('SHOW podyn.allow_credential_process') == 'on', 'the setting is on')
        copies(database, simulator, 'PROCESS')
    finally:
        own_postgres.query('ALTER SYSTEM RESET podyn.allow_credential_process')
        own_postgres.query('SELECT pg_reload_conf()')


def test_a_role_is_assumed_with_a_user_mapping_and_an_external_id(events, simulator, connect, identity):
    guarded = ROLE.replace('Reader', 'Guarded')
    database = connect(role_arn=guarded, sts_endpoint=identity.endpoint)
    error = refused(database, "SELECT podyn_replicate('events')")
    assert error.pgcode == '28000' and guarded in error.diag.message_primary
    assert 'sts:AssumeRole' in error.diag.message_hint
    database.query("ALTER SERVER dynamodb OPTIONS (ADD external_id 'the id')")
    copies(database, simulator, 'ROLE')
    assert identity.role_form['ExternalId'] == 'the id'


def test_a_role_is_assumed_with_what_the_default_chain_finds(events, simulator, connect, identity):
    copies(connect(role_arn=ROLE, sts_endpoint=identity.endpoint, credentials='default', mapping=False), simulator,
           'ROLE')


# ---- renewal --------------------------------------------------------------------------------------------------------

def test_temporary_credentials_are_renewed_while_running(events, simulator, connect, identity):
    identity.life = 4
    refusals = simulator.fault('expired_token', times=None, when=lambda request: identity.expired(request.key))
    database = connect(credentials='default', mapping=False)
    copies(database, simulator, 'CONTAINER')
    database.wait_until(lambda: len(set(keys_used(simulator))) >= 3, 'three different keys were used')
    events.put({'id': {'S': 'second'}})
    database.sync('events')
    assert database.value('SELECT count(*) FROM events') == 2
    assert refusals.fired == 0, 'none was used until it was refused'


def test_credentials_that_are_refused_as_expired_are_renewed_at_once(events, simulator, connect):
    database = connect(credentials='default', mapping=False)
    copies(database, simulator, 'CONTAINER')
    old = keys_used(simulator)[-1]
    fault = simulator.fault('expired_token', times=None, when=lambda request: request.key == old)
    events.put({'id': {'S': 'second'}})
    database.sync('events')
    assert database.value('SELECT count(*) FROM events') == 2
    assert fault.fired >= 1 and keys_used(simulator)[-1] != old
    assert database.status('events')['errors'] == 0


def test_an_outage_of_the_source_is_waited_out(events, simulator, connect, identity):
    identity.life = 3
    simulator.fault('expired_token', times=None, when=lambda request: identity.expired(request.key))
    database = connect(credentials='default', mapping=False)
    copies(database, simulator, 'CONTAINER')
    identity.broken = True
    events.put({'id': {'S': 'second'}})
    database.wait_until(lambda: 'credentials' in (database.status('events')['last_error'] or ''), 'the error is shown')
    assert database.state('events') == 'streaming'
    identity.broken = False
    identity.life = 3600
    database.wait_until(lambda: database.value('SELECT count(*) FROM events') == 2, 'the change has arrived')


# ---- clock ----------------------------------------------------------------------------------------------------------

def test_a_wrong_clock_costs_one_request_for_each_process(events, simulator, connect):
    simulator.checks_clock = True
    simulator.advance(-2 * 3600)
    database = connect()
    copies(database, simulator, KEY)
    with simulator.clock.lock:
        wrong = [request for request in simulator.requests if request.error == 'InvalidSignatureException']
        right = len(simulator.requests) - len(wrong)
    # This session, and each worker; of those, each request that was under way when the first answer came.
    assert 2 <= len(wrong) < right, (len(wrong), right)
    events.put({'id': {'S': 'second'}})
    database.sync('events')
    with simulator.clock.lock:
        assert len([r for r in simulator.requests if r.error == 'InvalidSignatureException']) == len(wrong)


# ---- errors and rights ----------------------------------------------------------------------------------------------

def test_a_profile_that_does_not_work_says_why(events, connect):
    database = connect(credentials='default', profile='broken', mapping=False)
    error = refused(database, "SELECT podyn_replicate('events')")
    assert error.pgcode == '28000'
    assert 'neither source_profile nor credential_source' in error.diag.message_detail
    database.query("ALTER SERVER dynamodb OPTIONS (SET profile 'nowhere')")
    error = refused(database, "SELECT podyn_replicate('events')")
    assert 'no AWS profile named "nowhere"' in error.diag.message_primary and error.diag.message_hint


def test_who_is_no_superuser_cannot_lend_the_server_s_identity(own_postgres, connect, simulator):
    database = connect()
    own_postgres.query('CREATE ROLE plain LOGIN')
    try:
        database.query('GRANT USAGE ON FOREIGN DATA WRAPPER podyn TO plain; GRANT CREATE ON SCHEMA public TO plain; '
                       'ALTER SERVER dynamodb OWNER TO plain; SET ROLE plain')
        for statement in ("CREATE SERVER mine FOREIGN DATA WRAPPER podyn OPTIONS (credentials 'default')",
                          "CREATE SERVER mine FOREIGN DATA WRAPPER podyn OPTIONS (profile 'keys')",
                          "ALTER SERVER dynamodb OPTIONS (ADD credentials 'default')",
                          "ALTER SERVER dynamodb OPTIONS (ADD credentials 'default', ADD profile 'keys')",
                          "SET podyn.allow_credential_process = on",
                          "SET podyn.allowed_endpoints = '169.254.169.254'"):
            assert refused(database, statement).pgcode == '42501', statement
        for endpoint in ('https://169.254.169.254', 'https://[fd00:ec2::254]', 'https://169.254.170.2'):
            for option in ('sts_endpoint', 'streams_endpoint'):
                assert refused(database, f"ALTER SERVER dynamodb OPTIONS (ADD {option} '{endpoint}')").pgcode == '42501'
    finally:
        database.query('RESET ROLE; DROP OWNED BY plain CASCADE')
        own_postgres.query('DROP ROLE plain')
