"""podyn_dump, and the way there and back in which nothing is lost: DynamoDB JSON."""

import json

import psycopg2
import pytest

from background import InBackground
from sample_data import item_for_boto3
from simulator.tables import comparable
from test_attribute_values import TABLES
from waiting import wait_until

KEY = [('pk', 'S')]
LARGE = 'x' * 300_000


def dump(database, table, **options):
    named = ''.join(f', {name} => %s' for name in options)
    return database.column(f'SELECT podyn_dump(%s{named})', table, *options.values())


def fill(simulator, name, *items, key=KEY):
    table = simulator.create_table(name, key=key)
    for item in items:
        table.put(item)
    return table


def test_both_formats(simulator, simulated):
    item = {'pk': {'S': 'a'}, 'n': {'N': '1.50'}, 'b': {'B': 'AQI='}, 's': {'NS': ['1', '2']}, 'null': {'NULL': True},
            'm': {'M': {'b': {'B': 'AQI='}, 'l': {'L': [{'BOOL': False}, {'BS': ['AQI=']}, {'M': {}}, {'L': []}]}}}}
    fill(simulator, 'formats', item)
    assert dump(simulated, 'formats', format='dynamodb_json') == [{**item, 'n': {'N': '1.5'}}]
    plain, = dump(simulated, 'formats')
    assert plain == {'pk': 'a', 'n': 1.5, 'b': 'AQI=', 's': [1, 2], 'null': None,
                     'm': {'b': 'AQI=', 'l': [False, ['AQI='], {}, []]}}
    with pytest.raises(psycopg2.errors.InvalidParameterValue, match='unknown format "xml"'):
        dump(simulated, 'formats', format='xml')


def test_it_streams(simulator, simulated):
    """The first rows come before the last page is asked for; nobody who wants few waits for all."""
    fill(simulator, 'pages', *({'pk': {'S': str(number)}, 'data': {'S': LARGE}} for number in range(40)))
    simulated.query("BEGIN; DECLARE items CURSOR FOR SELECT podyn_dump('pages')")
    assert len(simulated.query('FETCH 2 FROM items')) == 2
    assert simulator.count('Scan') <= 2
    assert len(simulated.query('FETCH ALL FROM items')) == 38
    simulated.query('COMMIT')
    assert len(dump(simulated, 'pages')) == 40


def test_a_copy_tells_how_far_it_is_and_can_be_cancelled(simulator, simulated):
    fill(simulator, 'slow', *({'pk': {'S': str(number)}, 'data': {'S': LARGE}} for number in range(10)))
    simulator.fault('slow', operation='Scan', after=2, seconds=60, times=None)
    pid = simulated.value('SELECT pg_backend_pid()')
    run = InBackground(lambda: simulated.query("COPY (SELECT podyn_dump('slow')) TO PROGRAM 'cat > /dev/null'"))
    wait_until(lambda: simulated.postgres.query(
        'SELECT tuples_processed FROM pg_stat_progress_copy WHERE pid = %s', pid) == [(6,)], 'two pages are copied')
    simulated.postgres.query('SELECT pg_cancel_backend(%s)', pid)
    with pytest.raises(psycopg2.errors.QueryCanceled):
        run.join(30)


def test_throttling_slows_and_does_not_fail(simulator, simulated):
    fill(simulator, 'throttled', {'pk': {'S': 'a'}})
    simulator.fault('throttle', operation='Scan', times=4)
    assert dump(simulated, 'throttled') == [{'pk': 'a'}]
    assert simulator.count('Scan') == 5


def test_u0000_is_replaced_with_a_warning(simulator, simulated):
    fill(simulator, 'nul', {'pk': {'S': 'a'}, 'text': {'S': 'x\0y'}})
    assert dump(simulated, 'nul', format='dynamodb_json') == [{'pk': {'S': 'a'}, 'text': {'S': 'x\u2400y'}}]
    assert 'the item with key {"pk": "a"} holds the character U+0000' in simulated.notices()


def has_nul(item):
    return '\\u0000' in json.dumps(item)


def contents(table):
    return {position: comparable({'M': item}) for position, item in table.items.items()}


@pytest.mark.parametrize('name', TABLES)
def test_every_accepted_item_goes_there_and_back(simulator, simulated, name):
    """Dumped as DynamoDB JSON to a file, loaded by podyn_import, pushed into a second table."""
    key, items = TABLES[name]
    sound = [item for item in items if not has_nul(item)]
    source = fill(simulator, name, *sound, key=key)
    target = simulator.create_table('back', key=key)
    file = f'{simulated.postgres.folder}/{name}.json'
    # As lines of JSON: with these, nothing in a document is quoted.
    simulated.query(f"COPY (SELECT jsonb_build_object('Item', item) FROM podyn_dump('{name}', format => 'dynamodb_json') "
                    f"AS item) TO '{file}' (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')")
    simulated.query('SELECT podyn_import(%s, %s, key => %s, conversion_mode => %s)', file, 'loaded',
                    [attribute for attribute, _ in key], 'dynamodb_json')
    simulated.wait_until_copied('loaded')
    assert simulated.errors('loaded') == []
    pushed = simulated.row("SELECT * FROM podyn_push('SELECT data AS dynamodb_json FROM loaded', 'back')")
    assert pushed == {'read': len(source.items), 'written': len(source.items), 'skipped': 0, 'failed': 0}, \
        simulated.notices()
    assert contents(target) == contents(source)


@pytest.mark.parametrize('changes', [False, True])
def test_a_replication_in_mode_dynamodb_json(dynamodb, database, changes):
    """Backfill and changes; an index over an attribute inside the document."""
    gsis = {'by_n': [('n', 'N')]}
    dynamodb.create_table('typed', key=KEY, gsis=gsis)
    item = {'pk': {'S': 'a'}, 'n': {'N': '7'}, 's': {'SS': ['x']}, 'b': {'B': 'AQI='}}
    if not changes:
        dynamodb.put('typed', item_for_boto3(item))
    database.replicate('typed', conversion_mode='dynamodb_json', lower_case_columns=False)
    database.wait_for_state('typed', 'streaming')
    if changes:
        dynamodb.put('typed', item_for_boto3(item))
        database.sync('typed')
    assert database.rows('SELECT * FROM typed') == [{'pk': 'a', 'data': item}]
    assert "((data -> 'n'::text) ->> 'N'::text))::numeric" in database.value(
        "SELECT indexdef FROM pg_indexes WHERE indexname = 'typed_by_n'")


def test_the_plan_knows_the_mode(simulator, simulated):
    fill(simulator, 'planned', {'pk': {'S': 'a'}})
    plan = simulated.query("SELECT detail FROM podyn_plan('planned', changes => false, "
                           "conversion_mode => 'dynamodb_json')")
    assert any('whole item as DynamoDB JSON' in detail for detail, in plan), plan
