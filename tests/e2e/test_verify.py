"""podyn_verify finds each difference between source and target and nothing else; podyn_repair mends what it found."""

import threading
import time
from decimal import Decimal

import pytest

from background import InBackground
from citus_cluster import CitusCluster  # noqa: F401 (what the fixture `distributed` is made of)
from dynamodb_local import boto3_client
from failing import fails
from items import KEY, RandomWriter
from test_privileges import owners, refused  # noqa: F401 (fixture)

CLEAN = {'missing': 0, 'extra': 0, 'different': 0}
WRITES_PER_SECOND = 200


def verify(database, name='events', sample=1.0):
    return database.row('SELECT * FROM podyn_verify(%s, %s)', name, sample)


def counts(verified):
    return {kind: verified[kind] for kind in CLEAN}


def findings(database, name='events'):
    """{(kind, id): {attribute: (source value, target value)}}; missing and extra ones have no attributes."""
    found = {}
    for row in database.rows('SELECT * FROM podyn.difference WHERE name = %s', name):
        attributes = found.setdefault((row['kind'], row['key']['id']['S']), {})
        if row['attribute'] is not None:
            attributes[row['attribute']] = row['source_value'], row['target_value']
    return found


def repair(database, name='events'):
    return database.value('SELECT podyn_repair(%s)', name)


class PacedWriter(InBackground):
    """Writes so many items a second, as long as the test goes on: `with PacedWriter(write): …`."""

    def __init__(self, write, per_second=WRITES_PER_SECOND):
        self.write, self.per_second = write, per_second
        self.stop, self.done = threading.Event(), 0
        super().__init__(self._write_all)

    def _write_all(self):
        begun = time.monotonic()
        while not self.stop.is_set():
            due = int((time.monotonic() - begun) * self.per_second)
            if due <= self.done:
                self.stop.wait(1 / self.per_second)
                continue
            self.write(self.done)
            self.done += 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.join()


# ---- what is found --------------------------------------------------------------------------------------------------

def item_of_all_types(number):
    return {
        'id': {'S': f'{number:04}'}, 'at': {'N': str(number % 7)},
        'text': {'S': f'text {number}'}, 'number': {'N': f'{number}.5'}, 'flag': {'BOOL': number % 2 == 0},
        'bytes': {'B': f'bytes {number}'.encode()}, 'map': {'M': {'inner': {'N': str(number)}, 'tags': {'SS': ['a', 'b']}}},
        'list': {'L': [{'S': 'one'}, {'M': {'numbers': {'NS': ['1', '2', str(number + 3)]}}}]},
        'strings': {'SS': ['x', 'y', f'z{number}']}, 'numbers': {'NS': ['1', '2.5', str(number + 10)]},
        'binaries': {'BS': [b'p', b'q', f'{number}'.encode()]}, 'nothing': {'NULL': True},
        'mixed': {'S': 'seven'} if number % 2 else {'N': '7'},
    }


# What is planted in the row of an item, 20 times each, and in which attribute it is to be found.
PLANTED = {
    'text': "text = text || '!'", 'number': 'number = number + 0.1', 'flag': 'flag = NOT flag',
    'bytes': "bytes = bytes || '\\x00'", 'map': "map = jsonb_set(map, '{inner}', '-1')",
    'list': "list = jsonb_set(list, '{1,numbers,0}', '77')", 'strings': "strings = strings || '\"w\"'",
    'numbers': 'numbers = numbers - 0', 'binaries': "binaries = jsonb_set(binaries, '{0}', '\"eA==\"')",
    # It moves to the column of its other type.
    'mixed': "({numeric}, {text}) = (CASE WHEN {numeric} IS NULL THEN 7 END, CASE WHEN {text} IS NULL THEN 'seven' END)",
}
REVERSED = "(SELECT jsonb_agg(member ORDER BY n DESC) FROM jsonb_array_elements({}) WITH ORDINALITY AS m (member, n))"
# The same values, written otherwise.
EQUAL = ('number = number::numeric(20, 7)',
         *(f'{name} = {REVERSED.format(name)}' for name in ('strings', 'numbers', 'binaries')),
         "map = jsonb_set(map, '{tags}', " + REVERSED.format("map -> 'tags'") + ')',
         "list = jsonb_set(list, '{1,numbers}', " + REVERSED.format("list #> '{1,numbers}'") + ')',
         "map = jsonb_set(map, '{inner}', to_jsonb((map ->> 'inner')::numeric(20, 3)))")


