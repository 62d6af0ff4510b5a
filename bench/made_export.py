"""A full export of made items, as DynamoDB writes it: gzipped files of one item per line, with manifests.

The items are made_items', with two key attributes. An export has its items in the order of a hash of the partition key:
so these come in an order that has nothing to do with that of their keys."""

import gzip
import json
from multiprocessing import Pool

from made_items import item

KEY = ['id', 'number']
SIZE = 500
LEVEL = 6  # gzip's default


def scattered(number):
    """Another number of the same 32 bits for each (Knuth's multiplicative hash)."""
    return number * 2654435761 % 2**32


def line_of(number):
    made = {**item(number, SIZE), 'id': {'S': f'item-{scattered(number):010}'}}
    return json.dumps({'Item': made}, separators=(',', ':'), ensure_ascii=False) + '\n'


def file_of(numbers):
    return len(numbers), gzip.compress(''.join(map(line_of, numbers)).encode(), LEVEL)


def make_export(bucket, items, files):
    """The export's folder."""
    share = items // files
    with Pool() as pool:
        parts = (range(first, first + share) for first in range(0, items, share))
        return bucket.export_of_contents(pool.imap(file_of, parts))
