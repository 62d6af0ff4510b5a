"""Proxies in front of DynamoDB Local and s3rver, which check no signatures: these recompute each request's SigV4
signature with botocore and refuse a wrong one as AWS does. Right requests and their answers pass unchanged.

Recomputed from what arrived: the headers that the request says it signed, and the body's own hash. AWS's demands on
top: host and date are signed, the date is within 15 minutes (general reference, "Elements of an AWS API request
signature"), scope date, region and service fit."""

import hashlib
import hmac
import http.client
import json
import re
import socket
import threading
import zlib
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

AUTHORIZATION = re.compile(
    r'AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request, ?'
    r'SignedHeaders=(?P<headers>[^,]+), ?Signature=(?P<signature>[0-9a-f]{64})')
CLOCK_SKEW = timedelta(minutes=15)
HOLD_SECONDS = 120  # at most
CORAL = 'com.amazon.coral.service#'
HOP_BY_HOP = {'connection', 'keep-alive', 'proxy-connection', 'te', 'upgrade'}  # RFC 9110, 7.6.1


class Refused(Exception):
    """`s3_name`: what S3 calls it."""

    def __init__(self, name, message, s3_name=None):
        super().__init__(message)
        self.name, self.message, self.s3_name = name, message, s3_name


class AsSigned:
    """Signs exactly the headers that the request says it signed."""

    def headers_to_sign(self, request):
        return request.headers


class DynamoDbSigner(AsSigned, SigV4Auth):
    pass


class S3Signer(AsSigned, S3SigV4Auth):
    pass


def check_signature(credentials, region, method, path, headers, body, service='dynamodb'):
    """Raises Refused unless the request is signed rightly."""
    if 'Authorization' not in headers:
        raise Refused('MissingAuthenticationTokenException', 'Request is missing Authentication Token', 'AccessDenied')
    given = AUTHORIZATION.fullmatch(headers['Authorization'])
    if not given:
        raise Refused('IncompleteSignatureException', f'Authorization={headers["Authorization"].split(" ")[0]}',
                      'AuthorizationHeaderMalformed')
    if given['key'] != credentials.access_key:
        raise Refused('UnrecognizedClientException', 'The security token included in the request is invalid.',
                      'InvalidAccessKeyId')

    def unless(condition, message, s3_name='SignatureDoesNotMatch'):
        if not condition:
            raise Refused('InvalidSignatureException', message, s3_name)

    names = given['headers'].split(';')
    unless({'host', 'x-amz-date'} <= set(names), "'Host' and 'X-Amz-Date' must be signed headers.")
    unless(names == sorted(names) and all(name == name.lower() for name in names),
           'SignedHeaders must be lower case and sorted.')
    unless(given['region'] == region,
           f"Credential should be scoped to a valid region, not '{given['region']}'. ", 'AuthorizationHeaderMalformed')
    unless(given['service'] == service, f"Credential should be scoped to correct service: '{service}'. ")
    stamp = headers.get('X-Amz-Date', '')
    unless(stamp[:8] == given['date'], f'Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date '
                                       f"from HTTP: '{given['date']}' != '{stamp[:8]}'.")
    age = datetime.now(timezone.utc) - datetime.strptime(stamp, '%Y%m%dT%H%M%SZ').replace(tzinfo=timezone.utc)
    unless(abs(age) <= CLOCK_SKEW, f'Signature expired: {stamp} is now more than 15 minutes away',
           'RequestTimeTooSkewed')
    checksum = headers.get('X-Amz-Content-SHA256')
    unless(checksum in (None, hashlib.sha256(body).hexdigest()), 'x-amz-content-sha256 is not that of the body.',
           'XAmzContentSHA256Mismatch')
    unless(service != 's3' or 'x-amz-content-sha256' in names, 'x-amz-content-sha256 is missing.', 'InvalidRequest')

    signed = HTTPHeaders()
    for name in names:
        for value in headers.get_all(name, []):
            signed[name] = value
    request = AWSRequest(method, f'http://{headers["Host"]}{path}', headers=signed, data=body)
    request.context['timestamp'] = stamp
    signer = (S3Signer if service == 's3' else DynamoDbSigner)(credentials, service, region)
    canonical = signer.canonical_request(request)
    expected = signer.signature(signer.string_to_sign(request, canonical), request)
    unless(hmac.compare_digest(expected, given['signature']),
           'The request signature we calculated does not match the signature you provided. Check your AWS Secret '
           'Access Key and signing method. Consult the service documentation for details.\n\n'
           f"The Canonical String for this request should have been\n'{canonical}'\n")


