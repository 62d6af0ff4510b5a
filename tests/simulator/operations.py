"""The operations: request body in, answer body out. Only those that podyn calls, and ListStreams."""

from . import exports
from .tables import table_not_found
from .wire import CORAL, ServiceError, json_answer, validation_error

TABLES_PAGE = 100  # [API ListTables]


def list_tables(sim, body, request):
    names = sorted(sim.tables)
    after = body.get('ExclusiveStartTableName')
    names = [name for name in names if after is None or name > after]
    limit = min(body.get('Limit', TABLES_PAGE), TABLES_PAGE)
    answer = {'TableNames': names[:limit]}
    if len(names) > limit:
        answer['LastEvaluatedTableName'] = names[limit - 1]
    return answer


def find_table(sim, name):
    if name not in sim.tables:
        raise table_not_found(name)
    return sim.tables[name]


def describe_table(sim, body, request):
    return {'Table': find_table(sim, body['TableName']).description()}


def update_table(sim, body, request):
    table = find_table(sim, body['TableName'])
    specification = body['StreamSpecification']
    table.update_stream(specification['StreamEnabled'], specification.get('StreamViewType'))
    return {'TableDescription': table.description()}


def table_of_arn(sim, arn):
    """Not by a bare name [facts]."""
    for table in sim.tables.values():
        if table.arn == arn:
            return table
    raise ServiceError('TableNotFoundException', f'Table not found: {arn}')


def describe_continuous_backups(sim, body, request):
    return {'ContinuousBackupsDescription': exports.backups(find_table(sim, body['TableName']))}


def export_table(sim, body, request):
    export = exports.request_export(table_of_arn(sim, body['TableArn']), body, sim.clock.now(), sim.write_export)
    return {'ExportDescription': export.look()}


def list_exports(sim, body, request):
    return exports.page(table_of_arn(sim, body['TableArn']).exports, body.get('MaxResults'), body.get('NextToken'))


def describe_export(sim, body, request):
    for table in sim.tables.values():
        for export in table.exports:
            if export.arn == body['ExportArn']:
                return {'ExportDescription': export.look()}
    raise ServiceError('ExportNotFoundException', 'Export not found: Invalid export arn')


def scan(sim, body, request):
    table = find_table(sim, body['TableName'])
    segment, total = body.get('Segment', 0), body.get('TotalSegments', 1)
    if ('Segment' in body) != ('TotalSegments' in body) or not 0 <= segment < total <= 1_000_000:  # [API Scan]
        raise validation_error('The Segment parameter is zero-based and must be less than parameter TotalSegments')
    page = table.scan(segment, total, body.get('Limit'), body.get('ExclusiveStartKey'),
                      body.get('ConsistentRead', False))
    request.read_units = page.read_units
    answer = {'Items': page.items, 'Count': len(page.items), 'ScannedCount': len(page.items)}
    if page.last_key:
        answer['LastEvaluatedKey'] = page.last_key
    # [API Scan ReturnConsumedCapacity]
    if body.get('ReturnConsumedCapacity', 'NONE') != 'NONE':
        answer['ConsumedCapacity'] = {'TableName': table.name, 'CapacityUnits': page.read_units}
    return answer


def batch_get_item(sim, body, request):
    (name, asked), = body['RequestItems'].items()  # podyn asks for one table at a time
    table = find_table(sim, name)
    if not 1 <= len(asked['Keys']) <= 100:  # [API BatchGetItem]
        raise validation_error('Too many items requested for the BatchGetItem call')
    items, left, request.read_units = table.batch_get(asked['Keys'], asked.get('ConsistentRead', False))
    # In no order that a client could rely on [API BatchGetItem]; and none of an item's attributes.
    answer = {'Responses': {name: [dict(reversed(item.items())) for item in reversed(items)]}, 'UnprocessedKeys': {}}
    if left:
        answer['UnprocessedKeys'][name] = {**asked, 'Keys': left}
    if body.get('ReturnConsumedCapacity', 'NONE') != 'NONE':
        answer['ConsumedCapacity'] = [{'TableName': name, 'CapacityUnits': request.read_units}]
    return answer


def consumed(body, table, units, listed=False):
    """[API ReturnConsumedCapacity]"""
    if body.get('ReturnConsumedCapacity', 'NONE') == 'NONE':
        return {}
    capacity = {'TableName': table.name, 'CapacityUnits': units}
    return {'ConsumedCapacity': [capacity] if listed else capacity}


def require_distinct_keys(table, writes):
    positions = [table.position(write.get('PutRequest', {}).get('Item') or write['DeleteRequest']['Key'])
                 for write in writes]
    if len(set(positions)) < len(positions):
        raise validation_error('Provided list of item keys contains duplicates')


def batch_write_item(sim, body, request):
    (name, writes), = body['RequestItems'].items()  # podyn writes to one table at a time
    table = find_table(sim, name)
    if not 1 <= len(writes) <= 25:  # [API BatchWriteItem]
        raise validation_error('Too many items requested for the BatchWriteItem call')
    require_distinct_keys(table, writes)
    left = []
    for write in writes:
        if sim.leaves_unprocessed(write):
            left.append(write)
        elif 'PutRequest' in write:
            table.put(write['PutRequest']['Item'])
            request.write_units += table.write_units(write['PutRequest']['Item'])
        else:
            table.delete(write['DeleteRequest']['Key'])
            request.write_units += 1
    request.writes = len(writes) - len(left)
    return {'UnprocessedItems': {name: left} if left else {}, **consumed(body, table, request.write_units, listed=True)}


