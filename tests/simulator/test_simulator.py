"""The simulator, seen by a client that knows nothing of it: boto3."""

import gzip
import http.client
import json
import threading
import time
import zlib
from decimal import Decimal

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from simulator import Simulator

HOUR = 3600


@pytest.fixture
def sim():
    with Simulator() as simulator:
        yield simulator


def client_of(sim, service, attempts=1):
    return boto3.client(service, endpoint_url=sim.endpoint, region_name='us-east-1', aws_access_key_id='a',
                        aws_secret_access_key='b',
                        config=Config(retries={'total_max_attempts': attempts, 'mode': 'standard'}))


@pytest.fixture
def dynamodb(sim):
    return client_of(sim, 'dynamodb')


@pytest.fixture
def streams(sim):
    return client_of(sim, 'dynamodbstreams')


@pytest.fixture
def events(sim):
    return sim.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')


def an_item(number, **more):
    return {'id': {'S': f'item {number}'}, **more}


def scan_all(dynamodb, **options):
    pages = list(dynamodb.get_paginator('scan').paginate(TableName='events', **options))
    return [item for page in pages for item in page['Items']], pages


def shards_of(streams, stream):
    shards, after = [], {}
    while True:
        page = streams.describe_stream(StreamArn=stream.arn, **after)['StreamDescription']
        shards += page['Shards']
        if 'LastEvaluatedShardId' not in page:
            return shards
        after = {'ExclusiveStartShardId': page['LastEvaluatedShardId']}


def iterator_of(streams, stream, shard, kind='TRIM_HORIZON', **more):
    return streams.get_shard_iterator(StreamArn=stream.arn, ShardId=shard.id, ShardIteratorType=kind,
                                      **more)['ShardIterator']


def error_of(call, **arguments):
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    return raised.value.response['Error']['Code']


# ---- tables ---------------------------------------------------------------------------------------------------------

def test_a_table_is_described_with_keys_indexes_and_stream(sim, dynamodb):
    table = sim.create_table('orders', key=[('customer', 'S'), ('at', 'N')], stream='NEW_IMAGE',
                             gsis={'by_day': [('day', 'S')]}, lsis={'by_sum': [('customer', 'S'), ('sum', 'N')]})
    described = dynamodb.describe_table(TableName='orders')['Table']
    assert [key['AttributeName'] for key in described['KeySchema']] == ['customer', 'at']
    assert {a['AttributeName']: a['AttributeType'] for a in described['AttributeDefinitions']} == {
        'customer': 'S', 'at': 'N', 'day': 'S', 'sum': 'N'}
    assert described['GlobalSecondaryIndexes'][0]['IndexName'] == 'by_day'
    assert described['LocalSecondaryIndexes'][0]['KeySchema'][1]['AttributeName'] == 'sum'
    assert described['StreamSpecification'] == {'StreamEnabled': True, 'StreamViewType': 'NEW_IMAGE'}
    assert described['LatestStreamArn'] == table.stream.arn


def test_a_missing_table_is_not_found(dynamodb):
    assert error_of(dynamodb.describe_table, TableName='none') == 'ResourceNotFoundException'


def test_tables_are_listed_a_hundred_at_a_time(sim, dynamodb):
    for number in range(250):
        sim.create_table(f'table_{number:03}', key=[('id', 'S')])
    pages = list(dynamodb.get_paginator('list_tables').paginate())
    assert [len(page['TableNames']) for page in pages] == [100, 100, 50]


def test_numbers_come_back_in_plain_notation(events, dynamodb):
    events.put(an_item(1, n={'N': '1.50E+3'}, small={'N': '1E-130'}, zero={'N': '-0'}, set={'NS': ['1.0']}))
    (item,), _ = scan_all(dynamodb)
    assert item['n'] == {'N': '1500'}
    assert Decimal(item['small']['N']) == Decimal('1E-130') and 'E' not in item['small']['N']
    assert item['zero'] == {'N': '0'} and item['set'] == {'NS': ['1']}


# ---- Scan -----------------------------------------------------------------------------------------------------------

def test_a_scan_gives_every_item_once_in_pages_of_a_megabyte(events, dynamodb):
    for number in range(300):
        events.put(an_item(number, text={'S': 'x' * 10_000}))
    items, pages = scan_all(dynamodb)
    assert sorted(item['id']['S'] for item in items) == sorted(f'item {number}' for number in range(300))
    assert [len(page['Items']) for page in pages] == [104, 104, 92]


