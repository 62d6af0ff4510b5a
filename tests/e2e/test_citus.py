"""Targets that Citus distributes over nodes: made, copied, replayed, altered, emptied and dropped like any other."""

import random
import string

import psycopg2
import pytest

from comparison import assert_equal_documents, assert_equal_items, assert_equal_tables
from dynamodb_local import boto3_client
from exports import full_records
from items import KEY
from test_bad_items import an_item, check
from test_conversions import KEYS, check_every_value, check_keys
from test_deletes import check_each_moment
from test_errors import fails
from test_import import chain, imported, totals
from test_schema import columns_of


@pytest.fixture
def events(simulator):
    return simulator.create_table('events', key=KEY, stream='NEW_AND_OLD_IMAGES')


def item(number, **attributes):
    return {'id': {'S': f'key {number}'}, 'at': {'N': str(number)}, **attributes}


def put(table, numbers, **attributes):
    for number in numbers:
        table.put(item(number, **attributes))


def random_text(length):
    """That does not compress."""
    return ''.join(random.Random(1).choices(string.ascii_letters + string.digits, k=length))


def copied(database, **options):
    database.replicate('events', **options)
    database.wait_for_state('events', 'streaming')


def assert_equal(simulator, database, table='events'):
    return assert_equal_tables(boto3_client(simulator.endpoint), table, database)


def assert_on_both_nodes(database, table='events'):
    """Every row is in a shard, none in the table's empty shell on the coordinator."""
    shards = database.shards(table)
    assert len({port for port, rows in shards if rows}) == 2, shards
    assert database.value('SELECT pg_relation_size(%s)', table) == 0


# ---- making the table -----------------------------------------------------------------------------------------------

def test_a_table_is_distributed_copied_and_kept_in_sync(events, simulator, distributed):
    put(events, range(300), text={'S': 'x'}, map={'M': {'n': {'N': '1'}}})
    assert distributed.value("SELECT detail FROM podyn_plan('events', citus => true) WHERE step = 'target'") == (
        'public.events, distributed by its partition key')
    copied(distributed, citus=True)
    assert 'distributing table events by column id' in distributed.notices()
    assert distributed.query('SELECT citus_table_type, distribution_column FROM citus_tables') == [('distributed', 'id')]
    put(events, range(200, 400), late={'BOOL': True})
    for number in range(0, 300, 3):
        events.delete(item(number))
    distributed.sync('events')
    assert assert_equal(simulator, distributed) > 250
    assert_on_both_nodes(distributed)
    assert distributed.status('events')['errors'] == 0


def test_documents_go_to_the_nodes(events, simulator, distributed):
    put(events, range(100), text={'S': 'x'})
    copied(distributed, citus=True, conversion_mode='jsonb')
    put(events, range(50, 150), amount={'N': '1'})
    distributed.sync('events')
    assert assert_equal_documents(boto3_client(simulator.endpoint), 'events', distributed) == 150
    assert_on_both_nodes(distributed)


def test_secondary_indexes_are_on_every_shard(simulator, distributed):
    simulator.create_table('events', key=KEY, stream='NEW_AND_OLD_IMAGES',
                           gsis={'by_owner': [('owner', 'S'), ('at', 'N')]})
    copied(distributed, citus=True)
    definitions = distributed.column(
        "SELECT unnest(string_to_array(result, '|')) FROM run_command_on_shards('events', $$SELECT "
        "string_agg(pg_get_indexdef(indexrelid), '|') FROM pg_index WHERE indrelid = '%s'::regclass$$)")
    assert len([index for index in definitions if '(owner, at)' in index]) == 8, definitions


def test_a_name_that_needs_quotes_is_distributed(simulator, distributed):
    table = simulator.create_table('Odd-Name.1', key=[('The "Key"', 'S')], stream='NEW_AND_OLD_IMAGES')
    table.put({'The "Key"': {'S': 'one'}})
    distributed.query('CREATE SCHEMA "Odd Schema"; SET search_path = "Odd Schema", public')
    distributed.replicate('Odd-Name.1', citus=True)
    distributed.wait_for_state('Odd-Name.1', 'streaming')
    assert distributed.query('SELECT * FROM "Odd Schema"."Odd-Name.1"') == [('one',)]


