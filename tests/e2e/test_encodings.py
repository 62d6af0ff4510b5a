"""Values that podyn encodes itself have the very bytes that PostgreSQL's own input functions give them."""

import gzip
import json
import random

import pytest

from exports import full_records
from test_import import KEYS, imported

EDGES = ['0', '-0', '0.0', '-0.00', '00', '007', '007.50', '1', '-1', '10000', '9999', '0.0001', '0.00010', '12345.6789',
         '.5', '5.', '-.5', '1e5', '-1.5E-7', '9.9E+125', '1E-130', '999999999999999999', '-999999999999999999',
         '1000000000000000000', '9223372036854775807', '-9223372036854775808', '99999999999999999999',
         '0.999999999999999999', '12345678901234567.8', '1234567890.12345678', '12345678901234567890123456789012345678',
         '-0.00000000000000000000000000000000000001', '100.00', '1' + '0' * 17, '0.' + '0' * 17 + '1']


def made_number(chance):
    digits = ''.join(chance.choice('0000123456789') for _ in range(chance.randint(1, 22)))
    point = chance.randint(-5, len(digits))
    number = digits if point < 1 or point == len(digits) else f'{digits[:point]}.{digits[point:]}'
    return chance.choice(['', '-']) + number


@pytest.fixture
def loading(make_database):
    return make_database()


def test_numbers_are_what_numeric_makes_of_them(bucket, loading):
    chance = random.Random(1)
    numbers = [*EDGES, *(made_number(chance) for _ in range(3_000))]
    items = [{'id': {'S': f'{i:05}'}, 'n': {'N': number}, 's': {'S': number}, 'l': {'L': [{'N': number}]}}
             for i, number in enumerate(numbers)]
    imported(loading, bucket.full_export([full_records(items)]), key=KEYS)
    assert loading.value('SELECT count(*) FROM events') == len(numbers)
    assert loading.rows('SELECT s, n FROM events WHERE numeric_send(n) <> numeric_send(s::numeric) '
                        "OR l::text <> format('[%s]', s::numeric) OR (l -> 0)::numeric <> s::numeric") == []


class Values:
    """Values at random: as DynamoDB JSON, and as JSON."""

    def __init__(self, seed):
        self.chance = random.Random(seed)

    def name(self):
        return self.chance.choice(['', 'a', 'b', 'ab', 'ba', 'é', 'name', 'Name', 'a longer name', 'x' * 200,
                                   f'n{self.chance.randint(0, 99)}'])

    def count(self):
        return self.chance.choice([0, 1, 2, 3, 5, 8, self.chance.choice([17, 31, 32, 33, 40, 70])])

    def several(self, kind, member):
        pairs = [member() for _ in range(self.count())]
        return tuple(f'{{"{kind}":[{",".join(pair[0] for pair in pairs)}]}}' if typed else
                     f'[{",".join(pair[1] for pair in pairs)}]' for typed in (True, False))

    def text(self):
        text = json.dumps(self.chance.choice(['', 'x', 'é€😀', 'text ' * self.chance.randint(0, 9)]), ensure_ascii=False)
        return text, text

    def number(self):
        number = str(self.chance.choice([0, 1, -5, 10**17, 12345678901234567890123456789012345678,
                                         self.chance.randint(-10**6, 10**6) / 1000]))
        return f'"{number}"', number

    def binary(self):
        return self.chance.choice([('""', '""'), ('"YQ=="', '"YQ=="'), ('"AAECAwQF"', '"AAECAwQF"')])

    def mapping(self, level):
        members = [(json.dumps(self.name(), ensure_ascii=False), *self.value(level + 1)) for _ in range(self.count())]
        return ('{"M":{' + ','.join(f'{name}:{typed}' for name, typed, _ in members) + '}}',
                '{' + ','.join(f'{name}:{plain}' for name, _, plain in members) + '}')

    def value(self, level):
        kind = self.chance.randrange(10 if level < 3 else 5)
        if kind < 3:
            letter, (typed, plain) = [('S', self.text()), ('N', self.number()), ('B', self.binary())][kind]
            return f'{{"{letter}":{typed}}}', plain
        if kind < 5:
            return self.chance.choice([('{"BOOL":true}', 'true'), ('{"BOOL":false}', 'false'), ('{"NULL":true}', 'null')])
        if kind < 8:
            return self.several(*[('SS', self.text), ('NS', self.number), ('BS', self.binary)][kind - 5])
        return self.mapping(level) if kind == 8 else self.several('L', lambda: self.value(level + 1))


