"""The demo's part in Python: its tables in DynamoDB Local, and the live changes with their lag.

demo_tables.py create ENDPOINT           creates and fills the tables
demo_tables.py live ENDPOINT DATABASE    writes, changes, deletes, and waits for each row in PostgreSQL"""

import random
import statistics
import sys
import time
from decimal import Decimal

import boto3
import psycopg2

CHANGES = 60
STREAM = {'StreamEnabled': True, 'StreamViewType': 'NEW_AND_OLD_IMAGES'}
chance = random.Random(2)


def connect(endpoint):
    return boto3.resource('dynamodb', endpoint_url=endpoint, region_name='us-east-1', aws_access_key_id='demo',
                          aws_secret_access_key='demo')


def schema(*names):
    return [{'AttributeName': name, 'KeyType': role} for name, role in zip(names, ('HASH', 'RANGE'))]


def index(name, *names):
    return {'IndexName': name, 'KeySchema': schema(*names), 'Projection': {'ProjectionType': 'ALL'}}


TABLES = {
    'Music': dict(KeySchema=schema('Artist', 'SongTitle'),
                  types={'Artist': 'S', 'SongTitle': 'S', 'Genre': 'S', 'Year': 'N'},
                  GlobalSecondaryIndexes=[index('by_genre', 'Genre', 'Year')],
                  LocalSecondaryIndexes=[index('by_year', 'Artist', 'Year')]),
    'Orders': dict(KeySchema=schema('Customer', 'OrderedAt'),
                   types={'Customer': 'S', 'OrderedAt': 'N', 'Status': 'S'},
                   GlobalSecondaryIndexes=[index('by_status', 'Status', 'OrderedAt')]),
    'Sensors': dict(KeySchema=schema('Id'), types={'Id': 'B'}),
}


def songs():
    for number in range(300):
        yield {'Artist': f'Artist {number // 10:02}', 'SongTitle': f'Song {number:03}', 'Year': 1960 + number % 60,
               'Genre': chance.choice(['Jazz', 'Rock', 'Classic']),
               'Awards': set(chance.sample(['Grammy', 'Brit', 'Echo'], chance.randint(1, 3)))}


def orders():
    for number in range(500):
        lines = [{'Article': f'A-{chance.randint(100, 999)}', 'Price': Decimal(chance.randint(1, 9999)) / 100,
                  'Gift': chance.random() < 0.2} for _ in range(chance.randint(1, 4))]
        yield {'Customer': f'customer-{number % 80}', 'OrderedAt': 1700000000 + number * 60,
               'Status': chance.choice(['new', 'paid', 'shipped']), 'Lines': lines,
               'Total': sum(line['Price'] for line in lines),
               'Address': {'city': chance.choice(['Oslo', 'Wien', '東京']), 'zip': f'{chance.randint(1000, 9999)}'}}


def sensors():
    """All ten attribute types: S, N, B, BOOL, NULL, M, L, SS, NS, BS."""
    for number in range(100):
        yield {'Id': number.to_bytes(4, 'big'), 'Name': f'sensor {number}',
               'Reading': Decimal('3.1415926535897932384626433832795028841') * number, 'Active': number % 3 > 0,
               'Fault': None, 'Place': {'lat': Decimal('59.91'), 'lon': Decimal('10.75'), 'note': None},
               'History': [Decimal(number), 'calibrated', True], 'Tags': {'indoor', 'north'},
               'Thresholds': {Decimal('0.5'), Decimal('1E+20')}, 'Certificates': {b'\x01\x02', b'\xff'}}


def create(endpoint):
    dynamodb = connect(endpoint)
    items = {'Music': songs(), 'Orders': orders(), 'Sensors': sensors()}
    for name, options in TABLES.items():
        attributes = [{'AttributeName': n, 'AttributeType': t} for n, t in options['types'].items()]
        table = dynamodb.create_table(TableName=name, AttributeDefinitions=attributes, BillingMode='PAY_PER_REQUEST',
                                      StreamSpecification=STREAM,
                                      **{key: value for key, value in options.items() if key != 'types'})
        count = 0
        with table.batch_writer() as batch:
            for item in items[name]:
                batch.put_item(item)
                count += 1
        print(f'    {name}: {count} items')


class Follower:
    """Waits in PostgreSQL for what was just written to DynamoDB, and says how long it took."""

    def __init__(self, database):
        self.connection = psycopg2.connect(database)
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()

    def lag(self, acknowledged, question, *arguments):
        """Milliseconds from the writer's acknowledgement until the question's answer is true."""
        while True:
            self.cursor.execute(question, arguments)
            if self.cursor.fetchone()[0]:
                return (time.monotonic() - acknowledged) * 1000
            if time.monotonic() - acknowledged > 30:
                sys.exit(f'not within 30 s: {self.cursor.query.decode()}')
            time.sleep(0.001)


def live(endpoint, database):
    table, follower, lags = connect(endpoint).Table('Orders'), Follower(database), []
    there = 'SELECT EXISTS (SELECT FROM "Orders" WHERE "Customer" = %s AND "OrderedAt" = %s AND "Status" = %s)'
    gone = 'SELECT NOT EXISTS (SELECT FROM "Orders" WHERE "Customer" = %s AND "OrderedAt" = %s)'

    def show(what, lag):
        lags.append(lag)
        if len(lags) <= 12:
            print(f'    {what:<60} visible after {lag:6.0f} ms', flush=True)

    for number in range(-(-CHANGES // 3)):
        key = {'Customer': f'live-{number}', 'OrderedAt': number}
        table.put_item(Item={**key, 'Status': 'new', 'Total': Decimal('9.99')})
        show(f'put     {key["Customer"]} as new', follower.lag(time.monotonic(), there, *key.values(), 'new'))
        table.update_item(Key=key, UpdateExpression='SET #s = :s', ExpressionAttributeNames={'#s': 'Status'},
                          ExpressionAttributeValues={':s': 'paid'})
        show(f'update  {key["Customer"]} to paid', follower.lag(time.monotonic(), there, *key.values(), 'paid'))
        table.delete_item(Key=key)
        show(f'delete  {key["Customer"]}', follower.lag(time.monotonic(), gone, *key.values()))
    lags.sort()
    print(f'    … {len(lags)} changes, one after the other, from acknowledgement to visible row: '
          f'median {statistics.median(lags):.0f} ms, 99th percentile {lags[len(lags) * 99 // 100]:.0f} ms, '
          f'worst {lags[-1]:.0f} ms')


if __name__ == '__main__':
    {'create': create, 'live': live}[sys.argv[1]](*sys.argv[2:])
