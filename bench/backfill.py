"""Backfill: 20,000 items of some 500 bytes in one segment, against a client that only reads the same pages.

The same requests on both sides (page size, ConsistentRead, one connection), a warm-up first, then pairs of runs, every
second pair the other way round, and the time of all runs of each kind. Not medians: DynamoDB Local collects its garbage in
every second or third run, a fourth of a second, so that a median has it in one kind of run and not in the other.

podyn's time is from the event `copying`, which commits with the task, to the event `complete`: all rows committed. The
second line adds what comes before and after: the call of podyn_replicate, the setup, and the wait for `completed`."""

import sys
import time

from made_items import items
from page_reader import read_all
from servers import Servers
from table_row import print_row

ITEMS, SIZE = 20_000, 500
WARM_UPS = 2
GOAL = 0.9


def run_reader(servers):
    """Seconds, and the pages read."""
    limit = int(servers.database.value('SHOW podyn.batch_rows'))
    begun = time.monotonic()
    count, pages = read_all(servers.dynamodb.port, 'backfill', limit, consistent=True)
    assert count == ITEMS, count
    return time.monotonic() - begun, pages


def run_podyn(servers):
    """Seconds of the copying alone, and of everything."""
    database = servers.database
    begun = time.monotonic()
    database.replicate('backfill', changes=False, segments=1, scan_rate=0)
    assert database.value("SELECT podyn_wait('backfill', 'completed', '5 minutes')"), database.report()
    whole = time.monotonic() - begun
    assert database.value('SELECT count(*) FROM backfill') == ITEMS, database.report()
    copying = database.value("SELECT extract(epoch FROM max(at) FILTER (WHERE event = 'complete') "
                             "- max(at) FILTER (WHERE event = 'copying'))::float8 FROM podyn_events WHERE name = 'backfill'")
    database.query("SELECT podyn_drop('backfill', drop_target => true)")
    return copying, whole


def main():
    pairs = int(sys.argv[2]) if len(sys.argv) > 2 else 12
    with Servers(sys.argv[1], 'bench_backfill') as servers:
        servers.connect()
        servers.dynamodb.create_table('backfill', key=[('id', 'S')])
        servers.dynamodb.put('backfill', *items(ITEMS, SIZE))
        for _ in range(WARM_UPS):
            run_reader(servers)
            run_podyn(servers)
        reading = copying = whole = 0
        for pair in range(pairs):
            for reads in (True, False) if pair % 2 == 0 else (False, True):
                if reads:
                    seconds, pages = run_reader(servers)
                    reading += seconds
                else:
                    seconds, everything = run_podyn(servers)
                    copying += seconds
                    whole += everything
    baseline = f'a client that only reads the same {pages} pages: {pairs * ITEMS / reading:,.0f} items/s'
    print_row(f'backfill of {ITEMS:,} items, one segment, {pairs} pairs of runs',
              f'{pairs * ITEMS / copying:,.0f} items/s, ratio {reading / copying:.2f}', baseline, f'ratio ≥ {GOAL}',
              reading >= GOAL * copying)
    print_row('the same with the call, the setup and the wait',
              f'{pairs * ITEMS / whole:,.0f} items/s, ratio {reading / whole:.2f}', 'the same')


if __name__ == '__main__':
    main()
