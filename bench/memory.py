"""Memory: a worker's own (RSS less shared) while it copies items of 1 KB and of 400 KB, over its size when idle.

One worker (podyn.max_workers = 1). Idle is what it has after a copy and before the next: it has replicated a table of one
item and waits for changes. Flat: of several copies, the peak of the last third is not over that of the second."""

import statistics
import sys
import time

from background import InBackground
from made_items import item, items
from processes import own_memory
from servers import Servers
from table_row import print_row

MB = 1024 * 1024
PAUSE = 0.01
TABLES = {'1 KB': (20_000, 1_000), '400 KB': (200, 400_000)}
COPIES = 9  # of each table, one after the other: a single one is over in half a second
GOAL = 64
FLAT = 4  # megabytes that a peak may differ from another


def worker_of(servers):
    (pid,) = servers.postgres.processes('podyn worker')
    return pid


def watch_copy(servers, name):
    """The worker's memory, again and again, until the table has been copied some times."""
    sizes = []

    def copy():
        for _ in range(COPIES):
            servers.database.replicate(name, changes=False, segments=1, scan_rate=0)
            assert servers.database.value('SELECT podyn_wait(%s, %s, %s)', name, 'completed', '5 minutes')
            servers.database.query('SELECT podyn_drop(%s, true)', name)

    pid = worker_of(servers)
    work = InBackground(copy)
    while work.is_alive():
        sizes.append(own_memory(pid))
        time.sleep(PAUSE)
    work.join()
    assert worker_of(servers) == pid, 'the worker is another one now'
    assert len(sizes) >= 30, f'only {len(sizes)} looks'
    return sizes


def idle_size(servers):
    time.sleep(1)
    return statistics.median(own_memory(worker_of(servers)) for _ in range(5))


def main():
    with Servers(sys.argv[1], 'bench_memory') as servers:
        servers.postgres.set('podyn.max_workers', 1)
        servers.connect()
        servers.dynamodb.create_table('idle', key=[('id', 'S')])
        servers.dynamodb.put('idle', item(0, 1000))
        servers.database.replicate('idle')
        servers.database.wait_for_state('idle', 'streaming')
        for label, (count, size) in TABLES.items():
            name = f'items_{size}'
            servers.dynamodb.create_table(name, key=[('id', 'S')])
            servers.dynamodb.put(name, *items(count, size))
            idle = idle_size(servers)
            sizes = watch_copy(servers, name)
            peak, third = max(sizes), len(sizes) // 3
            growth = max(sizes[2 * third:]) - max(sizes[third:2 * third])
            over = (peak - idle) / MB
            print_row(f'a worker\'s own memory, {count:,} items of {label}',
                      f'{over:.0f} MB over idle (peak {peak / MB:.0f} MB; last third {growth / MB:+.1f} MB to the second)',
                      f'{idle / MB:.0f} MB idle', f'≤ {GOAL} MB, flat', over <= GOAL and growth <= FLAT * MB)


if __name__ == '__main__':
    main()
