"""A table with a past, for tests of exports that are older than the replication."""

from datetime import datetime, timezone

from exports import change, full_records

HOUR = 3600


class History:
    """A table with a past: what happens is some hours ago by the simulator's clock, and written to exports."""

    def __init__(self, simulator, bucket, hours_ago=30):
        self.simulator, self.bucket = simulator, bucket
        simulator.advance(-hours_ago * HOUR)
        self.table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
        self.exported = None

    def now(self):
        return datetime.fromtimestamp(self.simulator.clock.now(), timezone.utc)

    def wait_until(self, hours_ago):
        """Time passes: it is so many hours ago now."""
        ago = (datetime.now(timezone.utc) - self.now()).total_seconds()
        self.simulator.advance(ago - hours_ago * HOUR)

    def put(self, name, **attributes):
        self.table.put({'id': {'S': name}, **{key: {'S': value} for key, value in attributes.items()}})

    def delete(self, name):
        self.table.delete({'id': {'S': name}})

    def full_export(self, **manifest):
        self.exported = self.now()
        items = full_records(self.table.items.values())
        return self.bucket.full_export([items[::2], items[1::2]], self.exported,
                                       **{'tableArn': self.table.arn, **manifest})

    def incremental_export(self, **manifest):
        """From the export before until now."""
        begin, end = self.exported, self.now()
        records = [change(self.table.key_of(after or before), after, before, begin)
                   for before, after in self.table.changes(begin.timestamp(), end.timestamp())]
        self.exported = end
        return self.bucket.incremental_export([records], begin, end, **{'tableArn': self.table.arn, **manifest})
