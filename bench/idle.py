"""Idle: ten tables caught up, nothing written. CPU time of all of podyn's processes, and GetRecords per second and shard
(AWS allows five: API reference, GetRecords), counted by a proxy. Baseline: the same server before it has a table."""

import bisect
import sys
import time

from counting_proxy import CountingProxy
from made_items import item
from processes import cpu_seconds, podyn_processes
from servers import KEY, SECRET, Servers
from table_row import print_row

TABLES = 10
SETTLE = 5
GOAL_CPU, GOAL_READS = 2.0, 5.0


def cpu_percent(servers, seconds):
    """Of one core, over all of podyn's processes."""
    before = {pid: cpu_seconds(pid) for pid in podyn_processes(servers.postgres)}
    begun = time.monotonic()
    time.sleep(seconds)
    used = sum(cpu_seconds(pid) - before.get(pid, 0.0) for pid in podyn_processes(servers.postgres))
    return 100 * used / (time.monotonic() - begun)


def per_second(times):
    return round((len(times) - 1) / (max(times) - min(times)), 2)


def most_within_a_second(times):
    times = sorted(times)
    return max(bisect.bisect_left(times, at + 1) - i for i, at in enumerate(times))


def replicate_tables(servers):
    for number in range(TABLES):
        name = f'idle_{number}'
        servers.dynamodb.create_table(name, key=[('id', 'S')])
        servers.dynamodb.put(name, item(0, 1000))
        servers.database.replicate(name, scan_rate=0)
    for number in range(TABLES):
        servers.database.wait_for_state(f'idle_{number}', 'streaming')
        servers.database.sync(f'idle_{number}')


def main():
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    with Servers(sys.argv[1], 'bench_idle') as servers:
        proxy = CountingProxy(servers.dynamodb.port, KEY, SECRET)
        servers.connect(proxy.endpoint)
        baseline = cpu_percent(servers, min(seconds, 5))
        replicate_tables(servers)
        time.sleep(SETTLE)
        begun = time.monotonic()
        cpu = cpu_percent(servers, seconds)
        ended = time.monotonic()
        processes = len(podyn_processes(servers.postgres))
        reads = proxy.reads_by_shard(begun, ended)
        servers.database.query('SELECT podyn_stop()')
        proxy.stop()
    assert None not in reads, 'a GetRecords with an iterator of unknown origin'
    assert len(reads) >= TABLES, f'only {len(reads)} shards were read'
    mean = max(map(per_second, reads.values()))
    print_row(f'idle, {TABLES} tables caught up, CPU', f'{cpu:.2f} % of one core ({processes} processes)',
              f'{baseline:.2f} % without a table', f'≤ {GOAL_CPU:.0f} %', cpu <= GOAL_CPU)
    print_row(f'idle, GetRecords per second and shard, the busiest of {len(reads)}', f'{mean:.2f}',
              f'AWS\'s limit is 5; most within any second: {max(map(most_within_a_second, reads.values()))}',
              f'≤ {GOAL_READS:.0f}', mean <= GOAL_READS)


if __name__ == '__main__':
    main()