def condition_failed(body, item):
    fields = {}
    if item and body.get('ReturnValuesOnConditionCheckFailure') == 'ALL_OLD':
        fields['Item'] = item
    return ServiceError('ConditionalCheckFailedException', 'The conditional request failed', **fields)


def check_condition(body, item):
    """podyn's only ones: attribute_exists(…) and attribute_not_exists(…) of the partition key."""
    condition = body.get('ConditionExpression', '')
    if condition.startswith('attribute_not_exists(') and item or condition.startswith('attribute_exists(') and not item:
        raise condition_failed(body, item)


def put_item(sim, body, request):
    table = find_table(sim, body['TableName'])
    check_condition(body, table.get(body['Item']))
    table.put(body['Item'])
    request.write_units, request.writes = table.write_units(body['Item']), 1
    return consumed(body, table, request.write_units)


def update_item(sim, body, request):
    """SET #a = :a, … REMOVE #b, …, as podyn writes it."""
    table = find_table(sim, body['TableName'])
    check_condition(body, table.get(body['Key']))
    names, values = body['ExpressionAttributeNames'], body.get('ExpressionAttributeValues', {})
    expression = body.get('UpdateExpression', '')
    sets, _, removes = expression.partition('REMOVE ')
    assigned = (part.split(' = ') for part in sets.removeprefix('SET ').strip().split(', ') if part)
    table.update(body['Key'], set={names[name]: values[value] for name, value in assigned},
                 remove=[names[name] for name in removes.split(', ') if name])
    request.write_units, request.writes = table.write_units(table.get(body['Key'])), 1
    return consumed(body, table, request.write_units)


def find_stream(sim, arn):
    for stream in sim.streams():
        if stream.arn == arn:
            return stream
    raise ServiceError('ResourceNotFoundException', f'Requested resource not found: Stream: {arn} not found')


def list_streams(sim, body, request):
    return {'Streams': [{'StreamArn': stream.arn, 'StreamLabel': stream.label, 'TableName': stream.table.name}
                        for stream in sim.streams() if body.get('TableName') in (None, stream.table.name)]}


def describe_stream(sim, body, request):
    stream = find_stream(sim, body['StreamArn'])
    return {'StreamDescription': stream.describe(body.get('ExclusiveStartShardId'), body.get('Limit', 100),
                                                 body.get('ShardFilter', {}).get('ShardId'))}


def get_shard_iterator(sim, body, request):
    stream = find_stream(sim, body['StreamArn'])
    return {'ShardIterator': stream.iterator(body['ShardId'], body['ShardIteratorType'], body.get('SequenceNumber'))}


def get_records(sim, body, request):
    stream = find_stream(sim, body['ShardIterator'].split('|')[0])
    records, following = stream.records(body['ShardIterator'], body.get('Limit', 1000))
    request.records, request.shard_ended = len(records), following is None
    answer = {'Records': records}
    if following:  # absent, not null, on the wire once the shard is closed and read to its end [API GetRecords]
        answer['NextShardIterator'] = following
    return answer


# X-Amz-Target: DynamoDB_20120810.Scan, DynamoDBStreams_20120810.GetRecords [bc]
OPERATIONS = {
    'DynamoDB_20120810.ListTables': list_tables,
    'DynamoDB_20120810.DescribeTable': describe_table,
    'DynamoDB_20120810.UpdateTable': update_table,
    'DynamoDB_20120810.DescribeContinuousBackups': describe_continuous_backups,
    'DynamoDB_20120810.ExportTableToPointInTime': export_table,
    'DynamoDB_20120810.ListExports': list_exports,
    'DynamoDB_20120810.DescribeExport': describe_export,
    'DynamoDB_20120810.Scan': scan,
    'DynamoDB_20120810.BatchGetItem': batch_get_item,
    'DynamoDB_20120810.BatchWriteItem': batch_write_item,
    'DynamoDB_20120810.PutItem': put_item,
    'DynamoDB_20120810.UpdateItem': update_item,
    'DynamoDBStreams_20120810.ListStreams': list_streams,
    'DynamoDBStreams_20120810.DescribeStream': describe_stream,
    'DynamoDBStreams_20120810.GetShardIterator': get_shard_iterator,
    'DynamoDBStreams_20120810.GetRecords': get_records,
}


def call(sim, target, body, request):
    """The right answer to a request, or DynamoDB's error."""
    try:
        if target not in OPERATIONS:
            raise ServiceError('UnknownOperationException', namespace=CORAL)
        try:
            return json_answer(OPERATIONS[target](sim, body, request))
        except KeyError as missing:
            raise validation_error(f'The parameter {missing} is required but was not present in the request') from None
    except ServiceError as error:
        request.error = error.name
        return error.answer()