def test_functions_and_operators_of_the_search_path_are_not_called(events, distributed):
    distributed.query('CREATE SCHEMA evil; CREATE FUNCTION evil.create_distributed_table(regclass, text, '
                      "colocate_with text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$; "
                      'SET search_path = evil, pg_catalog, public')
    distributed.replicate('events', target='public.events', citus=True)
    assert distributed.query("SELECT partmethod FROM pg_dist_partition WHERE logicalrelid = 'events'::regclass") == [
        ('h',)]


def test_what_is_rolled_back_is_gone_from_the_nodes(events, distributed):
    distributed.query('BEGIN')
    distributed.replicate('events', citus=True)
    distributed.query('ROLLBACK')
    assert distributed.query('SELECT * FROM citus_tables') == []
    copied(distributed, citus=True)


def test_every_table_of_a_region_is_distributed(simulator, distributed):
    for number in range(5):
        table = simulator.create_table(f'table_{number}', key=KEY, stream='NEW_AND_OLD_IMAGES')
        put(table, range(20), **{f'attribute_{number}': {'S': 'x'}})
    names = distributed.column("SELECT podyn_replicate_all('table%%', citus => true)")
    for name in names:
        distributed.wait_for_state(name, 'streaming')
        assert assert_equal(simulator, distributed, name) == 20
    assert distributed.query('SELECT count(*), count(DISTINCT colocation_id) FROM citus_tables') == [(5, 1)]


# ---- colocation -----------------------------------------------------------------------------------------------------

def test_tables_share_their_placement(simulator, distributed):
    for name in ('users', 'orders', 'others'):
        simulator.create_table(name, key=KEY, stream='NEW_AND_OLD_IMAGES')
    distributed.replicate('users', citus=True)
    distributed.query("SET citus.shard_count = 4; CREATE TABLE apart (id text); "
                      "SELECT create_distributed_table('apart', 'id', colocate_with => 'none')")
    distributed.replicate('orders', citus=True, colocate_with='apart')
    distributed.query('SET citus.shard_count = 8')
    distributed.replicate('others', citus=True)
    together = dict(distributed.query('SELECT table_name::text, colocation_id FROM citus_tables'))
    assert together['orders'] == together['apart'] != together['users'] == together['others']


@pytest.mark.parametrize('other, says, sqlstate', [
    ('nothing', 'does not exist', '42P01'), ('plain', 'not distributed', '42809'),
    ('reference', 'not distributed', '42809'), ('numbers', 'of type numeric', '42804')])
def test_a_table_that_cannot_share_its_placement_is_refused(events, distributed, other, says, sqlstate):
    distributed.query("CREATE TABLE plain (id text); CREATE TABLE reference (id text); CREATE TABLE numbers (id numeric); "
                      "SELECT create_reference_table('reference'), create_distributed_table('numbers', 'id')")
    fails(distributed, f"SELECT podyn_replicate('events', citus => true, colocate_with => '{other}')", says=says,
          sqlstates=(sqlstate,))
    assert distributed.query("SELECT to_regclass('events')") == [(None,)]


def test_colocation_needs_citus(events, simulated):
    fails(simulated, "SELECT podyn_replicate('events', colocate_with => 'users')", says='needs citus => true',
          sqlstates=('22023',))


@pytest.mark.parametrize('call', ["podyn_replicate('events', citus => true)", 'podyn_replicate_all(citus => true)'])
def test_without_the_extension_nothing_is_made(events, simulated, simulator, call):
    fails(simulated, f'SELECT {call}', says='extension "citus" is not in this database', sqlstates=('55000',))
    assert simulated.query("SELECT to_regclass('events')") == [(None,)]
    assert simulator.requests == []


# ---- tables of the user's own ---------------------------------------------------------------------------------------

@pytest.mark.parametrize('made', ["create_distributed_table('events', 'id')", "create_distributed_table('events', 'at')",
                                  "create_reference_table('events')", "citus_add_local_table_to_metadata('events')"])