def test_segments_divide_a_scan_without_overlap(events, dynamodb):
    for number in range(200):
        events.put(an_item(number))
    segments = [scan_all(dynamodb, Segment=segment, TotalSegments=7)[0] for segment in range(7)]
    ids = [item['id']['S'] for items in segments for item in items]
    assert len(ids) == 200 and len(set(ids)) == 200
    assert all(segments)


def test_a_page_ended_by_its_limit_has_a_last_key_though_nothing_follows(events, dynamodb):
    for number in range(4):
        events.put(an_item(number))
    page = dynamodb.scan(TableName='events', Limit=4)
    assert len(page['Items']) == 4
    after = dynamodb.scan(TableName='events', Limit=4, ExclusiveStartKey=page['LastEvaluatedKey'])
    assert after['Items'] == [] and 'LastEvaluatedKey' not in after


def test_a_key_resumes_only_its_own_segment(events, dynamodb):
    for number in range(50):
        events.put(an_item(number))
    page = dynamodb.scan(TableName='events', Segment=0, TotalSegments=2, Limit=1)
    assert error_of(dynamodb.scan, TableName='events', Segment=1, TotalSegments=2,
                    ExclusiveStartKey=page['LastEvaluatedKey']) == 'ValidationException'


def test_a_key_resumes_though_its_item_is_gone(events, dynamodb):
    for number in range(10):
        events.put(an_item(number))
    page = dynamodb.scan(TableName='events', Limit=5)
    events.delete(page['LastEvaluatedKey'])
    rest = dynamodb.scan(TableName='events', ExclusiveStartKey=page['LastEvaluatedKey'])
    assert len(rest['Items']) == 5


def test_sort_keys_of_one_partition_come_in_numeric_order(sim, dynamodb):
    table = sim.create_table('events', key=[('id', 'S'), ('at', 'N')])
    for at in ('100', '20', '-3', '1E-130'):
        table.put({'id': {'S': 'a'}, 'at': {'N': at}})
    items, _ = scan_all(dynamodb)
    assert [Decimal(item['at']['N']) for item in items] == [Decimal(n) for n in ('-3', '1E-130', '20', '100')]


def test_a_consistent_scan_costs_twice_as_much(sim, events, dynamodb):
    for number in range(10):
        events.put(an_item(number, text={'S': 'x' * 4000}))
    units = [dynamodb.scan(TableName='events', ReturnConsumedCapacity='TOTAL', ConsistentRead=consistent)
             ['ConsumedCapacity']['CapacityUnits'] for consistent in (False, True)]
    assert units == [5.0, 10.0]
    assert sim.read_units() == 15.0


def test_an_empty_scan_is_not_free(events, dynamodb):
    assert dynamodb.scan(TableName='events', ReturnConsumedCapacity='TOTAL')['ConsumedCapacity']['CapacityUnits'] == 0.5


def test_an_eventually_consistent_scan_may_see_the_past(sim, events, dynamodb):
    events.put(an_item(1))
    sim.advance(60)
    events.delete(an_item(1))
    events.put(an_item(2))
    events.stale_seconds = 10
    assert scan_all(dynamodb)[0] == [an_item(1)]
    assert scan_all(dynamodb, ConsistentRead=True)[0] == [an_item(2)]


# ---- BatchGetItem ---------------------------------------------------------------------------------------------------

def keys_of(numbers):
    return [{'id': {'S': f'item {number}'}} for number in numbers]


def batch_get(dynamodb, keys, **options):
    return dynamodb.batch_get_item(RequestItems={'events': {'Keys': keys, **options}}, ReturnConsumedCapacity='TOTAL')


def test_a_batch_get_gives_what_there_is(events, dynamodb):
    for number in range(3):
        events.put(an_item(number, text={'S': 'x' * 5_000}))
    answer = batch_get(dynamodb, keys_of([0, 2, 7]), ConsistentRead=True)
    assert sorted(item['id']['S'] for item in answer['Responses']['events']) == ['item 0', 'item 2']
    assert answer['UnprocessedKeys'] == {}
    assert answer['ConsumedCapacity'][0]['CapacityUnits'] == 2 + 2 + 1
    assert batch_get(dynamodb, keys_of([0]))['ConsumedCapacity'][0]['CapacityUnits'] == 1


