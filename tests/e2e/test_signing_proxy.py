"""The proxy itself: what is signed rightly passes unchanged, anything else is refused in AWS's words."""

import http.client
import json
import threading
import zlib
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from signing_proxy import SigningProxy

KEY, SECRET = 'AKIDEXAMPLE', 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'


class Upstream(BaseHTTPRequestHandler):
    """Stands for DynamoDB Local: remembers what arrives, and answers with an odd but right body."""
    protocol_version = 'HTTP/1.1'
    body = '{"TableNames":["straße","\\u0000"]}'.encode()

    def do_POST(self):
        content = self.rfile.read(int(self.headers['Content-Length']))
        self.server.arrived.append((dict(self.headers), content))
        self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\n'
                         b'x-amzn-RequestId: ODD-id\r\nx-amz-crc32: %d\r\nContent-Length: %d\r\n\r\n'
                         % (zlib.crc32(self.body), len(self.body)) + self.body)

    def log_message(self, *_):
        pass


@pytest.fixture
def upstream():
    server = HTTPServer(('127.0.0.1', 0), Upstream)
    server.arrived = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def proxy(upstream):
    proxy = SigningProxy(upstream.server_address[1], KEY, SECRET)
    yield proxy
    proxy.stop()


def client(proxy, key=KEY, secret=SECRET, region='us-east-1'):
    return boto3.client('dynamodb', endpoint_url=proxy.endpoint, region_name=region, aws_access_key_id=key,
                        aws_secret_access_key=secret, config=Config(retries={'total_max_attempts': 1}))


def refusal(dynamodb):
    with pytest.raises(ClientError) as raised:
        dynamodb.list_tables()
    response = raised.value.response
    return response['ResponseMetadata']['HTTPStatusCode'], response['Error']['Code']


def signed(proxy, body=b'{}', date=None, **headers):
    """A request as http.client sends it, signed by botocore."""
    request = AWSRequest('POST', proxy.endpoint + '/', data=body, headers={
        'X-Amz-Target': 'DynamoDB_20120810.ListTables', 'Content-Type': 'application/x-amz-json-1.0', **headers})
    SigV4Auth(Credentials(KEY, SECRET), 'dynamodb', 'us-east-1').add_auth(request)
    return dict(request.headers)


def send(proxy, headers, body=b'{}', connection=None):
    connection = connection or http.client.HTTPConnection('127.0.0.1', proxy.port)
    connection.request('POST', '/', body, headers)
    answer = connection.getresponse()
    return answer, answer.read()


def test_the_right_secret_passes(proxy, upstream):
    assert client(proxy).list_tables()['TableNames'] == ['straße', '\0']
    assert proxy.passed == 1 and proxy.refused == []


def test_a_wrong_secret_is_refused_and_goes_no_further(proxy, upstream):
    assert refusal(client(proxy, secret='wrong')) == (400, 'InvalidSignatureException')
    assert upstream.arrived == []


def test_an_unknown_key_is_refused(proxy):
    assert refusal(client(proxy, key='AKIDNOBODY')) == (400, 'UnrecognizedClientException')


def test_another_region_is_refused(proxy):
    assert refusal(client(proxy, region='eu-west-1')) == (400, 'InvalidSignatureException')


def test_a_request_without_signature_is_refused(proxy):
    answer, body = send(proxy, {'X-Amz-Target': 'DynamoDB_20120810.ListTables'})
    assert answer.status == 400
    assert json.loads(body)['__type'] == 'com.amazon.coral.service#MissingAuthenticationTokenException'


def test_a_changed_body_is_refused(proxy):
    answer, body = send(proxy, signed(proxy), b'{ }')
    assert answer.status == 400 and json.loads(body)['__type'].endswith('#InvalidSignatureException')
    assert int(answer.headers['x-amz-crc32']) == zlib.crc32(body)


def test_a_changed_signed_header_is_refused(proxy):
    answer, _ = send(proxy, {**signed(proxy), 'X-Amz-Target': 'DynamoDB_20120810.DeleteTable'})
    assert answer.status == 400


def test_a_header_that_was_not_signed_may_change(proxy):
    answer, _ = send(proxy, {**signed(proxy), 'User-Agent': 'added on the way'})
    assert answer.status == 200


def test_a_signed_user_agent_is_part_of_the_signature(proxy):
    """botocore itself leaves User-Agent out; a client that signs it is checked for it."""
    headers = signed(proxy)
    headers['Authorization'] = headers['Authorization'].replace('host;', 'host;user-agent;')
    answer, _ = send(proxy, {**headers, 'User-Agent': 'podyn'})
    assert answer.status == 400


def test_a_signature_from_an_hour_ago_is_refused(proxy, monkeypatch):
    import datetime
    import botocore.auth

    class HourAgo(datetime.datetime):
        @classmethod
        def utcnow(cls):
            return super().utcnow() - datetime.timedelta(hours=1)

    with monkeypatch.context() as patch:
        patch.setattr(botocore.auth.datetime, 'datetime', HourAgo)
        headers = signed(proxy)
    answer, body = send(proxy, headers)
    assert answer.status == 400 and 'Signature expired' in json.loads(body)['message']


def test_answers_pass_unchanged(proxy, upstream):
    answer, body = send(proxy, signed(proxy))
    assert body == Upstream.body
    assert answer.headers['x-amzn-RequestId'] == 'ODD-id'
    assert answer.headers['Content-Type'] == 'application/x-amz-json-1.0'
    assert int(answer.headers['x-amz-crc32']) == zlib.crc32(body)


def test_requests_pass_unchanged(proxy, upstream):
    body = '{"TableName":"straße"}'.encode()
    send(proxy, {**signed(proxy, body), 'Accept-Encoding': 'gzip'}, body)
    (headers, arrived), = upstream.arrived
    assert arrived == body
    assert headers['Accept-Encoding'] == 'gzip' and headers['Host'] == f'127.0.0.1:{proxy.port}'


def test_connections_stay_open(proxy):
    connection = http.client.HTTPConnection('127.0.0.1', proxy.port)
    send(proxy, signed(proxy), connection=connection)
    used = connection.sock
    send(proxy, signed(proxy), connection=connection)
    send(proxy, signed(proxy), b'{ }', connection=connection)  # a refusal does not close it either
    send(proxy, signed(proxy), connection=connection)
    assert connection.sock is used
