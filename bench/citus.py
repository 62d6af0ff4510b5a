"""Writing to a table that Citus distributes: which way is the fastest, and what it costs against a plain table.

A coordinator and two nodes on this machine, 32 shards, fsync on. Batches of 5,000 rows of some 500 bytes, each a
transaction, several ways in turns; medians of the rates, and of the ratios within each turn, for other work on the
machine changes from turn to turn. Then the time of a transaction as podyn makes it of a page of changes, 400 rows in a
subtransaction and the commit in two phases; then podyn's backfill of the same items, plain and distributed. Skipped
where PostgreSQL does not offer the extension citus."""

import contextlib
import os
import statistics
import sys
import time
from pathlib import Path

from citus_cluster import CitusCluster
from made_items import items
from servers import Servers
from table_row import print_row

ROWS, SIZE = 5_000, 500
ITEMS = 20_000
COLUMNS = 'id, at, text, number, map'
WITH = 'WITH batch AS MATERIALIZED (SELECT * FROM staged) '
COPY, WITHOUT_CONFLICT = 'COPY as a statement, from a file', 'INSERT … SELECT'
FEW, FEW_TIMES = 400, 5
WITH_FEW = f'WITH batch AS MATERIALIZED (SELECT * FROM staged WHERE at <= {FEW}) '
PAGES = {  # table, setting
    'plain table': ['plain'],
    'as Citus is set': ['spread'],
    'with citus.max_adaptive_executor_pool_size = 1': ['spread', 'citus.max_adaptive_executor_pool_size = 1'],
}
WARM_UP = 2  # turns that are not counted
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


def seconds(database, statement):
    begun = time.monotonic()
    database.query(statement)
    return time.monotonic() - begun


def processor_seconds(server):
    """Of the server's processes, those that have ended included (man 5 proc: utime, stime, cutime, cstime)."""
    def times(pid):
        with contextlib.suppress(OSError):  # it has just ended: its time is the postmaster's in a moment
            return [int(ticks) for ticks in Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[11:15]]
        return [0]
    postmaster = int((server.folder / 'data' / 'postmaster.pid').read_text().split()[0])
    children = Path(f'/proc/{postmaster}/task/{postmaster}/children').read_text().split()
    return (sum(times(postmaster)) + sum(sum(times(pid)[:2]) for pid in children)) / os.sysconf('SC_CLK_TCK')


def page_of_changes(cluster, database, table, setting=''):
    """Seconds of the statement and of the commit, and of processors on the coordinator and on all nodes. `setting` holds
    for the transaction."""
    before = [processor_seconds(server) for server in cluster.servers]
    wall = transaction(database, table, setting)
    coordinator, *nodes = [processor_seconds(server) - used for server, used in zip(cluster.servers, before)]
    return *wall, coordinator, sum(nodes)


def transaction(database, table, setting):
    database.query('BEGIN')
    if setting:
        database.query(f'SET LOCAL {setting}')
    database.query('SAVEPOINT batch')
    statement = seconds(database, WITH_FEW + UPSERT.format(table))
    database.query('RELEASE batch')
    return statement, seconds(database, 'COMMIT')


def measure_statements(cluster, database, file, runs):
    """Rows per second of each way, and what pages of changes take: [{name: rate} …], [{name: seconds} …]."""
    turns, pages = [], []
    for number in range(runs + WARM_UP):
        rates = {}

        def run(name, statement):
            rates[name] = ROWS / seconds(database, statement)

        first = [(COPY, f"COPY spread FROM '{file}'"), (WITHOUT_CONFLICT, WITH + INSERT.format('spread'))]
        for name, statement in first if number % 2 else reversed(first):
            database.query('TRUNCATE spread')
            run(name, statement)
        run(f'plain: {WITHOUT_CONFLICT}', WITH + INSERT.format('plain'))
        for prefix, table in (('', 'spread'), ('plain: ', 'plain')):
            run(f'{prefix}INSERT … ON CONFLICT, rows exist', WITH + UPSERT.format(table))
            run(f'{prefix}DELETE … USING', WITH + DELETE.format(table))
            run(f'{prefix}INSERT … ON CONFLICT, rows are new', WITH + UPSERT.format(table))
        turns.append(rates)
        if number >= WARM_UP:
            pages += [{name: page_of_changes(cluster, database, *how) for name, how in PAGES.items()}
                      for _ in range(FEW_TIMES)]
        database.query('TRUNCATE plain')
    return turns[WARM_UP:], pages


