"""Runs of podyn_import and of COPY FROM over the same rows, and what they take: seconds, and processor seconds of the
processes that do the work."""

import time
from dataclasses import dataclass

from background import InBackground
from made_export import KEY
from processes import cpu_seconds, own_memory

PAUSE = 0.2
# What else would write to the disk in the middle of one run and not of another.
# Segments of WAL are kept to be used again, as on a server that has been running for long: making new ones takes as long as
# filling them.
QUIET = {'autovacuum': 'off', 'max_wal_size': "'32GB'", 'min_wal_size': "'32GB'", 'checkpoint_timeout': "'1h'"}


@dataclass
class Cost:
    seconds: float
    processor: float


def quieten(servers):
    for name, value in QUIET.items():
        servers.postgres.set(name, value)


def measured(servers, work, processes):
    """`processes`: gives the pids whose time counts. Whatever has to be written to disk has been written before."""
    servers.database.query('CHECKPOINT')
    before = {pid: cpu_seconds(pid) for pid in processes()}
    begun = time.monotonic()
    work()
    seconds = time.monotonic() - begun
    return Cost(seconds, sum(cpu_seconds(pid) - before.get(pid, 0) for pid in processes()))


def run_imports(servers, export, targets, workers, items):
    """One after another into each of the tables, from the first call to the last state `completed`."""
    database = servers.database

    def work():
        for target in targets:
            database.query('SELECT podyn_import(%s, %s, key => %s, workers => %s)', str(export), target, KEY, workers)
            assert database.value("SELECT podyn_wait(%s, 'completed', '20 minutes')", target), database.report()

    cost = measured(servers, work, lambda: servers.postgres.processes('podyn worker'))
    for target in targets:
        assert database.value(f'SELECT count(*) FROM {target}') == items, database.report()
    return cost


def drop_import(servers, target):
    servers.database.query('SELECT podyn_drop(%s, drop_target => true)', target)


def write_copy_file(servers, table):
    """The rows of a table as COPY takes them."""
    file = str(servers.postgres.folder / f'{table}.copy')
    servers.database.query(f'COPY {table} TO %s', file)
    return file


def run_copy(servers, file, shape, table):
    """Into a table of the same columns and key as `shape`."""
    database = servers.database
    database.query(f'CREATE TABLE {table} (LIKE {shape} INCLUDING ALL)')
    cost = measured(servers, lambda: database.query(f'COPY {table} FROM %s', file),
                    lambda: [database.value('SELECT pg_backend_pid()')])
    database.query(f'DROP TABLE {table}')
    return cost


def watch_memory(servers, work):
    """The worker's own memory over that before, at most, in bytes. There is one worker already, and never more; another
    one follows it when it has been idle for long."""
    def size():
        return max(map(own_memory, servers.postgres.processes('podyn worker')), default=0)

    idle = peak = size()
    assert idle > 0, 'there is no worker'
    thread = InBackground(work)
    while thread.is_alive():
        peak = max(peak, size())
        time.sleep(PAUSE)
    thread.join()
    return peak - idle
