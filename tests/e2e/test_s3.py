"""The engine's reading from S3, against s3rver behind the proxy that checks signatures. The reader is a unit test of the
engine (tests/unit/s3_server_test.cpp), which prints what it finds."""

import hashlib
import itertools
import os
import random
import subprocess

import pytest
from botocore.exceptions import ClientError

from database import KEY, SECRET
from dynamodb_local import boto3_client
from postgres_server import ROOT
from s3_server import BUCKET
from signing_proxy import s3_error

UNIT_TESTS = ROOT / 'build/release/podyn_unit_tests'


@pytest.fixture(scope='module', autouse=True)
def unit_tests():
    if not UNIT_TESTS.exists():
        pytest.skip('the unit tests have not been built')


def run_reader(s3, secret=SECRET):
    where = f'{s3.endpoint} {KEY} {secret} {BUCKET}'
    return subprocess.run([UNIT_TESTS, '--gtest_filter=S3Server.*', '--gtest_brief=1'], capture_output=True, text=True,
                          timeout=60, env={**os.environ, 'PODYN_TEST_S3': where})


def read_all(s3):
    """What the engine finds: key → (size, SHA-256)."""
    ran = run_reader(s3)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    lines = [line.split('\t') for line in ran.stdout.splitlines() if line.startswith('object\t')]
    return {key: (int(size), digest) for _, key, size, digest in lines}


def described(objects):
    return {key: (len(body), hashlib.sha256(body).hexdigest()) for key, body in objects.items()}


def put_all(s3, objects):
    for key, body in objects.items():
        s3.put(key, body)
    return described(objects)


def test_keys_of_all_kinds_are_listed_and_read(s3):
    keys = ['plain', 'AWSDynamoDB/01-a/data/x.json.gz', 'two words', 'a+b', '50%', '%41', 'straße/日本/😀', 'a&b=c?d#e',
            '<x>"y"', "~!*'()", 'a:b;c,d@e$f', '[x]{y}|^`']
    expected = put_all(s3, {key: key.encode() for key in keys})
    assert read_all(s3) == expected


def test_a_listing_of_several_pages_is_complete(s3):
    s3.proxy.page_size = 3
    expected = put_all(s3, {f'data/{i}': b'%d' % i for i in range(10)})
    assert read_all(s3) == expected


def test_big_and_empty_objects_come_whole(s3):
    expected = put_all(s3, {'big': random.Random(1).randbytes(5_000_001), 'one': b'x', 'none': b''})
    assert read_all(s3) == expected


def test_broken_connections_and_errors_in_between_do_not_matter(s3):
    chance = random.Random(2)
    expected = put_all(s3, {'big': chance.randbytes(4_000_001)})  # in five parts
    asked = itertools.count()

    def interfere(path, answer):
        """Every second answer arrives; of the others, every second breaks off somewhere."""
        turn = next(asked) % 4
        if turn == 0:
            return s3_error(503, 'SlowDown')
        status, headers, body = answer
        return (status, headers, body[:chance.randrange(len(body))]) if turn == 2 else answer

    s3.proxy.interfere = interfere
    assert read_all(s3) == expected
    assert next(asked) == 12


def test_a_bucket_of_another_region_is_found(s3, monkeypatch):
    expected = put_all(s3, {'a': b'content'})
    monkeypatch.setattr(s3.proxy, 'region', 'eu-central-1')
    assert read_all(s3) == expected
    assert len(s3.proxy.refused) == 1  # remembered for the object
    s3.take_refusals()


def test_a_wrong_secret_is_refused_in_s3s_words(s3):
    ran = run_reader(s3, secret='wrong')
    assert ran.returncode == 1
    assert 'request ListObjectsV2 of "s3://podyn-exports" was refused for its credentials' in ran.stdout
    assert 'SignatureDoesNotMatch' in ran.stdout
    assert s3.take_refusals() == {'InvalidSignatureException'}


def test_the_proxy_takes_what_botocore_signs(s3):
    s3.put('a b/+%', b'content')
    client = boto3_client(s3.endpoint, 's3')
    assert [item['Key'] for item in client.list_objects_v2(Bucket=BUCKET, Prefix='a b/+')['Contents']] == ['a b/+%']
    assert client.get_object(Bucket=BUCKET, Key='a b/+%', Range='bytes=1-3')['Body'].read() == b'ont'
    with pytest.raises(ClientError, match='SignatureDoesNotMatch'):
        boto3_client(s3.endpoint, 's3', secret='wrong').get_object(Bucket=BUCKET, Key='a b/+%')
    with pytest.raises(ClientError, match='InvalidAccessKeyId'):
        boto3_client(s3.endpoint, 's3', key='AKIDNOBODY').get_object(Bucket=BUCKET, Key='a b/+%')
    s3.take_refusals()
