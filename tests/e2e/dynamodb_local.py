"""DynamoDB Local behind the signing proxy: podyn comes through the proxy, the tests' own writes go straight."""

import shutil
import tempfile
from pathlib import Path

import boto3
from botocore.config import Config

from database import KEY, SECRET
from postgres_server import run_script
from signing_proxy import SigningProxy


def boto3_client(endpoint, service='dynamodb', key=KEY, secret=SECRET, **options):
    return boto3.client(service, endpoint_url=endpoint, region_name='us-east-1', aws_access_key_id=key,
                        aws_secret_access_key=secret, config=Config(max_pool_connections=8), **options)


class DynamoDBLocal:
    def __init__(self, **environment):
        self.folder = Path(tempfile.mkdtemp(prefix='podyn-test-dynamodb-'))
        run_script('dynamodb_local.sh', 'start', self.folder, **environment)
        port = int((self.folder / 'dynamodb.port').read_text())
        self.direct_endpoint = f'http://127.0.0.1:{port}'
        self.proxy = SigningProxy(port, KEY, SECRET)
        self.endpoint = self.proxy.endpoint
        self.client = boto3_client(self.direct_endpoint)

    def create_table(self, name, key, gsis=None, lsis=None, stream='NEW_AND_OLD_IMAGES'):
        """`key`: [(name, type)], partition key first; `gsis`, `lsis`: index name → key, as for the table."""
        gsis, lsis = gsis or {}, lsis or {}

        def schema(attributes):
            return [{'AttributeName': n, 'KeyType': role} for (n, _), role in zip(attributes, ('HASH', 'RANGE'))]

        def indexes(described):
            return [{'IndexName': index, 'KeySchema': schema(attributes), 'Projection': {'ProjectionType': 'ALL'}}
                    for index, attributes in described.items()]

        types = dict(attribute for attributes in (key, *gsis.values(), *lsis.values()) for attribute in attributes)
        options = {}
        if gsis:
            options['GlobalSecondaryIndexes'] = indexes(gsis)
        if lsis:
            options['LocalSecondaryIndexes'] = indexes(lsis)
        if stream:
            options['StreamSpecification'] = {'StreamEnabled': True, 'StreamViewType': stream}
        self.client.create_table(
            TableName=name, KeySchema=schema(key), BillingMode='PAY_PER_REQUEST',
            AttributeDefinitions=[{'AttributeName': n, 'AttributeType': t} for n, t in types.items()], **options)
        return name

    def put(self, table, *items):
        """Items as DynamoDB JSON (bytes for B), in batches of 25 (BatchWriteItem's limit)."""
        for at in range(0, len(items), 25):
            requests = {table: [{'PutRequest': {'Item': item}} for item in items[at:at + 25]]}
            while requests:
                requests = self.client.batch_write_item(RequestItems=requests)['UnprocessedItems']

    def delete(self, table, *keys):
        for key in keys:
            self.client.delete_item(TableName=table, Key=key)

    def take_refusals(self):
        """The errors with which the proxy has refused requests since the last call."""
        refused = set(self.proxy.refused)
        self.proxy.refused.clear()
        return refused

    def drop_tables(self):
        for page in self.client.get_paginator('list_tables').paginate():
            for name in page['TableNames']:
                self.client.delete_table(TableName=name)

    def stop(self):
        self.proxy.stop()
        run_script('dynamodb_local.sh', 'stop', self.folder)
        shutil.rmtree(self.folder)