def test_a_table_that_citus_knows_already(events, simulator, distributed, made):
    distributed.query("SELECT citus_set_node_property('localhost', %s, 'shouldhaveshards', false)",
                      distributed.postgres.port) if 'local' in made else None
    distributed.query('CREATE TABLE events (gone text, id text, at numeric, text text, late text, PRIMARY KEY (id, at)); '
                      'ALTER TABLE events DROP COLUMN gone')
    if 'local' in made:
        distributed.query("SELECT citus_add_node('localhost', %s, groupid => 0)", distributed.postgres.port)
    distributed.query(f'SELECT {made}')
    put(events, range(100), text={'S': 'x'})
    copied(distributed, schema=False)
    put(events, range(50, 150), late={'S': 'y'})
    for number in range(0, 150, 7):
        events.delete(item(number))
    distributed.sync('events')
    assert assert_equal(simulator, distributed) == 128
    assert distributed.status('events')['errors'] == 0


def test_a_table_is_distributed_while_it_is_replicated(events, simulator, distributed):
    put(events, range(100))
    copied(distributed)
    distributed.query("SELECT create_distributed_table('events', 'id')")
    put(events, range(50, 150), late={'S': 'y'})
    events.delete(item(7))
    distributed.sync('events')
    assert assert_equal(simulator, distributed) == 149
    assert len({port for port, rows in distributed.shards('events') if rows}) == 2


def test_a_plain_table_is_not_distributed_behind_its_owners_back(events, distributed):
    distributed.query('CREATE TABLE events (id text, at numeric, PRIMARY KEY (id, at))')
    fails(distributed, "SELECT podyn_replicate('events', citus => true, schema => false)", says='is not distributed',
          sqlstates=('55000',))


def test_a_plain_table_beside_citus_is_written_as_ever(events, simulator, distributed):
    put(events, range(100))
    copied(distributed)
    put(events, range(50, 150))
    distributed.sync('events')
    assert assert_equal(simulator, distributed) == 150


@pytest.mark.parametrize('way', ['backfill', 'direct'])
def test_every_value_is_converted_or_in_podyn_error(simulator, distributed, way):
    events = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    check_every_value(way, simulator, events, distributed, "SELECT create_distributed_table('events', 'id')")
    assert len({port for port, rows in distributed.shards('events') if rows}) == 2


def test_rows_are_distributed_by_their_converted_keys(simulator, distributed):
    keys = [case for case in KEYS if case[1] in ('uuid', 'bigint', 'timestamptz')]
    assert len(keys) == 4
    check_keys('direct', simulator, distributed, keys, "SELECT create_distributed_table('{}', 'id')")


# ---- deletions ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('by_ttl', [False, True], ids=['user', 'ttl'])
@pytest.mark.parametrize('mode', ['ignore', 'mark'])
def test_deletions_leave_what_their_mode_says(simulator, distributed, mode, by_ttl):
    check_each_moment(simulator, distributed, mode, by_ttl, citus=True)
    assert_on_both_nodes(distributed)


# ---- columns, bad items, reset and drop -----------------------------------------------------------------------------

def test_columns_are_added_on_all_nodes(events, simulator, distributed):
    copied(distributed, citus=True)
    for number in range(12):
        put(events, range(number * 10, number * 10 + 10), **{f'attribute {number}': {'S': 'x'}})
        if number % 4 == 0:
            distributed.sync('events')
    distributed.sync('events')
    assert len(columns_of(distributed, 'events')) == 14
    assert assert_equal(simulator, distributed) == 120


