"""podyn_replicate with a profile: parse and filter see every image of an item, in the backfill, the merge and after."""

import pytest

from exports import BUCKET
from failing import fails, nothing_is_left
from test_profiles import create_profile, on_complete, parse, transform, upsert
from ways import WAYS, bring

UPPER = "SELECT CASE WHEN item ->> 'kind' <> 'secret' THEN item || jsonb_build_object('text', upper(item ->> 'text')) END"


def put(table, name, text='text', **attributes):
    table.put({'id': {'S': name}, 'text': {'S': text}, **{key: {'S': value} for key, value in attributes.items()}})


@pytest.fixture
def events(simulator):
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    for name in ('a', 'b', 'c'):
        put(table, name, kind='order')
    return table


def rows(database, columns='id, text'):
    return dict(database.query(f'SELECT {columns} FROM events ORDER BY id'))


@pytest.mark.parametrize('way', WAYS)
def test_every_image_goes_through_parse_and_filter(simulator, events, simulated, way):
    """An item that they let through no more has no row, and one that they let through again has one."""
    profile = create_profile(simulated, parse=parse(simulated, UPPER), filter="item ->> 'kind' = 'order'")

    def changes():
        put(events, 'a', 'changed', kind='order')
        put(events, 'b', 'not any more', kind='invoice')
        put(events, 'c', 'nor this', kind='secret')
        put(events, 'never', kind='invoice')
        put(events, 'back', kind='invoice')
        put(events, 'back', kind='order')
        put(events, 'gone', kind='order')
        events.delete({'id': {'S': 'gone'}})
    bring(way, simulator, simulated, 'events', changes, profile=profile)
    assert rows(simulated) == {'a': 'CHANGED', 'back': 'TEXT'}
    assert simulated.status('events')['errors'] == 0
    put(events, 'b', 'again', kind='order')
    events.delete({'id': {'S': 'a'}})
    simulated.sync('events')
    assert rows(simulated) == {'b': 'AGAIN', 'back': 'TEXT'}


def test_what_parse_adds_gets_columns(events, simulated):
    body = "SELECT item - 'kind' || jsonb_build_object('length', length(item ->> 'text'), 'key', item -> 'id')"
    simulated.replicate('events', profile=create_profile(simulated, parse=parse(simulated, body)))
    simulated.wait_for_state('events', 'streaming')
    assert simulated.query('SELECT id, text, length, key FROM events ORDER BY id') == \
        [(name, 'text', 4, name) for name in 'abc']
    assert simulated.value("SELECT count(*) FROM podyn.column_map WHERE attribute = 'kind'") == 0


def test_an_item_that_fails_keeps_the_row_of_its_older_image(events, simulated):
    """And is tried again when the profile is mended, as the profile has it then."""
    broken = "BEGIN IF item ->> 'kind' = 'bad' THEN RAISE 'not this one'; END IF; RETURN item; END"
    profile = create_profile(simulated, parse=parse(simulated, broken, 'plpgsql'))
    simulated.replicate('events', profile=profile)
    simulated.wait_for_state('events', 'streaming')
    put(events, 'a', 'new', kind='bad')
    put(events, 'b', 'new', kind='good')
    put(events, 'c', 'new', kind='bad')
    simulated.sync('events')
    assert rows(simulated) == {'a': 'text', 'b': 'new', 'c': 'text'}
    assert [(error['operation'], error['key'], error['sqlstate']) for error in simulated.errors('events')] == \
        [('put', {'id': {'S': name}}, 'P0001') for name in 'ac']
    assert 'not this one' in simulated.errors('events')[0]['message']
    parse(simulated, "SELECT CASE WHEN item ->> 'id' <> 'c' THEN item || '{\"text\": \"mended\"}' END")
    assert simulated.value("SELECT podyn_retry_errors('events')") == 2
    assert rows(simulated) == {'a': 'mended', 'b': 'new'} and simulated.errors('events') == []


def test_a_key_that_parse_changes_is_refused(events, simulated):
    """Rows are found again by it."""
    body = """SELECT CASE item ->> 'id' WHEN 'a' THEN item || '{"id": "x"}' WHEN 'b' THEN item - 'id' ELSE item END"""
    simulated.replicate('events', profile=create_profile(simulated, parse=parse(simulated, body)))
    simulated.wait_for_state('events', 'streaming')
    assert rows(simulated) == {'c': 'text'}
    assert {error['message'] for error in simulated.errors('events')} == {"parse has changed the item's key"}


