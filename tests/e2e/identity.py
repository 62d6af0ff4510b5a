"""Whoever hands out AWS credentials, in one small server: the instance metadata service (version 2 only), a container's
credentials endpoint, STS, and IAM Identity Center's portal and OIDC. Credentials are numbered, expire when they say,
and what is secret of them begins with SECRET."""

import json
import threading
import time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from botocore.credentials import Credentials

from database import KEY, SECRET as EXAMPLE_SECRET
from signing_proxy import Refused, check_signature

SECRET = 'CanarySecret'


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def handle_request(self):
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        answer = self.server.identity.respond(self.command, self.path, self.headers, body)
        status, content = answer if isinstance(answer, tuple) else (200, answer)
        text = (json.dumps(content) if isinstance(content, dict) else content).encode()
        self.send_response(status)
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_PUT = do_POST = handle_request

    def log_message(self, *_):
        pass


class Identity:
    def __init__(self):
        self.lock = threading.Lock()
        self.life = 3600  # seconds, of the credentials given out next
        self.issued = {}  # access key ID: (secret, token, expiry)
        self.asked = []  # what was asked for, in order
        self.broken = False  # everything answers with status 500
        self.role_form = None  # of the last AssumeRole
        self._server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self._server.daemon_threads = True
        self._server.identity = self
        self.endpoint = f'http://127.0.0.1:{self._server.server_address[1]}'
        threading.Thread(target=self._server.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    # ---- what tests ask ---------------------------------------------------------------------------------------------

    def count(self, what):
        with self.lock:
            return self.asked.count(what)

    def expired(self, key):
        """Whether it is a key of ours whose time is over."""
        with self.lock:
            return key in self.issued and time.time() > self.issued[key][2]

    # ---- requests ---------------------------------------------------------------------------------------------------

    def respond(self, method, path, headers, body):
        with self.lock:
            if self.broken:
                return 500, 'out of order'
            url = urlsplit(path)
            if url.path.startswith('/latest/'):
                return self.metadata(method, url.path, headers)
            if url.path == '/container':
                self.asked.append('container')
                if headers.get('Authorization') != SECRET + 'Container':
                    return 401, {'code': 'Unauthorized', 'message': 'no'}
                return self.document(self.issue('CONTAINER'))
            if url.path == '/federation/credentials':
                return self.sso(parse_qs(url.query), headers)
            if url.path == '/token':
                return self.oidc(json.loads(body))
            if method == 'POST' and url.path == '/':
                return self.sts(headers, body)
            return 404, 'nothing here'

    def issue(self, prefix):
        key = f'{prefix}{len(self.issued)}'
        self.issued[key] = (f'{SECRET}Key{key}', f'{SECRET}Token{key}', time.time() + self.life)
        return key

    def document(self, key, **more):
        secret, token, expiry = self.issued[key]
        return {'AccessKeyId': key, 'SecretAccessKey': secret, 'Token': token, 'Expiration': iso(expiry), **more}

    def metadata(self, method, path, headers):
        if method == 'PUT':
            self.asked.append('metadata token')
            return SECRET + 'Metadata'
        if headers.get('X-aws-ec2-metadata-token') != SECRET + 'Metadata':
            return 401, 'no token'
        self.asked.append('metadata')
        if path == '/latest/meta-data/iam/security-credentials/':
            return 'instance-role'
        return self.document(self.issue('INSTANCE'), Code='Success')

    def sso(self, query, headers):
        self.asked.append('sso')
        if headers.get('x-amz-sso_bearer_token') != SECRET + 'Fresh':
            return 401, {'message': 'Session token not found or invalid'}
        assert query == {'account_id': ['123456789012'], 'role_name': ['Reader']}
        secret, token, expiry = self.issued[key := self.issue('SSO')]
        return {'roleCredentials': {'accessKeyId': key, 'secretAccessKey': secret, 'sessionToken': token,
                                    'expiration': int(expiry * 1000)}}

    def oidc(self, body):
        self.asked.append('oidc')
        if body.get('refreshToken') != SECRET + 'Refresh':
            return 400, {'error': 'invalid_grant'}
        return {'accessToken': SECRET + 'Fresh', 'expiresIn': 3600, 'refreshToken': SECRET + 'NextRefresh'}

    def sts(self, headers, body):
        self.role_form = {name: value for name, (value,) in parse_qs(body.decode()).items()}
        self.asked.append(self.role_form['Action'])
        if self.role_form['Action'] == 'AssumeRoleWithWebIdentity':
            if self.role_form['WebIdentityToken'] != SECRET + 'Web':
                return 400, sts_error('InvalidIdentityToken', 'wrong token')
        else:
            try:
                self.check(headers, body)
            except Refused as refused:
                return 403, sts_error(refused.name, refused.message)
            if self.role_form['RoleArn'].endswith('/Guarded') and self.role_form.get('ExternalId') != 'the id':
                return 403, sts_error('AccessDenied', 'User: u is not authorized to perform: sts:AssumeRole')
        secret, token, expiry = self.issued[key := self.issue('ROLE')]
        return (f'<R><Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>'
                f'<SessionToken>{token}</SessionToken><Expiration>{iso(expiry)}</Expiration></Credentials></R>')

    def check(self, headers, body):
        """The signature, with a key of ours or AWS's example key."""
        key = headers['Authorization'].split('Credential=')[1].split('/')[0]
        secret, token, _ = self.issued.get(key, (EXAMPLE_SECRET, None, 0))
        if key not in self.issued and key != KEY:
            raise Refused('InvalidClientTokenId', 'The security token included in the request is invalid')
        if headers.get('X-Amz-Security-Token') != token:
            raise Refused('InvalidClientTokenId', 'wrong token')
        check_signature(Credentials(key, secret), 'us-east-1', 'POST', '/', headers, body, service='sts')


def iso(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')


def sts_error(code, message):
    return f'<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>'
