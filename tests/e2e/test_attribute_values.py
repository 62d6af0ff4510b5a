"""Difficult items: each that DynamoDB accepts arrives as the type table says, or is in podyn.error with its reason."""

import json
from collections import defaultdict

import pytest
from botocore.exceptions import ClientError

from comparison import assert_equal_tables, key_attributes, scan
from dynamodb_local import boto3_client
from sample_data import item_for_boto3, lines

ACCEPTED = [line['Item'] for line in lines('attribute-values.jsonl') if line['_expect'] == 'accept']
KEYS = [('pk', 'sk'), ('a',), ('Id',), ('ForumName', 'Subject')]  # the first of these that an item has is its key


def key_of(item):
    names = next((key for key in KEYS if key[0] in item), None)
    if names is None:  # an item without any of them: its first attribute that may be a key
        names = [name for name, value in item.items() if value.keys() & {'S', 'N', 'B'}][:1]
    return tuple((name, next(iter(item[name]))) for name in names if name in item)


def tables():
    """A table for each shape of key: {name: (key, items)}."""
    shapes = defaultdict(list)
    for item in ACCEPTED:
        shapes[key_of(item)].append(item)
    return {f'values_{number}': (list(key), items) for number, (key, items) in enumerate(shapes.items())}


TABLES = tables()


def check(client, database, table):
    """All is there but what must be rejected; an item that was written again may be rejected twice."""
    rejected = {}
    for error in database.errors(table):
        assert error['message'] and error['item'], error
        key = error['key'] if isinstance(error['key'], dict) else json.loads(error['key'])
        rejected[json.dumps(key, sort_keys=True)] = error['sqlstate']
    names = key_attributes(client, table)
    expected = {json.dumps({name: item[name] for name in names}, sort_keys=True): sqlstate
                for item in scan(client, table) for sqlstate in [why_rejected(item, names)] if sqlstate}
    assert rejected == expected
    assert_equal_tables(client, table, database, rejected=map(json.loads, rejected))


def why_rejected(item, key):
    """docs/type-mapping.md, "What goes to podyn.error": of its reasons, those that DynamoDB's own items can give."""
    has_nul = any('\0' in str(item[name]) for name in key) or any('\0' in name for name in item)
    return '22P05' if has_nul else None


@pytest.mark.parametrize('table', TABLES)
@pytest.mark.parametrize('way', ['copied', 'replayed'])
def test_every_accepted_value_arrives_or_is_explained(simulator, simulated, table, way):
    """From the simulator, which refuses nothing."""
    key, items = TABLES[table]
    source = simulator.create_table(table, key=key, stream='NEW_AND_OLD_IMAGES')
    if way == 'copied':
        for item in items:
            source.put(item)
    simulated.replicate(table)
    simulated.wait_for_state(table, 'streaming')
    if way == 'replayed':
        for item in items:
            source.put(item)
        simulated.sync(table)
    check(boto3_client(simulator.endpoint), simulated, table)


@pytest.mark.parametrize('way', ['copied', 'replayed'])
def test_what_dynamodb_local_takes_arrives_too(dynamodb, database, way):
    def write(table, items):
        for item in items:
            try:
                dynamodb.put(table, item_for_boto3(item))
            except ClientError as error:
                refused.append((item, str(error)))

    refused = []
    for table, (key, items) in TABLES.items():
        dynamodb.create_table(table, key=key)
        if way == 'copied':
            write(table, items)
        database.replicate(table)
    for table, (key, items) in TABLES.items():
        database.wait_for_state(table, 'streaming')
        if way == 'replayed':
            write(table, items)
    for table in TABLES:
        database.sync(table)
        check(dynamodb.client, database, table)
    assert len(refused) < len(ACCEPTED) / 10, refused