def test_a_profile_that_is_replaced_holds_for_the_next_changes(events, simulated):
    profile = create_profile(simulated, filter="item ->> 'kind' = 'order'")
    simulated.replicate('events', profile=profile)
    simulated.wait_for_state('events', 'streaming')
    assert set(rows(simulated)) == set('abc')
    create_profile(simulated, filter="item ->> 'kind' = 'invoice'")
    put(events, 'a', kind='order', more='x')
    put(events, 'd', kind='invoice')
    simulated.sync('events')
    assert set(rows(simulated)) == set('bcd')
    fails(simulated, "SELECT podyn_drop_profile('p')", says='not complete', hint='podyn_drop', sqlstates=('55006',))


def test_rows_that_are_there_are_pruned_of_what_is_filtered(events, simulated):
    put(events, 'b', kind='invoice')
    simulated.query('CREATE TABLE events (id text PRIMARY KEY, text text, kind text)')
    simulated.query("INSERT INTO events VALUES ('a', 'old'), ('b', 'old'), ('nobody', 'old')")
    simulated.replicate('events', on_existing='upsert', profile=create_profile(simulated, filter="item ->> 'kind' = 'order'"))
    simulated.wait_for_state('events', 'streaming')
    assert rows(simulated) == {'a': 'text', 'c': 'text'}


def test_files_of_exports_go_through_them(simulator, exporting):
    table = simulator.create_table('events', key=[('id', 'S')])
    for name in ('a', 'b'):
        put(table, name, kind='order')
    table.recoverable_since = simulator.clock.now() - 60
    table.enable_stream()
    profile = create_profile(exporting, parse=parse(exporting, UPPER), filter="item ->> 'kind' = 'order'")
    put(table, 'b', kind='secret')
    exporting.replicate('events', backfill='export', export_to=f's3://{BUCKET}/backups', profile=profile)
    exporting.wait_for_state('events', 'streaming')
    assert rows(exporting) == {'a': 'TEXT'}


def test_on_complete_is_called_once_where_nothing_follows(events, simulated):
    simulated.query('CREATE TABLE called (name text)')
    profile = create_profile(simulated, on_complete=on_complete(simulated, 'BEGIN INSERT INTO public.called VALUES (name); END'))
    simulated.replicate('events', changes=False, profile=profile)
    simulated.wait_for_state('events', 'completed')
    assert simulated.column('SELECT name FROM called') == ['events']


# ---- hooks that make records, of copies ------------------------------------------------------------------------------

TOTALS = """SELECT jsonb_build_object('kind', items[1] ->> 'kind', 'count', count(*),
                                      'names', string_agg(item ->> 'id', ' ' ORDER BY item ->> 'id'))
            FROM unnest(items) AS item"""


def totals_profile(database, **hooks):
    database.query('CREATE TABLE totals (kind text PRIMARY KEY, count bigint, names text)')
    return create_profile(database, group_by=['kind'], transform=transform(database, TOTALS), **hooks)


def totals(database):
    return database.query('SELECT * FROM totals ORDER BY kind')


def test_a_copy_groups_transforms_and_completes(events, simulated):
    put(events, 'd', kind='invoice')
    put(events, 'e', kind='secret')
    simulated.query('CREATE TABLE called (name text)')
    profile = totals_profile(simulated, filter="item ->> 'kind' <> 'secret'", on_complete=on_complete(
        simulated, 'BEGIN INSERT INTO public.called SELECT name FROM public.totals; END'))
    simulated.replicate('events', target='totals', changes=False, profile=profile)
    simulated.wait_for_state('events', 'completed')
    assert totals(simulated) == [('invoice', 1, 'd'), ('order', 3, 'a b c')]
    assert simulated.column('SELECT name FROM called') == ['events', 'events']
    status = simulated.status('events')
    assert (status['items_copied'], status['skipped'], status['errors']) == (4, 1, 0)


def test_a_copy_of_an_export_goes_through_upsert(simulator, events, exporting):
    events.recoverable_since = simulator.clock.now() - 60
    exporting.query('CREATE TABLE written (records jsonb)')
    profile = create_profile(exporting, upsert=upsert(
        exporting, "BEGIN INSERT INTO public.written SELECT unnest(records); RETURN cardinality(records); END"))
    exporting.replicate('events', target='written', changes=False, profile=profile, backfill='export',
                        export_to=f's3://{BUCKET}/backups')
    exporting.wait_for_state('events', 'completed')
    assert sorted(exporting.column("SELECT records ->> 'id' FROM written")) == ['a', 'b', 'c']