class Handler(BaseHTTPRequestHandler):
    """For DynamoDB."""
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    service = 'dynamodb'
    not_forwarded = HOP_BY_HOP

    def setup(self):
        super().setup()
        self.server.connections.add(self.connection)
        self.upstream = http.client.HTTPConnection('127.0.0.1', self.server.upstream_port)

    def finish(self):
        self.upstream.close()
        try:
            super().finish()
        except OSError:
            pass  # the client is gone

    def do_POST(self):
        self.pass_on()

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        try:
            check_signature(self.server.credentials, self.server.region, self.command, self.path, self.headers, body,
                            self.service)
        except Refused as refused:
            self.server.refused.append(refused.name)
            self.answer(*self.refusal(refused))
            return
        self.server.passed += 1
        answer = self.forward(body)
        if self.server.held and self.server.held[0] in body:
            self.server.held[1].wait(HOLD_SECONDS)
        self.answer(*answer)

    def refusal(self, refused):
        body = json.dumps({'__type': CORAL + refused.name, 'message': refused.message}).encode()
        return 400, [('Content-Type', 'application/x-amz-json-1.0'), ('x-amz-crc32', str(zlib.crc32(body))),
                     ('Content-Length', str(len(body)))], body

    def forward(self, body):
        self.upstream.putrequest(self.command, self.path_forwarded(), skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in self.not_forwarded:
                self.upstream.putheader(name, value)
        self.upstream.endheaders(body)
        response = self.upstream.getresponse()
        content = response.read()
        headers = [(name, value) for name, value in response.getheaders()
                   if name.lower() not in HOP_BY_HOP | {'transfer-encoding', 'content-length'}]
        return response.status, [*headers, ('Content-Length', str(len(content)))], content

    def path_forwarded(self):
        return self.path

    def answer(self, status, headers, body):
        head = [f'HTTP/1.1 {status} {self.responses[status][0]}', *(f'{name}: {value}' for name, value in headers)]
        self.wfile.write('\r\n'.join(head).encode('latin-1') + b'\r\n\r\n' + body)

    def log_message(self, *_):
        pass


def s3_error(status, name, message='so it is', more=''):
    """An answer with an error as S3 writes it."""
    body = (f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{name}</Code><Message>{escape(message)}</Message>'
            f'{more}</Error>').encode()
    return status, [('Content-Type', 'application/xml'), ('Content-Length', str(len(body)))], body


class S3Handler(Handler):
    """For S3: what podyn does there, which is to read. s3rver knows one key only, but takes requests without any."""
    service = 's3'
    not_forwarded = HOP_BY_HOP | {'authorization'}

    def do_GET(self):
        self.pass_on()

    def refusal(self, refused):
        if refused.s3_name == 'AuthorizationHeaderMalformed':
            return s3_error(400, refused.s3_name, refused.message, f'<Region>{self.server.region}</Region>')
        return s3_error(403, refused.s3_name, refused.message)

    def path_forwarded(self):
        short = self.server.page_size and 'list-type=2' in self.path
        return f'{self.path}&max-keys={self.server.page_size}' if short else self.path

    def answer(self, status, headers, body):
        if self.server.interfere:
            status, headers, body = self.server.interfere(self.path, (status, headers, body))
            self.close_connection = int(dict(headers)['Content-Length']) > len(body)
        super().answer(status, headers, body)


class SigningProxy(ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1, in threads of its own."""
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, upstream_port, access_key_id, secret_access_key, region='us-east-1', handler=Handler):
        super().__init__(('127.0.0.1', 0), handler)
        self.upstream_port, self.region = upstream_port, region
        self.credentials = Credentials(access_key_id, secret_access_key)
        self.passed, self.refused = 0, []
        self.held = None  # what tests may set: answers to requests with these bytes wait for this event
        # What tests of S3 may set: f(path, answer) gives what is answered instead, an answer being (status, headers,
        # body). Where the body is shorter than it says, the connection breaks off.
        self.interfere = None
        self.page_size = None  # of listings of S3, if tests set it
        self.connections = set()
        self.port = self.server_address[1]
        self.endpoint = f'http://127.0.0.1:{self.port}'
        threading.Thread(target=self.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True).start()

    def shutdown_request(self, request):
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address):
        pass  # clients that go away are part of the game

    def stop(self):
        self.shutdown()
        self.server_close()
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
