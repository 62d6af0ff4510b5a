"""The full comparison: every item of a DynamoDB table against every row of its target, attribute by attribute, both
ways, by the type table of the SQL interface ("From attribute to column")."""

import base64
from collections import Counter
from decimal import Decimal

from boto3.dynamodb.types import Binary
from psycopg2 import sql

COLUMN_TYPES = {'S': 'text', 'N': 'numeric', 'BOOL': 'boolean', 'B': 'bytea',
                'M': 'jsonb', 'L': 'jsonb', 'SS': 'jsonb', 'NS': 'jsonb', 'BS': 'jsonb'}
OWN_COLUMNS = {'podyn_rest', 'podyn_deleted_at'}


class Unordered:
    """A set: a jsonb array whose members come in any order."""

    def __init__(self, members):
        self.members = list(members)

    def __repr__(self):
        return f'set of {self.members}'


def without_nul(text):
    """nul_characters => 'replace': U+0000 becomes U+2400."""
    return text.replace('\0', '\u2400')


def bytes_of(value):
    """boto3 gives bytes or Binary, DynamoDB JSON (podyn.error's key) base64."""
    if isinstance(value, str):
        return base64.b64decode(value)
    return bytes(value.value if isinstance(value, Binary) else value)


def in_jsonb(value):
    """A DynamoDB value as it stands inside jsonb."""
    (kind, content), = value.items()
    if kind == 'S':
        return without_nul(content)
    if kind == 'N':
        return Decimal(content)
    if kind == 'B':
        return base64.b64encode(bytes_of(content)).decode()
    if kind == 'BOOL':
        return content
    if kind == 'NULL':
        return None
    if kind == 'M':
        return {without_nul(name): in_jsonb(member) for name, member in content.items()}
    if kind == 'L':
        return [in_jsonb(member) for member in content]
    return Unordered(in_jsonb({kind[0]: member}) for member in content)  # SS, NS, BS


def in_column(value):
    """A DynamoDB value as it stands in its own column."""
    (kind, content), = value.items()
    return bytes_of(content) if kind == 'B' else in_jsonb(value)


def same(expected, actual):
    """Equal in value and in type: true is not 1, and "1" is not 1."""
    if isinstance(expected, Unordered):
        if not isinstance(actual, list) or len(actual) != len(expected.members):
            return False
        rest = list(actual)
        for member in expected.members:
            match = next((at for at, other in enumerate(rest) if same(member, other)), None)
            if match is None:
                return False
            del rest[match]
        return True
    if type(expected) is not type(actual):
        return False
    if isinstance(expected, dict):
        return expected.keys() == actual.keys() and all(same(expected[name], actual[name]) for name in expected)
    if isinstance(expected, list):
        return len(expected) == len(actual) and all(map(same, expected, actual))
    return expected == actual


def scan(client, table):
    pages = client.get_paginator('scan').paginate(TableName=table, ConsistentRead=True)
    return [item for page in pages for item in page['Items']]


def key_attributes(client, table):
    return [key['AttributeName'] for key in client.describe_table(TableName=table)['Table']['KeySchema']]


class Target:
    """A replication's target: rows turned back into attributes by podyn.column_map."""

    def __init__(self, database, name, table):
        self.database, self.name = database, name
        self.table = sql.Identifier(*table.split('.', 1)) if '.' in table and '"' not in table else \
            sql.Identifier(table)
        self.attributes = {column: (attribute, kind) for attribute, kind, column in database.query(
            'SELECT attribute, type, column_name FROM podyn.column_map WHERE name = %s', name)}

    def rows(self):
        """Each row as {attribute: (type of its column, value)}, without NULLs. `podyn_rest` gives type None."""
        for row in self.database.rows(sql.SQL('SELECT * FROM {}').format(self.table)):
            yield self.attributes_of(row)

    def attributes_of(self, row):
        found = {}
        for column, value in row.items():
            if value is None or column in OWN_COLUMNS:
                continue
            assert column in self.attributes, f'column {column} is not in podyn.column_map'
            attribute, kind = self.attributes[column]
            assert attribute not in found, f'attribute {attribute} stands in two columns: {row}'
            found[attribute] = kind, bytes(value) if isinstance(value, memoryview) else value
        for attribute, value in (row.get('podyn_rest') or {}).items():
            assert attribute not in found, f'attribute {attribute} stands in its column and in podyn_rest: {row}'
            found[attribute] = None, value
        return found