def test_a_batch_get_leaves_keys_unprocessed(events, dynamodb):
    for number in range(3):
        events.put(an_item(number))
    events.keys_per_read = 2
    answer = batch_get(dynamodb, keys_of(range(3)), ConsistentRead=True)
    assert len(answer['Responses']['events']) == 2
    assert answer['UnprocessedKeys'] == {'events': {'Keys': keys_of([2]), 'ConsistentRead': True}}
    answer = dynamodb.batch_get_item(RequestItems=answer['UnprocessedKeys'])
    assert len(answer['Responses']['events']) == 1 and answer['UnprocessedKeys'] == {}


def test_a_batch_get_ends_at_sixteen_megabytes(events, dynamodb):
    for number in range(50):
        events.put(an_item(number, text={'S': 'x' * 390_000}))
    answer = batch_get(dynamodb, keys_of(range(50)))
    assert len(answer['Responses']['events']) == 43
    assert len(answer['UnprocessedKeys']['events']['Keys']) == 7


@pytest.mark.parametrize('keys', [keys_of(range(101)), keys_of([1, 1]), [{'other': {'S': 'x'}}]])
def test_a_batch_get_is_refused(events, dynamodb, keys):
    assert error_of(batch_get, dynamodb=dynamodb, keys=keys) == 'ValidationException'


def test_an_eventually_consistent_batch_get_may_see_the_past(sim, events, dynamodb):
    events.stale_seconds = 60
    events.put(an_item(1))
    assert batch_get(dynamodb, keys_of([1]))['Responses']['events'] == []
    assert len(batch_get(dynamodb, keys_of([1]), ConsistentRead=True)['Responses']['events']) == 1


# ---- streams --------------------------------------------------------------------------------------------------------

def read(streams, stream, shard, **options):
    records, iterator = [], iterator_of(streams, stream, shard, **options)
    while iterator:
        page = streams.get_records(ShardIterator=iterator)
        records += page['Records']
        iterator = page.get('NextShardIterator')
        if not page['Records'] and shard.open:
            break
    return records


def test_each_effective_change_makes_one_record(sim, events, streams):
    events.put(an_item(1, n={'N': '1'}, s={'SS': ['a', 'b']}))
    events.put(an_item(1, n={'N': '1.0'}, s={'SS': ['b', 'a']}))  # the same
    events.update(an_item(1), set={'n': {'N': '2'}})
    events.delete(an_item(1))
    events.delete(an_item(1))
    (shard,) = events.stream.shards.values()
    records = read(streams, events.stream, shard)
    assert [record['eventName'] for record in records] == ['INSERT', 'MODIFY', 'REMOVE']
    assert records[1]['dynamodb']['OldImage']['n'] == {'N': '1'}
    assert records[1]['dynamodb']['NewImage']['n'] == {'N': '2'}
    assert 'NewImage' not in records[2]['dynamodb'] and records[2]['dynamodb']['Keys'] == an_item(1)
    numbers = [record['dynamodb']['SequenceNumber'] for record in records]
    assert all(len(number) == 21 for number in numbers) and numbers == sorted(set(numbers))


def test_a_deletion_by_ttl_says_so(events, streams):
    events.put(an_item(1))
    events.delete(an_item(1), by_ttl=True)
    (shard,) = events.stream.shards.values()
    identity = read(streams, events.stream, shard)[-1]['userIdentity']
    assert identity == {'PrincipalId': 'dynamodb.amazonaws.com', 'Type': 'Service'}


def test_a_split_shard_has_two_children_and_keys_go_to_them(events, streams):
    (parent,) = events.stream.shards.values()
    events.put(an_item(0))
    children = events.stream.split(parent)
    for number in range(1, 41):
        events.put(an_item(number))
    listed = {shard['ShardId']: shard for shard in shards_of(streams, events.stream)}
    assert 'EndingSequenceNumber' in listed[parent.id]['SequenceNumberRange']
    assert all(listed[child.id]['ParentShardId'] == parent.id for child in children)
    counts = [len(read(streams, events.stream, shard)) for shard in (parent, *children)]
    assert counts[0] == 1 and counts[1] > 5 and counts[2] > 5 and sum(counts) == 41


def test_a_rotated_shard_has_one_child(events, streams):
    (parent,) = events.stream.shards.values()
    child = events.stream.rotate(parent)
    assert [shard.get('ParentShardId') for shard in shards_of(streams, events.stream)] == [None, parent.id]
    assert child.open and not parent.open


