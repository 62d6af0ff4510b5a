"""A coordinator and two worker nodes of Citus, for tests that run where the server offers the extension."""

import contextlib

import psycopg2
from psycopg2 import sql

from database import Database
from postgres_server import PostgresServer
from waiting import wait_until

# Logical: shards move while they are written. Short: a node's last word about a commit is asked for after seconds.
SETTINGS = {'wal_level': 'logical', 'max_prepared_transactions': 100, 'citus.node_conninfo': 'sslmode=prefer'}
COORDINATOR_SETTINGS = {'shared_preload_libraries': 'citus,podyn', 'citus.recover_2pc_interval': '2s'}


class CitusDatabase(Database):
    """A database of the coordinator, and its namesakes on the nodes."""

    def shards(self, table):
        """Node's port and rows of each shard."""
        return self.query('SELECT nodeport, result::bigint FROM run_command_on_shards(%s, $$SELECT count(*) FROM %%s$$) '
                          'JOIN citus_shards USING (shardid)', table)

    def prepared_on_nodes(self):
        """Transactions that the nodes have prepared and the coordinator has not ended yet."""
        return [gid for gid, in self.query('SELECT unnest(string_to_array(result, $$,$$)) FROM run_command_on_workers('
                                           '$$SELECT string_agg(gid, $q$,$q$) FROM pg_prepared_xacts$$) WHERE success')]


class CitusCluster:
    def __init__(self, **settings):
        settings = {**SETTINGS, **settings}
        self.coordinator = PostgresServer(**settings, **COORDINATOR_SETTINGS)
        self.nodes = [PostgresServer(**settings, shared_preload_libraries='citus') for _ in range(2)]

    @property
    def servers(self):
        return [self.coordinator, *self.nodes]

    def create_database(self, name, shards=8):
        for server in self.servers:
            server.query(sql.SQL('CREATE DATABASE {}').format(sql.Identifier(name)))
            database = Database(server, name)
            database.query('CREATE EXTENSION citus')
            database.close()
        database = CitusDatabase(self.coordinator, name)
        database.query("SELECT citus_set_coordinator_host('localhost', %s)", self.coordinator.port)
        for node in self.nodes:
            database.query("SELECT citus_add_node('localhost', %s)", node.port)
        database.query(sql.SQL('ALTER DATABASE {} SET citus.shard_count = {}').format(
            sql.Identifier(name), sql.Literal(shards)))
        database.close()
        database.query('CREATE EXTENSION podyn')
        return database

    def drop_database(self, database):
        for node in self.nodes:
            if not node.accepting():
                node.start()
        database.close()
        self.coordinator.wait_until_accepting()

        def dropped(server):
            # Citus's maintenance daemon may be holding on to it, and so may a transaction that a node has prepared.
            with contextlib.suppress(psycopg2.DatabaseError):
                for gid, in server.query('SELECT gid FROM pg_prepared_xacts WHERE database = %s', database.name):
                    other = Database(server, database.name)
                    other.query('ROLLBACK PREPARED %s', gid)
                    other.close()
                for slot, in server.query('SELECT slot_name FROM pg_replication_slots WHERE database = %s '
                                          'AND NOT active', database.name):
                    server.query('SELECT pg_drop_replication_slot(%s)', slot)
                server.query(sql.SQL('DROP DATABASE IF EXISTS {} WITH (FORCE)').format(sql.Identifier(database.name)))
                return True
        for server in self.servers:
            wait_until(lambda server=server: dropped(server), 'the database is dropped', report=server.log_tail)

    def remove(self):
        for server in self.servers:
            server.remove()