def backfill(database, **options):
    """Items per second of podyn's copying."""
    database.replicate('backfill', changes=False, segments=1, scan_rate=0, **options)
    assert database.value("SELECT podyn_wait('backfill', 'completed', '5 minutes')"), database.report()
    seconds = database.value("SELECT extract(epoch FROM max(at) FILTER (WHERE event = 'complete') "
                             "- max(at) FILTER (WHERE event = 'copying'))::float8 FROM podyn_events WHERE name = 'backfill'")
    database.query("SELECT podyn_drop('backfill', drop_target => true)")
    return ITEMS / seconds


def print_rates(turns):
    for name in [name for name in turns[0] if name != COPY and not name.startswith('plain')]:
        baseline, other = (('COPY of the same rows from a file', COPY) if name == WITHOUT_CONFLICT else
                           ('the same into a plain table', f'plain: {name}'))
        print_comparison(f'Citus, two nodes, 32 shards: {name}', 'rows/s', [turn[name] for turn in turns], baseline,
                         [turn[other] for turn in turns])
    print_comparison(f'Citus, two nodes, 32 shards: {WITHOUT_CONFLICT}', 'rows/s',
                     [turn[WITHOUT_CONFLICT] for turn in turns], 'the same into a plain table',
                     [turn[f'plain: {WITHOUT_CONFLICT}'] for turn in turns])


def print_comparison(name, unit, values, baseline, others):
    ratio = statistics.median(value / other for value, other in zip(values, others))
    print_row(name, f'{statistics.median(values):,.0f} {unit}, ratio {ratio:.2f}',
              f'{baseline}: {statistics.median(others):,.0f} {unit}')


def print_pages(pages):
    def milliseconds(name):
        statement, commit = (1000 * statistics.median(page[name][part] for page in pages) for part in (0, 1))
        return f'{statement + commit:.1f} ms, of which the commit {commit:.1f} ms'

    def ratio(name, other):
        return statistics.median(sum(page[name][:2]) / sum(page[other][:2]) for page in pages)
    plain, default, one = PAGES
    print_row(f'Citus: a transaction of {FEW} upserts of rows that exist', milliseconds(default),
              f'{plain}: {milliseconds(plain)}; ratio {ratio(default, plain):.1f}')
    print_row(f'Citus: the same {one}', milliseconds(one),
              f'{default}: {milliseconds(default)}; ratio {ratio(one, default):.2f}')
    # Sessions on the nodes end after their transaction, so what they took is found later: the mean of all of them.
    spread = 1000 / (2 * len(pages))
    coordinator = spread * sum(page[name][2] for page in pages for name in (default, one))
    nodes = spread * sum(seconds[3] for page in pages for seconds in page.values())
    print_row('Citus: processor time of such a transaction, mean of both settings',
              f'coordinator {coordinator:.0f} ms, all nodes {nodes:.0f} ms',
              f'{plain}: {1000 * statistics.mean(page[plain][2] for page in pages):.0f} ms')


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
            database.query('SET citus.enable_deadlock_prevention = off')  # as podyn's workers do
            turns, pages = measure_statements(cluster, database, file, runs)
            print_rates(turns)
            print_pages(pages)
            rounds = [(backfill(database, citus=True), backfill(database)) for _ in range(runs + 1)][1:]
        finally:
            cluster.remove()
    print_comparison(f'Citus: backfill of {ITEMS:,} items, one segment', 'items/s', [spread for spread, _ in rounds],
                     'into a plain table', [plain for _, plain in rounds])


if __name__ == '__main__':
    main()
