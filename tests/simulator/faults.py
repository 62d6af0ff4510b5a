"""What goes wrong, and when: a script of faults, each for an operation (or all), so often, at certain or seeded random
requests.

    faults.add('throttle', operation='Scan', times=3)
    faults.add('reset', probability=0.2, seed=7, times=None)
    faults.add('slow', operation='GetRecords', seconds=30, when=lambda request: request.shard == 'shardId-…')

A fault either answers in the operation's place (the operation does not happen) or spoils the operation's own answer
(it did happen, and the client cannot know)."""

import gzip
import random
from dataclasses import replace

from . import wire
from .wire import AVAILABILITY, CORAL, ServiceError

# Every way in which AWS says "slower": error name → (status, namespace). The modelled errors of Scan and GetRecords
# [bc], the others from the recorded error bodies [dynalite, conformance].
THROTTLES = {
    'ProvisionedThroughputExceededException': (400, wire.DYNAMODB),
    'ThrottlingException': (400, AVAILABILITY),
    'RequestLimitExceeded': (400, wire.DYNAMODB),
    'LimitExceededException': (400, wire.DYNAMODB),
    'TooManyRequestsException': (429, CORAL),
    'ThrottledException': (400, CORAL),
    'SlowDown': (503, CORAL),
}
THROTTLES_OF_OPERATION = {
    'Scan': ['ProvisionedThroughputExceededException', 'ThrottlingException', 'RequestLimitExceeded', 'SlowDown'],
    'BatchGetItem': ['ProvisionedThroughputExceededException', 'ThrottlingException', 'RequestLimitExceeded'],
    'BatchWriteItem': ['ProvisionedThroughputExceededException', 'ThrottlingException', 'RequestLimitExceeded'],
    'GetRecords': ['LimitExceededException', 'ThrottlingException', 'RequestLimitExceeded'],
    None: ['ThrottlingException', 'ThrottledException', 'TooManyRequestsException', 'RequestLimitExceeded'],
}

# Other errors by kind: (name, status, namespace, message).
ERRORS = {
    'internal_error': ('InternalServerError', 500, wire.DYNAMODB, 'Internal server error'),
    'access_denied': ('AccessDeniedException', 400, CORAL,
                      'User: arn:aws:iam::123456789012:user/podyn is not authorized to perform: dynamodb:{operation} on '
                      'resource: arn:aws:dynamodb:us-east-1:123456789012:table/events'),
    'expired_token': ('ExpiredTokenException', 400, CORAL, 'The security token included in the request is expired'),
    'unrecognized_client': ('UnrecognizedClientException', 400, CORAL,
                            'The security token included in the request is invalid.'),
    'table_gone': ('ResourceNotFoundException', 400, wire.DYNAMODB, 'Requested resource not found'),
    'expired_iterator': ('ExpiredIteratorException', 400, wire.DYNAMODB, 'Iterator expired.'),
    'trimmed': ('TrimmedDataAccessException', 400, wire.DYNAMODB,
                'The operation attempted to read past the oldest stream record in a shard.'),
}


# ---- faults that answer in the operation's place: fault, request → Answer -------------------------------------------

def throttle(fault, request):
    names = [fault.details['body']] if 'body' in fault.details else \
        THROTTLES_OF_OPERATION.get(request.operation, THROTTLES_OF_OPERATION[None])
    name = names[(fault.fired - 1) % len(names)]  # each in turn
    status, namespace = THROTTLES[name]
    reason = {'reason': 'TableReadKeyRangeThroughputExceeded',  # ThrottlingReasons [bc]
              'resource': 'arn:aws:dynamodb:us-east-1:123456789012:table/events'}
    return ServiceError(name, 'Rate of requests exceeds the allowed throughput.', status, namespace,
                        ThrottlingReasons=[reason]).answer()


def error(fault, request):
    name, status, namespace, message = ERRORS[fault.kind]
    return ServiceError(name, message.format(operation=request.operation), status, namespace).answer()


def custom_error(fault, request):
    return ServiceError(fault.details['name'], fault.details.get('message', ''), fault.details.get('status', 400),
                        fault.details.get('namespace', wire.DYNAMODB)).answer()


