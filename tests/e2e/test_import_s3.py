"""podyn_import from S3: s3rver, behind a proxy that checks every signature."""

import gzip
import hashlib
import json
import random

import psycopg2
import pytest

from comparison import assert_equal_items
from exports import at, change, for_json, full_records, upload, url
from s3_server import BUCKET
from signing_proxy import s3_error
from test_import import KEYS, chain, damaged, imported, numbered, random_items, totals


@pytest.fixture
def loading(make_database, s3, dynamodb):
    return make_database(dynamodb.endpoint, s3_endpoint=s3.endpoint, s3_path_style='true')


def test_a_full_export_arrives_from_s3(bucket, s3, loading):
    items = random_items(2_000)
    export = bucket.full_export([full_records(items[:1_500]), full_records(items[1_500:]), []])
    upload(s3, bucket)
    imported(loading, url(bucket, export), key=KEYS)
    assert assert_equal_items(items, KEYS, loading, 'events') == 2_000
    assert totals(loading, 'events') == (2_000, 2_000, 0, 0)


def test_a_chain_arrives_from_s3(bucket, s3, loading):
    items = chain(bucket)
    upload(s3, bucket)
    imported(loading, f's3://{BUCKET}/exports/', key=KEYS)
    assert assert_equal_items(items, KEYS, loading, 'events') == 9


def test_a_plain_object(s3, loading):
    items = numbered(100)
    s3.put('dumps/scan of events+1.json', json.dumps({'Items': for_json(items)}).encode())
    imported(loading, f's3://{BUCKET}/dumps/scan of events+1.json', key=KEYS)
    assert assert_equal_items(items, KEYS, loading, 'events') == 100


def test_the_key_is_the_tables(bucket, s3, loading, dynamodb):
    """The manifest names the table; DynamoDB tells its key, and its indexes."""
    dynamodb.create_table('events', key=[('id', 'S'), ('n', 'N')])
    items = numbered(10)
    export = bucket.full_export([full_records(items)])
    upload(s3, bucket)
    imported(loading, url(bucket, export))
    assert assert_equal_items(items, ['id', 'n'], loading, 'events') == 10
    assert loading.value("SELECT pg_get_constraintdef(oid) FROM pg_constraint "
                         "WHERE conrelid = 'events'::regclass AND contype = 'p'") == 'PRIMARY KEY (id, n)'


def test_without_a_table_or_a_key_the_error_says_what_to_give(bucket, s3, loading):
    export = bucket.full_export([full_records(numbered(10))])
    upload(s3, bucket)
    with pytest.raises(psycopg2.errors.InvalidParameterValue, match='key of the items') as raised:
        imported(loading, url(bucket, export))
    assert 'ARRAY' in raised.value.diag.message_hint and 'does not exist' in raised.value.diag.message_detail


def test_the_keys_of_an_incremental_export_are_enough(bucket, s3, loading):
    export = bucket.incremental_export([[change({'id': {'S': 'a'}}, {'id': {'S': 'a'}, 'x': {'N': '1'}})]], at(0), at(1))
    upload(s3, bucket)
    imported(loading, url(bucket, export))
    assert loading.query('SELECT id, x FROM events') == [('a', 1)]


def test_a_large_object_comes_in_parts(s3, loading):
    """Of 8 MB each; random text, so that gzip does not shrink it."""
    source = random.Random(1)
    items = [{'id': {'S': f'{number:06}'}, 'noise': {'S': source.randbytes(20_000).hex()}} for number in range(1_200)]
    content = gzip.compress('\n'.join(map(json.dumps, full_records(items))).encode(), 1)
    assert len(content) > 20_000_000
    s3.put('large.json.gz', content)
    imported(loading, f's3://{BUCKET}/large.json.gz', key=KEYS)
    assert assert_equal_items(items, KEYS, loading, 'events') == 1_200


def test_empty_objects_and_members(bucket, s3, loading):
    """No range of an empty object can be asked for: S3 refuses it, s3rver breaks off."""
    items = numbered(10)
    export = bucket.full_export([full_records(items), [], []])
    bucket.replace(bucket.files_of(export)[1], b'')
    upload(s3, bucket)
    asked = []
    s3.proxy.interfere = lambda path, answer: asked.append(path) or answer
    imported(loading, url(bucket, export), key=KEYS)
    assert assert_equal_items(items, KEYS, loading, 'events') == 10
    assert not [path for path in asked if bucket.files_of(export)[1].name in path]
    assert totals(loading, 'events') == (10, 10, 0, 0)


