"""Items of about a given size, as DynamoDB JSON: nine attributes, two of them nested, the rest of the size in a text."""

import random

FIXED = 150  # bytes of everything but the text, as DynamoDB counts (developer guide, item sizes and formats)


def item(number, size, chance=random.Random(1)):
    return {
        'id': {'S': f'item-{number:08}'},
        'number': {'N': str(number)},
        'price': {'N': f'{chance.randint(1, 10**6)}.{chance.randint(10, 99)}'},
        'active': {'BOOL': number % 3 > 0},
        'status': {'S': chance.choice(['new', 'paid', 'shipped', 'returned'])},
        'created': {'S': f'2026-01-{1 + number % 28:02}T12:00:00.000Z'},
        'address': {'M': {'city': {'S': 'Reykjavík'}, 'zip': {'S': f'{chance.randint(100, 999)}'}}},
        'lines': {'L': [{'N': str(chance.randint(1, 99))}, {'S': 'article'}, {'BOOL': True}]},
        'text': {'S': chance.randbytes(max(0, size - FIXED) // 2).hex()},
    }


def items(count, size):
    return [item(number, size) for number in range(count)]