def test_add_column_waits_for_no_reader_on_a_node(events, simulator, citus, distributed):
    """A session on a node holds a shard: the worker gives up after its lock_timeout, and tries again."""
    put(events, range(20))
    copied(distributed, citus=True)
    on_node = psycopg2.connect(host=str(citus.nodes[0].folder), port=citus.nodes[0].port, dbname=distributed.name,
                               user='postgres', options='-c citus.override_table_visibility=off')
    with on_node.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relname LIKE 'events\\_1%%' AND relkind = 'r' LIMIT 1")
        cursor.execute(f'SELECT count(*) FROM {cursor.fetchone()[0]}')
        put(events, range(20), late={'S': 'x'})
        distributed.wait_until(lambda: 'lock timeout' in (distributed.status('events')['last_error'] or ''),
                               'ADD COLUMN has given up')
    on_node.rollback()
    on_node.close()
    distributed.sync('events')
    assert assert_equal(simulator, distributed) == 20


def test_an_open_transaction_on_the_same_shards_holds_up_no_other_rows(events, simulator, distributed):
    put(events, range(40), mine={'S': 'x'})
    copied(distributed, citus=True)
    session = distributed.postgres.connect(distributed.name)
    session.autocommit = False
    with session.cursor() as cursor:
        cursor.execute('UPDATE events SET mine = mine WHERE at < 20')
    put(events, range(20, 60), mine={'S': 'y'})
    distributed.sync('events', timeout=20)
    session.close()
    assert assert_equal(simulator, distributed) == 60


def test_items_that_a_shard_refuses(simulator, distributed):
    events = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    distributed.query("CREATE TABLE events (id text PRIMARY KEY, amount numeric, "
                      "CONSTRAINT not_too_much CHECK (amount < 100000))")
    distributed.query("SELECT create_distributed_table('events', 'id')")
    copied_bad, streamed_bad = {3, 77}, {507, 508, 900}
    for number in range(500):
        events.put(an_item(number, 200000 if number in copied_bad else None))
    copied(distributed, schema=False)
    for number in range(500, 1000):
        events.put(an_item(number, 200000 if number in streamed_bad else None))
    distributed.sync('events')
    errors = check(simulator, distributed, copied_bad | streamed_bad)
    assert {error['sqlstate'] for error in errors} == {'23514'}


def test_items_too_wide_for_a_page_share_a_column(events, simulator, distributed):
    many = {f'attribute {number}': {'S': 'x' * 17} for number in range(600)}
    copied(distributed, citus=True)
    put(events, range(20))
    put(events, [20], **many)
    distributed.sync('events')
    assert assert_equal(simulator, distributed) == 21
    assert distributed.value('SELECT count(*) FROM events WHERE podyn_rest IS NOT NULL') == 1


def test_keys_too_big_for_an_index_are_rejected(simulator, distributed):
    events = simulator.create_table('events', key=[('id', 'S'), ('at', 'S')], stream='NEW_AND_OLD_IMAGES')
    copied(distributed, citus=True)
    for number in range(20):
        events.put({'id': {'S': f'key {number}'}, 'at': {'S': 'x'}})
    events.put({'id': {'S': random_text(2048)}, 'at': {'S': random_text(1024)}})
    distributed.sync('events')
    assert distributed.value('SELECT count(*) FROM events') == 20
    assert [error['sqlstate'] for error in distributed.errors('events')] == ['54000']


@pytest.mark.parametrize('on_conflict, text, counts', [
    ('update', None, (200, 200, 0, 0)), ('merge', 'x', (200, 200, 0, 0)), ('nothing', 'x', (200, 100, 100, 0)),
    ('error', 'x', (200, 100, 0, 100))])
def test_imports_go_to_the_nodes(bucket, distributed, on_conflict, text, counts):
    """The second one meets half of the first one's rows."""
    first = [{'id': {'S': f'{number:03}'}, 'text': {'S': 'x'}} for number in range(200)]
    second = [{'id': {'S': f'{number:03}'}, 'n': {'N': '1'}} for number in range(100, 300)]
    imported(distributed, bucket.full_export([full_records(first)], prefix='a'), key=['id'], citus=True)
    assert totals(distributed, 'events') == (200, 200, 0, 0)
    assert_on_both_nodes(distributed)
    imported(distributed, bucket.full_export([full_records(second)], prefix='b'), name='again', on_conflict=on_conflict)
    assert totals(distributed, 'again') == counts
    assert distributed.value('SELECT count(*) FROM events') == 300
    assert distributed.query("SELECT DISTINCT text FROM events WHERE id BETWEEN '100' AND '199'") == [(text,)]