def unavailable(fault, request):
    # A load balancer's page, not DynamoDB's JSON: a client must not expect a body that it can read.
    return wire.raw_answer(b'<html><body><b>Http/1.1 Service Unavailable</b></body> </html>', 503, 'text/html')


def no_json(fault, request):
    return wire.raw_answer(fault.details.get('body', b'{"Items": [ this is no JSON'))


def close(fault, request):
    return wire.Answer(delivery='closed')


def reset(fault, request):
    return wire.Answer(delivery='reset')


# ---- faults that spoil the operation's answer: fault, Answer → Answer -----------------------------------------------

def wrong_crc(fault, answer):
    checksum = int(answer.headers['x-amz-crc32']) ^ 1
    return replace(answer, headers={**answer.headers, 'x-amz-crc32': str(checksum)})


def bit_flip(fault, answer):
    """One bit of the body differs from what the checksum covers."""
    body = bytearray(answer.body)
    body[fault.random.randrange(len(body))] ^= 1 << fault.random.randrange(8)
    return replace(answer, body=bytes(body))


def truncate(fault, answer):
    return replace(answer, delivery='truncated')


def lost(fault, answer):
    """The connection is cut before the answer."""
    return replace(answer, delivery='closed')


def compress(fault, answer):
    return wire.compressed(answer)


def compress_wrong_crc(fault, answer):
    return wrong_crc(fault, wire.compressed(answer))


def bomb(fault, answer):
    """A small body that inflates without end: a client needs a cap."""
    packed = wire.raw_answer(gzip.compress(bytes(fault.details.get('bytes', 1 << 30)), 9))
    packed.headers['Content-Encoding'] = 'gzip'
    return packed


def slow(fault, answer):
    """So many seconds before the first byte."""
    return replace(answer, delay=fault.details['seconds'])


def held(fault, answer):
    """The answer as it was when the request came, delivered when `until`, an event, is set."""
    return replace(answer, held_until=fault.details['until'])


REPLACING = {'throttle': throttle, 'error': custom_error, 'unavailable': unavailable, 'no_json': no_json,
             'close': close, 'reset': reset, **{kind: error for kind in ERRORS}}
SPOILING = {'wrong_crc': wrong_crc, 'bit_flip': bit_flip, 'truncate': truncate, 'lost': lost, 'gzip': compress,
            'gzip_wrong_crc': compress_wrong_crc, 'gzip_bomb': bomb, 'slow': slow, 'held': held}
HARMLESS = {'gzip', 'slow', 'held'}  # the client still gets the operation's answer


class Fault:
    """`operation`: None for all; `times`: how often, None for ever; `after`: so many matching requests go well first;
    `when`: a predicate over the request; `probability`: of each matching request, from `seed`."""

    def __init__(self, kind, operation=None, times=1, after=0, when=None, probability=1.0, seed=0, **details):
        if kind not in REPLACING and kind not in SPOILING:
            raise ValueError(f'no such fault: {kind}')
        self.kind, self.operation, self.times, self.after = kind, operation, times, after
        self.when, self.probability, self.details = when, probability, details
        self.random = random.Random(seed)
        self.fired = 0

    def strikes(self, request):
        if self.operation not in (None, request.operation) or (self.when and not self.when(request)):
            return False
        if self.times is not None and self.fired >= self.times:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.random.random() >= self.probability:
            return False
        self.fired += 1
        return True


class Faults:
    def __init__(self):
        self.script = []

    def add(self, kind, **when):
        fault = Fault(kind, **when)
        self.script.append(fault)
        return fault

    def remove(self, fault):
        self.script.remove(fault)

    def apply(self, request, operation):
        """Answers a request: `operation` gives the right answer; at most one replacing fault and any spoiling ones
        strike. Notes their kinds in request.faults."""
        for fault in self.script:
            if fault.kind in REPLACING and fault.strikes(request):
                request.faults.append(fault.kind)
                return REPLACING[fault.kind](fault, request)
        answer = operation()
        for fault in self.script:
            if fault.kind in SPOILING and fault.strikes(request):
                request.faults.append(fault.kind)
                answer = SPOILING[fault.kind](fault, answer)
        return answer
