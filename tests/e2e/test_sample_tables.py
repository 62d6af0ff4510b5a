"""The developer guide's own tables arrive value for value: copied when they were there before, replayed when they were
written after."""

import pytest

from comparison import assert_equal_tables, scan
from sample_data import document, item_for_boto3

TABLES = {'Forum': 'forum', 'Thread': 'thread', 'Reply': 'reply', 'ProductCatalog': 'product-catalog'}
STREAM = {'StreamEnabled': True, 'StreamViewType': 'NEW_AND_OLD_IMAGES'}


def create(dynamodb, table):
    request = document(f'aws-sample-tables/create-table-{TABLES[table]}.json')
    dynamodb.client.create_table(**request, StreamSpecification=STREAM)


def items_of(table):
    requests = document(f'aws-sample-tables/{table}.json')[table]
    return [item_for_boto3(request['PutRequest']['Item']) for request in requests]


@pytest.mark.parametrize('table', TABLES)
def test_a_sample_table_is_copied(dynamodb, database, table):
    create(dynamodb, table)
    dynamodb.put(table, *items_of(table))
    database.replicate(table)
    database.wait_for_state(table, 'streaming')
    assert assert_equal_tables(dynamodb.client, table, database) == len(scan(dynamodb.client, table)) > 0


@pytest.mark.parametrize('table', TABLES)
def test_a_sample_table_is_replayed(dynamodb, database, table):
    create(dynamodb, table)
    database.replicate(table)
    database.wait_for_state(table, 'streaming')
    dynamodb.put(table, *items_of(table))
    database.sync(table)
    assert assert_equal_tables(dynamodb.client, table, database) == len(scan(dynamodb.client, table)) > 0


def test_all_sample_tables_arrive_at_once(dynamodb, database):
    for table in TABLES:
        create(dynamodb, table)
        dynamodb.put(table, *items_of(table))
    names = database.column("SELECT podyn_replicate_all()")
    assert sorted(names) == sorted(TABLES)
    for table in TABLES:
        database.wait_for_state(table, 'streaming')
        assert_equal_tables(dynamodb.client, table, database)


def test_some_values_read_as_a_person_expects(dynamodb, database):
    create(dynamodb, 'Forum')
    dynamodb.put('Forum', *items_of('Forum'))
    database.replicate('Forum')
    database.wait_for_state('Forum', 'streaming')
    assert database.query('SELECT "Name", "Category", "Threads", "Views" FROM "Forum" ORDER BY 1') == [
        ('Amazon DynamoDB', 'Amazon Web Services', 2, 1000), ('Amazon S3', 'Amazon Web Services', None, None)]