def test_changes_of_incremental_exports_go_to_the_nodes(bucket, distributed):
    items = chain(bucket)
    imported(distributed, bucket.folder / 'exports', key=['id'], citus=True)
    assert assert_equal_items(items, ['id'], distributed, 'events') == 9


def test_reset_begins_anew_on_all_nodes(events, simulator, distributed):
    put(events, range(100))
    copied(distributed, citus=True)
    distributed.query("SELECT podyn_stop('events'), podyn_reset('events')")
    for number in range(50):
        events.delete(item(number))
    distributed.value("SELECT podyn_start('events')")
    distributed.wait_for_state('events', 'streaming')
    distributed.sync('events')
    assert assert_equal(simulator, distributed) == 50


def test_drop_leaves_nothing_on_the_nodes(events, distributed):
    put(events, range(10))
    copied(distributed, citus=True)
    distributed.query("SELECT podyn_drop('events', drop_target => true)")
    assert distributed.column("SELECT result FROM run_command_on_workers($$SELECT count(*) FROM pg_class "
                              "WHERE relname LIKE 'events%%' AND relkind = 'r'$$)") == ['0', '0']


def test_a_role_of_its_own_replicates(events, simulator, citus, distributed):
    """Without rights beyond those of docs/security.md; Citus connects to the nodes as this role."""
    for server in citus.servers:
        server.query("DO $$BEGIN IF to_regrole('plain_owner') IS NULL THEN CREATE ROLE plain_owner LOGIN; END IF; END$$")
    distributed.query('GRANT CREATE ON SCHEMA public TO plain_owner; GRANT USAGE ON FOREIGN SERVER dynamodb TO plain_owner; '
                      'GRANT EXECUTE ON FUNCTION podyn_replicate TO plain_owner; GRANT plain_owner TO CURRENT_USER; '
                      "CREATE USER MAPPING FOR plain_owner SERVER dynamodb OPTIONS (access_key_id 'a', secret_access_key 'b')")
    put(events, range(20))
    distributed.query('SET ROLE plain_owner')
    distributed.replicate('events', citus=True)
    distributed.query('RESET ROLE')
    distributed.wait_for_state('events', 'streaming')
    put(events, range(10, 30), late={'S': 'x'})
    with simulator.clock.lock:  # two deletions, one of which finds no row: the nodes are asked what they have prepared
        events.delete(item(1))
        put(events, [30])
        events.delete(item(30))
    distributed.sync('events')
    assert assert_equal(simulator, distributed) == 29


@pytest.mark.parametrize('on_existing', ['error', 'upsert'])
def test_a_copy_from_exports_and_the_changes_since(history, distributed, on_existing):
    """What incremental exports remove, and what a profile leaves out, is found on its node."""
    for number in range(300):
        history.put(f'item {number}', kind='odd' if number % 2 else 'even')
    history.wait_until(29)
    history.full_export()
    history.delete('item 0')
    history.put('item 2', kind='odd')
    history.put('item 4', kind='even', late='x')
    history.wait_until(25)
    history.incremental_export()
    history.wait_until(2)
    history.incremental_export()
    history.delete('item 6')
    history.wait_until(0)
    if on_existing == 'upsert':
        distributed.query('CREATE TABLE events (id text PRIMARY KEY, kind text)')
        distributed.query("SELECT create_distributed_table('events', 'id')")
        distributed.query("INSERT INTO events VALUES ('gone', 'even'), ('item 8', 'old')")
    distributed.query("SELECT podyn_create_profile('even', filter => $$item ->> 'kind' = 'even'$$)")
    copied(distributed, citus=True, on_existing=on_existing, backfill=str(history.bucket.folder / 'exports'), profile='even')
    history.put('item 1', kind='even')
    distributed.sync('events')
    left = [item for item in history.table.items.values() if item['kind'] == {'S': 'even'}]
    assert assert_equal_items(left, ['id'], distributed, 'events') == 148
    assert_on_both_nodes(distributed)
