"""podyn_push against boto3's batch_writer, both with the same number of connections to a server that acknowledges at once
(acknowledging_server.py). boto3 gets one batch_writer in each of as many threads, and its items ready made; podyn reads
them from a table."""

import statistics
import sys
import threading
import time
from decimal import Decimal

import boto3
from botocore.config import Config

from acknowledging_server import AcknowledgingServer
from database import KEY, SECRET
from servers import Servers
from table_row import print_row

ITEMS, CONNECTIONS, GOAL = 100_000, 16, 3
BASELINE_ITEMS = 20_000  # boto3 is slow; its rate does not depend on their number


def push(database):
    begun = time.monotonic()
    written = database.value("SELECT written FROM podyn_push('SELECT * FROM made', 'push')")
    assert written == ITEMS, written
    return ITEMS / (time.monotonic() - begun)


def make_items(number):
    return [{'pk': f'item {i:08}', 'n': Decimal(i), 'name': f'name of {i}', 'flag': i % 2 == 0,
             'text': 'x' * 200} for i in range(number)]


def batch_writer(endpoint):
    """Items per second."""
    resource = boto3.resource('dynamodb', endpoint_url=endpoint, region_name='us-east-1', aws_access_key_id=KEY,
                              aws_secret_access_key=SECRET, config=Config(max_pool_connections=CONNECTIONS))
    items = make_items(BASELINE_ITEMS)

    def write(part):
        with resource.Table('push').batch_writer() as writer:
            for item in part:
                writer.put_item(Item=item)
    threads = [threading.Thread(target=write, args=(items[i::CONNECTIONS],)) for i in range(CONNECTIONS)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return BASELINE_ITEMS / (time.monotonic() - begun)


def main():
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with AcknowledgingServer() as server, Servers(sys.argv[1], 'bench_push') as servers:
        servers.connect(server.endpoint)
        database = servers.database
        database.query(f"""CREATE TABLE made AS SELECT 'item ' || lpad(i::text, 8, '0') AS pk, i AS n,
            'name of ' || i AS name, i %% 2 = 0 AS flag, repeat('x', 200) AS text
            FROM generate_series(0, {ITEMS - 1}) AS i""".replace('%%', '%'))
        database.query(f'SET podyn.write_connections = {CONNECTIONS}')
        push(database)
        theirs, ours = [], []
        for _ in range(runs):
            theirs.append(batch_writer(server.endpoint))
            ours.append(push(database))
    ratio = statistics.median(mine / other for mine, other in zip(ours, theirs))
    print_row(f'podyn_push of {ITEMS:,} items into a server that acknowledges at once, {CONNECTIONS} connections, median '
              f'of {runs} pairs', f'{statistics.median(ours):,.0f} items/s, ratio {ratio:.1f}',
              f"boto3's batch_writer: {statistics.median(theirs):,.0f} items/s", f'ratio ≥ {GOAL}', ratio >= GOAL)


if __name__ == '__main__':
    main()
