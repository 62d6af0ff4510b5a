"""Import of ten million items by one worker, against the rate at which it imports one million, before and after; and the
worker's own memory meanwhile. It takes a quarter of an hour and 20 GB of disk, so bench/run does it only when asked."""

import sys

from exports import Bucket
from imports import drop_import, quieten, run_import, watch_memory
from made_export import make_export
from servers import Servers
from table_row import print_row

ITEMS, FILES = 1_000_000, 8
TIMES = 10
GOAL = 0.85
GOAL_MEMORY = 64
MB = 1024 * 1024


class Imports:
    def __init__(self, servers):
        self.servers = servers
        self.costs = {}  # by the number of items

    def run(self, export, items):
        cost = run_import(self.servers, export, 'events', 1, items)
        drop_import(self.servers, 'events')
        self.costs.setdefault(items, []).append(cost)

    def rate(self, items):
        costs = self.costs[items]
        return items * len(costs) / sum(cost.seconds for cost in costs)


def main():
    items = int(sys.argv[2]) if len(sys.argv) > 2 else ITEMS
    bucket = Bucket()
    with Servers(sys.argv[1], 'bench_import_large') as servers:
        try:
            servers.postgres.set('podyn.max_workers', 1)
            quieten(servers)
            few, many = make_export(bucket, items, FILES), make_export(bucket, TIMES * items, TIMES * FILES)
            imports = Imports(servers)
            imports.run(many, TIMES * items)  # a warm-up, which also makes the segments of WAL
            imports.run(few, items)  # starts the worker, should it have gone meanwhile
            imports.costs.clear()

            def work():
                imports.run(few, items)
                imports.run(many, TIMES * items)
                imports.run(few, items)

            over = watch_memory(servers, work) / MB
        finally:
            bucket.remove()
    base, rate = imports.rate(items), imports.rate(TIMES * items)
    print_row(f'import of {TIMES * items:,} items, one worker',
              f'{rate:,.0f} items/s, {rate / base:.2f} of the rate of {items:,}', f'{items:,} items: {base:,.0f} items/s',
              f'≥ {GOAL}', rate >= GOAL * base)
    print_row("the worker's own memory meanwhile", f'{over:.0f} MB over idle', '', f'≤ {GOAL_MEMORY} MB',
              over <= GOAL_MEMORY)


if __name__ == '__main__':
    main()
