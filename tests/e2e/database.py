"""A fresh database with podyn in it, as tests use it."""

import json
import time
from decimal import Decimal

import psycopg2
import psycopg2.extras
from psycopg2 import sql

from waiting import wait_until

KEY, SECRET = 'AKIDEXAMPLE', 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'  # AWS's example keys
DONE = {'streaming', 'completed'}
ENDED = {'failed', 'needs_resync'}


def lost_connection(error):
    """The server has ended the session or does not accept one just now, and has not merely refused a statement."""
    return error.pgcode is None or error.pgcode[:2] in ('08', '57')


class Database:
    def __init__(self, postgres, name, user='postgres'):
        self.postgres, self.name, self.user = postgres, name, user
        self._connection = None

    # ---- statements -------------------------------------------------------------------------------------------------

    @property
    def connection(self):
        """One session, opened again where the server has ended it."""
        if self._connection is None or self._connection.closed:
            self._connection = self.postgres.connect(self.name, self.user)
            # Numbers inside jsonb keep every digit.
            psycopg2.extras.register_default_jsonb(
                self._connection, loads=lambda text: json.loads(text, parse_int=Decimal, parse_float=Decimal))
        return self._connection

    def query(self, statement, *arguments):
        with self.connection.cursor() as cursor:
            cursor.execute(statement, arguments or None)
            return cursor.fetchall() if cursor.description else []

    def value(self, statement, *arguments):
        (value,), = self.query(statement, *arguments)
        return value

    def column(self, statement, *arguments):
        return [value for value, in self.query(statement, *arguments)]

    def row(self, statement, *arguments):
        """The only row, as a dictionary; None where there is none."""
        rows = self.rows(statement, *arguments)
        assert len(rows) <= 1, rows
        return rows[0] if rows else None

    def rows(self, statement, *arguments):
        with self.connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
            cursor.execute(statement, arguments or None)
            return [dict(row) for row in cursor.fetchall()]

    def notices(self):
        return ''.join(self.connection.notices)

    def workers_need_login(self):
        """PostgreSQL 17 lets a background worker run as a role without LOGIN."""
        return self.connection.server_version < 170000

    def close(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # ---- podyn ------------------------------------------------------------------------------------------------------

    def create_server(self, endpoint, server='dynamodb', key=KEY, secret=SECRET, region='us-east-1', mapping=True,
                      **options):
        options = {'region': region, 'endpoint': endpoint, **options}
        listed = sql.SQL(', ').join(
            sql.SQL('{} {}').format(sql.Identifier(name), sql.Literal(value)) for name, value in options.items())
        self.query(sql.SQL('CREATE SERVER {} FOREIGN DATA WRAPPER podyn OPTIONS ({})').format(
            sql.Identifier(server), listed))
        if mapping:
            self.query(sql.SQL('CREATE USER MAPPING FOR CURRENT_USER SERVER {} OPTIONS (access_key_id {}, '
                               'secret_access_key {})').format(
                                   sql.Identifier(server), sql.Literal(key), sql.Literal(secret)))

    def replicate(self, source_table, **options):
        """podyn_replicate; gives the replication's name."""
        named = ', '.join(f'{name} => %s' for name in ('source_table', *options))
        return self.value(f'SELECT podyn_replicate({named})', source_table, *options.values())

    def status(self, name):
        return self.row('SELECT * FROM podyn_status WHERE name = %s', name)

    def state(self, name):
        status = self.status(name)
        return status and status['state']

    def wait_until(self, condition, what, timeout=60):
        """The condition may use this database; where the server has just restarted, it is asked again."""
        def asked_again_after_a_restart():
            try:
                return condition()
            except (psycopg2.DatabaseError, psycopg2.InterfaceError) as error:
                if not lost_connection(error):
                    raise
                self.close()
                return False
        return wait_until(asked_again_after_a_restart, what, timeout, self.report)

    def wait_for_state(self, name, *states, timeout=60):
        """Waits for one of these states; fails at once where the replication ends otherwise."""
        def reached():
            state = self.state(name)
            assert state in states or state not in ENDED, f'state is {state}, not {states}\n{self.report()}'
            return state in states
        self.wait_until(reached, f'{name} is {" or ".join(states)}', timeout)

    def wait_until_copied(self, name, timeout=60):
        self.wait_for_state(name, *DONE, timeout=timeout)

    def sync(self, name, timeout=60):
        """Everything that DynamoDB acknowledged before is applied."""
        def synced():
            return self.value('SELECT podyn_sync(%s, %s)', name, f'{timeout} s')
        deadline = time.monotonic() + timeout
        while True:
            try:
                assert synced(), f'podyn_sync: not within {timeout} s\n{self.report()}'
                return
            except psycopg2.DatabaseError as error:
                if not lost_connection(error):
                    raise
                assert time.monotonic() < deadline, self.report()
                self.close()
                self.postgres.wait_until_accepting()

    def processes(self, kind):
        """The process numbers of those that serve this database; the launcher serves all."""
        return self.postgres.processes(kind, None if kind == 'podyn launcher' else self.name)

    def errors(self, name):
        return self.rows('SELECT * FROM podyn.error WHERE name = %s ORDER BY id', name)

    def report(self):
        """How things stand, for the message of a test that failed."""
        parts = []
        for view, order in (('podyn_status', 'name'), ('podyn_tasks', 'name'), ('podyn_events', 'at')):
            try:
                rows = self.rows(f'SELECT * FROM {view} ORDER BY {order}')
                parts.append(f'{view}:\n' + '\n'.join(
                    '  ' + ', '.join(f'{k}={v}' for k, v in row.items() if v is not None) for row in rows[-30:]))
            except psycopg2.Error as error:
                parts.append(f'{view}: {error}')
                self.close()
        return '\n'.join([*parts, 'server log:', self.postgres.log_tail()])
