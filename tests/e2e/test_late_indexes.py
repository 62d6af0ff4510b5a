"""Imports of full exports into tables of podyn's own build the indexes when the rows are there."""

import secrets

import psycopg2
import pytest

from comparison import assert_equal_items
from exports import at, change, full_records
from failing import fails
from test_import import KEYS, imported, numbered, random_items, totals

READY = "SELECT bool_and(indisready AND indisvalid AND indislive) FROM pg_index WHERE indrelid = 'events'::regclass"


@pytest.fixture
def loading(make_database):
    return make_database()


def events(database, event):
    return database.column('SELECT message FROM podyn_events WHERE event = %s', event)


def start_and_complete(database):
    database.query("SELECT podyn_start('events')")
    database.wait_for_state('events', 'completed')


def test_the_key_is_there_at_the_end(bucket, loading):
    items = numbered(300)
    export = bucket.full_export([full_records(items[:200]), full_records(items[200:])])
    imported(loading, export, key=KEYS, start=False)
    assert loading.value(READY) is False
    assert loading.rows("SELECT state, waits_for FROM podyn_tasks WHERE kind = 'index'") == [
        {'state': 'waiting', 'waits_for': 'podyn_start'}]
    start_and_complete(loading)
    assert loading.value(READY) is True
    assert assert_equal_items(items, KEYS, loading, 'events') == 300
    with pytest.raises(psycopg2.errors.UniqueViolation):
        loading.query("INSERT INTO events (id) VALUES ('000000')")
    assert events(loading, 'again') == []


def test_an_incremental_export_finds_the_key(bucket, loading):
    bucket.full_export([full_records(numbered(30))])
    bucket.incremental_export([[change({'id': {'S': '000003'}}, {'id': {'S': '000003'}, 'n': {'N': '-1'}})]], at(0), at(1))
    imported(loading, bucket.folder / 'exports', key=KEYS)
    assert loading.value('SELECT count(*) FROM events') == 30
    assert loading.value("SELECT n FROM events WHERE id = '000003'") == -1


@pytest.mark.parametrize('on_conflict, counts', [
    ('update', (40, 40, 0, 0)), ('merge', (40, 40, 0, 0)), ('nothing', (40, 30, 10, 0)), ('error', (40, 30, 0, 10))])
def test_keys_that_stand_twice_are_treated_as_on_conflict_says(bucket, loading, on_conflict, counts):
    items = numbered(30)
    export = bucket.full_export([full_records(items[:25]), full_records(items[15:])])
    imported(loading, export, key=KEYS, on_conflict=on_conflict)
    assert assert_equal_items(items, KEYS, loading, 'events') == 30
    assert totals(loading, 'events') == counts
    assert loading.value(READY) is True
    message, = events(loading, 'again')
    assert 'could not create unique index "events_pkey"' in message


def test_a_key_that_no_index_can_hold_is_rejected(bucket, loading):
    """Longer than DynamoDB's may be, and not to be compressed."""
    items = numbered(20)
    too_long = {'id': {'S': secrets.token_hex(4000)}}
    imported(loading, bucket.full_export([full_records([*items, too_long])]), key=KEYS)
    assert assert_equal_items(items, KEYS, loading, 'events') == 20
    assert totals(loading, 'events') == (21, 20, 0, 1)
    assert [error['sqlstate'] for error in loading.errors('events')] == ['54000']


def test_a_constraint_of_the_owners_rejects_items_before_there_is_a_key(bucket, loading):
    items = numbered(50)
    imported(loading, bucket.full_export([full_records(items)]), key=KEYS, start=False)
    loading.query('ALTER TABLE events ADD CHECK (n <> 7)')
    start_and_complete(loading)
    assert totals(loading, 'events') == (50, 49, 0, 1)
    assert loading.value(READY) is True
    assert events(loading, 'again') == []


def failed_import(bucket, database, items):
    """One file has given its items, the other one is no gzip data from some point on; gives what that should be."""
    export = bucket.full_export([full_records(items[:1_000]), full_records(items[1_000:])])
    broken = min(bucket.files_of(export), key=lambda file: file.stat().st_size)
    sound = broken.read_bytes()
    broken.write_bytes(sound[:-30] + bytes(30))
    imported(database, export, key=KEYS, workers=1, start=False)
    database.query("SELECT podyn_start('events')")
    database.wait_for_state('events', 'failed')
    return broken, sound


def test_what_a_broken_file_gave_is_replaced(bucket, loading):
    items = random_items(1_200)
    broken, sound = failed_import(bucket, loading, items)
    assert loading.value(READY) is (loading.value('SELECT count(*) FROM events') > 1_000)
    broken.write_bytes(sound)
    start_and_complete(loading)
    assert assert_equal_items(items, KEYS, loading, 'events') == 1_200
    assert loading.value(READY) is True


