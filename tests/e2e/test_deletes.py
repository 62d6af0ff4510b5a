"""Options deletes and ttl_deletes: what the table has is right whatever the moment of the deletion."""

import itertools
import random
import threading
from datetime import datetime, timedelta, timezone

import pytest

from background import InBackground
from comparison import assert_equal_tables
from failing import fails, nothing_is_left
from items import KEY, RandomWriter

MODES = ['apply', 'ignore', 'mark']


def key_of(name):
    return {'id': {'S': name}}


def an_item(name, text):
    return {**key_of(name), 'text': {'S': text}}


def options_for(mode, by_ttl):
    """The mode for one kind of deletion; the other kind is applied."""
    return {'deletes': 'apply', 'ttl_deletes': mode} if by_ttl else {'deletes': mode, 'ttl_deletes': 'apply'}


def rows_of(simulated, jsonb=False):
    """{id: (text, whether it is marked)}"""
    columns = simulated.column("SELECT attname FROM pg_attribute WHERE attrelid = 'events'::regclass AND attnum > 0")
    marked = 'podyn_deleted_at IS NOT NULL' if 'podyn_deleted_at' in columns else 'false'
    text = "data ->> 'text'" if jsonb else 'text'
    return {name: (value, mark) for name, value, mark in simulated.query(f'SELECT id, {text}, {marked} FROM events')}


class Story:
    """Writes to a table, and what comes of them under a mode."""

    def __init__(self, simulator, table, by_ttl):
        self.simulator, self.table, self.by_ttl = simulator, table, by_ttl

    def tell(self, name, *steps):
        """All within one page of the stream: a text is put, None deletes."""
        with self.simulator.clock.lock:
            for step in steps:
                if step is None:
                    self.table.delete(key_of(name), by_ttl=self.by_ttl)
                else:
                    self.table.put(an_item(name, step))

    def tell_of_other_deletion(self, name):
        self.table.delete(key_of(name), by_ttl=not self.by_ttl)


def held_copy(simulator, simulated, before_the_scan, during_the_copy):
    """Starts a copy whose scan sees what the first function leaves; the second writes while it has not arrived."""
    throttled = simulator.fault('throttle', operation='Scan', times=None)
    simulated.value("SELECT podyn_start('events')")
    simulated.wait_until(lambda: throttled.fired >= 2, 'the start positions are committed, the scan is not begun')
    until = threading.Event()
    before_the_scan()
    with simulator.clock.lock:
        simulator.faults.remove(throttled)
        held = simulator.fault('held', operation='Scan', times=None, until=until)
    try:
        simulated.wait_until(lambda: held.fired >= 1, 'the scan is held')
        during_the_copy()
        read = simulator.count('GetRecords', error=None)
        simulated.wait_until(lambda: simulator.count('GetRecords', error=None) > read + 2, 'the changes are read')
        assert simulated.state('events') == 'copying'
    finally:
        until.set()


