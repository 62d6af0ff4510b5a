"""The baseline of the backfill: a client that only reads the pages, as bytes over one connection, and looks in each for
nothing but LastEvaluatedKey. It sends what podyn sends."""

import gzip
import http.client
import json
import re

HEADERS = {
    'Content-Type': 'application/x-amz-json-1.0', 'X-Amz-Target': 'DynamoDB_20120810.Scan', 'Accept-Encoding': 'gzip',
    # DynamoDB Local takes the region and the key from it and checks no signature.
    'Authorization': 'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/dynamodb/aws4_request, '
                     'SignedHeaders=host, Signature=00',
}
LAST_KEY = re.compile(rb'"LastEvaluatedKey":(\{[^{}]*\{[^{}]*\}[^{}]*\})')  # a key of one attribute
COUNT = re.compile(rb'"Count":(\d+)')


def read_all(port, table, limit, consistent):
    """Reads the whole table in one segment; gives the number of items and of pages."""
    connection = http.client.HTTPConnection('127.0.0.1', port)
    request = {'TableName': table, 'Limit': limit, 'ConsistentRead': consistent, 'ReturnConsumedCapacity': 'TOTAL'}
    items = pages = 0
    while True:
        connection.request('POST', '/', json.dumps(request), HEADERS)
        response = connection.getresponse()
        body = response.read()
        if response.headers.get('Content-Encoding') == 'gzip':
            body = gzip.decompress(body)
        assert response.status == 200, body[:500]
        pages += 1
        items += int(COUNT.search(body)[1])
        key = LAST_KEY.search(body, max(0, body.rfind(b'"LastEvaluatedKey"')))
        if not key:
            connection.close()
            return items, pages
        request['ExclusiveStartKey'] = json.loads(key[1])
