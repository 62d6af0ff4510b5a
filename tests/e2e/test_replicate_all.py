"""podyn_replicate_all: hundreds of tables, some of which cannot be replicated, and those that come later."""

import re
from collections import deque

import pytest

TABLES = 250


@pytest.fixture
def many(simulator):
    """ListTables gives a hundred names at a time."""
    for number in range(TABLES):
        table = simulator.create_table(f'table_{number:03}', key=[('id', 'S')],
                                       stream=None if number == 120 else 'NEW_IMAGE')
        table.put({'id': {'S': f'item {number}'}})


def test_all_of_hundreds_of_tables_but_one_are_replicated(simulator, simulated, many):
    simulated.connection.notices = deque()  # a list would keep the last 50
    names = simulated.column('SELECT podyn_replicate_all(scan_rate => 0)')
    assert sorted(names) == [f'table_{number:03}' for number in range(TABLES) if number != 120]
    assert simulator.count('ListTables') == 3
    assert re.findall('WARNING:  (.*)', simulated.notices()) == [
        'table table_120 is not replicated: stream of DynamoDB table "table_120" is disabled']
    assert 'is new' not in simulated.notices()
    assert simulated.query("SELECT name, message FROM podyn_events WHERE event = 'skipped'") == [
        ('table_120', 'stream of DynamoDB table "table_120" is disabled')]
    simulated.wait_until(lambda: simulated.value("SELECT count(*) FROM podyn_status WHERE state = 'streaming'")
                         == TABLES - 1, 'all are streaming', timeout=240)
    assert simulated.value('SELECT id FROM table_249') == 'item 249'
    assert simulated.value('SELECT sum(items_copied) FROM podyn_status') == TABLES - 1


def test_new_tables_are_reported_and_replicated_by_the_next_call(simulator, simulated):
    for name in ('app_a', 'app_b', 'other'):
        simulator.create_table(name, key=[('id', 'S')], stream='NEW_IMAGE')
    call = "SELECT podyn_replicate_all('app%', start => false)"
    assert simulated.column(call) == ['app_a', 'app_b']
    assert 'is new' not in simulated.notices() and 'already' not in simulated.notices()
    simulator.create_table('app_c', key=[('id', 'S')], stream='NEW_IMAGE')
    simulator.create_table('app_d', key=[('id', 'S')])
    assert simulated.column(call) == ['app_c']
    assert 'NOTICE:  2 tables are replicated already' in simulated.notices()
    assert re.findall('NOTICE:  table (.*) is new', simulated.notices()) == ['app_c']
    assert 'WARNING:  table app_d is not replicated' in simulated.notices()
    assert simulated.query("SELECT name, message FROM podyn_events WHERE event = 'new'") == [
        ('app_c', 'found by podyn_replicate_all beside 2 tables that are replicated already')]
    simulator.drop_table('app_d')
    assert simulated.column(call) == []
    assert 'NOTICE:  3 tables are replicated already' in simulated.notices()