def check_each_moment(simulator, simulated, mode, by_ttl, jsonb=False, **options):
    """Deletions before, during and after the copy, and what they leave in the target."""
    table = simulator.create_table('events', key=[('id', 'S')])
    story = Story(simulator, table, by_ttl)
    kept = ['stays', 'deleted while copying', 'changed and deleted while copying', 'deleted and put while copying',
            'deleted and changed while copying, later deleted', 'deleted twice while copying', 'deleted later',
            'changed and deleted in one page', 'deleted and put in one page', 'deleted twice in one page',
            'deleted, later put', 'deleted otherwise', 'marked while copying, later put']
    for name in ['deleted before the scan', 'deleted before the scan and put', *kept]:
        story.tell(name, 'old')
    table.enable_stream('NEW_AND_OLD_IMAGES')  # nothing of the above is in it
    simulated.replicate('events', segments=1, start=False, conversion_mode='jsonb' if jsonb else 'columns',
                        **options_for(mode, by_ttl), **options)

    def before_the_scan():
        story.tell('deleted before the scan', None)
        story.tell('deleted before the scan and put', None, 'new')
        story.tell('new and deleted before the scan', 'new', None)

    def during_the_copy():
        story.tell('deleted while copying', None)
        story.tell('changed and deleted while copying', 'new')
        story.tell('changed and deleted while copying', None)
        story.tell('deleted and put while copying', None)
        story.tell('deleted and put while copying', 'new')
        story.tell('deleted and changed while copying, later deleted', None)
        story.tell('deleted and changed while copying, later deleted', 'new')
        story.tell('deleted twice while copying', None)
        story.tell('deleted twice while copying', 'new', None)
        story.tell('marked while copying, later put', None)
        story.tell('new while copying', 'new')
        simulated.wait_until(lambda: simulated.status('events')['spooled'] >= 7, 'changes are in the spool')
        story.tell('new while copying', None)

    held_copy(simulator, simulated, before_the_scan, during_the_copy)
    simulated.wait_for_state('events', 'streaming')
    story.tell('deleted and changed while copying, later deleted', None)
    story.tell('deleted later', None)
    story.tell('changed and deleted in one page', 'new', None)
    story.tell('deleted and put in one page', None, 'new')
    story.tell('deleted twice in one page', None, 'new', None, 'newer', None)
    story.tell('new and deleted in one page', 'new', None)
    story.tell('deleted, later put', None)
    story.tell_of_other_deletion('deleted otherwise')
    simulated.sync('events')
    story.tell('deleted, later put', 'new')
    story.tell('marked while copying, later put', 'new')
    simulated.sync('events')

    present = {'stays': 'old', 'deleted before the scan and put': 'new', 'deleted and put while copying': 'new',
               'deleted and put in one page': 'new', 'deleted, later put': 'new',
               'marked while copying, later put': 'new'}
    deleted = {'deleted while copying': 'old', 'changed and deleted while copying': 'new',
               'deleted and changed while copying, later deleted': 'new', 'deleted twice while copying': 'new',
               'deleted later': 'old', 'changed and deleted in one page': 'new', 'deleted twice in one page': 'newer',
               'new and deleted in one page': 'new', 'new while copying': 'new',
               'new and deleted before the scan': 'new'}
    expected = {name: (text, False) for name, text in present.items()}
    if mode != 'apply':
        expected.update({name: (text, mode == 'mark') for name, text in deleted.items()})
    assert rows_of(simulated, jsonb) == expected, simulated.report()
    assert simulated.status('events')['errors'] == 0 and simulated.status('events')['spooled'] == 0


@pytest.mark.parametrize('jsonb', [False, True], ids=['columns', 'jsonb'])
@pytest.mark.parametrize('by_ttl', [False, True], ids=['user', 'ttl'])
@pytest.mark.parametrize('mode', MODES)
def test_each_mode_at_each_moment(simulator, simulated, mode, by_ttl, jsonb):
    check_each_moment(simulator, simulated, mode, by_ttl, jsonb)


def test_a_mark_is_the_time_of_the_deletion(simulator, simulated):
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    table.put(an_item('one', 'first'))
    simulated.replicate('events', deletes='mark')
    assert '"podyn_deleted_at" timestamptz' in simulated.notices()
    simulated.wait_for_state('events', 'streaming')
    simulated.value("SELECT podyn_stop('events')")
    before = datetime.now(timezone.utc)
    table.delete(key_of('one'))
    after = datetime.now(timezone.utc)
    simulated.wait_until(lambda: datetime.now(timezone.utc) > after + timedelta(seconds=3), 'time passes')
    simulated.value("SELECT podyn_start('events')")
    simulated.sync('events')
    marked = simulated.value('SELECT podyn_deleted_at FROM events')
    assert before - timedelta(seconds=1) <= marked <= after  # creation times are rounded down to the second


def test_ttl_deletes_follows_deletes_where_it_is_left_out(simulator, simulated):
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    for name in 'ab':
        table.put(an_item(name, 'first'))
    simulated.replicate('events', deletes='mark')
    simulated.wait_for_state('events', 'streaming')
    table.delete(key_of('a'))
    table.delete(key_of('b'), by_ttl=True)
    simulated.sync('events')
    assert rows_of(simulated) == {'a': ('first', True), 'b': ('first', True)}


def test_a_mark_column_of_another_type_is_refused(simulator, simulated):
    simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    simulated.query('CREATE TABLE mine (id text PRIMARY KEY, podyn_deleted_at text)')
    fails(simulated, "SELECT podyn_replicate('events', target => 'mine', schema => false, deletes => 'mark')",
          says='podyn_deleted_at', hint='timestamptz')
    nothing_is_left(simulated)


def test_a_mark_column_that_its_owner_drops_is_made_again(simulator, simulated):
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    table.put(an_item('one', 'first'))
    simulated.replicate('events', deletes='mark')
    simulated.wait_for_state('events', 'streaming')
    simulated.query('ALTER TABLE events DROP COLUMN podyn_deleted_at')
    table.delete(key_of('one'))
    simulated.sync('events')
    assert rows_of(simulated) == {'one': ('first', True)}


