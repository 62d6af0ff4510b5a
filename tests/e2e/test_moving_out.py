"""The statements of docs/moving-out.md, one after the other, beside an application that writes."""

import re
from pathlib import Path

from test_verify import WRITES_PER_SECOND, PacedWriter

PAGE = Path(__file__).resolve().parents[2] / 'docs' / 'moving-out.md'
BLOCK = re.compile(r'^ *```sql\n(.*?)^ *```', re.MULTILINE | re.DOTALL)


def statements(heading):
    """Those of one section."""
    section = PAGE.read_text(encoding='utf-8').split(f'\n## {heading}')[1].split('\n## ')[0]
    for block in BLOCK.findall(section):
        yield from filter(None, map(str.strip, re.sub(r'--.*', '', block).split(';')))


def test_every_command(simulator, simulated, polling_fast):
    events = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')

    def write(number):
        events.put({'id': {'S': f'{number % 100}'}, 'text': {'S': f'text {number}'}})
    for number in range(100):
        write(number)

    def run(heading):
        return [simulated.rows(statement) if statement.startswith('SELECT') else simulated.query(statement)
                for statement in statements(heading)]

    simulated.query('SET podyn.stream_delay = 50')  # a write is in the simulator's stream at once
    with PacedWriter(write, WRITES_PER_SECOND):
        assert not [row for row in run('1. Plan')[0] if row['step'] == 'error']
        assert run('2. Replicate')[-1] == [{'podyn_wait': True}]
        status, errors, retried = run('3. See whether it is sound')
        assert status[0]['state'] == 'streaming' and status[0]['consistent_since'] and errors == []
        assert run('4. Make it yours')[-1] == [{'podyn_sync': True}]
        simulated.query("INSERT INTO events (id) VALUES ('extra')")
        _, verified, differences, repaired, again = run('5. Compare')
        assert verified[0]['extra'] == 1 and len(differences) == 1 and repaired == [{'podyn_repair': 1}]
        assert again[0]['extra'] == again[0]['missing'] == again[0]['different'] == 0
    synced, gate, stopped = run('6. Cut over')
    assert synced == [{'podyn_sync': True}] and gate[0]['equal'] and stopped == [{'podyn_stop': 1}]
    assert run('7. The way back') == [[{'podyn_start': 1}]]
    assert len(run('8. Clean up')) == 1 and simulated.value('SELECT count(*) FROM events') == 100
