"""The longest, widest and strangest items: loaded or in podyn.error with the reason, and no attribute's value in another
one's column, in the backfill, in the merge and in direct apply."""

import json
import random

import pytest

from comparison import assert_equal_tables
from dynamodb_local import boto3_client
from ways import WAYS, bring

NAMES = {
    'empty': [''],
    'blank': [' ', '  ', '\t', '\n'],
    'the longest': ['x' * 65535, 'x' * 65534 + 'y', 'x' * 65534],
    '63 bytes and around': ['y' * 62, 'y' * 63, 'y' * 64, 'y' * 65],
    'cut within a character': ['z' * 62 + 'ä', 'z' * 62 + 'ö', 'z' * 61 + '€', 'z' * 61 + '₤', 'z' * 60 + '🐘',
                               'z' * 60 + '🐫', 'z' * 62, 'z' * 61],
    'all characters of two bytes': ['ä' * 31, 'ä' * 31 + 'b', 'ä' * 31 + 'bc', 'ä' * 32, 'ä' * 33],
    'case': ['Name', 'name', 'NAME', 'nAmE', 'ID', 'Id', 'Ä', 'ä', 'İ', 'i', 'I', 'ı'],
    'quotes': ['"', '""', "'", "''", 'a"b', "a'b", 'a\\b', 'a\\"b', '$$', '%s', ';--', 'select', 'a.b', 'a b'],
    'system columns': ['ctid', 'xmin', 'tableoid', 'CTID', 'oid'],
    'of podyn': ['podyn_rest', 'PODYN_REST', 'podyn_deleted_at', 'podyn_batch', 'target', 'gone', 'excluded', 'data'],
    'like the types': ['price', 'price_text', 'price_numeric', 'price_text_text'],
    'control characters': ['a\x01b', 'a\x7fb', 'a\u2028b', 'a\u200db', 'a\u2400b'],
}
ALL = [name for names in NAMES.values() for name in names]
WITH_NUL = ['\0', 'a\0b', 'x' * 100 + '\0']


@pytest.fixture
def chance():
    return random.Random(8)


def incompressible(chance, size):
    return ''.join(chr(chance.randrange(33, 127)) for _ in range(size))


def compare(simulator, simulated, rejected):
    """`rejected`: {key: SQLSTATE}."""
    errors = {(key if isinstance(key, dict) else json.loads(key))['id']['S']: error
              for error in simulated.errors('events') for key in [error['key']]}
    assert {key: error['sqlstate'] for key, error in errors.items()} == rejected, errors
    assert all(error['message'] for error in errors.values())
    keys = [key if isinstance(key, dict) else json.loads(key)
            for error in simulated.errors('events') for key in [error['key']]]
    columns = simulated.column("SELECT column_name FROM podyn.column_map WHERE name = 'events'")
    assert len(columns) == len(set(columns)), 'two attributes share a column'
    return assert_equal_tables(boto3_client(simulator.endpoint), 'events', simulated, rejected=keys)


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('lower_case', [False, True])
def test_every_name(simulator, simulated, way, lower_case):
    events = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')

    def put():
        for what, names in NAMES.items():
            events.put({'id': {'S': what}, **{name: {'S': f'of {name[:99]}'} for name in names}})
            events.put({'id': {'S': f'{what}, numbers'}, **{name: {'N': str(n)} for n, name in enumerate(names)}})
        for number, name in enumerate(ALL):
            events.put({'id': {'S': f'alone {number}'}, name: {'S': f'alone {number}'}})
        for number, name in enumerate(WITH_NUL):
            events.put({'id': {'S': f'nul {number}'}, name: {'S': 'x'}, 'name': {'S': 'x'}})
        events.put({'id': {'S': 'all'}, **{name: {'S': str(number)} for number, name in enumerate(ALL)}})
    bring(way, simulator, simulated, 'events', put, lower_case_columns=lower_case, scan_rate=0)
    compared = compare(simulator, simulated, {f'nul {number}': '22P05' for number in range(len(WITH_NUL))})
    assert compared == 2 * len(NAMES) + len(ALL) + 1
    assert simulated.value("SELECT count(DISTINCT attribute) FROM podyn.column_map WHERE name = 'events'") == \
        len(ALL) + 1


@pytest.mark.parametrize('way', WAYS)
def test_every_size(simulator, simulated, chance, way):
    events = simulator.create_table('events', key=[('id', 'S'), ('at', 'S')], stream='NEW_AND_OLD_IMAGES',
                                    gsis={'by_note': [('note', 'S')]})
    long_id, too_long_id = incompressible(chance, 1500), incompressible(chance, 2048)
    items = [
        ('key that just fits', {'id': {'S': long_id}, 'at': {'S': incompressible(chance, 1024)}}),
        ('key that compresses', {'id': {'S': 'x' * 2048}, 'at': {'S': 'y' * 1024}}),
        ('key too big for a btree', {'id': {'S': too_long_id}, 'at': {'S': incompressible(chance, 1024)}}),
        ('value too big for an index', {'note': {'S': incompressible(chance, 9000)}, 'n': {'N': '1'}}),
        ('value of 400 KB', {'text': {'S': incompressible(chance, 399_000)}}),
        ('1,500 columns with long values',
         {f'a{n}': {'S': incompressible(chance, 40 + n % 200)} for n in range(1500)}),
        ('1,500 columns with short values', {f'a{n}': {'N': '1'} for n in range(1500)}),
        ('1,500 columns with documents', {f'a{n}': {'M': {'k': {'S': incompressible(chance, 90)}}} for n in range(1500)}),
        ('more columns than fit', {f'b{n}': {'BOOL': True} for n in range(1700)}),
        ('a little of both', {'a1': {'S': 'x'}, 'b1699': {'BOOL': False}, 'b1': {'BOOL': True}}),
        ('narrow', {'n': {'N': '2'}}),
    ]

    def put():
        for what, attributes in items:
            events.put({'id': {'S': what}, 'at': {'S': ''}, **attributes})
    bring(way, simulator, simulated, 'events', put, scan_rate=0)
    assert compare(simulator, simulated, {too_long_id: '54000'}) == len(items) - 1
    # The same once more, now that all columns are there.
    for what, attributes in items:
        events.put({'id': {'S': what}, 'at': {'S': 'again'}, **{name: value for name, value in attributes.items()
                                                                if name not in ('id', 'at')}})
    simulated.sync('events')
    assert compare(simulator, simulated, {too_long_id: '54000'}) == 2 * len(items) - 1
