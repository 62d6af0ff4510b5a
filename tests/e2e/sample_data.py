"""Material that nobody here wrote (../shared/data, or PODYN_TEST_DATA): read in place, tests skip where it is absent."""

import base64
import json
import os

import pytest

from postgres_server import ROOT

FOLDER = (ROOT / os.environ.get('PODYN_TEST_DATA', '../shared/data')).resolve()


def sample(path):
    """A file or folder of the material; skips the test where it is absent."""
    if not (FOLDER / path).exists():
        pytest.skip(f'{FOLDER / path} is not there (PODYN_TEST_DATA says where)', allow_module_level=True)
    return FOLDER / path


def lines(path):
    return [json.loads(line) for line in sample(path).read_text(encoding='utf-8').splitlines()]


def document(path):
    return json.loads(sample(path).read_text(encoding='utf-8'))


def for_boto3(value):
    """DynamoDB JSON holds binary values as base64; boto3 wants bytes."""
    (kind, content), = value.items()
    if kind == 'B':
        return {'B': base64.b64decode(content)}
    if kind == 'BS':
        return {'BS': [base64.b64decode(member) for member in content]}
    if kind == 'M':
        return {'M': {name: for_boto3(member) for name, member in content.items()}}
    if kind == 'L':
        return {'L': [for_boto3(member) for member in content]}
    return value


def item_for_boto3(item):
    return {name: for_boto3(value) for name, value in item.items()}
