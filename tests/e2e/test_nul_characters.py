"""nul_characters: what becomes of U+0000, alike in the backfill, the spool and direct apply."""

import json
import threading

import pytest

from waiting import holds_for

AWKWARD = {'text': {'S': '\0a\0b'}, 'only': {'S': '\0'}, 'set': {'SS': ['p\0', 'q']},
           'nested': {'M': {'n\0': {'L': [{'S': 'z\0'}, {'M': {'m': {'S': '\0'}}}]}}}}
ROWS = {
    'replace': ('␀a␀b', '␀', ['p␀', 'q'], {'n␀': ['z␀', {'m': '␀'}]}),
    'strip': ('ab', '', ['p', 'q'], {'n': ['z', {'m': ''}]}),
}


@pytest.fixture
def events(simulator):
    return simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')


def fill_all_ways(simulator, simulated, events, items, **options):
    """Each item three times: copied, spooled and applied directly. Gives the keys."""
    slow = simulator.fault('held', operation='Scan', times=None, after=1, until=threading.Event())
    for number, item in enumerate(items):
        events.put({'id': {'S': f'copied {number}'}, **item})
    simulated.replicate('events', **options)
    simulated.wait_until(lambda: slow.fired, 'the scan waits')
    for number, item in enumerate(items):
        events.put({'id': {'S': f'spooled {number}'}, **item})

    def taken():
        status = simulated.status('events')
        return status['changes_applied'] + status['errors'] == 2 * len(items)
    simulated.wait_until(taken, 'the stream has been read')
    slow.details['until'].set()
    simulator.faults.remove(slow)
    simulated.wait_for_state('events', 'streaming')
    for number, item in enumerate(items):
        events.put({'id': {'S': f'streamed {number}'}, **item})
    simulated.sync('events')


@pytest.mark.parametrize('mode', ROWS)
def test_strings_and_what_is_nested(simulator, simulated, events, mode):
    fill_all_ways(simulator, simulated, events, [AWKWARD], nul_characters=mode)
    rows = simulated.query('SELECT id, text, "only", set, nested FROM events ORDER BY id')
    assert rows == [(f'{how} 0', *ROWS[mode]) for how in ('copied', 'spooled', 'streamed')]
    assert simulated.errors('events') == []


@pytest.mark.parametrize('mode', ROWS)
def test_documents(simulator, simulated, events, mode):
    events.put({'id': {'S': 'one'}, **AWKWARD})
    simulated.replicate('events', nul_characters=mode, conversion_mode='jsonb')
    simulated.wait_for_state('events', 'streaming')
    text, only, members, nested = ROWS[mode]
    assert simulated.value('SELECT data FROM events') == {
        'id': 'one', 'text': text, 'only': only, 'set': members, 'nested': nested}


def test_reject_names_the_attribute(simulator, simulated, events):
    items = [{name: value} for name, value in AWKWARD.items()] + [{'text': {'S': 'sound ␀'}}]
    fill_all_ways(simulator, simulated, events, items, nul_characters='reject')
    assert simulated.column("SELECT text FROM events ORDER BY id") == ['sound ␀'] * 3
    errors = simulated.errors('events')
    assert {error['sqlstate'] for error in errors} == {'22P05'}
    by_way = {}
    for error in errors:
        key = error['key'] if isinstance(error['key'], dict) else json.loads(error['key'])
        by_way.setdefault(key['id']['S'].split()[0], []).append(error['message'])
    expected = ['attribute "text" contains U+0000', 'attribute "only" contains U+0000',
                'attribute "set" contains U+0000']
    for way in ('copied', 'spooled', 'streamed'):
        assert sorted(by_way[way]) == sorted([*expected, 'a name inside attribute "nested" contains U+0000']), way


@pytest.mark.parametrize('mode', ['replace', 'strip', 'reject'])
def test_keys_and_names_of_attributes_are_always_rejected(simulator, simulated, events, mode):
    """Stripped, the second key would be the first one."""
    events.put({'id': {'S': 'a'}, 'n': {'N': '1'}})
    events.put({'id': {'S': 'a\0'}, 'n': {'N': '2'}})
    events.put({'id': {'S': 'b'}, 'n\0': {'N': '3'}})
    simulated.replicate('events', nul_characters=mode)
    simulated.wait_for_state('events', 'streaming')
    events.put({'id': {'S': 'a\0'}, 'n': {'N': '4'}})
    events.delete({'id': {'S': 'a\0'}})
    events.put({'id': {'S': 'c\0'}, 'n': {'N': '5'}})
    events.put({'id': {'S': 'c'}, 'n': {'N': '6'}})
    simulated.sync('events')
    assert sorted(simulated.query('SELECT id, n FROM events')) == [('a', 1), ('c', 6)]
    errors = simulated.errors('events')
    assert {error['sqlstate'] for error in errors} == {'22P05'}
    assert all('U+0000' in error['message'] for error in errors)
    assert len(errors) >= 4
    holds_for(lambda: simulated.state('events') == 'streaming', 'it goes on', 0.3)


def test_a_rejected_change_leaves_the_earlier_version(simulator, simulated, events):
    events.put({'id': {'S': 'a'}, 'text': {'S': 'before'}})
    simulated.replicate('events', nul_characters='reject')
    simulated.wait_for_state('events', 'streaming')
    events.put({'id': {'S': 'a'}, 'text': {'S': '\0'}})
    simulated.sync('events')
    assert simulated.value('SELECT text FROM events') == 'before'
    events.put({'id': {'S': 'a'}, 'text': {'S': 'after'}})
    simulated.sync('events')
    assert simulated.value('SELECT text FROM events') == 'after'
