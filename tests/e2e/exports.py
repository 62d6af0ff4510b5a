"""Writes DynamoDB exports into a folder as S3 holds them (DG: S3DataExport.Output)."""

import base64
import gzip
import hashlib
import itertools
import json
import secrets
import shutil
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

BUCKET = 'podyn-exports'
TABLE_ARN = 'arn:aws:dynamodb:us-east-1:123456789012:table/events'
START = datetime(2026, 3, 1, 10, tzinfo=timezone.utc)


def for_json(value):
    """Binary values as base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: for_json(member) for name, member in value.items()}
    if isinstance(value, list):
        return [for_json(member) for member in value]
    return value


def at(hours):
    return START + timedelta(hours=hours)


def time_text(time):
    return time.isoformat(timespec='milliseconds').replace('+00:00', 'Z')


def lines_of(records):
    """What is bytes is a line as it is."""
    return b''.join((record if isinstance(record, bytes) else json.dumps(for_json(record)).encode()) + b'\n'
                    for record in records)


def full_records(items):
    return [{'Item': item} for item in items]


def change(keys, new=None, old=None, at=START):
    record = {'Metadata': {'WriteTimestampMicros': {'N': str(int(at.timestamp() * 1_000_000))}}, 'Keys': keys}
    if old is not None:
        record['OldImage'] = old
    if new is not None:
        record['NewImage'] = new
    return record


def compressed(records):
    return len(records), gzip.compress(lines_of(records), 1)


def upload(s3, bucket):
    for path in bucket.folder.rglob('*'):
        if path.is_file():
            s3.put(str(path.relative_to(bucket.folder)), path.read_bytes())


def url(bucket, export):
    return f's3://{BUCKET}/{export.relative_to(bucket.folder)}'


def write_simulated(bucket, made):
    """What the simulator has been asked to export (see its exports.Export); gives the export's folder."""
    prefix, time = made.body['S3Prefix'], datetime.fromtimestamp(made.time, timezone.utc)
    if not made.incremental:
        half = len(made.items) // 2
        return bucket.full_export([full_records(made.items[:half]), full_records(made.items[half:])], time, prefix,
                                  tableArn=made.table.arn)
    begin = datetime.fromtimestamp(made.begin, timezone.utc)
    records = [change(made.table.key_of(after or before), after, before, begin) for before, after in made.items]
    return bucket.incremental_export([records], begin, time, prefix, tableArn=made.table.arn)


class Bucket:
    """A folder that stands for a bucket, or is copied into one."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix='podyn-bucket-'))
        self.folder.chmod(0o755)
        self.numbers = itertools.count(1)

    def remove(self):
        shutil.rmtree(self.folder)

    def write(self, key, content):
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def full_export(self, files, time=START, prefix='exports', **manifest):
        """`files`: for each file its records. Gives the export's folder."""
        return self.export_of_contents(map(compressed, files), time, prefix, **manifest)

    def export_of_contents(self, files, time=START, prefix='exports', **manifest):
        """The same; of each file the number of its items, and its bytes."""
        export = f'{prefix}/AWSDynamoDB/{next(self.numbers):014}-{secrets.token_hex(4)}'
        return self._export(export, f'{export}/data', files, {
            'version': '2020-06-30', 'exportTime': time_text(time), **manifest})

    def incremental_export(self, files, begin, end, prefix='exports', view='NEW_AND_OLD_IMAGES', **manifest):
        """Its data files lie in the folder that all incremental exports share."""
        export = f'{prefix}/AWSDynamoDB/{next(self.numbers):014}-{secrets.token_hex(4)}'
        return self._export(export, f'{prefix}/AWSDynamoDB/data', map(compressed, files), {
            'version': '2023-08-01', 'exportFromTime': time_text(begin), 'exportToTime': time_text(end),
            'exportType': 'INCREMENTAL_EXPORT', 'outputView': view, **manifest})

    def _export(self, export, data, files, manifest):
        listed = []
        for count, content in files:
            key = f'{data}/{secrets.token_hex(13)}.json.gz'
            self.write(key, content)
            listed.append({'itemCount': count, 'md5Checksum': base64.b64encode(hashlib.md5(content).digest())
                           .decode(), 'etag': hashlib.md5(content).hexdigest() + '-1', 'dataFileS3Key': key})
        self.write(f'{export}/manifest-files.json', ''.join(json.dumps(file) + '\n' for file in listed).encode())
        summary = {
            'exportArn': f'{TABLE_ARN}/export/{export.rsplit("/", 1)[1]}', 'startTime': time_text(START),
            'endTime': time_text(at(0.1)), 'tableArn': TABLE_ARN, 'tableId': '11991185-e7ab-4da5-8bab-03f0db0b7bfd',
            's3Bucket': 'test-bucket', 's3Prefix': export.split('/AWSDynamoDB')[0], 's3SseAlgorithm': 'AES256',
            's3SseKmsKeyId': None, 'manifestFilesS3Key': f'{export}/manifest-files.json', 'billedSizeBytes': 1000,
            'itemCount': sum(file['itemCount'] for file in listed), 'outputFormat': 'DYNAMODB_JSON', **manifest}
        self.write(f'{export}/manifest-summary.json', json.dumps(summary).encode())
        self.write(f'{export}/_started', b'')
        return self.folder / export

    def replace(self, path, content):
        """A data file's content, with its MD5 in the manifest."""
        path.write_bytes(content)
        for manifest in self.folder.rglob('manifest-files.json'):
            files = [json.loads(line) for line in manifest.read_text().splitlines()]
            for file in files:
                if self.folder / file['dataFileS3Key'] == path:
                    file['md5Checksum'] = base64.b64encode(hashlib.md5(content).digest()).decode()
            manifest.write_text(''.join(json.dumps(file) + '\n' for file in files))

    def files_of(self, export):
        """The paths of an export's data files."""
        lines = (export / 'manifest-files.json').read_text().splitlines()
        return [self.folder / json.loads(line)['dataFileS3Key'] for line in lines]
