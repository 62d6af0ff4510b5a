"""Tables: items by key, their order in a Scan, pages of 1 MB, read units, and what a stale read sees."""

import base64
import bisect
import hashlib
import uuid
from dataclasses import dataclass
from decimal import Decimal
from math import ceil

from .streams import Stream
from .wire import ServiceError, validation_error

PAGE_BYTES = 1 << 20  # a Scan's page: 1 MB of items, counted before any filter [API Scan]
READ_UNIT_BYTES = 4096  # one read unit: 4 KB strongly consistent, 8 KB eventually [DG HowItWorks.ReadWriteCapacityMode]
WRITE_UNIT_BYTES = 1024  # [DG HowItWorks.ReadWriteCapacityMode]
BATCH_BYTES = 16 << 20  # [API BatchGetItem]
HASH_SPACE = 1 << 64


def plain_number(text):
    """DynamoDB gives numbers back in plain notation, without exponent or idle zeros [conformance numberPrecision]."""
    number = Decimal(text)
    if number == 0:
        return '0'
    plain = format(number, 'f')
    return plain.rstrip('0').rstrip('.') if '.' in plain else plain


def normalised(value):
    """A value as DynamoDB stores it."""
    (kind, content), = value.items()
    if kind == 'N':
        return {'N': plain_number(content)}
    if kind == 'NS':
        return {'NS': [plain_number(number) for number in content]}
    if kind == 'M':
        return {'M': {name: normalised(member) for name, member in content.items()}}
    if kind == 'L':
        return {'L': [normalised(member) for member in content]}
    return {kind: content}


def comparable(value):
    """Equal for equal values: sets have no order [DG HowItWorks.NamingRulesDataTypes]."""
    (kind, content), = value.items()
    if kind in ('SS', 'NS', 'BS'):
        return kind, frozenset(content)
    if kind == 'M':
        return kind, frozenset((name, comparable(member)) for name, member in content.items())
    if kind == 'L':
        return kind, tuple(comparable(member) for member in content)
    return kind, content


def value_bytes(value):
    """[DG CapacityUnitCalculations]"""
    (kind, content), = value.items()
    if kind == 'S':
        return len(content.encode())
    if kind == 'N':
        return len(content.strip('-0.').replace('.', '')) // 2 + 2
    if kind == 'B':
        return len(content) * 3 // 4
    if kind in ('BOOL', 'NULL'):
        return 1
    if kind == 'M':
        return 3 + sum(len(name.encode()) + value_bytes(member) + 1 for name, member in content.items())
    if kind == 'L':
        return 3 + sum(value_bytes(member) + 1 for member in content)
    return sum(value_bytes({kind[0]: member}) for member in content)


def item_bytes(item):
    return sum(len(name.encode()) + value_bytes(value) for name, value in item.items())


def sortable(value):
    """Sort keys: numbers by value, the others by their bytes [DG HowItWorks.CoreComponents]."""
    (kind, content), = value.items()
    return {'N': Decimal, 'S': str.encode, 'B': base64.b64decode}[kind](content)


@dataclass
class ScanPage:
    items: list
    last_key: dict | None
    read_units: float


