"""The simulator as tests see it: its clock, its tables, its faults, and the record of all requests."""

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone

from . import operations
from .faults import HARMLESS, Faults
from .server import Server
from .streams import shard_of
from .tables import Table
from .wire import CORAL, ServiceError

CLOCK_SKEW = 15 * 60  # seconds


class VirtualClock:
    """Real time plus what tests added; its lock guards everything in the simulator."""

    def __init__(self):
        self.lock = threading.RLock()
        self._ahead = 0.0

    def now(self):
        return time.time() + self._ahead

    def advance(self, seconds):
        with self.lock:
            self._ahead += seconds


@dataclass
class Request:
    operation: str
    body: dict
    headers: dict
    time: float  # monotonic
    shard: str | None = None  # GetShardIterator, GetRecords
    records: int = 0  # GetRecords
    shard_ended: bool = False  # GetRecords: no next iterator was given
    read_units: float = 0.0  # Scan, BatchGetItem
    write_units: float = 0.0  # BatchWriteItem, PutItem, UpdateItem
    writes: int = 0  # the same: how many were carried out
    faults: list = field(default_factory=list)
    error: str | None = None

    @property
    def key(self):
        """The access key ID that the request was signed with."""
        return self.headers['Authorization'].split('Credential=')[1].split('/')[0]

    @property
    def delivered(self):
        """Whether the client got the operation's own answer."""
        return self.error is None and all(fault in HARMLESS for fault in self.faults)


def clock_error(request, now):
    """DynamoDB's own: 15 minutes off are too many (general reference, "Elements of an AWS API request signature")."""
    stamp = request.headers['X-Amz-Date']
    signed = datetime.strptime(stamp, '%Y%m%dT%H%M%SZ').replace(tzinfo=timezone.utc).timestamp()
    if abs(signed - now) <= CLOCK_SKEW:
        return None
    return ServiceError('InvalidSignatureException', f'Signature expired: {stamp} is now earlier or later than allowed',
                        namespace=CORAL)


class Simulator:
    def __init__(self, port=0, tls=None):
        """`tls`: an ssl.SSLContext, for https."""
        self.clock = VirtualClock()
        self.tables = {}
        self.dropped = []  # tables that are gone; their streams stay readable [DG Streams]
        self.faults = Faults()
        self.requests = []
        self.write_export = None  # see exports.Export
        self.leaves_unprocessed = lambda write: False  # BatchWriteItem: whether a write of a batch is given back
        self.checks_clock = False  # whether requests must be signed at about the simulator's time
        self.tls = tls
        self._server = Server(port, self._respond, self.clock.now, tls)
        self.port = self._server.server_address[1]
        self.endpoint = f'http{"s" if tls else ""}://127.0.0.1:{self.port}'

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """DynamoDB cannot be reached any more."""
        if self._server:
            self._server.stop()
            self._server = None

    def start(self):
        """… and can be reached again, with everything that it held."""
        self._server = Server(self.port, self._respond, self.clock.now, self.tls)

    @property
    def accepted(self):
        """How many connections clients made."""
        return self._server.accepted

    # ---- tables -----------------------------------------------------------------------------------------------------

    def create_table(self, name, key, **options):
        """See Table: gsis, lsis, stream."""
        with self.clock.lock:
            self.tables[name] = Table(self.clock, name, key, **options)
            return self.tables[name]

    def drop_table(self, name):
        with self.clock.lock:
            table = self.tables.pop(name)
            self.dropped.append(table)
            if table.stream and table.stream.enabled:
                table.disable_stream()

    def streams(self):
        return [stream for table in (*self.tables.values(), *self.dropped) for stream in table.streams]

    def fault(self, kind, **when):
        with self.clock.lock:
            return self.faults.add(kind, **when)

    def advance(self, seconds):
        self.clock.advance(seconds)

    # ---- requests ---------------------------------------------------------------------------------------------------

    def _respond(self, target, body, headers):
        with self.clock.lock:
            request = Request(target.split('.')[-1], body, headers, time.monotonic(), body.get('ShardId'))
            if 'ShardIterator' in body:
                request.shard = shard_of(body['ShardIterator'])
            self.requests.append(request)
            if self.checks_clock and (error := clock_error(request, self.clock.now())):
                request.error = error.name
                return error.answer()
            return self.faults.apply(request, lambda: operations.call(self, target, body, request))

    def sent(self, operation, **fields):
        """The requests for an operation, so far, whose fields are as given."""
        with self.clock.lock:
            return [request for request in self.requests if request.operation == operation
                    and all(getattr(request, name) == value for name, value in fields.items())]

    def count(self, operation, **fields):
        return len(self.sent(operation, **fields))

    def shortest_spans(self, operation, requests, since=0):
        """The shortest time within which so many requests for one shard came: {shard: seconds}; without the first
        `since` of all."""
        times = {}
        for request in self.sent(operation)[since:]:
            times.setdefault(request.shard, []).append(request.time)
        return {shard: min(last - first for first, last in zip(moments, moments[requests - 1:]))
                for shard, moments in times.items() if len(moments) >= requests}

    def children_read_too_early(self):
        """(child, parent) of every GetRecords on a child before its parent was read to the end: never [DG Streams].

        A parent that was closed before the client first asked for the stream's shards needs no reading: what it holds
        is older than the client's copy.
        """
        begun = min((request.time for request in self.sent('DescribeStream')), default=0)
        parents = {shard.id: shard.parent for stream in self.streams() for shard in stream.listed()
                   if shard.parent and stream.closed_monotonic(shard.parent) > begun}
        ended, early = set(), []
        for request in self.sent('GetRecords'):
            parent = parents.get(request.shard)
            if parent and parent not in ended:
                early.append((request.shard, parent))
            if request.shard_ended and request.delivered:
                ended.add(request.shard)
        return early

    def read_units(self, since=0.0, until=float('inf')):
        return sum(request.read_units for request in self.sent('Scan') if since <= request.time < until)