def test_a_put_that_is_rejected_does_not_hide_the_mark_behind_it(simulator, simulated):
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    table.put(an_item('one', 'first'))
    simulated.replicate('events', deletes='mark')
    simulated.wait_for_state('events', 'streaming')
    deep = {'S': 'deep'}
    for _ in range(150):
        deep = {'L': [deep]}
    with simulator.clock.lock:
        table.put({**key_of('one'), 'deep': deep})
        table.delete(key_of('one'))
    simulated.sync('events')
    assert rows_of(simulated) == {'one': ('first', True)}
    assert [error['operation'] for error in simulated.errors('events')] == ['put']


def test_marks_on_dynamodb_local(dynamodb, database):
    dynamodb.create_table('events', key=[('id', 'S')])
    for name in ('stays', 'deleted', 'put again'):
        dynamodb.put('events', an_item(name, 'first'))
    database.replicate('events', deletes='mark')
    database.wait_for_state('events', 'streaming')
    for name in ('deleted', 'put again'):
        dynamodb.client.delete_item(TableName='events', Key=key_of(name))
    dynamodb.put('events', an_item('put again', 'second'))
    database.sync('events')
    assert rows_of(database) == {'stays': ('first', False), 'deleted': ('first', True), 'put again': ('second', False)}


@pytest.mark.parametrize('mode', ['ignore', 'mark'])
def test_random_items_of_all_types_keep_their_rows(dynamodb, database, mode):
    """Rows of items that are there equal them; there is a row for each key that the stream or the scan told of."""
    dynamodb.create_table('events', key=KEY)
    writer = RandomWriter(dynamodb.client, 'events', keys=200, seed=4)
    writer.fill()
    database.replicate('events', segments=2, deletes=mode)
    writer.write(1_000)
    database.wait_for_state('events', 'streaming')
    writer.write(500)
    database.sync('events')
    assert database.value('SELECT count(*) FROM events') == len(writer.keys)
    if mode == 'ignore':
        writer.fill()  # all are there again
        database.sync('events')
    database.query('CREATE VIEW live AS SELECT * FROM events'
                   + (' WHERE podyn_deleted_at IS NULL' if mode == 'mark' else ''))
    assert assert_equal_tables(dynamodb.client, 'events', database, target='live') > 50
    assert database.status('events')['errors'] == 0


# ---- random writes --------------------------------------------------------------------------------------------------

class Model:
    """What the target should hold after all writes, by the rules alone."""

    def __init__(self, table, deletes, ttl_deletes, seed):
        self.table, self.modes = table, {False: deletes, True: ttl_deletes}
        self.rows, self.touched, self.chance, self.done = {}, set(), random.Random(seed), 0

    def write(self):
        name, by_ttl = f'key {self.chance.randrange(150)}', self.chance.random() < 0.5
        self.touched.add(name)
        if self.table.get(key_of(name)) and self.chance.random() < 0.5:
            self.table.delete(key_of(name), by_ttl=by_ttl)
            mode = self.modes[by_ttl]
            if mode == 'apply':
                self.rows.pop(name, None)
            elif mode == 'mark' and name in self.rows:
                self.rows[name] = (self.rows[name][0], True)
        else:
            self.table.put(an_item(name, f'write {self.done}'))
            self.rows[name] = (f'write {self.done}', False)
        self.done += 1


@pytest.mark.parametrize('deletes, ttl_deletes', [('ignore', 'ignore'), ('mark', 'mark'), ('ignore', 'mark'),
                                                  ('mark', 'apply')])
def test_random_writes_lead_to_what_the_model_says(simulator, simulated, configure, deletes, ttl_deletes):
    configure('podyn.batch_rows', 20)
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    model = Model(table, deletes, ttl_deletes, seed=5)
    for _ in range(300):
        model.write()
    simulated.replicate('events', segments=2, deletes=deletes, ttl_deletes=ttl_deletes, start=False)
    until = threading.Event()
    held = simulator.fault('held', operation='Scan', times=None, until=until)
    simulated.value("SELECT podyn_start('events')")
    stop = threading.Event()

    def write():
        for _ in itertools.count():
            if stop.wait(0.002):
                return
            model.write()
    writing = InBackground(write)
    try:
        simulated.wait_until(lambda: held.fired >= 2 and model.done > 1_000, 'many writes while copying')
        until.set()
        for state in ('streaming', 'streaming'):
            simulated.wait_for_state('events', state)
            at = model.done
            simulated.wait_until(lambda: model.done > at + 500, 'many writes after it')
            (pid, *_) = simulated.postgres.processes('podyn worker', simulated.name)
            simulated.postgres.kill(pid)
            simulated.postgres.wait_until_accepting()
            simulated.close()
    finally:
        until.set()
        stop.set()
        writing.join()
    simulated.sync('events')
    assert rows_of(simulated) == model.rows, simulated.report()