class Table:
    """One table. `key`: [(name, type)], partition key first; `indexes`: name → key, as for the table."""

    def __init__(self, clock, name, key, gsis=None, lsis=None, stream=None, region='us-east-1'):
        self.clock, self.name, self.key, self.region = clock, name, key, region
        self.gsis, self.lsis = gsis or {}, lsis or {}
        self.id = str(uuid.uuid4())
        self.arn = f'arn:aws:dynamodb:{region}:123456789012:table/{name}'
        self.status = 'ACTIVE'
        self.created = clock.now()
        self.items = {}  # position → item
        self.order = []  # positions, sorted
        self.history = []  # (time, position, item before), for stale reads
        self.stale_seconds = 0  # how far behind an eventually consistent read is
        self.update_seconds = 0  # how long an UpdateTable takes
        self.updating_until = 0
        self.keys_per_read = None  # what tests may set: BatchGetItem reads so many keys, the others stay unprocessed
        self.item_count = None  # what DescribeTable says; None: the truth (AWS updates it about every six hours)
        self.recoverable_since = None  # point-in-time recovery; None: off
        self.exports = []
        self.streams = []
        if stream:
            self.enable_stream(stream)

    # ---- streams ----------------------------------------------------------------------------------------------------

    @property
    def stream(self):
        """The latest stream, on or off, or None."""
        return self.streams[-1] if self.streams else None

    def enable_stream(self, view_type='NEW_AND_OLD_IMAGES'):
        """Enabling it again makes a new stream with a new ARN [DG Streams]."""
        if self.stream and self.stream.enabled:
            raise validation_error('Table already has an enabled stream: ' + self.stream.arn)
        self.streams.append(Stream(self.clock, self, view_type))
        return self.stream

    def update_stream(self, enabled, view_type=None):
        """UpdateTable: the table is UPDATING for a while, its stream ENABLING [API UpdateTable]."""
        if self.updating:
            raise ServiceError('ResourceInUseException', 'Attempt to change a resource which is still in use: '
                               f'Table is being updated: {self.name}')
        if enabled and view_type not in ('KEYS_ONLY', 'NEW_IMAGE', 'OLD_IMAGE', 'NEW_AND_OLD_IMAGES'):
            raise validation_error(f'Value {view_type} at streamSpecification.streamViewType is no view type')
        if enabled:
            self.enable_stream(view_type)
        else:
            self.disable_stream()
        self.updating_until = self.clock.now() + self.update_seconds

    @property
    def updating(self):
        return self.clock.now() < self.updating_until

    def disable_stream(self):
        self.stream.disable()

    # ---- writes -----------------------------------------------------------------------------------------------------

    def key_of(self, item):
        return {name: item[name] for name, _ in self.key}

    def position(self, item):
        """Where an item stands in a Scan: by the hash of its partition key, then by its sort key [DG Scan]."""
        (name, kind), *rest = self.key
        partition = normalised(item[name])
        digest = hashlib.sha256(repr(sortable(partition)).encode() + kind.encode()).digest()
        return int.from_bytes(digest[:8], 'big'), *(sortable(normalised(item[sort])) for sort, _ in rest)

    def put(self, item):
        item = {name: normalised(value) for name, value in item.items()}
        for name, kind in self.key:
            if name not in item or kind not in item[name]:
                raise validation_error(f'One or more parameter values were invalid: Type mismatch for key {name}')
        self._write(self.position(item), item)

    def write_units(self, item):
        return max(1, ceil(item_bytes(item) / WRITE_UNIT_BYTES))

    def update(self, key, set=None, remove=()):
        """Creates the item where there is none, as UpdateItem does [API UpdateItem]."""
        item = dict(self.get(key) or key)
        item.update(set or {})
        for name in remove:
            item.pop(name, None)
        self.put(item)

    def delete(self, key, by_ttl=False):
        self._write(self.position(key), None, by_ttl)

    def get(self, key):
        return self.items.get(self.position(key))

    def _write(self, position, new, by_ttl=False):
        with self.clock.lock:
            old = self.items.get(position)
            # A write that changes nothing makes no stream record [DG Streams].
            if old == new or (old and new and comparable({'M': old}) == comparable({'M': new})):
                return
            self.history.append((self.clock.now(), position, old))
            if new is None:
                del self.items[position]
                self.order.remove(position)
            else:
                if old is None:
                    bisect.insort(self.order, position)
                self.items[position] = new
            if self.stream and self.stream.enabled:
                self.stream.record(position[0], self.key_of(new or old), old, new, by_ttl)

    # ---- reads ------------------------------------------------------------------------------------------------------

    def _as_of(self, moment):
        items = dict(self.items)
        for time, position, before in reversed(self.history):
            if time <= moment:
                break
            if before is None:
                items.pop(position, None)
            else:
                items[position] = before
        return items, sorted(items)

    def items_at(self, moment):
        return list(self._as_of(moment)[0].values())

    def changes(self, begin, end):
        """(item before, item after) of each key that was written in that time, end exclusive; None: there is none.
        Nothing of one that is in neither: an export holds net changes [facts]."""
        before, after = self._as_of(begin)[0], self._as_of(end)[0]
        written = dict.fromkeys(position for time, position, _ in self.history if begin <= time < end)
        return [(before.get(position), after.get(position)) for position in written
                if before.get(position) or after.get(position)]

    def scan(self, segment=0, total_segments=1, limit=None, start_key=None, consistent=False):
        """One page: at most `limit` items and 1 MB. A last key is given whenever the page ended for one of these, even
        if nothing comes after it [API Scan]."""
        items, order = self.items, self.order
        if self.stale_seconds and not consistent:
            items, order = self._as_of(self.clock.now() - self.stale_seconds)
        first = -(-segment * HASH_SPACE // total_segments)
        end = bisect.bisect_left(order, (-(-(segment + 1) * HASH_SPACE // total_segments),))
        at = bisect.bisect_left(order, (first,))
        if start_key:
            at = self._resume(order, start_key, segment, total_segments)

        page, size, full = [], 0, False
        while at < end and not full:
            item = items[order[at]]
            if page and size + item_bytes(item) > PAGE_BYTES:
                full = True
                break
            page.append(item)
            size += item_bytes(item)
            at += 1
            full = limit is not None and len(page) >= limit
        # Half the units for an eventually consistent read, and no page is free [DG HowItWorks.ReadWriteCapacityMode].
        units = max(ceil(size / READ_UNIT_BYTES), 1) * (1.0 if consistent else 0.5)
        return ScanPage(page, self.key_of(page[-1]) if full else None, units)

    def batch_get(self, keys, consistent=False):
        """Items, keys that are left unprocessed, read units. An answer ends at 16 MB [API BatchGetItem]."""
        if len({self.position(key) for key in keys}) < len(keys):
            raise validation_error('Provided list of item keys contains duplicates')
        items = self.items
        if self.stale_seconds and not consistent:
            items, _ = self._as_of(self.clock.now() - self.stale_seconds)
        found, size, units, read = [], 0, 0, 0
        for key in keys[:self.keys_per_read]:
            if set(key) != {name for name, _ in self.key}:
                raise validation_error('The provided key element does not match the schema')
            item = items.get(self.position(key))
            if found and size + item_bytes(item or {}) > BATCH_BYTES:
                break
            read += 1
            # Each item for itself; one that does not exist costs as much as the smallest [DG CapacityUnitCalculations].
            units += max(ceil(item_bytes(item or {}) / READ_UNIT_BYTES), 1) * (1.0 if consistent else 0.5)
            if item:
                found.append(item)
                size += item_bytes(item)
        return found, keys[read:], units

    def _resume(self, order, start_key, segment, total_segments):
        if set(start_key) != {name for name, _ in self.key}:
            raise validation_error('The provided starting key is invalid')
        position = self.position(start_key)
        # A key resumes only its own segment [dynalite scan tests].
        if position[0] * total_segments // HASH_SPACE != segment:
            raise validation_error(
                'The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with '
                f'correct Segment. TotalSegments: {total_segments} Segment: {segment}')
        return bisect.bisect_right(order, position)

    def description(self):
        """[API TableDescription]"""
        def schema(key):
            return [{'AttributeName': name, 'KeyType': role} for (name, _), role in zip(key, ('HASH', 'RANGE'))]

        def index(name, key):
            return {'IndexName': name, 'KeySchema': schema(key), 'Projection': {'ProjectionType': 'ALL'},
                    'IndexArn': f'{self.arn}/index/{name}', 'ItemCount': 0, 'IndexSizeBytes': 0}

        types = dict(attribute for key in (self.key, *self.gsis.values(), *self.lsis.values()) for attribute in key)
        description = {
            'TableName': self.name, 'TableArn': self.arn, 'TableId': self.id,
            'TableStatus': 'UPDATING' if self.updating else self.status,
            'CreationDateTime': self.created, 'KeySchema': schema(self.key),
            'AttributeDefinitions': [{'AttributeName': n, 'AttributeType': t} for n, t in sorted(types.items())],
            'BillingModeSummary': {'BillingMode': 'PAY_PER_REQUEST'},
            'ProvisionedThroughput': {'ReadCapacityUnits': 0, 'WriteCapacityUnits': 0, 'NumberOfDecreasesToday': 0},
            'ItemCount': len(self.items) if self.item_count is None else self.item_count,
            'TableSizeBytes': sum(map(item_bytes, self.items.values())),
        }
        if self.gsis:
            description['GlobalSecondaryIndexes'] = [
                {**index(name, key), 'IndexStatus': 'ACTIVE'} for name, key in self.gsis.items()]
        if self.lsis:
            description['LocalSecondaryIndexes'] = [index(name, key) for name, key in self.lsis.items()]
        if self.stream:  # the latest ARN stays after the stream was turned off
            description.update(LatestStreamArn=self.stream.arn, LatestStreamLabel=self.stream.label)
            if self.stream.enabled:
                description['StreamSpecification'] = {'StreamEnabled': True, 'StreamViewType': self.stream.view_type}
        return description


def table_not_found(name):
    return ServiceError('ResourceNotFoundException', f'Requested resource not found: Table: {name} not found')