def test_an_object_emptied_by_accident_is_replaced(bucket, s3, loading):
    items = numbered(10)
    export = bucket.full_export([full_records(items), full_records(numbered(5, first=10))])
    path = bucket.files_of(export)[1]
    good = path.read_bytes()
    damaged(path, 'empty')
    upload(s3, bucket)
    name = imported(loading, url(bucket, export), key=KEYS, start=False)
    loading.query('SELECT podyn_start(%s)', name)
    loading.wait_for_state(name, 'failed')
    s3.put(str(path.relative_to(bucket.folder)), good)
    loading.query('SELECT podyn_start(%s)', name)
    loading.wait_for_state(name, 'completed')
    assert loading.value('SELECT count(*) FROM events') == 15


@pytest.mark.parametrize('parts, reads', [(None, 1), (1, 1), (2, 2)])
def test_a_good_etag_saves_a_pass(bucket, s3, loading, parts, reads):
    """An object's ETag tells its MD5, unless it was uploaded in several parts."""
    export = bucket.full_export([full_records(numbered(10))])
    (path,) = bucket.files_of(export)
    upload(s3, bucket)
    etag = {None: None, 1: hashlib.md5(hashlib.md5(path.read_bytes()).digest()).hexdigest() + '-1',
            2: '0' * 32 + '-2'}[parts]
    name = imported(loading, url(bucket, export), key=KEYS, start=False)
    asked = []

    def tell(asked_path, answer):
        status, headers, body = answer
        if path.name in asked_path:
            asked.append(asked_path)
            headers = [(each, f'"{etag}"' if etag and each.lower() == 'etag' else value) for each, value in headers]
        return status, headers, body
    s3.proxy.interfere = tell
    loading.query('SELECT podyn_start(%s)', name)
    loading.wait_for_state(name, 'completed')
    assert len(asked) == reads
    assert loading.value('SELECT count(*) FROM events') == 10


def test_an_object_that_may_not_be_read(bucket, s3, loading):
    export = bucket.full_export([full_records(numbered(10))])
    upload(s3, bucket)
    name = imported(loading, url(bucket, export), key=KEYS, start=False)
    s3.proxy.interfere = lambda *_: s3_error(403, 'AccessDenied', 'Access Denied')
    loading.query('SELECT podyn_start(%s)', name)
    loading.wait_for_state(name, 'failed')
    assert 's3:GetObject' in loading.status(name)['last_error']
    s3.proxy.interfere = None
    loading.query('SELECT podyn_start(%s)', name)
    loading.wait_for_state(name, 'completed')
    assert loading.value('SELECT count(*) FROM events') == 10


def test_a_damaged_object_is_named_and_replaced(bucket, s3, loading):
    items = random_items(1_000)
    export = bucket.full_export([full_records(items)])
    (path,) = bucket.files_of(export)
    good = path.read_bytes()
    damaged(path, 'flipped')
    upload(s3, bucket)
    name = imported(loading, url(bucket, export), key=KEYS, start=False)
    loading.query('SELECT podyn_start(%s)', name)
    loading.wait_for_state(name, 'failed')
    assert path.name in loading.status(name)['last_error']
    s3.put(str(path.relative_to(bucket.folder)), good)
    loading.query('SELECT podyn_start(%s)', name)
    loading.wait_for_state(name, 'completed')
    assert assert_equal_items(items, KEYS, loading, 'events') == 1_000


@pytest.mark.parametrize('source, says', [
    (f's3://{BUCKET}/nothing', 'no export found'), ('s3://no-such-bucket/x', 'bucket'), ('s3://', 'names no bucket'),
    ('ftp://somewhere', 'no place'), ('relative/path', 'no place')])
def test_places_where_nothing_is(s3, loading, source, says):
    with pytest.raises(psycopg2.Error, match=says) as raised:
        imported(loading, source, key=KEYS)
    assert raised.value.diag.message_hint