def test_a_reset_begins_with_an_empty_table_and_its_key(bucket, loading):
    items = numbered(1_200)
    export = bucket.full_export([full_records(items[:1_000]), full_records(items[1_000:])])
    missing = min(bucket.files_of(export), key=lambda file: file.stat().st_size)
    content = missing.read_bytes()
    imported(loading, export, key=KEYS, workers=1, start=False)
    missing.unlink()
    loading.query("SELECT podyn_start('events')")
    loading.wait_for_state('events', 'failed')
    assert loading.value(READY) is False
    assert loading.value('SELECT count(*) FROM events') == 1_000
    loading.query("SELECT podyn_reset('events')")
    assert loading.value(READY) is True
    assert loading.value('SELECT count(*) FROM events') == 0
    missing.write_bytes(content)
    start_and_complete(loading)
    assert totals(loading, 'events') == (1_200, 1_200, 0, 0)
    assert assert_equal_items(items, KEYS, loading, 'events') == 1_200


def test_who_drops_an_unfinished_import_is_told_of_the_indexes(bucket, loading):
    imported(loading, bucket.full_export([full_records(numbered(3))]), key=KEYS, start=False)
    loading.query("SELECT podyn_drop('events')")
    assert 'the indexes of table events are not built yet' in loading.notices()
    loading.query('REINDEX TABLE events')
    assert loading.value(READY) is True


@pytest.mark.parametrize('key', [KEYS, None])
def test_a_table_without_its_indexes_is_taken_for_no_other_import(bucket, loading, key):
    export = bucket.full_export([full_records(numbered(3))])
    imported(loading, export, key=KEYS, start=False)
    loading.query("SELECT podyn_drop('events')")
    fails(loading, "SELECT podyn_import(%s, 'events', key => %s)", str(export), key,
          says='the indexes of target "events"', hint='REINDEX TABLE', sqlstates=('55000',))
    loading.query('REINDEX TABLE events')
    imported(loading, export, key=key)
    assert totals(loading, 'events') == (3, 3, 0, 0)


def test_a_key_that_a_dump_has_left_out_is_made_again(bucket, loading):
    """pg_dump leaves out what is not valid."""
    items = numbered(50)
    imported(loading, bucket.full_export([full_records([*items, {'id': {'S': '7'}, 'n': {'N': '7.5'}}])]), key=KEYS,
             start=False)
    loading.query('ALTER TABLE events DROP CONSTRAINT events_pkey, ADD CHECK (n <> 7.5)')
    start_and_complete(loading)
    assert totals(loading, 'events') == (51, 50, 0, 1)
    assert loading.value("SELECT pg_get_constraintdef(oid) FROM pg_constraint "
                         "WHERE conrelid = 'events'::regclass AND contype = 'p'") == 'PRIMARY KEY (id)'
    assert assert_equal_items(items, KEYS, loading, 'events') == 50


def test_changes_go_on_while_indexes_are_built(bucket, simulator, simulated, configure, polling_fast):
    """A worker that has both lets others have the stream's shards."""
    streamed = simulator.create_table('streamed', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    configure('podyn.max_workers', 1)
    simulated.replicate('streamed')
    simulated.wait_for_state('streamed', 'streaming')
    imported(simulated, bucket.full_export([full_records(numbered(3))]), key=KEYS, start=False)
    simulated.query("""CREATE FUNCTION waits(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$BEGIN
        WHILE EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 4711) LOOP
            PERFORM pg_sleep(0.01);
        END LOOP; RETURN $1; END$$""")
    simulated.query('CREATE INDEX waiting ON events (waits(id))')
    simulated.query("UPDATE pg_index SET indisready = false, indisvalid = false WHERE indexrelid = 'waiting'::regclass")
    simulated.query('SELECT pg_advisory_lock(4711, 0)')
    simulated.query("SELECT podyn_start('events')")
    simulated.wait_until(lambda: simulated.value("SELECT count(*) FROM pg_stat_progress_create_index") == 1,
                         'a worker builds an index')
    configure('podyn.max_workers', 2)
    streamed.put({'id': {'S': 'new'}})
    simulated.wait_until(lambda: simulated.value('SELECT count(*) FROM streamed') == 1, 'the change has come')
    assert simulated.value(READY) is False
    simulated.query('SELECT pg_advisory_unlock_all()')
    simulated.wait_for_state('events', 'completed')
    assert simulated.value(READY) is True


def test_a_stop_while_the_indexes_are_built_is_made_good_later(bucket, loading):
    items = numbered(50)
    imported(loading, bucket.full_export([full_records(items)]), key=KEYS, start=False)
    writer = loading.postgres.connect(loading.name)
    writer.autocommit = False
    writer.cursor().execute('LOCK TABLE events IN ROW EXCLUSIVE MODE')
    loading.query("SELECT podyn_start('events')")
    loading.wait_until(lambda: loading.value("SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                                             "AND backend_type = 'podyn worker' AND datname = current_database()"),
                       'a worker waits for the table')
    assert loading.value("SELECT podyn_stop('events')") == 1
    assert loading.state('events') == 'stopped'
    assert loading.value(READY) is False
    assert loading.value('SELECT count(*) FROM events') == 50
    writer.close()
    start_and_complete(loading)
    assert loading.value(READY) is True
    assert totals(loading, 'events') == (50, 50, 0, 0)


def test_a_table_of_ones_own_keeps_its_key(bucket, loading):
    loading.query('CREATE TABLE events (id text PRIMARY KEY)')
    imported(loading, bucket.full_export([full_records(numbered(3))]), start=False)
    assert loading.value(READY) is True
