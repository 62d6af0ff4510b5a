"""Rows of a bulk insert are told by hint bits that their transaction has committed, before anybody reads them."""

import os
import signal

from comparison import assert_equal_items
from exports import full_records
from test_import import KEYS, imported, numbered, totals

PAGE = 5_000  # items, a transaction
PAGES = 12
# HEAP_XMIN_COMMITTED, of rows in the first half of the table, as they are in memory or on disk: nobody asks here
# whether they are visible.
HINTED = """SELECT array_agg(DISTINCT t_infomask & 256 > 0)
              FROM generate_series(0, pg_relation_size('events') / current_setting('block_size')::int / 2) AS block,
                   heap_page_items(get_raw_page('events', block::int))"""
# In the last page but one, waits until what was committed before is on disk.
WAIT = f"""CREATE FUNCTION wait(n numeric) RETURNS bool LANGUAGE plpgsql AS $$
           DECLARE written pg_lsn := pg_current_wal_insert_lsn();
           BEGIN
               WHILE n = {PAGE * (PAGES - 2)} AND pg_current_wal_flush_lsn() < written LOOP
                   PERFORM pg_sleep(0.01);
               END LOOP;
               RETURN true;
           END $$"""


def test_rows_get_hint_bits(bucket, make_database):
    database = make_database()
    database.query('CREATE EXTENSION pageinspect')
    database.query(WAIT)
    # Its index is kept up: if it were built at the end, that would read all rows.
    database.query('CREATE TABLE events (id text PRIMARY KEY, n numeric CHECK (public.wait(n)))')
    imported(database, bucket.full_export([full_records(numbered(PAGE * PAGES))]), key=KEYS)
    assert database.value(HINTED) == [True]
    assert database.value('SELECT count(*) FROM events') == PAGE * PAGES


def test_rows_get_none_before_their_commit_is_on_disk(bucket, make_database, configure):
    """A crash could take the commit back, and the bits would bring the rows to life."""
    configure('autovacuum', 'off')
    database = make_database()
    database.query('CREATE EXTENSION pageinspect')
    database.query('CREATE TABLE events (id text PRIMARY KEY, n numeric)')
    export = bucket.full_export([full_records(numbered(PAGE * PAGES))])
    database.query('SELECT pg_switch_wal()')  # the end of a segment, which is written to disk at once, is not near
    wal_writer = database.value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'")
    os.kill(wal_writer, signal.SIGSTOP)
    try:
        imported(database, export, key=KEYS)
        assert database.value(HINTED) == [False]
    finally:
        os.kill(wal_writer, signal.SIGCONT)


def test_rows_of_failed_transactions_get_none(bucket, make_database):
    """Each page fails once, when most of its rows are in the table, which has no index; then it is written without the
    item. Rows that came back to life would be in the way of the index."""
    database = make_database()
    items = numbered(PAGE * PAGES)
    imported(database, bucket.full_export([full_records(items)]), key=KEYS, start=False)
    database.query(f'ALTER TABLE events ADD CHECK (n % {PAGE} <> {PAGE - 10})')
    database.query("SELECT podyn_start('events')")
    database.wait_for_state('events', 'completed')
    assert totals(database, 'events') == (PAGE * PAGES, (PAGE - 1) * PAGES, 0, PAGES)
    kept = [item for item in items if int(item['n']['N']) % PAGE != PAGE - 10]
    assert assert_equal_items(kept, KEYS, database, 'events') == len(kept)
    assert database.column("SELECT message FROM podyn_events WHERE event = 'again'") == []
