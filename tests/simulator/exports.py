"""Exports to S3: requested, under way for a few looks, then done or failed [API ExportTableToPointInTime]."""

import secrets

from .wire import ServiceError, validation_error

PAGE = 25  # [API ListExports MaxResults]
SHORTEST_PERIOD, LONGEST_PERIOD = 15 * 60, 24 * 3600  # of an incremental export [DG S3DataExport.HowItWorks]


class Export:
    """`write(export)`: what tests give to write the files; it returns the name of the export's folder, which becomes
    its id. `items`: what the table held at `time`, or for an incremental one (before, after) of each key that changed
    from `begin` to `time`."""

    def __init__(self, table, body, now, write=None):
        self.table, self.body, self.started = table, body, int(now * 1000) / 1000
        self.incremental = body.get('ExportType') == 'INCREMENTAL_EXPORT'
        period = body.get('IncrementalExportSpecification', {})
        self.begin = period.get('ExportFromTime')
        self.time = period.get('ExportToTime', self.started) if self.incremental else \
            body.get('ExportTime', self.started)
        self.check(now)
        self.items = table.changes(self.begin, self.time) if self.incremental else table.items_at(self.time)
        self.looks = 1  # so many times DescribeExport finds it under way
        self.failure = None  # code and message, once it has failed
        self.id = write(self) if write else f'{int(now * 1000):014}-{secrets.token_hex(4)}'
        self.arn = f'{table.arn}/export/{self.id}'

    def check(self, now):
        """The messages are those measured against AWS [facts]."""
        if self.incremental and self.begin is None:
            raise validation_error('Invalid Request: ExportFromTime must be provided in IncrementalExportSpecification')
        if self.time > now + 1:
            raise ServiceError('InvalidExportTimeException', 'Export Time is invalid')
        if min(self.time, self.begin or self.time) < int(self.table.recoverable_since):
            raise ServiceError('InvalidExportTimeException',
                               'Point in Time Recovery is not available for specified export time')
        if self.incremental and not SHORTEST_PERIOD <= self.time - self.begin <= LONGEST_PERIOD:
            raise ServiceError('InvalidExportTimeException', 'Difference between export period from time and export '
                               'period to time is less than 15 minutes')

    @property
    def folder(self):
        return '/'.join(filter(None, (self.body.get('S3Prefix'), 'AWSDynamoDB', self.id)))

    def summary(self):
        return {'ExportArn': self.arn, 'ExportStatus': self.status, 'ExportType': self.type}

    @property
    def type(self):
        return 'INCREMENTAL_EXPORT' if self.incremental else 'FULL_EXPORT'

    @property
    def status(self):
        return 'IN_PROGRESS' if self.looks > 0 else 'FAILED' if self.failure else 'COMPLETED'

    def look(self):
        """[API ExportDescription]; a full export's type is not told [facts]."""
        description = {
            'ExportArn': self.arn, 'ExportStatus': self.status, 'StartTime': self.started, 'TableArn': self.table.arn,
            'TableId': self.table.id, 'ClientToken': self.body['ClientToken'], 'S3Bucket': self.body['S3Bucket'],
            'S3SseAlgorithm': 'AES256', 'ExportFormat': self.body['ExportFormat']}
        if 'S3Prefix' in self.body:
            description['S3Prefix'] = self.body['S3Prefix']
        if self.incremental:
            description.update(ExportType=self.type, IncrementalExportSpecification={
                'ExportFromTime': self.begin, 'ExportToTime': self.time, 'ExportViewType': 'NEW_AND_OLD_IMAGES'})
        else:
            description['ExportTime'] = self.time
        if self.status == 'COMPLETED':
            description.update(ExportManifest=f'{self.folder}/manifest-summary.json', ItemCount=len(self.items),
                               BilledSizeBytes=1000 * len(self.items), EndTime=self.started + 60)
        elif self.status == 'FAILED':
            code, message = self.failure
            description.update(FailureCode=code, FailureMessage=message, EndTime=self.started + 60)
        self.looks -= 1
        return description


def backups(table):
    """[API DescribeContinuousBackups]; times have a fraction."""
    recovery = {'PointInTimeRecoveryStatus': 'DISABLED'}
    if table.recoverable_since is not None:
        recovery = {'PointInTimeRecoveryStatus': 'ENABLED', 'EarliestRestorableDateTime': table.recoverable_since,
                    'LatestRestorableDateTime': table.clock.now() - 300}
    return {'ContinuousBackupsStatus': 'ENABLED', 'PointInTimeRecoveryDescription': recovery}


def request_export(table, body, now, write):
    """The same token asks for the same export; with other parameters it is a conflict [API]."""
    for export in table.exports:
        if export.body.get('ClientToken') == body.get('ClientToken') is not None:
            if export.body != body:
                raise ServiceError('ExportConflictException',
                                   'Export conflict: Duplicate request detected with conflicting parameters')
            return export
    if table.recoverable_since is None:
        raise ServiceError('PointInTimeRecoveryUnavailableException',
                           f"Point in time recovery is not enabled for table '{table.name}'")
    table.exports.append(Export(table, body, now, write))
    return table.exports[-1]


def page(exports, limit, token):
    begin, count = int(token or 0), min(limit or PAGE, PAGE)
    answer = {'ExportSummaries': [export.summary() for export in exports[begin:begin + count]]}
    if len(exports) > begin + count:
        answer['NextToken'] = str(begin + count)
    return answer
