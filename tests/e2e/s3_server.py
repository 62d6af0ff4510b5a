"""s3rver behind the signing proxy: podyn comes through the proxy, the tests' own writes go straight.

It keeps objects in files, by their keys: "//", "." and ".." in keys are not for it. It does not know If-Match nor
encoding-type, and breaks off where a range of an empty object is asked for."""

import shutil
import tempfile
from pathlib import Path

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from database import KEY, SECRET
from exports import BUCKET
from postgres_server import run_script
from signing_proxy import S3Handler, SigningProxy


class S3Server:
    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix='podyn-test-s3-'))
        run_script('s3_server.sh', 'start', self.folder)
        port = int((self.folder / 's3.port').read_text())
        self.proxy = SigningProxy(port, KEY, SECRET, handler=S3Handler)
        self.endpoint = self.proxy.endpoint
        self.client = boto3.client('s3', endpoint_url=f'http://127.0.0.1:{port}', region_name='us-east-1',
                                   config=Config(signature_version=UNSIGNED, s3={'addressing_style': 'path'}))

    def create_bucket(self, name=BUCKET):
        self.client.create_bucket(Bucket=name)
        return name

    def put(self, key, body, bucket=BUCKET):
        self.client.put_object(Bucket=bucket, Key=key, Body=body)

    def take_refusals(self):
        """The errors with which the proxy has refused requests since the last call."""
        refused = set(self.proxy.refused)
        self.proxy.refused.clear()
        return refused

    def drop_buckets(self):
        for bucket in self.client.list_buckets()['Buckets']:
            name = bucket['Name']
            for page in self.client.get_paginator('list_objects_v2').paginate(Bucket=name):
                for item in page.get('Contents', []):
                    self.client.delete_object(Bucket=name, Key=item['Key'])
            self.client.delete_bucket(Bucket=name)

    def stop(self):
        self.proxy.stop()
        run_script('s3_server.sh', 'stop', self.folder)
        shutil.rmtree(self.folder)