def test_more_than_a_hundred_shards_are_listed_in_pages(events, streams):
    for _ in range(249):
        events.stream.rotate_all()
    first = streams.describe_stream(StreamArn=events.stream.arn)['StreamDescription']
    assert len(first['Shards']) == 100 and 'LastEvaluatedShardId' in first
    assert len(shards_of(streams, events.stream)) == 250


def test_a_listing_may_lack_a_child_for_a_while(events, streams):
    (parent,) = events.stream.shards.values()
    child = events.stream.rotate(parent)
    child.hidden = 2
    assert [len(shards_of(streams, events.stream)) for _ in range(3)] == [1, 2, 2]


def test_a_parent_may_seem_open_for_a_while(events, streams):
    (parent,) = events.stream.shards.values()
    events.stream.rotate(parent)
    parent.seems_open = 2
    ends = ['EndingSequenceNumber' in shards_of(streams, events.stream)[0]['SequenceNumberRange'] for _ in range(3)]
    assert ends == [False, True, True]


def test_the_last_page_of_a_closed_shard_carries_records(events, streams):
    (shard,) = events.stream.shards.values()
    events.put(an_item(1))
    events.stream.rotate(shard)
    page = streams.get_records(ShardIterator=iterator_of(streams, events.stream, shard))
    assert len(page['Records']) == 1 and 'NextShardIterator' not in page


def test_or_an_empty_page_ends_it(events, streams):
    (shard,) = events.stream.shards.values()
    events.put(an_item(1))
    events.stream.rotate(shard)
    shard.ends_with_empty_page = True
    page = streams.get_records(ShardIterator=iterator_of(streams, events.stream, shard))
    assert len(page['Records']) == 1
    page = streams.get_records(ShardIterator=page['NextShardIterator'])
    assert page['Records'] == [] and 'NextShardIterator' not in page


def test_empty_pages_come_in_the_middle_of_a_shard(events, streams):
    (shard,) = events.stream.shards.values()
    events.put(an_item(1))
    shard.empty_pages = 2
    iterator, counts = iterator_of(streams, events.stream, shard), []
    for _ in range(4):
        page = streams.get_records(ShardIterator=iterator)
        iterator = page['NextShardIterator']
        counts.append(len(page['Records']))
    assert counts == [0, 0, 1, 0]


def test_pages_may_be_short_though_more_is_waiting(events, streams):
    (shard,) = events.stream.shards.values()
    for number in range(40):
        events.put(an_item(number))
    events.stream.short_pages(most=3)
    iterator, counts = iterator_of(streams, events.stream, shard), []
    while sum(counts) < 40:
        page = streams.get_records(ShardIterator=iterator)
        iterator = page['NextShardIterator']
        counts.append(len(page['Records']))
    assert set(counts) == {0, 1, 2, 3} and 0 in counts[:-1]


def test_the_sizes_of_pages_may_be_given(events, streams):
    (shard,) = events.stream.shards.values()
    for number in range(10):
        events.put(an_item(number))
    events.stream.page_sizes = iter([2, 0, 1])
    assert [len(streams.get_records(ShardIterator=iterator_of(streams, events.stream, shard))['Records'])
            for _ in range(4)] == [2, 0, 1, 10]


def test_a_page_holds_a_thousand_records_or_a_megabyte(events, streams):
    (shard,) = events.stream.shards.values()
    for number in range(1500):
        events.put(an_item(number))
    page = streams.get_records(ShardIterator=iterator_of(streams, events.stream, shard))
    assert len(page['Records']) == 1000
    for number in range(1500, 1510):
        events.put(an_item(number, text={'S': 'x' * 300_000}))
    page = streams.get_records(ShardIterator=page['NextShardIterator'])
    assert len(page['Records']) == 503


def test_an_iterator_expires_after_fifteen_minutes(sim, events, streams):
    (shard,) = events.stream.shards.values()
    iterator = iterator_of(streams, events.stream, shard)
    sim.advance(16 * 60)
    assert error_of(streams.get_records, ShardIterator=iterator) == 'ExpiredIteratorException'


