"""Import of ten million items by one worker, against the rate at which it imports one million, before and after; and
the worker's own memory meanwhile. It takes a quarter of an hour and 20 GB of disk, so bench/run does it only when asked.

A second line compares with ten imports of one million, one after the other, into tables that stay. A machine is not the
same after ten gigabytes, whatever writes them: this shows how much of the difference is podyn's."""

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
            seconds = {'alone': []}

            def run_alone():
                seconds['alone'].append(run_import(servers, small, 'events', 1, items).seconds)
                drop_import(servers, 'events')

            def work():
                run_alone()
                seconds['large'] = run_import(servers, large, 'events', 1, large_items).seconds
                drop_import(servers, 'events')
                run_alone()
                seconds['in a row'] = run_imports(servers, small, targets, 1, items)

            run_alone()  # starts the worker, should it have gone meanwhile
            seconds['alone'].clear()
            over = watch_memory(servers, work) / MB
        finally:
            bucket.remove()
    reached = large_items / seconds['large']
    alone, in_a_row = (items * len(each) / sum(each) for each in (seconds['alone'], seconds['in a row']))
    print_row(f'import of {large_items:,} items, one worker',
              f'{reached:,.0f} items/s, {reached / alone:.2f} of the rate of {items:,}', f'{items:,} items: {alone:,.0f} items/s',
              f'≥ {GOAL}', reached >= GOAL * alone)
    print_row('the same', f'{reached / in_a_row:.2f} of the rate of {items:,} in a row',
              f'{TIMES} imports of {items:,} items, one after the other: {in_a_row:,.0f} items/s')
    print_row("the worker's own memory meanwhile", f'{over:.0f} MB over idle', '', f'≤ {GOAL_MEMORY} MB',
              over <= GOAL_MEMORY)


if __name__ == '__main__':
    main()