def nested(levels):
    typed, plain = '{"S":"x"}', '"x"'
    for level in range(levels):
        typed = f'{{"M":{{"m":{typed}}}}}' if level % 2 else f'{{"L":[{typed}]}}'
        plain = f'{{"m":{plain}}}' if level % 2 else f'[{plain}]'
    return typed, plain


def assert_same_bytes(database, table, column, expected):
    """`expected`: the JSON for each id. Pages show what a value is stored as; a plain column, without compression."""
    database.query('CREATE EXTENSION pageinspect')
    database.query('CREATE TABLE expected (id text, j jsonb)')
    database.query('ALTER TABLE expected ALTER j SET STORAGE EXTERNAL')
    for identity, document in expected.items():
        database.query('INSERT INTO expected VALUES (%s, %s)', identity, document)
    database.query('CREATE TABLE sides (a jsonb, b jsonb)')
    database.query('ALTER TABLE sides ALTER a SET STORAGE PLAIN, ALTER b SET STORAGE PLAIN')
    database.query(f'INSERT INTO sides SELECT {column}, j FROM {table} JOIN expected USING (id) '
                   f'WHERE pg_column_size({column}) < 3500')
    pages = "generate_series(0, pg_relation_size('sides') / 8192 - 1) AS page, " \
        "heap_page_item_attrs(get_raw_page('sides', page::int), 'sides') AS item"
    assert database.value(f'SELECT count(*) FROM {pages}') > 0.8 * len(expected)
    assert database.value(f'SELECT count(*) FROM {pages} WHERE t_attrs[1] IS DISTINCT FROM t_attrs[2]') == 0
    assert database.column(f'SELECT id FROM {table} JOIN expected USING (id) WHERE {column} <> j') == []


def imported_values(bucket, database, line, documents, **options):
    lines = ''.join(line(f'{i:04}', typed) + '\n' for i, (typed, _) in enumerate(documents))
    imported(database, bucket.export_of_contents([(len(documents), gzip.compress(lines.encode()))]), key=KEYS, start=False,
             **options)
    database.query(f"ALTER TABLE events ALTER {'data' if options else 'm'} SET STORAGE EXTERNAL")
    database.query("SELECT podyn_start('events')")
    database.wait_for_state('events', 'completed')


def test_maps_are_what_jsonb_makes_of_them(bucket, loading):
    values = Values(1)
    documents = [nested(levels) for levels in (1, 2, 31, 60)] + [values.mapping(0) for _ in range(500)]
    imported_values(bucket, loading, lambda key, typed: f'{{"Item":{{"id":{{"S":"{key}"}},"m":{typed}}}}}', documents)
    assert_same_bytes(loading, 'events', 'm', {f'{i:04}': plain for i, (_, plain) in enumerate(documents)})


def test_documents_are_what_jsonb_makes_of_them(bucket, loading):
    """In jsonb mode the item is one value, and binary attributes have been decoded before."""
    values = Values(2)
    documents = [values.mapping(0) for _ in range(300)]
    imported_values(bucket, loading, lambda key, typed:
                    f'{{"Item":{{"id":{{"S":"{key}"}},"b":{{"B":"AAECAwQF"}},"map":{typed}}}}}', documents,
                    conversion_mode='jsonb')
    assert_same_bytes(loading, 'events', 'data', {
        f'{i:04}': f'{{"id": "{i:04}", "b": "AAECAwQF", "map": {plain}}}' for i, (_, plain) in enumerate(documents)})
