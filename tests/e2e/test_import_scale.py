"""Imports of a million items: kills of workers and server, memory, long lines, an S3 that fails all the time."""

import gzip
import itertools
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from exports import full_records, lines_of
from killed_loads import interrupt_load, items_read, kill_worker, stop_at_once
from page_cache import cached_share, leaves_page_cache
from signing_proxy import s3_error
from test_import import KEYS, imported, loading, numbered, totals  # noqa: F401 (fixture)
from test_import_s3 import upload, url

MILLION = 1_000_000
FILES = 16
MB = 1 << 20
LINE = ('{"Item":{"id":{"S":"%07d"},"n":{"N":"%d"},"kind":{"S":"k%d"},"on":{"BOOL":true},"tags":{"SS":["a","b"]},'
        '"nested":{"M":{"list":{"L":[{"N":"1.50"},{"NULL":true}]}}},"text":{"S":"a text of some length, of no use"}}}\n')
# The rows that have to arrive.
ROWS = ("SELECT lpad(n::text, 7, '0') AS id, n::numeric, 'k' || n %% 7 AS kind, true AS \"on\", "
        "'[\"a\", \"b\"]'::jsonb AS tags, '{\"list\": [1.50, null]}'::jsonb AS nested, "
        "'a text of some length, of no use' AS text FROM generate_series(0, %s - 1) AS n")
SUM = 'SELECT count(*), sum(hashtextextended((id, n, kind, "on", tags, nested, text)::text, 0)) FROM {} AS rows'


def made_file(numbers):
    return gzip.compress(''.join([LINE % (n, n, n % 7) for n in numbers]).encode(), 1)


@pytest.fixture(scope='module')
def million():
    """The files of an export: each sixteenth item, so that none of them is complete for long."""
    with ThreadPoolExecutor(2) as threads:  # compression lets others run
        return list(threads.map(made_file, [range(first, MILLION, FILES) for first in range(FILES)]))


def assert_all_there(database, count=MILLION):
    assert database.query(SUM.format('events')) == database.query(SUM.format(f'({ROWS % count})'))


def test_a_million_items_though_workers_and_server_are_killed(bucket, million, loading):
    """Twenty times, spread over the load. With on_conflict => 'error', a line that came twice would be rejected."""
    export = bucket.export_of_contents([(MILLION // FILES, content) for content in million])
    name = imported(loading, export, key=KEYS, on_conflict='error', workers=2, start=False)
    loading.query('SELECT podyn_start(%s)', name)
    moments = random.Random(20)
    inside = 0
    for number, how in enumerate(moments.sample([kill_worker] * 16 + [stop_at_once] * 4, 20)):
        goal = number * 40_000 + moments.randrange(40_000)
        inside += interrupt_load(loading, name, [goal - items_read(loading, name)], how)
    assert inside > 10
    loading.wait_for_state(name, 'completed', timeout=120)
    assert totals(loading, name) == (MILLION, MILLION, 0, 0)
    assert_all_there(loading)


def own_memory(pid):
    """Bytes that a process has for itself (proc(5), RssAnon); 0 once it is gone."""
    try:
        status = Path(f'/proc/{pid}/status').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith('RssAnon')), 0)


def peak_memory(database, source, count):
    """Of the worker that loads it."""
    database.query('DROP TABLE IF EXISTS events')
    name = imported(database, source, key=KEYS, workers=1, start=False)
    database.query('SELECT podyn_start(%s)', name)
    peak = 0

    def completed():
        nonlocal peak
        peak = max([peak, *map(own_memory, database.processes('podyn worker'))])
        return database.state(name) == 'completed'
    database.wait_until(completed, 'the file is loaded', timeout=120)
    assert totals(database, name)[1] == count
    database.query('SELECT podyn_drop(%s)', name)
    return peak


def test_memory_is_bounded_whatever_the_size(bucket, million, loading, configure):
    """Gzip members in a row are one file."""
    configure('podyn.max_workers', 1)
    idle = peak_memory(loading, bucket.write('tiny.json', lines_of(full_records(numbered(3)))), 3)
    small = peak_memory(loading, bucket.write('small.json.gz', million[0]), MILLION // FILES)
    big = peak_memory(loading, bucket.write('big.json.gz', b''.join(million[:8])), MILLION // 2)
    assert 0 < idle < small and big - idle <= 64 * MB, (idle, small, big)
    assert big - small <= 16 * MB, (small, big)


def test_what_is_loaded_leaves_the_page_cache(bucket, million, loading):
    """Or a large import would push out of memory what the server's queries read."""
    source = bucket.write('items.json.gz', b''.join(million[:4]))
    if not leaves_page_cache(source):
        pytest.skip('files are in memory only')
    source.read_bytes()
    assert cached_share(source) == 1
    name = imported(loading, source, key=KEYS)
    assert totals(loading, name)[1] == MILLION // FILES * 4
    assert cached_share(source) < 0.1


def test_a_line_of_two_megabytes(bucket, loading):
    """400,000 characters, written as escapes; and one of two megabytes that is no item."""
    long = {'id': {'S': 'long'}, 'text': {'S': 'é' * 400_000}}
    lines = lines_of(full_records([*numbered(2_000), long, *numbered(2_000, first=2_000)]))
    assert max(map(len, lines.splitlines())) > 2 * MB
    name = imported(loading, bucket.write('items.json.gz', gzip.compress(lines + b'x' * 2 * MB + b'\n', 1)), key=KEYS)
    assert totals(loading, name) == (4_002, 4_001, 0, 1)
    assert loading.value("SELECT text = repeat('é', 400000) FROM events WHERE id = 'long'")
    assert loading.value('SELECT position FROM podyn.error') == '4002'


def test_s3_fails_all_the_time(bucket, s3, dynamodb, make_database):
    """503, 500, connections that break, and 403 now and then, which ends the import until it is started again."""
    loading = make_database(dynamodb.endpoint, s3_endpoint=s3.endpoint, s3_path_style='true')
    items = numbered(6_000)
    export = bucket.full_export([full_records(items[number::30]) for number in range(30)])
    upload(s3, bucket)
    name = imported(loading, url(bucket, export), key=KEYS, start=False)
    choice, failures = random.Random(3), []
    kinds = itertools.cycle(choice.sample(
        ['nothing', 'break', 'slow', 'internal', 'denied'], 20, counts=[11, 4, 2, 2, 1]))

    def interfere(_, answer):
        status, headers, body = answer
        what = next(kinds)
        failures.append(what)
        if what == 'break' and body:
            return status, headers, body[:choice.randrange(len(body))]
        return {'slow': s3_error(503, 'SlowDown', 'Please reduce your request rate.'),
                'internal': s3_error(500, 'InternalError', 'We encountered an internal error.'),
                'denied': s3_error(403, 'AccessDenied', 'Access Denied')}.get(what, answer)
    s3.proxy.interfere = interfere
    state = 'failed'
    while state == 'failed':
        loading.query('SELECT podyn_start(%s)', name)
        loading.wait_for_state(name, 'completed', 'failed', timeout=120)
        state = loading.state(name)
        assert state == 'completed' or 's3:GetObject' in loading.status(name)['last_error']
    assert {'break', 'slow', 'internal', 'denied'} <= set(failures)
    assert totals(loading, name) == (6_000, 6_000, 0, 0)
    assert loading.query('SELECT count(*), sum(n) FROM events') == [(6_000, sum(range(6_000)))]
