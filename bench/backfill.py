"""Backfill: 20,000 items of some 500 bytes in one segment, against a client that only reads the same pages.

The same requests on both sides (page size, ConsistentRead, one connection), a warm-up first, then runs in turns;
medians, of the ratios too. podyn's time is from the event `copying`, which commits with the task, to the event `complete`: all rows committed. The
second line adds what comes before and after: the call of podyn_replicate, the setup, and the wait for `completed`."""

import statistics
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
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 9
    with Servers(sys.argv[1], 'bench_backfill') as servers:
        servers.connect()
        servers.dynamodb.create_table('backfill', key=[('id', 'S')])
        servers.dynamodb.put('backfill', *items(ITEMS, SIZE))
        for _ in range(WARM_UPS):
            run_reader(servers)
            run_podyn(servers)
        reading, copying, whole = [], [], []
        for _ in range(runs):
            seconds, pages = run_reader(servers)
            reading.append(seconds)
            seconds, everything = run_podyn(servers)
            copying.append(seconds)
            whole.append(everything)
    # Each copy against the reading just before it: the machine's speed changes from minute to minute.
    ratio, whole_ratio = (statistics.median(r / c for r, c in zip(reading, times)) for times in (copying, whole))
    rates = {name: ITEMS / statistics.median(times) for name, times in
             (('reading', reading), ('copying', copying), ('whole', whole))}
    baseline = f'a client that only reads the same {pages} pages: {rates["reading"]:,.0f} items/s'
    print_row(f'backfill of {ITEMS:,} items, one segment, median of {runs} pairs',
              f'{rates["copying"]:,.0f} items/s, ratio {ratio:.2f}', baseline, f'ratio ≥ {GOAL}', ratio >= GOAL)
    print_row('the same with the call, the setup and the wait',
              f'{rates["whole"]:,.0f} items/s, ratio {whole_ratio:.2f}', 'the same')


if __name__ == '__main__':
    main()
