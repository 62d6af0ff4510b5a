"""Import of ten million items by one worker, against ten imports of one million in a row, half of them before and half
after; and the worker's own memory meanwhile. It takes a quarter of an hour and 35 GB of disk, so bench/run does it only
when asked.

Both sides load as many items, and no table is dropped between them. A virtual machine may get its memory from its host
page by page, as it is written to for the first time, and that takes longer than the write itself; what a dropped table
leaves is at hand at once. So the rate of one million on its own, right after a drop, is shown apart, and so is what a
first and a second write cost."""

import sys

from exports import Bucket
from first_write import first_and_second_write
from imports import drop_import, quieten, run_imports, watch_memory
from made_export import make_export
from servers import Servers
from table_row import print_row

ITEMS, FILES = 1_000_000, 8
TIMES = 10
GOAL = 0.85
GOAL_MEMORY = 64
MB = 1024 * 1024


def measure(servers, bucket, items):
    """Items per second: of one million right after a drop; of ten million; of one million, ten times in a row. And the
    worker's own memory over idle meanwhile, in MB."""
    exports = {times: make_export(bucket, times * items, times * FILES) for times in (1, TIMES)}

    def seconds(times, *targets):
        return run_imports(servers, exports[times], targets, 1, times * items).seconds

    seconds(TIMES, 'events')  # a warm-up, which also makes the segments of WAL
    drop_import(servers, 'events')
    alone = seconds(1, 'events')  # also starts the worker, should it have gone
    in_a_row, large = [], []

    def work():
        in_a_row.append(seconds(1, *(f'before{number}' for number in range(TIMES // 2))))
        large.append(seconds(TIMES, 'large'))
        in_a_row.append(seconds(1, *(f'after{number}' for number in range(TIMES // 2))))

    over = watch_memory(servers, work) / MB
    return items / alone, TIMES * items / large[0], TIMES * items / sum(in_a_row), over


def main():
    items = int(sys.argv[2]) if len(sys.argv) > 2 else ITEMS
    bucket = Bucket()
    with Servers(sys.argv[1], 'bench_import_large') as servers:
        try:
            servers.postgres.set('podyn.max_workers', 1)
            quieten(servers)
            alone, reached, rate, over = measure(servers, bucket, items)
            first, second = first_and_second_write(servers.postgres.folder)
        finally:
            bucket.remove()
    print_row(f'import of {TIMES * items:,} items, one worker',
              f'{reached:,.0f} items/s, {reached / rate:.2f} of the rate of {TIMES} imports of {items:,} in a row',
              f'{rate:,.0f} items/s', f'≥ {GOAL}', reached >= GOAL * rate)
    print_row(f'import of {items:,} items right after a table was dropped', f'{alone:,.0f} items/s',
              f'the first write into memory: {first:,.0f} MB/s, the second one: {second:,.0f} MB/s')
    print_row("the worker's own memory meanwhile", f'{over:.0f} MB over idle', '', f'≤ {GOAL_MEMORY} MB',
              over <= GOAL_MEMORY)


if __name__ == '__main__':
    main()
