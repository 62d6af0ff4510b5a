"""Streams: shards and their family tree, sequence numbers, iterators, what GetRecords and DescribeStream give, and the
ways in which DescribeStream is known to be inconsistent.

Times are those of the simulator's clock, which tests move: an iterator expires after 15 minutes, a record and the
shard that held it after 24 hours."""

import base64
import bisect
import hashlib
import itertools
import json
import random
import time
from datetime import datetime, timezone

from .wire import ServiceError, validation_error

RETENTION = 24 * 3600  # records are kept for 24 hours, after disabling the stream or deleting the table too [DG Streams]
ITERATOR_LIFE = 15 * 60  # a shard iterator expires 15 minutes after it was given [API GetShardIterator]
PAGE_RECORDS = 1000  # [API GetRecords]
PAGE_BYTES = 1 << 20  # [API GetRecords]
LISTING = 100  # shards in one DescribeStream answer at most [API DescribeStream]
FIRST_SEQUENCE_NUMBER = 100000000000000000001  # 21 to 40 digits [bc]


class Shard:
    def __init__(self, name, parent, hashes, start, created):
        self.id, self.parent, self.hashes, self.start, self.created = name, parent, hashes, start, created
        self.end = None  # EndingSequenceNumber; None: open [bc]
        self.closed_at = None
        self.closed_monotonic = float('inf')
        self.records = []  # (sequence number, time, size, record)
        # What tests may set:
        self.empty_pages = 0  # so many GetRecords answers in a row hold nothing, though there are records: normal [bc]
        self.ends_with_empty_page = False  # else the last page carries records (gravitational/teleport#53795) [facts]
        self.hidden = 0  # not listed in so many listings (a closed leaf seems to have no child yet) [facts]
        self.seems_open = 0  # listed without its end in so many listings, though children are listed [facts]

    @property
    def open(self):
        return self.end is None

    def holds(self, position_hash):
        return self.hashes[0] <= position_hash < self.hashes[1]


