"""The three ways in which an item gets into its row: the backfill, the merge of the spool, direct apply."""

import threading

WAYS = ('backfill', 'merge', 'direct')


def bring(way, simulator, simulated, table, put, name='events', **options):
    """Replicates `table` and calls `put`, which writes to DynamoDB, so that what it writes takes the given way."""
    if way == 'backfill':
        put()
        simulated.replicate(table, name=name, **options)
        simulated.wait_for_state(name, 'streaming')
    elif way == 'merge':
        until = threading.Event()
        simulated.replicate(table, name=name, segments=1, start=False, **options)
        simulator.fault('held', operation='Scan', times=None, until=until)
        scans = simulator.count('Scan')
        simulated.value('SELECT podyn_start(%s)', name)
        try:
            simulated.wait_until(lambda: simulator.count('Scan') > scans, 'the scan is held')
            put()
            simulated.wait_until(lambda: simulated.status(name)['spooled'] >= 1, 'changes are in the spool')
        finally:
            until.set()
        simulated.wait_for_state(name, 'streaming')
    else:
        simulated.replicate(table, name=name, **options)
        simulated.wait_for_state(name, 'streaming')
        put()
    simulated.sync(name)
