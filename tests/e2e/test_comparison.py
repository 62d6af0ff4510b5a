"""The comparison that other tests rely on finds differences, and only real ones."""

from decimal import Decimal

import pytest

from comparison import Unordered, differences_of_item, documents_differ, in_column, same
from items import RandomItems, RandomWriter, KEY
from comparison import scan

ITEM = {'s': {'S': 'a\0b'}, 'n': {'N': '1.50'}, 'f': {'BOOL': True}, 'b': {'B': b'\x00\xff'}, 'z': {'NULL': True},
        'm': {'M': {'n': {'N': '12345678901234567890123456789012345678'}, 'b': {'B': b'\x00\xff'},
                    'z': {'NULL': True}}},
        'ns': {'NS': ['1', '2', '3']}}
ROW = {'s': ('text', 'a\u2400b'), 'n': ('numeric', Decimal('1.5')), 'f': ('boolean', True), 'b': ('bytea', b'\x00\xff'),
       'm': ('jsonb', {'n': Decimal('12345678901234567890123456789012345678'), 'b': 'AP8=', 'z': None}),
       'ns': ('jsonb', [Decimal(3), Decimal(1), Decimal(2)])}


def test_an_item_equals_its_row():
    assert list(differences_of_item(ITEM, ROW)) == []


def test_what_podyn_rest_holds_counts_too():
    assert list(differences_of_item(ITEM, {**ROW, 'b': (None, 'AP8='), 'z': (None, None)})) == []


@pytest.mark.parametrize('attribute, wrong', [
    ('s', ('text', 'ab')), ('n', ('numeric', Decimal('1.51'))), ('n', ('text', '1.50')), ('f', ('boolean', False)),
    ('b', ('bytea', b'\x00')), ('ns', ('jsonb', [Decimal(1), Decimal(2)])), ('m', ('jsonb', {})),
    ('m', ('jsonb', {'n': Decimal('12345678901234567890123456789012345679'), 'b': 'AP8=', 'z': None})),
    ('m', ('jsonb', {'n': Decimal('12345678901234567890123456789012345678'), 'b': 'AP8='})),
    ('other', ('text', 'too much')), ('z', ('text', 'not null'))])
def test_a_difference_is_found(attribute, wrong):
    assert len(list(differences_of_item(ITEM, {**ROW, attribute: wrong}))) == 1


def test_a_missing_attribute_is_found():
    assert len(list(differences_of_item(ITEM, {name: value for name, value in ROW.items() if name != 's'}))) == 1


def test_types_matter():
    assert not same(True, Decimal(1))
    assert not same('1', Decimal(1))
    assert same(Unordered([Decimal(1), Decimal(1), Decimal(2)]), [Decimal(2), Decimal(1), Decimal(1)])
    assert not same(Unordered([Decimal(1), Decimal(2), Decimal(2)]), [Decimal(2), Decimal(1), Decimal(1)])
    assert in_column({'N': '1E-130'}) == Decimal('0.' + '0' * 129 + '1')


DOCUMENTS = {('one',): {'id': 'one', 'n': Decimal(1)}, ('two',): {'id': 'two'}}
ROWS = [(*key, document) for key, document in DOCUMENTS.items()]


@pytest.mark.parametrize('rows, differences', [
    (ROWS, 0), (ROWS[:1], 1), ([*ROWS, ('three', {'id': 'three'})], 1), ([*ROWS, ROWS[0]], 1),
    ([('one', {'id': 'one', 'n': '1'}), ROWS[1]], 1), ([('other', ROWS[0][1]), ROWS[1]], 2)])
def test_documents_are_compared_with_their_key_columns(rows, differences):
    assert len(documents_differ(DOCUMENTS, rows)) == differences


def test_the_random_writer_writes_what_dynamodb_accepts_and_repeats(dynamodb):
    """DynamoDB Local refuses what DynamoDB refuses; the same seed leaves the same table."""
    tables = []
    for name in ('first', 'second'):
        dynamodb.create_table(name, key=KEY)
        writer = RandomWriter(dynamodb.client, name, keys=50, seed=3)
        writer.fill()
        writer.write(500)
        tables.append(sorted(scan(dynamodb.client, name), key=lambda item: (item['id']['S'], item['at']['N'])))
    assert tables[0] == tables[1] and 10 < len(tables[0]) <= 50
    kinds = {kind for item in tables[0] for value in item.values() for kind in value}
    assert kinds == {'S', 'N', 'B', 'BOOL', 'NULL', 'M', 'L', 'SS', 'NS', 'BS'}


def test_random_items_differ_with_their_seed():
    assert RandomItems(1).attributes() != RandomItems(2).attributes()
