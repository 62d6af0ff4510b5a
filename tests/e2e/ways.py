"""The three ways in which an item gets into its row: the backfill, the merge of the spool, direct apply."""

import threading

WAYS = ('backfill', 'merge', 'direct')


def bring(way, simulator, simulated, table, put, name='events', **options):
    """Replicates `table` and calls `put`, which writes to DynamoDB, so that what it writes takes the given way."""
    bring_all(way, simulator, simulated, {name: {'source_table': table, **options}}, put)


def bring_all(way, simulator, simulated, replications, put):
    """The same for several at once: `replications` gives each name the options, `put` writes to all tables. One way
    holds a worker for each, of which there are podyn.max_workers."""
    def replicate(**more):
        for name, options in replications.items():
            simulated.replicate(name=name, **options, **more)

    def wait_for_streaming():
        for name in replications:
            simulated.wait_for_state(name, 'streaming')

    if way == 'backfill':
        put()
        replicate()
    elif way == 'merge':
        until = threading.Event()
        replicate(segments=1, start=False)
        held = simulator.fault('held', operation='Scan', times=None, until=until)
        for name in replications:
            simulated.value('SELECT podyn_start(%s)', name)
        try:
            simulated.wait_until(lambda: held.fired >= len(replications), 'the scans are held')
            put()
            for name in replications:
                simulated.wait_until(lambda name=name: simulated.status(name)['spooled'] >= 1,
                                     'changes are in the spool')
        finally:
            until.set()
    else:
        replicate()
        wait_for_streaming()
        put()
    wait_for_streaming()
    for name in replications:
        simulated.sync(name)