class Stream:
    def __init__(self, clock, table, view_type, seed=0):
        self.clock, self.table, self.view_type = clock, table, view_type
        self.created = clock.now()
        # The label is the moment of creation; it is what makes the ARN unique [API DescribeTable LatestStreamLabel].
        moment = datetime.fromtimestamp(self.created, timezone.utc)
        self.label = moment.strftime('%Y-%m-%dT%H:%M:%S.') + f'{moment.microsecond // 1000:03d}'
        while any(self.label == other.label for other in table.streams):
            self.label = self.label[:-3] + f'{int(self.label[-3:]) + 1:03d}'
        self.arn = f'{table.arn}/stream/{self.label}'
        self.disabled_at = None
        self.shards = {}  # id → Shard, in the order of creation, which is that of the ids
        self.page_shards = LISTING
        self.page_sizes = None  # what tests may set: an iterator, how many records the next pages hold at most
        self._random = random.Random(seed)
        self._sequence = FIRST_SEQUENCE_NUMBER
        self._issued = [(self._sequence, self.created)]  # when a sequence number was given
        self._shard_numbers = itertools.count(1)
        self._add_shard(None, (0, 1 << 64))

    @property
    def enabled(self):
        return self.disabled_at is None

    @property
    def status(self):
        changing = self.table.updating and self is self.table.stream
        return ('ENABL' if self.enabled else 'DISABL') + ('ING' if changing else 'ED')

    # ---- what happens to the stream ---------------------------------------------------------------------------------

    def record(self, position_hash, key, old, new, by_ttl=False):
        """One record for each effective change, in the open shard that holds the key [DG Streams]."""
        shard = next(shard for shard in self.shards.values() if shard.open and shard.holds(position_hash))
        sequence, now = self._next_sequence(), self.clock.now()
        change = {
            'ApproximateCreationDateTime': int(now),  # rounded to the second [bc]
            'Keys': key, 'SequenceNumber': str(sequence), 'StreamViewType': self.view_type,
        }
        if new is not None and self.view_type in ('NEW_IMAGE', 'NEW_AND_OLD_IMAGES'):
            change['NewImage'] = new
        if old is not None and self.view_type in ('OLD_IMAGE', 'NEW_AND_OLD_IMAGES'):
            change['OldImage'] = old
        size = len(json.dumps(change))
        change['SizeBytes'] = size
        event = 'INSERT' if old is None else 'REMOVE' if new is None else 'MODIFY'
        record = {'eventID': hashlib.md5(str(sequence).encode()).hexdigest(), 'eventName': event,
                  'eventVersion': '1.1', 'eventSource': 'aws:dynamodb', 'awsRegion': self.table.region,
                  'dynamodb': change}
        if by_ttl:  # [DG time-to-live-ttl-streams]; capitals as on the wire
            record['userIdentity'] = {'PrincipalId': 'dynamodb.amazonaws.com', 'Type': 'Service'}
        shard.records.append((sequence, now, size, record))

    def split(self, shard):
        """A parent with two children."""
        low, high = shard.hashes
        middle = (low + high) // 2
        with self.clock.lock:
            self._close(shard)
            return self._add_shard(shard, (low, middle)), self._add_shard(shard, (middle, high))

    def rotate(self, shard):
        """A parent may have exactly one child; shards rotate about every four hours even when idle [facts]."""
        with self.clock.lock:
            self._close(shard)
            return self._add_shard(shard, shard.hashes)

    def rotate_all(self):
        return [self.rotate(shard) for shard in self.open_shards()]

    def open_shards(self):
        return [shard for shard in self.shards.values() if shard.open]

    def short_pages(self, most=3, seed=0):
        """GetRecords gives fewer records than are waiting, often none: normal [API GetRecords]."""
        chance = random.Random(seed)
        self.page_sizes = iter(lambda: chance.randint(0, most), None)

    def drop(self, shard):
        """The shard is gone from every listing and unknown to every call."""
        with self.clock.lock:
            del self.shards[shard.id]

    def disable(self):
        """All shards close; what they hold stays readable [DG Streams]."""
        with self.clock.lock:
            self.disabled_at = self.clock.now()
            for shard in self.open_shards():
                self._close(shard)

    def _next_sequence(self):
        self._sequence += self._random.randint(1, 1_000_000)
        self._issued.append((self._sequence, self.clock.now()))
        return self._sequence

    def _add_shard(self, parent, hashes):
        # shardId-<20 digits>-<8 hex digits>, rising with the time of creation
        name = f'shardId-{int(self.created * 1000) * 100 + next(self._shard_numbers):020d}-' \
               f'{self._random.getrandbits(32):08x}'
        shard = Shard(name, parent.id if parent else None, hashes, self._next_sequence(), self.clock.now())
        self.shards[name] = shard
        return shard

    def _close(self, shard):
        shard.end = self._next_sequence()
        shard.closed_at = self.clock.now()
        shard.closed_monotonic = time.monotonic()

    # ---- what clients ask -------------------------------------------------------------------------------------------

    def _horizon(self):
        return self.clock.now() - RETENTION

    def closed_monotonic(self, shard_id):
        """When a shard was closed; for one that is not known any more, long ago."""
        return self.shards[shard_id].closed_monotonic if shard_id in self.shards else 0

    def listed(self):
        """Closed shards older than the retention are gone. A child may then name a parent that is not listed any more:
        it is a root (numberoverzero/bloop#141) [facts]."""
        return [shard for shard in self.shards.values() if shard.open or shard.closed_at > self._horizon()]

    def describe(self, after=None, limit=LISTING, children_of=None):
        """One page of the listing; there is another page exactly if LastEvaluatedShardId is there [facts]."""
        shards = self.listed()
        if children_of:  # ShardFilter CHILD_SHARDS [bc]
            shards = [shard for shard in shards if shard.parent == children_of]
        if after is None:  # a new listing begins: the inconsistencies wear off listing by listing
            self._settle(shards)
        hidden = {shard.id for shard in shards if shard.hidden}
        shards = [shard for shard in shards if shard.id not in hidden and (after is None or shard.id > after)]
        page = shards[:min(limit, self.page_shards)]
        description = {
            'StreamArn': self.arn, 'StreamLabel': self.label, 'StreamStatus': self.status,
            'StreamViewType': self.view_type, 'CreationRequestDateTime': self.created, 'TableName': self.table.name,
            'KeySchema': self.table.description()['KeySchema'],
            'Shards': [self._describe_shard(shard) for shard in page],
        }
        if len(page) < len(shards):
            description['LastEvaluatedShardId'] = page[-1].id
        return description

    @staticmethod
    def _settle(shards):
        for shard in shards:
            shard.hidden = max(0, shard.hidden - 1)
            shard.seems_open = max(0, shard.seems_open - 1)

    @staticmethod
    def _describe_shard(shard):
        numbers = {'StartingSequenceNumber': str(shard.start)}
        if not shard.open and not shard.seems_open:
            numbers['EndingSequenceNumber'] = str(shard.end)
        described = {'ShardId': shard.id, 'SequenceNumberRange': numbers}
        if shard.parent:
            described['ParentShardId'] = shard.parent
        return described

    def _shard(self, shard_id):
        shard = self.shards.get(shard_id)
        if shard is None or shard not in self.listed():
            raise ServiceError('ResourceNotFoundException', f'Requested resource not found: Shard: {shard_id} not found')
        return shard

    def _given_at(self, sequence):
        """When a sequence number was given to a record or shard."""
        at = bisect.bisect_right(self._issued, (sequence, float('inf'))) - 1
        return self._issued[max(at, 0)][1]

    def iterator(self, shard_id, kind, sequence=None):
        shard = self._shard(shard_id)
        if kind in ('AT_SEQUENCE_NUMBER', 'AFTER_SEQUENCE_NUMBER'):
            sequence = int(sequence)
            if sequence < shard.start or (shard.end is not None and sequence > shard.end):
                raise validation_error(f'Invalid SequenceNumber for shard {shard_id}')
            # "before the trim horizon": older than 24 hours [API GetShardIterator TrimmedDataAccessException]
            if self._given_at(sequence) <= self._horizon():
                raise trimmed()
            after = sequence - (kind == 'AT_SEQUENCE_NUMBER')
        elif kind == 'TRIM_HORIZON':
            after = max((s for s, time, *_ in shard.records if time <= self._horizon()), default=shard.start - 1)
        elif kind == 'LATEST':
            after = self._sequence
        else:
            raise validation_error(f'Invalid ShardIteratorType {kind}')
        return self._make_iterator(shard, after)

    def _make_iterator(self, shard, after):
        content = json.dumps({'shard': shard.id, 'after': after, 'given': self.clock.now()})
        return f'{self.arn}|1|{base64.b64encode(content.encode()).decode()}'

    def records(self, iterator, limit=PAGE_RECORDS):
        """One page behind an iterator: records and the next iterator (None: closed and read to its end)."""
        content = json.loads(base64.b64decode(iterator.split('|')[2]))
        shard = self._shard(content['shard'])
        now, after = self.clock.now(), content['after']
        if now - content['given'] > ITERATOR_LIFE:
            raise ServiceError('ExpiredIteratorException',
                               'Iterator expired. The iterator was created more than 15 minutes ago.')
        waiting = shard.records[bisect.bisect_right(shard.records, after, key=lambda entry: entry[0]):]
        if waiting and waiting[0][1] <= self._horizon():
            raise trimmed()

        if self.page_sizes:
            limit = min(limit, next(self.page_sizes, limit))
        page, size = [], 0
        if shard.empty_pages:
            shard.empty_pages -= 1
        else:
            for entry in waiting[:limit]:
                if page and size + entry[2] > PAGE_BYTES:
                    break
                page.append(entry)
                size += entry[2]
        after = page[-1][0] if page else after
        finished = not shard.open and len(page) == len(waiting) and not (page and shard.ends_with_empty_page)
        return [entry[3] for entry in page], None if finished else self._make_iterator(shard, after)


def shard_of(iterator):
    """The shard that an iterator is for."""
    return json.loads(base64.b64decode(iterator.split('|')[2]))['shard']


def trimmed():
    return ServiceError('TrimmedDataAccessException',
                        'The operation attempted to read past the oldest stream record in a shard.')
