"""NOTIFY podyn: what happens to a replication, as JSON, to whoever listens."""

import json
import select
import time

import pytest


@pytest.fixture
def events(simulator):
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    for number in range(200):
        table.put({'id': {'S': f'{number:03}'}, 'note': {'S': 'x' * 2000}})
    return table


class Listener:
    def __init__(self, database, user='postgres'):
        self.connection = database.postgres.connect(database.name, user)
        with self.connection.cursor() as cursor:
            cursor.execute('LISTEN podyn')
        self.heard = []

    def hear(self, event, timeout=30):
        """The payload of the next notification of that event."""
        deadline = time.monotonic() + timeout
        while True:
            self.connection.poll()
            while self.connection.notifies:
                notification = self.connection.notifies.pop(0)
                assert notification.channel == 'podyn' and len(notification.payload) < 8000
                self.heard.append(json.loads(notification.payload))
                if self.heard[-1]['event'] == event:
                    return self.heard[-1]
            assert time.monotonic() < deadline, (event, self.heard)
            select.select([self.connection], [], [], 0.2)


def test_the_life_of_a_replication(events, simulated):
    listener = Listener(simulated)
    simulated.replicate('events')
    assert listener.hear('start')['name'] == 'events'
    assert listener.hear('copying')['items_total'] == 200
    complete = listener.hear('complete')
    assert (complete['state'], complete['items_copied'], complete['throttled']) == ('streaming', 200, 0)
    assert [heard['event'] for heard in listener.heard if heard['event'] != 'progress'] == [
        'created', 'start', 'copying', 'copied', 'streaming', 'complete']
    simulated.query("SELECT podyn_stop('events')")
    assert listener.hear('stop')['state'] == 'stopped'
    simulated.query("SELECT podyn_drop('events')")
    assert listener.hear('drop')['state'] is None


def test_progress_comes_every_few_seconds(events, simulated):
    listener = Listener(simulated)
    simulated.replicate('events', scan_rate=5)
    first = listener.hear('progress')
    begun = time.monotonic()
    second = listener.hear('progress')
    assert time.monotonic() - begun > 2
    while second['items_copied'] == first['items_copied']:  # a page takes about as long as a notification
        second = listener.hear('progress')
    assert 0 <= first['items_copied'] < second['items_copied'] < 200
    assert second['state'] == 'copying' and second['read_units'] > first['read_units']


def test_a_failure_and_a_gap_are_told_without_their_reasons(events, simulator, simulated):
    listener = Listener(simulated)
    fault = simulator.fault('access_denied', operation='Scan', after=1, times=None)
    simulated.replicate('events')
    failed = listener.hear('failed')
    assert failed['state'] == 'failed'
    assert 'authorized' not in json.dumps(failed), 'reasons are for the owner'
    simulator.faults.remove(fault)
    simulated.query("SELECT podyn_start('events')")
    simulated.wait_for_state('events', 'streaming')
    simulator.fault('trimmed', operation='GetRecords', times=None)
    assert listener.hear('needs_resync')['name'] == 'events'


def test_what_is_rolled_back_is_not_told(events, simulated):
    listener = Listener(simulated)
    simulated.query('BEGIN')
    simulated.replicate('events')
    simulated.query('ROLLBACK')
    simulated.replicate('events', name='other', start=False)
    assert listener.hear('created')['name'] == 'other'


def test_a_long_name_fits(events, simulated):
    listener = Listener(simulated)
    simulated.replicate('events', name='\N{PILE OF POO}\x01' * 5000, start=False)
    assert listener.hear('created')['name'] == ('\N{PILE OF POO}\x01' * 5000)[:255]


def test_a_queue_that_nobody_reads_fails_nothing(events, simulated):
    """Beyond half of the queue, nothing is told, and everything goes on."""
    simulated.query("""
        CREATE SCHEMA podyn_test;
        ALTER FUNCTION pg_catalog.pg_notification_queue_usage() RENAME TO true_usage;
        CREATE FUNCTION pg_catalog.pg_notification_queue_usage() RETURNS float8 LANGUAGE sql AS 'SELECT 0.75::float8'
        """)
    listener = Listener(simulated)
    simulated.replicate('events')
    simulated.wait_for_state('events', 'streaming')
    simulated.query("NOTIFY podyn, '{\"event\": \"end\"}'")
    listener.hear('end')
    assert [heard['event'] for heard in listener.heard] == ['end']
