"""A throwaway PostgreSQL server for tests (scripts/postgres.sh): connections, its log, its processes."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg2

from waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
# What the simulator and DynamoDB Local acknowledge is in the stream at once; a second each time would add up.
SETTINGS = {'podyn.stream_delay': '100ms'}


def run_script(name, *arguments, **environment):
    subprocess.run([ROOT / 'scripts' / name, *map(str, arguments)], check=True, env={**os.environ, **environment})


class PostgresServer:
    """`environment`: what the server is started with beside the tests' own; `standby_of`: another such server."""

    def __init__(self, environment=None, standby_of=None, **settings):
        self.folder = Path(tempfile.mkdtemp(prefix='podyn-test-'))
        self.folder.chmod(0o755)
        if os.geteuid() == 0:
            os.chown(self.folder, pwd.getpwnam('postgres').pw_uid, -1)
        self.environment = environment or {}
        self.settings = [f'{name}={value}' for name, value in {**SETTINGS, **settings}.items()]
        self.log_file = self.folder / 'postgres.log'
        if standby_of:
            run_script('postgres.sh', 'standby', self.folder, standby_of.folder)
        else:
            run_script('postgres.sh', 'create', self.folder, *self.settings, **self.environment)
        self.port = int((self.folder / 'postgres.port').read_text())

    def connect(self, database='postgres', user='postgres'):
        # No statement of a test takes that long; one that hangs shall not hang the others.
        connection = psycopg2.connect(host=str(self.folder), port=self.port, dbname=database, user=user,
                                      options='-c statement_timeout=5min')
        connection.autocommit = True
        return connection

    def query(self, sql, *arguments):
        """On a connection of its own to database postgres."""
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, arguments or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def set(self, name, value):
        """For every session from now on."""
        self._reload_with(f'ALTER SYSTEM SET {name} = {value}')

    def reset(self, name):
        self._reload_with(f'ALTER SYSTEM RESET {name}')

    def _reload_with(self, command):
        self.query(command)
        self.query('SELECT pg_reload_conf()')

    def processes(self, kind, database=None):
        """The process numbers of 'podyn worker', 'podyn supervisor', 'podyn launcher'."""
        return [pid for pid, in self.query(
            'SELECT pid FROM pg_stat_activity WHERE backend_type = %s AND (%s IS NULL OR datname = %s)',
            kind, database, database)]

    def kill(self, pid):
        """kill -9; returns when PostgreSQL has noticed, ended every session and begun anew."""
        begun = self.log_size()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: 'reinitializing' in self.log_since(begun), 'PostgreSQL has noticed the kill', timeout=30,
                   report=self.log_tail)

    def accepting(self):
        try:
            return self.query('SELECT true') == [(True,)]
        except psycopg2.DatabaseError:
            return False

    def wait_until_accepting(self):
        wait_until(self.accepting, 'the server accepts connections again', timeout=30, report=self.log_tail)

    def log_size(self):
        return self.log_file.stat().st_size

    def log_since(self, offset):
        with open(self.log_file, encoding='utf-8', errors='replace') as log:
            log.seek(offset)
            return log.read()

    def log_tail(self, lines=40):
        return '\n'.join(self.log_since(max(0, self.log_size() - 20_000)).splitlines()[-lines:])

    def start(self):
        run_script('postgres.sh', 'start', self.folder, **self.environment)

    def stop(self, mode='fast'):
        run_script('postgres.sh', 'stop', self.folder, '-m', mode)

    def restart(self):
        run_script('postgres.sh', 'restart', self.folder, '-m', 'fast', **self.environment)

    def remove(self):
        try:
            self.stop('immediate')
        finally:
            shutil.rmtree(self.folder)
