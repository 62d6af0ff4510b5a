"""A small scripted DynamoDB with Streams, for what DynamoDB Local cannot show: shards that split and vanish, iterators
that expire, pages that lie, servers that throttle and connections that break. Standard library only.

    with Simulator() as sim:
        events = sim.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
        events.put({'id': {'S': 'a'}})
        sim.fault(operation='Scan', times=3, kind='throttle')
        ... a client talks to sim.endpoint ...
        assert sim.count('Scan') == 4

tables.py   items, keys, Scan                 faults.py    what goes wrong, when
streams.py  shards, iterators, GetRecords     operations.py  request body in, answer body out
exports.py  exports to S3
wire.py     bodies, checksums, error bodies   server.py    HTTP
control.py  the Simulator itself, its clock, and the record of all requests

Each behaviour copied from AWS states its source: [bc] botocore's service models, [DG] the DynamoDB developer guide,
[API] the API reference, [dynalite] and [conformance] the test suites of architect/dynalite and
nubo-db/dynamodb-conformance, [facts] the project's page of protocol facts with its own sources.
"""

from .control import Simulator

__all__ = ['Simulator']