def test_a_position_resumes_behind_its_record(events, streams):
    (shard,) = events.stream.shards.values()
    for number in range(3):
        events.put(an_item(number))
    first = read(streams, events.stream, shard)[0]['dynamodb']['SequenceNumber']
    rest = read(streams, events.stream, shard, kind='AFTER_SEQUENCE_NUMBER', SequenceNumber=first)
    assert [record['dynamodb']['Keys']['id']['S'] for record in rest] == ['item 1', 'item 2']
    again = read(streams, events.stream, shard, kind='AT_SEQUENCE_NUMBER', SequenceNumber=first)
    assert len(again) == 3


def test_a_position_older_than_a_day_is_trimmed(sim, events, streams):
    (shard,) = events.stream.shards.values()
    events.put(an_item(1))
    first = read(streams, events.stream, shard)[0]['dynamodb']['SequenceNumber']
    sim.advance(25 * HOUR)
    events.put(an_item(2))
    assert error_of(streams.get_shard_iterator, StreamArn=events.stream.arn, ShardId=shard.id,
                    ShardIteratorType='AFTER_SEQUENCE_NUMBER', SequenceNumber=first) == 'TrimmedDataAccessException'
    assert len(read(streams, events.stream, shard)) == 1  # TRIM_HORIZON begins at what is left


def test_an_iterator_may_point_at_trimmed_records(sim, events, streams):
    (shard,) = events.stream.shards.values()
    events.put(an_item(1))
    sim.advance(24 * HOUR - 60)
    iterator = iterator_of(streams, events.stream, shard)
    sim.advance(120)
    assert error_of(streams.get_records, ShardIterator=iterator) == 'TrimmedDataAccessException'


def test_a_shard_vanishes_a_day_after_it_closed_and_its_child_names_it_still(sim, events, streams):
    (parent,) = events.stream.shards.values()
    events.stream.rotate(parent)
    sim.advance(25 * HOUR)
    (child,) = shards_of(streams, events.stream)
    assert child['ParentShardId'] == parent.id
    assert error_of(streams.get_shard_iterator, StreamArn=events.stream.arn, ShardId=parent.id,
                    ShardIteratorType='TRIM_HORIZON') == 'ResourceNotFoundException'


def test_a_stream_enabled_again_has_a_new_arn(events, dynamodb, streams):
    events.put(an_item(1))
    old = events.stream
    events.disable_stream()
    events.put(an_item(2))
    assert 'StreamSpecification' not in dynamodb.describe_table(TableName='events')['Table']
    new = events.enable_stream()
    assert new.arn != old.arn
    assert dynamodb.describe_table(TableName='events')['Table']['LatestStreamArn'] == new.arn
    (shard,) = old.shards.values()
    assert len(read(streams, old, shard)) == 1  # the old one stays readable
    assert streams.describe_stream(StreamArn=old.arn)['StreamDescription']['StreamStatus'] == 'DISABLED'


# ---- faults ---------------------------------------------------------------------------------------------------------

def test_throttles_come_in_every_form_and_end(sim, events, dynamodb):
    sim.fault(operation='Scan', times=4, kind='throttle')
    codes = [error_of(dynamodb.scan, TableName='events') for _ in range(4)]
    assert codes == ['ProvisionedThroughputExceededException', 'ThrottlingException', 'RequestLimitExceeded',
                     'SlowDown']
    assert dynamodb.scan(TableName='events')['Items'] == []


def test_boto3_itself_retries_throttles(sim, events):
    sim.fault(operation='Scan', times=1, kind='throttle')
    client_of(sim, 'dynamodb', attempts=3).scan(TableName='events')
    assert sim.count('Scan') == 2


@pytest.mark.parametrize('kind, code', [
    ('access_denied', 'AccessDeniedException'), ('expired_token', 'ExpiredTokenException'),
    ('unrecognized_client', 'UnrecognizedClientException'), ('internal_error', 'InternalServerError'),
    ('table_gone', 'ResourceNotFoundException'),
    ('unavailable', '503')])
def test_errors_look_as_on_aws(sim, events, dynamodb, kind, code):
    sim.fault(kind)
    assert error_of(dynamodb.list_tables) == code


@pytest.mark.parametrize('kind', ['close', 'reset'])
def test_connections_break_before_the_answer(sim, events, dynamodb, kind):
    sim.fault(kind)
    with pytest.raises((ConnectionClosedError, OSError)):
        dynamodb.list_tables()