def test_a_reset_writes_over_what_hooks_have_written(events, simulated):
    simulated.replicate('events', target='totals', changes=False, profile=totals_profile(simulated))
    simulated.wait_for_state('events', 'completed')
    put(events, 'd', kind='order')
    simulated.query("SELECT podyn_reset('events')")
    simulated.query("SELECT podyn_start('events')")
    simulated.wait_for_state('events', 'completed')
    assert totals(simulated) == [('order', 4, 'a b c d')]
    fails(simulated, "SELECT podyn_alter('events', on_existing => 'truncate')", says='hooks', hint='Empty',
          sqlstates=('22023',))


@pytest.mark.parametrize('options, says, hint, sqlstate', [
    ("target => 'nowhere'", 'does not exist', 'Make it first', '42P01'),
    ("on_existing => 'truncate'", "on_existing => 'truncate'", 'upsert', '22023'),
    ("conversion_mode => 'jsonb'", 'tables that podyn fills itself', 'Leave them out', '22023')])
def test_options_that_hooks_have_no_use_for(events, simulated, options, says, hint, sqlstate):
    totals_profile(simulated)
    target = "target => 'totals', " if 'target' not in options else ''
    fails(simulated, f"SELECT podyn_replicate('events', {target}{options}, changes => false, profile => 'p')", says=says,
          hint=hint, sqlstates=(sqlstate,))
    nothing_is_left(simulated)


def test_rows_that_are_there_are_asked_about(events, simulated):
    profile = totals_profile(simulated)
    simulated.query("INSERT INTO totals VALUES ('order', 0), ('other', 0)")
    fails(simulated, "SELECT podyn_replicate('events', 'totals', changes => false, profile => 'p')", says='has rows',
          hint="on_existing => 'upsert'", sqlstates=('55000',))
    simulated.replicate('events', target='totals', changes=False, profile=profile, on_existing='upsert')
    simulated.wait_for_state('events', 'completed')
    assert totals(simulated) == [('order', 3, 'a b c'), ('other', 0, None)]
    assert simulated.query("SELECT * FROM podyn_tasks WHERE kind = 'prune'") == []


def test_an_incremental_export_is_none_for_them(exporting, history):
    history.put('one')
    history.full_export()
    history.wait_until(2)
    history.put('two')
    history.incremental_export()
    history.wait_until(0)
    totals_profile(exporting)
    fails(exporting, "SELECT podyn_replicate('events', 'totals', changes => false, profile => 'p', backfill => %s)",
          str(history.bucket.folder / 'exports'), says='deletions of an incremental export', hint='full export',
          sqlstates=('0A000',))


def test_the_plan_does_not_call_them(events, simulated):
    totals_profile(simulated)
    plan = simulated.query("SELECT step, detail FROM podyn_plan('events', 'totals', changes => false, profile => 'p')")
    assert ('result', 'podyn_replicate would succeed: warnings 0') in plan
    assert any('not written for trial' in detail for _, detail in plan) and totals(simulated) == []


# ---- what is refused ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('hook, make, body', [
    ('transform', transform, 'SELECT unnest(items)'), ('upsert', upsert, 'BEGIN RETURN 0; END'),
    ('on_complete', on_complete, 'BEGIN END')])
def test_hooks_that_cannot_follow_changes_are_refused(events, simulated, hook, make, body):
    create_profile(simulated, **{hook: make(simulated, body)})
    fails(simulated, "SELECT podyn_replicate('events', profile => 'p')", says='profile "p"',
          hint='changes => false', sqlstates=('0A000',))
    nothing_is_left(simulated)


def test_a_profile_that_there_is_not(events, simulated):
    fails(simulated, "SELECT podyn_replicate('events', profile => 'nobody''s')", says='no profile', hint='podyn.profile',
          sqlstates=('42704',))
    nothing_is_left(simulated)


def test_the_plan_shows_what_parse_makes(events, simulated):
    create_profile(simulated, parse=parse(simulated, "SELECT item || '{\"made\": 1}'"))
    plan = simulated.query("SELECT step, detail FROM podyn_plan('events', profile => 'p')")
    assert any(step == 'column' and detail.startswith('"made" (N)') for step, detail in plan)
    create_profile(simulated, transform=transform(simulated, 'SELECT unnest(items)'))
    plan = dict(simulated.query("SELECT step, detail FROM podyn_plan('events', profile => 'p')"))
    assert 'cannot follow changes' in plan['error'] and 'would fail' in plan['result']
