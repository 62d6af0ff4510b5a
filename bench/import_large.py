"""Import of ten million items by one worker, against ten imports of one million, one after the other, into tables that
stay; and the worker's own memory meanwhile. It takes a quarter of an hour and 20 GB of disk, so bench/run does it only
when asked.

Ten of them, because a machine is not the same after ten gigabytes: the first gigabytes go into memory that is at hand,
while the others wait for the disk and for memory that has to be found. What the first one took stands beside."""

import sys

from exports import Bucket
from imports import drop_import, quieten, run_import, run_imports, watch_memory
from made_export import make_export
from servers import Servers
from table_row import print_row

ITEMS, FILES = 1_000_000, 8
TIMES = 10
GOAL = 0.85
GOAL_MEMORY = 64
MB = 1024 * 1024


def main():
    items = int(sys.argv[2]) if len(sys.argv) > 2 else ITEMS
    large_items = TIMES * items
    targets = [f'events{number}' for number in range(TIMES)]
    bucket = Bucket()
    with Servers(sys.argv[1], 'bench_import_large') as servers:
        try:
            servers.postgres.set('podyn.max_workers', 1)
            quieten(servers)
            small, large = make_export(bucket, items, FILES), make_export(bucket, large_items, TIMES * FILES)
            run_import(servers, large, 'events', 1, large_items)  # a warm-up, which also makes the segments of WAL
            drop_import(servers, 'events')
            run_import(servers, small, 'events', 1, items)  # starts the worker, should it have gone meanwhile
            drop_import(servers, 'events')
            seconds = {}

            def work():
                seconds['small'] = run_imports(servers, small, targets, 1, items)
                for target in targets:
                    drop_import(servers, target)
                seconds['large'], = run_imports(servers, large, ['events'], 1, large_items)

            over = watch_memory(servers, work) / MB
        finally:
            bucket.remove()
    base, first, reached = (large_items / sum(seconds['small']), items / seconds['small'][0],
                            large_items / seconds['large'])
    print_row(f'import of {large_items:,} items, one worker',
              f'{reached:,.0f} items/s, {reached / base:.2f} of the rate of {items:,}',
              f'{TIMES} imports of {items:,} items, one after the other: {base:,.0f} items/s (the first one {first:,.0f})',
              f'≥ {GOAL}', reached >= GOAL * base)
    print_row("the worker's own memory meanwhile", f'{over:.0f} MB over idle', '', f'≤ {GOAL_MEMORY} MB',
              over <= GOAL_MEMORY)


if __name__ == '__main__':
    main()
