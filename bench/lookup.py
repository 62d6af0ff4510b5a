"""A key lookup through a foreign table against boto3's get_item for the same key: both ask DynamoDB Local for the same
items, one after the other, in turns. The baseline's client and the database session are kept."""

import statistics
import sys
import time

from servers import Servers
from table_row import print_row

ITEMS, LOOKUPS = 1000, 400
GOAL = 1.5


def timed(action, *arguments):
    begun = time.perf_counter()
    answer = action(*arguments)
    return time.perf_counter() - begun, answer


def measure(servers):
    """Seconds of each lookup: (podyn's, boto3's)."""
    database, client = servers.database, servers.dynamodb.client
    servers.connect()
    servers.dynamodb.create_table('lookup', key=[('id', 'S')])
    servers.dynamodb.put('lookup', *({'id': {'S': f'key-{n}'}, 'n': {'N': str(n)}, 'text': {'S': 'x' * 500}}
                                     for n in range(ITEMS)))
    database.query('CREATE SCHEMA ddb; IMPORT FOREIGN SCHEMA dynamodb LIMIT TO (lookup) FROM SERVER dynamodb INTO ddb')

    def ours(key):
        return database.query('SELECT n FROM ddb.lookup WHERE id = %s', key)

    def theirs(key):
        return client.get_item(TableName='lookup', Key={'id': {'S': key}})['Item']['n']['N']

    pairs = []
    for number in range(LOOKUPS + 50):
        key = f'key-{number * 7 % ITEMS}'
        (mine, ((n,),)), (other, digits) = timed(ours, key), timed(theirs, key)
        assert n == int(digits)
        pairs.append((mine, other))
    return pairs[50:]  # without those that warm up both


def main():
    with Servers(sys.argv[1], 'bench_lookup') as servers:
        pairs = measure(servers)
    mine, other = (statistics.median(times) * 1000 for times in zip(*pairs))
    print_row(f'a key lookup through a foreign table, median of {LOOKUPS}', f'{mine:.2f} ms, ratio {mine / other:.2f}',
              f"boto3's get_item: {other:.2f} ms", f'ratio ≤ {GOAL}', mine / other <= GOAL)


if __name__ == '__main__':
    main()
