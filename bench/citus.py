"""Writing to a table that Citus distributes: which way is the fastest, and what it costs against a plain table.

A coordinator and two nodes on this machine, 32 shards. Batches of 5,000 rows of some 500 bytes, each a transaction,
several ways in turns; medians. Then podyn's backfill of the same items, plain and distributed. Skipped where
PostgreSQL does not offer the extension citus."""

import statistics
import sys
import time

from citus_cluster import CitusCluster
from made_items import items
from servers import Servers
from table_row import print_row

ROWS, SIZE = 5_000, 500
ITEMS = 20_000
COLUMNS = 'id, at, text, number, map'
WITH = 'WITH batch AS MATERIALIZED (SELECT * FROM staged) '
FEW = 400
FEW_ROWS = f'INSERT … ON CONFLICT of {FEW} rows, which exist'
WITH_FEW = f'WITH batch AS MATERIALIZED (SELECT * FROM staged WHERE at <= {FEW}) '
UPSERT = f'INSERT INTO {{0}} ({COLUMNS}) SELECT {COLUMNS} FROM batch ON CONFLICT (id, at) DO UPDATE SET ' \
    'text = excluded.text, number = excluded.number, map = excluded.map'
INSERT = f'INSERT INTO {{0}} ({COLUMNS}) SELECT {COLUMNS} FROM batch'
DELETE = 'DELETE FROM {0} AS target USING batch WHERE target.id = batch.id AND target.at = batch.at'


def make_tables(database, file):
    for table in ('spread', 'plain', 'staged'):
        database.query(f'CREATE TABLE {table} (id text, at numeric, text text, number numeric, map jsonb, '
                       'PRIMARY KEY (id, at))')
    database.query("SELECT create_distributed_table('spread', 'id')")
    database.query("INSERT INTO staged SELECT 'key ' || n, n, repeat(md5(n::text), %s / 32 - 3), n * 1.5, "
                   "jsonb_build_object('n', n, 'text', md5(n::text)) FROM generate_series(1, %s) AS n", SIZE, ROWS)
    database.query('ANALYZE staged')
    database.query('COPY staged TO %s', file)


def rate(database, statement, rows):
    begun = time.monotonic()
    database.query(statement)
    return rows / (time.monotonic() - begun)


def measure_statements(database, file, runs):
    """Rows per second of each way: {name: [rate …]}."""
    rates = {}

    def run(name, statement, rows=ROWS):
        rates.setdefault(name, []).append(rate(database, statement, rows))

    for _ in range(runs + 2):
        run('COPY as a statement, from a file', f"COPY spread FROM '{file}'")
        database.query('TRUNCATE spread')
        run('INSERT … SELECT', WITH + INSERT.format('spread'))
        run('INSERT … ON CONFLICT, rows exist', WITH + UPSERT.format('spread'))
        run(FEW_ROWS, WITH_FEW + UPSERT.format('spread'), FEW)
        run('DELETE … USING', WITH + DELETE.format('spread'))
        run('INSERT … ON CONFLICT, rows are new', WITH + UPSERT.format('spread'))
        run('plain: INSERT … SELECT', WITH + INSERT.format('plain'))
        run('plain: INSERT … ON CONFLICT, rows exist', WITH + UPSERT.format('plain'))
        run(f'plain: {FEW_ROWS}', WITH_FEW + UPSERT.format('plain'), FEW)
        run('plain: DELETE … USING', WITH + DELETE.format('plain'))
        run('plain: INSERT … ON CONFLICT, rows are new', WITH + UPSERT.format('plain'))
        database.query('TRUNCATE spread, plain')
    return {name: statistics.median(values[2:]) for name, values in rates.items()}


def backfill(database, **options):
    """Items per second of podyn's copying."""
    database.replicate('backfill', changes=False, segments=1, scan_rate=0, **options)
    assert database.value("SELECT podyn_wait('backfill', 'completed', '5 minutes')"), database.report()
    seconds = database.value("SELECT extract(epoch FROM max(at) FILTER (WHERE event = 'complete') "
                             "- max(at) FILTER (WHERE event = 'copying'))::float8 FROM podyn_events WHERE name = 'backfill'")
    database.query("SELECT podyn_drop('backfill', drop_target => true)")
    return ITEMS / seconds


def main():
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with Servers(sys.argv[1], 'bench_citus') as servers:
        if not servers.postgres.query("SELECT name FROM pg_available_extensions WHERE name = 'citus'"):
            print('| Citus | skipped: this PostgreSQL does not offer the extension | | | |')
            return
        servers.dynamodb.create_table('backfill', key=[('id', 'S')])
        servers.dynamodb.put('backfill', *items(ITEMS, SIZE))
        cluster = CitusCluster(fsync='on')
        try:
            database = cluster.create_database('bench', shards=32)
            database.create_server(servers.dynamodb.endpoint)
            file = cluster.coordinator.folder / 'data' / 'batch.copy'
            make_tables(database, str(file))
            rates = measure_statements(database, file, runs)
            rounds = [(backfill(database), backfill(database, citus=True)) for _ in range(runs + 2)][2:]
        finally:
            cluster.remove()
    copy = rates.pop('COPY as a statement, from a file')
    for name in [name for name in rates if not name.startswith('plain')]:
        if name == 'INSERT … SELECT':
            baseline, value = 'COPY of the same rows from a file', copy
        else:
            baseline, value = 'the same into a plain table', rates[f'plain: {name}']
        print_row(f'Citus, two nodes, 32 shards: {name}', f'{rates[name]:,.0f} rows/s, ratio {rates[name] / value:.2f}',
                  f'{baseline}: {value:,.0f} rows/s')
    plain, spread = (statistics.median(values) for values in zip(*rounds))
    print_row(f'Citus: backfill of {ITEMS:,} items, one segment', f'{spread:,.0f} items/s, ratio {spread / plain:.2f}',
              f'into a plain table: {plain:,.0f} items/s')


if __name__ == '__main__':
    main()