def plant(database):
    """300 differences in 600 rows, and as much in the others that is none."""
    planted = {}
    mixed = dict(database.query("SELECT type, column_name FROM podyn.column_map WHERE attribute = 'mixed'"))
    for at, (attribute, change) in enumerate(PLANTED.items()):
        change = change.format(**mixed) if attribute == 'mixed' else change
        database.query(f'UPDATE events SET {change} WHERE id BETWEEN %s AND %s', f'{at * 20:04}', f'{at * 20 + 19:04}')
        planted |= {('different', f'{at * 20 + n:04}'): {attribute} for n in range(20)}
    database.query("DELETE FROM events WHERE id BETWEEN '0200' AND '0249'")
    planted |= {('missing', f'{200 + n:04}'): set() for n in range(50)}
    database.query("INSERT INTO events (id, at, text) SELECT 'extra ' || n, n, 'x' FROM generate_series(0, 49) AS n")
    planted |= {('extra', f'extra {n}'): set() for n in range(50)}
    for change in EQUAL:
        database.query(f"UPDATE events SET {change} WHERE id BETWEEN '0300' AND '0349'")
    return planted


def test_each_of_300_planted_differences_is_found_and_mended_while_others_write(dynamodb, database, polling_fast):
    dynamodb.create_table('events', key=KEY)
    dynamodb.put('events', *map(item_of_all_types, range(600)))
    database.replicate('events', scan_rate=0)
    database.wait_for_state('events', 'streaming')
    assert verify(database) == {'source_items': 600, 'target_rows': 600, **CLEAN}
    planted = plant(database)
    assert len(planted) == 300

    assert verify(database) == {'source_items': 600, 'target_rows': 600, 'missing': 50, 'extra': 50, 'different': 200}
    found = findings(database)
    assert {key: set(attributes) for key, attributes in found.items()} == planted
    assert found['different', '0000'] == {'text': ('text 0', 'text 0!')}
    assert found['different', '0021'] == {'number': (Decimal('21.5'), Decimal('21.6'))}
    assert found['different', '0060'] == {'bytes': ('Ynl0ZXMgNjA=', 'Ynl0ZXMgNjAA')}

    client = boto3_client(dynamodb.direct_endpoint)

    def write(number):
        at = 350 + number % 250
        client.put_item(TableName='events', Item=item_of_all_types(at) | {'text': {'S': f'written {number}'}})
    with PacedWriter(write) as writer:
        verify(database)
        assert {key: set(attributes) for key, attributes in findings(database).items()} == planted
        assert repair(database) == 300
        assert findings(database) == {}
        assert counts(verify(database)) == CLEAN, findings(database)
        assert writer.done > 100


def test_a_replication_in_sync_has_no_differences_however_much_is_written(dynamodb, database, polling_fast):
    """Items of all types are put, updated and deleted, some of them many times."""
    dynamodb.create_table('events', key=KEY)
    writer = RandomWriter(boto3_client(dynamodb.direct_endpoint), 'events', keys=300, seed=5)
    writer.fill()
    database.replicate('events', scan_rate=0)
    database.wait_for_state('events', 'streaming')
    with PacedWriter(lambda _: writer.write(1)):
        for _ in range(3):
            assert counts(verify(database)) == CLEAN, findings(database)
