"""A proxy in front of DynamoDB Local (the tests' own, which checks signatures too) that notes each GetRecords with its
shard. A request names only an iterator: which shard it is of follows from the answer that the iterator came with."""

import json
import time

from signing_proxy import Handler, SigningProxy


class CountingHandler(Handler):
    def forward(self, body):
        operation = self.headers.get('X-Amz-Target', '').rpartition('.')[2]
        request = json.loads(body)
        shard = request.get('ShardId') or self.server.shards.get(request.get('ShardIterator'))
        if operation == 'GetRecords':
            self.server.reads.append((time.monotonic(), shard))
        status, headers, content = super().forward(body)
        if operation in ('GetShardIterator', 'GetRecords') and status == 200:
            answer = json.loads(content)
            self.server.shards[answer.get('ShardIterator') or answer.get('NextShardIterator')] = shard
        return status, headers, content


class CountingProxy(SigningProxy):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.reads = []  # (time, shard) of each GetRecords
        self.shards = {}  # iterator → shard
        self.RequestHandlerClass = CountingHandler

    def reads_by_shard(self, since, until):
        by_shard = {}
        for at, shard in list(self.reads):
            if since <= at < until:
                by_shard.setdefault(shard, []).append(at)
        return by_shard
