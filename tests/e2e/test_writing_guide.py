"""The example of docs/writing.md, statement by statement: projects and tokens move into one DynamoDB table."""

import re

import pytest

from postgres_server import ROOT

PAGE = (ROOT / 'docs' / 'writing.md').read_text()
PG_TIME, RFC3339 = '2022-02-02 18:01:49.345261+00', '2022-02-02T18:01:49.345261000Z'


def statements(heading):
    """Of the section's blocks of SQL, without comments."""
    section = PAGE.split(heading)[1].split('\n## ')[0]
    text = '\n'.join(re.findall(r'```sql\n(.*?)```', section, re.DOTALL))
    text = re.sub(r'--.*', '', text)
    return [statement.strip() for statement in text.split(';') if statement.strip()]


@pytest.fixture
def cello(dynamodb, database):
    dynamodb.create_table('cello', key=[('pk', 'S'), ('sk', 'S')], stream=None)
    database.query("""
        CREATE TABLE projects (project text PRIMARY KEY, repository text);
        CREATE TABLE tokens (token_id text PRIMARY KEY, project text, created_at timestamptz, expires_at timestamptz);
        INSERT INTO projects SELECT 'p' || i, 'https://example.com/' || i FROM generate_series(1, 30) AS i;
        INSERT INTO tokens SELECT 'tkn-' || i, 'p' || i % 30 + 1, timestamptz '2022-02-02 18:01:49.345261+00',
            timestamptz '2023-02-02 18:01:49.345261+00' FROM generate_series(1, 60) AS i""")
    return dynamodb


def item(cello, pk, sk):
    return cello.client.get_item(TableName='cello', Key={'pk': {'S': pk}, 'sk': {'S': sk}}, ConsistentRead=True).get('Item')


def test_the_example(cello, database):
    view, preview, load, foreign, verify, dry, update, reset = statements('## Example: from PostgreSQL')
    database.query(view)
    assert database.query(preview) == [(90, 90, 0, 0)]
    assert cello.client.scan(TableName='cello')['Count'] == 0
    assert database.query(load) == [(90, 90, 0, 0)]
    assert database.query(load) == [(90, 0, 90, 0)], 'it can be run again'
    assert item(cello, 'PROJECT#p1', 'METADATA') == {
        'pk': {'S': 'PROJECT#p1'}, 'sk': {'S': 'METADATA'}, 'repository': {'S': 'https://example.com/1'}}
    assert item(cello, 'PROJECT#p2', 'TOKEN#tkn-1')['created_at'] == {'S': RFC3339}
    database.query(foreign)
    assert database.query(verify) == []
    cello.put('cello', {'pk': {'S': 'PROJECT#p2'}, 'sk': {'S': 'TOKEN#tkn-1'}, 'created_at': {'S': PG_TIME},
                        'expires_at': {'S': '2023-02-02 18:01:49.345261+00'}})
    assert len(database.query(verify)) == 1
    database.query(dry)
    database.query(update)
    assert f'would update item with key {{"pk": "PROJECT#p2", "sk": "TOKEN#tkn-1"}}: created_at: "{PG_TIME}" → "{RFC3339}"' \
        in database.notices()
    assert len(database.query(verify)) == 1
    database.query(reset)
    database.query(update)
    assert database.query(verify) == []