def raw_answer(sim, target='DynamoDB_20120810.ListTables'):
    connection = http.client.HTTPConnection('127.0.0.1', sim.port)
    connection.request('POST', '/', '{}', {'X-Amz-Target': target, 'Content-Type': 'application/x-amz-json-1.0'})
    answer = connection.getresponse()
    return answer, answer.read()


def test_the_checksum_covers_the_bytes_as_sent(sim):
    for kind in (None, 'gzip'):
        if kind:
            sim.fault(kind)
        answer, body = raw_answer(sim)
        assert answer.headers.get('Content-Encoding') == kind
        assert int(answer.headers['x-amz-crc32']) == zlib.crc32(body)


def test_a_truncated_body_is_shorter_than_announced(sim):
    sim.fault('truncate')
    with pytest.raises(http.client.IncompleteRead):
        raw_answer(sim)


@pytest.mark.parametrize('kind', ['wrong_crc', 'bit_flip', 'gzip_wrong_crc'])
def test_a_checksum_can_be_wrong(sim, kind):
    sim.fault(kind)
    answer, body = raw_answer(sim)
    assert int(answer.headers['x-amz-crc32']) != zlib.crc32(body)


def test_a_small_body_can_inflate_without_end(sim):
    sim.fault('gzip_bomb', bytes=50_000_000)
    answer, body = raw_answer(sim)
    assert answer.status == 200 and answer.headers['Content-Encoding'] == 'gzip'
    assert int(answer.headers['x-amz-crc32']) == zlib.crc32(body)
    assert len(body) < 100_000 and len(gzip.decompress(body)) == 50_000_000


@pytest.mark.parametrize('given', [{}, {'body': b'[]'}, {'body': b''}], ids=['default', 'a list', 'empty'])
def test_a_body_can_be_anything(sim, given):
    """With the right checksum: only its content tells."""
    sim.fault('no_json', **given)
    answer, body = raw_answer(sim)
    assert answer.status == 200 and int(answer.headers['x-amz-crc32']) == zlib.crc32(body)
    if given:
        assert body == given['body']
    else:
        with pytest.raises(ValueError):
            json.loads(body)


@pytest.mark.parametrize('kind, code', [('expired_iterator', 'ExpiredIteratorException'),
                                        ('trimmed', 'TrimmedDataAccessException')])
def test_an_iterator_can_be_refused_though_it_is_good(sim, events, streams, kind, code):
    (shard,) = events.stream.shards.values()
    events.put(an_item(1))
    iterator = iterator_of(streams, events.stream, shard)
    sim.fault(kind, operation='GetRecords')
    assert error_of(streams.get_records, ShardIterator=iterator) == code
    (request,) = sim.sent('GetRecords')
    assert request.faults == [kind] and not request.delivered and request.records == 0
    assert len(streams.get_records(ShardIterator=iterator)['Records']) == 1


def test_an_answer_can_be_slow(sim):
    sim.fault('slow', seconds=0.3)
    begun = time.monotonic()
    raw_answer(sim)
    assert time.monotonic() - begun >= 0.3


def test_an_answer_can_be_held_and_is_as_old_as_its_request(sim, events):
    events.put(an_item(1))
    until, pages = threading.Event(), []
    fault = sim.fault('held', operation='Scan', until=until)
    scanning = threading.Thread(target=lambda: pages.append(client_of(sim, 'dynamodb').scan(TableName='events')))
    scanning.start()
    while not fault.fired:
        time.sleep(0.01)
    events.put(an_item(2))
    scanning.join(0.2)
    assert scanning.is_alive()
    until.set()
    scanning.join(10)
    assert pages[0]['Items'] == [an_item(1)]


def test_connections_are_counted(sim, dynamodb):
    for _ in range(3):
        dynamodb.list_tables()
    assert sim.accepted == 1
    client_of(sim, 'dynamodb').list_tables()
    assert sim.accepted == 2


def test_a_fault_chooses_its_requests(sim, events):
    sim.create_table('others', key=[('id', 'S')])
    sim.fault('internal_error', operation='DescribeTable', after=1, times=None,
              when=lambda request: request.body['TableName'] == 'others')
    dynamodb = client_of(sim, 'dynamodb')
    dynamodb.describe_table(TableName='others')
    dynamodb.describe_table(TableName='events')
    for _ in range(2):
        assert error_of(dynamodb.describe_table, TableName='others') == 'InternalServerError'