def differences_of_item(item, row):
    expected = {name: value for name, value in item.items() if 'NULL' not in value}
    # An attribute that is NULL may stand in podyn_rest as null, and nowhere else.
    row = {name: (kind, value) for name, (kind, value) in row.items() if value is not None}
    for name in expected.keys() | row.keys():
        if name not in row:
            yield f'{name}: {expected[name]} is missing'
        elif name not in expected:
            yield f'{name}: {row[name][1]!r} is too much'
        else:
            (source_type,), (kind, value) = expected[name], row[name]
            wanted = in_jsonb(expected[name]) if kind is None else in_column(expected[name])
            if kind not in (None, COLUMN_TYPES[source_type]):
                yield f'{name}: {source_type} is in a column for {kind}'
            elif not same(wanted, value):
                yield f'{name}: {wanted!r} arrived as {value!r}'


def assert_equal_tables(client, table, database, target=None, name=None, rejected=()):
    """Every item is there as its row and every row has its item. `rejected`: keys (as in podyn.error) of items that
    must not be there. Gives the number of items compared."""
    return assert_equal_items(scan(client, table), key_attributes(client, table), database, target or table,
                              name or table, rejected)


def assert_equal_items(items, keys, database, target, name=None, rejected=()):
    """The same for items that come from elsewhere."""
    refused = Counter(tuple(in_column(key[part]) for part in keys) for key in rejected)
    items = {tuple(in_column(item[part]) for part in keys): item for item in items}
    items = {key: item for key, item in items.items() if key not in refused}
    rows = {}
    for row in Target(database, name or target, target).rows():
        key = tuple(row[part][1] for part in keys)
        assert key not in rows, f'two rows for key {key}'
        rows[key] = row

    differences = [f'{key}: no row' for key in items.keys() - rows.keys()]
    differences += [f'{key}: a row without an item' for key in rows.keys() - items.keys()]
    for key in items.keys() & rows.keys():
        differences += [f'{key}: {difference}' for difference in differences_of_item(items[key], rows[key])]
    assert not differences, (f'{len(differences)} differences between {len(items)} items and {len(rows)} rows:\n'
                             + '\n'.join(differences[:10]) + '\n' + database.report())
    return len(items)


def assert_equal_documents(client, table, database, name=None):
    """The same for conversion_mode => 'jsonb': the key in its columns, the whole item in the last one, data."""
    keys = key_attributes(client, table)
    columns = dict(database.query('SELECT attribute, column_name FROM podyn.column_map WHERE name = %s', name or table))
    items = {tuple(in_column(item[part]) for part in keys): in_jsonb({'M': item}) for item in scan(client, table)}
    rows = database.query(sql.SQL('SELECT {}, data FROM {}').format(
        sql.SQL(', ').join(sql.Identifier(columns[part]) for part in keys), sql.Identifier(table)))
    differences = documents_differ(items, rows)
    assert not differences, '\n'.join(differences[:10]) + '\n' + database.report()
    return len(items)


def documents_differ(items, rows):
    """Between {key: document} and rows of key columns and document."""
    documents = {}
    differences = []
    for *key, document in rows:
        key = tuple(bytes(part) if isinstance(part, memoryview) else part for part in key)
        if key in documents:
            differences.append(f'{key}: two rows')
        documents[key] = document
    differences += [f'{key}: no row' for key in items.keys() - documents.keys()]
    differences += [f'{key}: a row without an item' for key in documents.keys() - items.keys()]
    differences += [f'{key}: {items[key]!r} arrived as {documents[key]!r}' for key in items.keys() & documents.keys()
                    if not same(items[key], documents[key])]
    return differences
