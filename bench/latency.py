"""Latency: 100 changes per second for 30 seconds, each from the writer's acknowledgement to its row in PostgreSQL.

Writer and watcher are processes of their own on one machine, so one clock. The writer notes when put_item returned; the
watcher asks the target again and again what is new, and notes when it had the answer, so its pause counts as latency.
Changes go round 1,000 keys: the first thousand insert, the others update."""

import multiprocessing
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg2

from servers import Servers, boto3_client
from table_row import print_row

RATE, KEYS = 100, 1000
PAUSE = 0.003
GOAL_MEDIAN, GOAL_99 = 0.3, 1.0


def put(client, change):
    client.put_item(TableName='latency', Item={'id': {'S': f'key-{change % KEYS}'}, 'change': {'N': str(change)},
                                               'text': {'S': 'x' * 200}})
    return time.time()


def write(endpoint, changes, pipe):
    """Sends when each change was acknowledged, and how long the writing took."""
    client = boto3_client(endpoint)
    put(client, 0)
    begun = time.monotonic()
    with ThreadPoolExecutor(4) as threads:
        acknowledged = []
        for change in range(1, changes + 1):
            time.sleep(max(0.0, begun + change / RATE - time.monotonic()))
            acknowledged.append(threads.submit(put, client, change))
        acknowledged = [future.result() for future in acknowledged]
    pipe.send((acknowledged, time.monotonic() - begun))


def watch(address, changes, seconds):
    """When each change was first seen."""
    seen = {}
    connection = psycopg2.connect(**address)
    connection.autocommit = True
    cursor = connection.cursor()
    low, deadline = 0, time.monotonic() + seconds
    while len(seen) < changes and time.monotonic() < deadline:
        cursor.execute('SELECT change::integer FROM latency WHERE change > %s', (low,))
        now = time.time()
        for change, in cursor.fetchall():
            seen.setdefault(change, now)
        while low + 1 in seen:
            low += 1
        time.sleep(PAUSE)
    connection.close()
    return seen


def measure(servers, seconds):
    changes = RATE * seconds
    servers.dynamodb.create_table('latency', key=[('id', 'S')])
    put(servers.dynamodb.client, 0)
    servers.database.replicate('latency')
    servers.database.wait_for_state('latency', 'streaming')
    servers.database.query('CREATE INDEX ON latency (change)')  # so that the watcher's questions cost little
    warm_up(servers)

    receiver, sender = multiprocessing.Pipe(False)
    writer = multiprocessing.Process(target=write, args=(servers.dynamodb.endpoint, changes, sender))
    writer.start()
    address = dict(host=str(servers.postgres.folder), port=servers.postgres.port, dbname=servers.database.name,
                   user='postgres')
    seen = watch(address, changes, seconds + 30)
    acknowledged, took = receiver.recv()
    writer.join()
    assert changes / took > RATE * 0.95, f'DynamoDB Local took only {changes / took:.0f} changes per second'
    assert len(seen) == changes, f'{changes - len(seen)} of {changes} changes were never seen\n{servers.database.report()}'
    return [max(0.0, seen[change] - acknowledged[change - 1]) for change in range(1, changes + 1)], changes / took


def warm_up(servers):
    for _ in range(500):
        put(servers.dynamodb.client, 0)
    servers.database.sync('latency')


def main():
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 30
    with Servers(sys.argv[1], 'bench_latency') as servers:
        servers.connect()
        latencies, rate = measure(servers, seconds)
        poll_interval = servers.database.value('SHOW podyn.poll_interval')
    hundredths = statistics.quantiles(latencies, n=100)
    median, percentile_99 = statistics.median(latencies), hundredths[98]
    baseline = f'the acknowledgement of the write; {rate:.0f} changes/s for {seconds} s, poll interval {poll_interval}'
    print_row('latency, median', f'{median * 1000:.0f} ms', baseline, f'≤ {GOAL_MEDIAN * 1000:.0f} ms', median <= GOAL_MEDIAN)
    print_row('latency, 99th percentile', f'{percentile_99 * 1000:.0f} ms', f'the same; worst {max(latencies) * 1000:.0f} ms',
              f'≤ {GOAL_99 * 1000:.0f} ms', percentile_99 <= GOAL_99)


if __name__ == '__main__':
    main()
