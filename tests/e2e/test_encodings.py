"""Values that podyn encodes itself have the very bytes that PostgreSQL's own input functions give them."""

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
