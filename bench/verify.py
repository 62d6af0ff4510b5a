"""podyn_verify of 20,000 items of some 500 bytes that are in sync, against a client that only reads the source in one
segment: a warm-up first, then runs in turns; medians, of the ratios too. And the session's own memory (RSS less shared)
while it verifies these items, and items of 400 KB, over its
size before."""

import statistics
import sys
import time

from background import InBackground
from made_items import items
from page_reader import read_all
from processes import own_memory
from servers import Servers
from table_row import print_row

ITEMS, SIZE = 20_000, 500
WARM_UPS = 2
GOAL = 0.8
MB = 1024 * 1024
PAUSE = 0.01
LARGE, LARGE_SIZE = 100, 400_000
GOAL_MEMORY = 64
VERIFICATIONS = 3


def replicate(servers, name, count, size):
    """Without a stream: nothing has to be waited for, which would be most of the time of so small a table."""
    servers.dynamodb.create_table(name, key=[('id', 'S')])
    servers.dynamodb.put(name, *items(count, size))
    servers.database.replicate(name, changes=False, scan_rate=0)
    assert servers.database.value('SELECT podyn_wait(%s, %s, %s)', name, 'completed', '5 minutes')
    servers.database.query(f'VACUUM ANALYZE {name}')


def run_reader(servers):
    limit = int(servers.database.value('SHOW podyn.batch_rows'))
    begun = time.monotonic()
    count, _ = read_all(servers.dynamodb.port, 'verified', limit, consistent=False)
    assert count == ITEMS, count
    return time.monotonic() - begun


def run_verify(servers, name, count):
    begun = time.monotonic()
    (found,) = servers.database.query('SELECT * FROM podyn_verify(%s)', name)
    assert found == (count, count, 0, 0, 0), found
    return time.monotonic() - begun


def measure_rate(servers, runs):
    for _ in range(WARM_UPS):
        run_reader(servers)
        run_verify(servers, 'verified', ITEMS)
    pairs = [(run_reader(servers), run_verify(servers, 'verified', ITEMS)) for _ in range(runs)]
    reading, verifying = (ITEMS / statistics.median(times) for times in zip(*pairs))
    ratio = statistics.median(r / v for r, v in pairs)
    print_row(f'podyn_verify of {ITEMS:,} items, median of {runs} pairs',
              f'{verifying:,.0f} items/s, ratio {ratio:.2f}',
              f'a client that only reads the source in one segment: {reading:,.0f} items/s', f'ratio ≥ {GOAL}',
              ratio >= GOAL)


def measure_memory(servers, name, count, size):
    servers.database.close()
    pid = servers.database.value('SELECT pg_backend_pid()')
    idle, sizes = own_memory(pid), []
    work = InBackground(lambda: [run_verify(servers, name, count) for _ in range(VERIFICATIONS)])
    while work.is_alive():
        sizes.append(own_memory(pid))
        time.sleep(PAUSE)
    work.join()
    over = (max(sizes) - idle) / MB
    print_row(f'a session\'s own memory, podyn_verify of {count:,} items of {size:,} bytes',
              f'{over:.0f} MB over idle (peak {max(sizes) / MB:.0f} MB)', f'{idle / MB:.0f} MB idle',
              f'≤ {GOAL_MEMORY} MB', over <= GOAL_MEMORY)


def main():
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 9
    with Servers(sys.argv[1], 'bench_verify') as servers:
        servers.connect()
        replicate(servers, 'verified', ITEMS, SIZE)
        measure_rate(servers, runs)
        measure_memory(servers, 'verified', ITEMS, SIZE)
        replicate(servers, 'large', LARGE, LARGE_SIZE)
        measure_memory(servers, 'large', LARGE, LARGE_SIZE)


if __name__ == '__main__':
    main()
