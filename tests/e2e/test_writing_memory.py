"""The memory of sessions that write to DynamoDB, or read all of a table: the same for many rows as for few."""

import pytest

from background import InBackground
from test_foreign_writes import make_foreign_table
from test_import_scale import MB, own_memory
from waiting import wait_until

ROWS = "SELECT i::text AS pk, i AS n, repeat('x', 1000) AS data FROM (SELECT generate_series(1, {}) AS i) AS rows"


def peak_memory(database, pid, statement):
    """Of the session with this process, while it runs the statement."""
    run, peak = InBackground(lambda: database.query(statement)), 0

    def ended():
        nonlocal peak
        peak = max(peak, own_memory(pid))
        return not run.is_alive()
    wait_until(ended, statement, timeout=120, pause=0.02)
    run.join()
    return peak


@pytest.fixture
def growth(simulator, simulated):
    """growth(few, many, statements): by how many bytes each needs more for many rows than for few. {query} stands
    for a query that gives them, {file} for a file that holds them."""
    def peaks(rows, statements):
        simulator.create_table('events', key=[('pk', 'S')])
        simulator.requests.clear()
        file = f'{simulated.postgres.folder}/rows'
        simulated.query(f"COPY ({ROWS.format(rows)}) TO '{file}'")
        simulated.close()  # a fresh session, which knows nothing of the table
        pid = simulated.value('SELECT pg_backend_pid()')
        return [peak_memory(simulated, pid, statement.format(query=ROWS.format(rows), file=file))
                for statement in statements]

    def measure(few, many, statements):
        return {statement: large - small for statement, small, large in zip(
            statements, peaks(few, statements), peaks(many, statements))}
    make_foreign_table(simulated, 'events', columns='pk text, n numeric, data text')
    return measure


def test_of_batches(growth):
    grown = growth(2_000, 60_000, [
        "SELECT * FROM podyn_push($${query}$$, 'events')", 'INSERT INTO events {query}', "COPY events FROM '{file}'",
        "COPY (SELECT podyn_dump('events')) TO '/dev/null'", 'DELETE FROM events'])
    assert max(grown.values()) < 8 * MB, grown  # what is under way is some megabytes


def test_of_conditional_writes(growth):
    grown = growth(2_000, 12_000, ['INSERT INTO events {query} ON CONFLICT DO NOTHING', 'UPDATE events SET n = n + 1',
                                   'UPDATE events SET n = n + 1 RETURNING n'])
    assert max(grown.values()) < 8 * MB, grown  # a row that stays is a kilobyte, 10 MB in all
