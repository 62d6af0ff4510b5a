"""Answers as they go over the wire: JSON 1.0 bodies, checksums, compression, and the error bodies of AWS."""

import gzip
import json
import threading
import zlib
from dataclasses import dataclass, field

JSON = 'application/x-amz-json-1.0'

# The part of __type before the #, as in the recorded error bodies [dynalite, conformance]; a client must look only at
# what comes after it [DG Programming.Errors].
DYNAMODB = 'com.amazonaws.dynamodb.v20120810'
CORAL = 'com.amazon.coral.service'
VALIDATE = 'com.amazon.coral.validate'
AVAILABILITY = 'com.amazon.coral.availability'


@dataclass
class Answer:
    """One answer, and how it is delivered: 'whole', 'truncated', 'closed' (no answer at all) or 'reset'."""
    status: int = 200
    body: bytes = b''
    headers: dict = field(default_factory=dict)
    delivery: str = 'whole'
    delay: float = 0.0
    held_until: threading.Event | None = None


class ServiceError(Exception):
    """An error that DynamoDB answers with."""

    def __init__(self, name, message='', status=400, namespace=DYNAMODB, **fields):
        super().__init__(f'{name}: {message}')
        self.status, self.name, self.message, self.namespace, self.fields = status, name, message, namespace, fields

    def answer(self):
        # DynamoDB's own errors say "message", some of the front end's "Message" [conformance]; a client takes either.
        body = {'__type': f'{self.namespace}#{self.name}', 'message': self.message, **self.fields}
        return json_answer(body, self.status)


def validation_error(message):
    return ServiceError('ValidationException', message, namespace=VALIDATE)


def json_answer(value, status=200):
    return raw_answer(json.dumps(value, ensure_ascii=False, separators=(',', ':')).encode(), status)


def raw_answer(body, status=200, content_type=JSON):
    """x-amz-crc32 covers the bytes as sent (aws-sdk-go-v2 customizations docs) [facts]."""
    return Answer(status, body, {'Content-Type': content_type, 'x-amz-crc32': str(zlib.crc32(body))})


def compressed(answer):
    """The same answer in gzip; the checksum covers the compressed bytes [facts]."""
    packed = raw_answer(gzip.compress(answer.body), answer.status)
    packed.headers['Content-Encoding'] = 'gzip'
    return packed
