"""Import of ten million items by one worker, against the rate at which it imports one million, before and after; and
the worker's own memory meanwhile. It takes a quarter of an hour and 25 GB of disk, so bench/run does it only when asked.

No table is dropped between these runs. A virtual machine may get its memory from its host page by page, as it is written
to for the first time, and that takes longer than the write. What a dropped table leaves is at hand at once: on such a
machine enough for a million items, but not for ten. So a run right after a drop is shown apart, and so is what the first
write costs."""

import sys

from exports import Bucket
from first_write import first_and_second_write
from imports import drop_import, quieten, run_import, watch_memory
from made_export import make_export
from servers import Servers
from table_row import print_row

ITEMS, FILES = 1_000_000, 8
TIMES = 10
GOAL = 0.85
GOAL_MEMORY = 64
MB = 1024 * 1024


def measure(servers, bucket, items):
    """Items per second: of one million right after a drop, then of one million, ten million and one million; and the
    worker's own memory over idle meanwhile, in MB."""
    small, large = (make_export(bucket, times * items, times * FILES) for times in (1, TIMES))
    run_import(servers, large, 'events', 1, TIMES * items)  # a warm-up, which also makes the segments of WAL
    drop_import(servers, 'events')
    rates = []

    def run(export, times):
        target = f'events{len(rates)}'
        rates.append(times * items / run_import(servers, export, target, 1, times * items).seconds)

    def work():
        for export, times in ((small, 1), (large, TIMES), (small, 1)):
            run(export, times)

    run(small, 1)  # also starts the worker, should it have gone
    return rates, watch_memory(servers, work) / MB


def main():
    items = int(sys.argv[2]) if len(sys.argv) > 2 else ITEMS
    bucket = Bucket()
    with Servers(sys.argv[1], 'bench_import_large') as servers:
        try:
            servers.postgres.set('podyn.max_workers', 1)
            quieten(servers)
            (after_drop, before, reached, after), over = measure(servers, bucket, items)
            first, second = first_and_second_write(servers.postgres.folder)
        finally:
            bucket.remove()
    rate = (before + after) / 2
    print_row(f'import of {TIMES * items:,} items, one worker',
              f'{reached:,.0f} items/s, {reached / rate:.2f} of the rate of {items:,}', f'{items:,} items: {rate:,.0f} items/s',
              f'≥ {GOAL}', reached >= GOAL * rate)
    print_row(f'import of {items:,} items right after a table was dropped', f'{after_drop:,.0f} items/s',
              f'the first write into memory: {first:,.0f} MB/s, the second one: {second:,.0f} MB/s')
    print_row("the worker's own memory meanwhile", f'{over:.0f} MB over idle', '', f'≤ {GOAL_MEMORY} MB',
              over <= GOAL_MEMORY)


if __name__ == '__main__':
    main()
