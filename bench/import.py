"""Import: an export of one million items of some 500 bytes in eight files, against COPY FROM of the same rows from a
text file into a table of the same columns and key.

In turns, one worker, two workers and COPY: medians of the ratios within each turn, for other work on the machine changes
from turn to turn. podyn's time is from the call to the state `completed`: it reads the manifests, starts a worker and
checks every file's MD5 in it. Beside the wall time stands the processor time of those who do the work. Then the worker's
own memory during another import."""

import statistics
import sys

from exports import Bucket
from imports import drop_import, quieten, run_copy, run_imports, watch_memory, write_copy_file
from made_export import make_export
from servers import Servers
from table_row import print_row

ITEMS, FILES = 1_000_000, 8
GOALS = {1: 0.9, 2: 0.65}
MB = 1024 * 1024
GOAL_MEMORY = 64


def run_podyn(servers, export, workers, items=ITEMS):
    cost = run_imports(servers, export, ['events'], workers, items)
    drop_import(servers, 'events')
    return cost


def print_ratio(workers, costs, copies):
    ratio = statistics.median(cost.seconds / copy.seconds for cost, copy in zip(costs, copies))
    processor = statistics.median(cost.processor / copy.processor for cost, copy in zip(costs, copies))
    seconds = statistics.median(cost.seconds for cost in costs)
    copying = statistics.median(copy.seconds for copy in copies)
    print_row(f'import of {ITEMS:,} items in {FILES} files, {workers} {"worker" if workers == 1 else "workers"}, median '
              f'of {len(costs)} turns',
              f'{seconds:.2f} s, {ITEMS / seconds:,.0f} items/s, ratio {ratio:.2f} (processor time {processor:.2f})',
              f'COPY FROM of the same rows as text: {copying:.2f} s', f'ratio ≤ {GOALS[workers]}',
              ratio <= GOALS[workers])


def main():
    turns = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    bucket = Bucket()
    with Servers(sys.argv[1], 'bench_import') as servers:
        try:
            quieten(servers)
            export = make_export(bucket, ITEMS, FILES)
            run_imports(servers, export, ['shape'], 2, ITEMS)
            file = write_copy_file(servers, 'shape')
            servers.database.query('TRUNCATE shape')
            copies, costs = [], {workers: [] for workers in GOALS}
            for _ in range(turns):
                for workers, list_of_costs in costs.items():
                    list_of_costs.append(run_podyn(servers, export, workers))
                copies.append(run_copy(servers, file, 'shape', 'copied'))
            servers.postgres.set('podyn.max_workers', 1)
            servers.database.wait_until(lambda: not servers.database.processes('podyn worker'), 'no worker is left')
            run_podyn(servers, make_export(bucket, FILES, FILES), 1, FILES)
            over = watch_memory(servers, lambda: run_podyn(servers, export, 1)) / MB
        finally:
            bucket.remove()
    for workers, list_of_costs in costs.items():
        print_ratio(workers, list_of_costs, copies)
    print_row("a worker's own memory during the import", f'{over:.0f} MB over idle', '', f'≤ {GOAL_MEMORY} MB',
              over <= GOAL_MEMORY)


if __name__ == '__main__':
    main()
