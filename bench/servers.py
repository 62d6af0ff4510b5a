"""The servers that bench/run started, reached through the helpers of tests/e2e (on PYTHONPATH)."""

from pathlib import Path

from database import KEY, SECRET, Database
from dynamodb_local import DynamoDBLocal, boto3_client
from postgres_server import PostgresServer


class RunningPostgres(PostgresServer):
    def __init__(self, folder):
        self.folder = folder
        self.port = int((folder / 'postgres.port').read_text())
        self.log_file = folder / 'postgres.log'


class RunningDynamoDB(DynamoDBLocal):
    """Without the tests' proxy: nothing stands between podyn and DynamoDB Local."""

    def __init__(self, folder):
        self.port = int((folder / 'dynamodb.port').read_text())
        self.endpoint = f'http://127.0.0.1:{self.port}'
        self.client = boto3_client(self.endpoint)


class Servers:
    """`with Servers(folder, database_name) as servers`: a fresh database with podyn; all of it is gone afterwards."""

    def __init__(self, folder, database):
        folder = Path(folder)
        self.postgres = RunningPostgres(folder / 'postgres')
        self.dynamodb = RunningDynamoDB(folder)
        self.database = Database(self.postgres, database)

    def __enter__(self):
        self.postgres.query(f'CREATE DATABASE {self.database.name}')
        self.database.query('CREATE EXTENSION podyn')
        return self

    def connect(self, endpoint=None):
        """Makes the foreign server 'dynamodb', for DynamoDB Local itself unless another endpoint is given."""
        self.database.create_server(endpoint or self.dynamodb.endpoint, key=KEY, secret=SECRET)

    def __exit__(self, *_):
        self.database.close()
        self.postgres.query(f'DROP DATABASE {self.database.name} WITH (FORCE)')
        self.postgres.query('ALTER SYSTEM RESET ALL')
        self.postgres.query('SELECT pg_reload_conf()')
        self.dynamodb.drop_tables()