def test_random_faults_repeat_with_their_seed(sim, dynamodb):
    def outcomes():
        fault = sim.fault('internal_error', probability=0.5, seed=7, times=None)
        results = []
        for _ in range(20):
            try:
                dynamodb.list_tables()
                results.append(True)
            except ClientError:
                results.append(False)
        sim.faults.remove(fault)
        return results
    first = outcomes()
    assert first == outcomes() and 0 < sum(first) < 20


def test_an_unknown_operation_is_refused(sim):
    answer, body = raw_answer(sim, 'DynamoDB_20120810.Nonsense')
    assert answer.status == 400 and json.loads(body)['__type'].endswith('#UnknownOperationException')


# ---- exports --------------------------------------------------------------------------------------------------------

def test_an_export_takes_a_while_and_its_token_makes_it_once(sim, events, dynamodb):
    events.put(an_item(1))
    request = {'TableArn': events.arn, 'S3Bucket': 'bucket', 'S3Prefix': 'p', 'ClientToken': 'token',
               'ExportFormat': 'DYNAMODB_JSON'}
    with pytest.raises(dynamodb.exceptions.PointInTimeRecoveryUnavailableException):
        dynamodb.export_table_to_point_in_time(**request)
    events.recoverable_since = sim.clock.now() - HOUR
    recovery = dynamodb.describe_continuous_backups(TableName='events')['ContinuousBackupsDescription']
    assert recovery['PointInTimeRecoveryDescription']['PointInTimeRecoveryStatus'] == 'ENABLED'
    begun = dynamodb.export_table_to_point_in_time(**request)['ExportDescription']
    assert begun['ExportStatus'] == 'IN_PROGRESS' and 'ItemCount' not in begun
    assert dynamodb.export_table_to_point_in_time(**request)['ExportDescription']['ExportArn'] == begun['ExportArn']
    with pytest.raises(dynamodb.exceptions.ExportConflictException):
        dynamodb.export_table_to_point_in_time(**{**request, 'S3Prefix': 'other'})
    (listed,) = dynamodb.list_exports(TableArn=events.arn)['ExportSummaries']
    done = dynamodb.describe_export(ExportArn=listed['ExportArn'])['ExportDescription']
    assert (done['ExportStatus'], done['ItemCount']) == ('COMPLETED', 1)
    assert done['ExportManifest'] == f'p/AWSDynamoDB/{begun["ExportArn"].split("/")[-1]}/manifest-summary.json'


def test_it_can_go_away_and_come_back(sim, events):
    dynamodb = client_of(sim, 'dynamodb')
    dynamodb.list_tables()
    sim.stop()
    with pytest.raises(Exception, match='Could not connect|Connection was closed'):
        dynamodb.list_tables()
    sim.start()
    assert dynamodb.list_tables()['TableNames'] == ['events']


# ---- the record -----------------------------------------------------------------------------------------------------

def test_every_request_is_recorded(sim, events, dynamodb):
    dynamodb.scan(TableName='events', Limit=5)
    (request,) = sim.sent('Scan')
    assert request.body['Limit'] == 5 and request.delivered
    assert request.headers['X-Amz-Target'] == 'DynamoDB_20120810.Scan'


def test_a_child_read_before_its_parent_ended_is_noticed(events, sim, streams):
    (parent,) = events.stream.shards.values()
    events.put(an_item(1))
    child = events.stream.rotate(parent)
    read(streams, events.stream, child)
    assert sim.children_read_too_early() == [(child.id, parent.id)]


def test_a_child_read_after_its_parent_ended_is_right(events, sim, streams):
    (parent,) = events.stream.shards.values()
    events.put(an_item(1))
    child = events.stream.rotate(parent)
    read(streams, events.stream, parent)
    read(streams, events.stream, child)
    assert sim.children_read_too_early() == []


def test_the_shortest_time_of_several_requests_is_known(events, sim, streams):
    (shard,) = events.stream.shards.values()
    iterator = iterator_of(streams, events.stream, shard)
    for pause in (0, 0.2, 0.05, 0.1):
        time.sleep(pause)
        streams.get_records(ShardIterator=iterator)
    assert 0.2 <= sim.shortest_spans('GetRecords', requests=4)[shard.id] < 2
    assert 0.15 <= sim.shortest_spans('GetRecords', requests=3)[shard.id] < 0.25
    assert sim.shortest_spans('GetRecords', requests=5) == {}
