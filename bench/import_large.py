"""Import of ten million items by one worker, against the rate at which it imports one million, before and after; and
the worker's own memory meanwhile. It takes a quarter of an hour and 25 GB of disk, so bench/run does it only when asked.

All runs have memory at hand (memory_at_hand.py): else one million items would fit into what the machine has, and ten
million would not. What the first write into memory costs otherwise is printed, too."""

import sys

from exports import Bucket
from first_write import first_and_second_write
from imports import drop_import, quieten, run_import, watch_memory
from made_export import make_export
from memory_at_hand import MemoryAtHand
from servers import Servers
from table_row import print_row

ITEMS, FILES = 1_000_000, 8
TIMES = 10
BYTES = 1500  # of the page cache for an item: its row, WAL, text and index
GOAL = 0.85
GOAL_MEMORY = 64
MB = 1024 * 1024


def measure(servers, bucket, items):
    """Items per second: of one million, ten million and one million; and the worker's own memory over idle meanwhile, in
    MB."""
    small, large = (make_export(bucket, times * items, times * FILES) for times in (1, TIMES))
    run_import(servers, large, 'events', 1, TIMES * items)  # a warm-up, which also makes the segments of WAL
    drop_import(servers, 'events')
    rates = []

    def run(export, times):
        with MemoryAtHand(times * items * BYTES):
            seconds = run_import(servers, export, 'events', 1, times * items).seconds
        drop_import(servers, 'events')
        rates.append(times * items / seconds)

    def work():
        for export, times in ((small, 1), (large, TIMES), (small, 1)):
            run(export, times)

    run(small, 1)  # starts the worker, should it have gone
    rates.clear()
    return rates, watch_memory(servers, work) / MB


def main():
    items = int(sys.argv[2]) if len(sys.argv) > 2 else ITEMS
    bucket = Bucket()
    with Servers(sys.argv[1], 'bench_import_large') as servers:
        try:
            servers.postgres.set('podyn.max_workers', 1)
            quieten(servers)
            (before, reached, after), over = measure(servers, bucket, items)
            first, second = first_and_second_write(servers.postgres.folder)
        finally:
            bucket.remove()
    rate = (before + after) / 2
    print_row(f'import of {TIMES * items:,} items, one worker, with memory at hand',
              f'{reached:,.0f} items/s, {reached / rate:.2f} of the rate of {items:,}', f'{items:,} items: {rate:,.0f} items/s',
              f'≥ {GOAL}', reached >= GOAL * rate)
    print_row('a first write into memory that is not at hand', f'{first:,.0f} MB/s', f'the second write: {second:,.0f} MB/s')
    print_row("the worker's own memory meanwhile", f'{over:.0f} MB over idle', '', f'≤ {GOAL_MEMORY} MB',
              over <= GOAL_MEMORY)


if __name__ == '__main__':
    main()
