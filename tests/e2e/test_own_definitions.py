"""What the owner of a target has defined on it, constraints, triggers, row security, meets every write: each item is
loaded or in podyn.error with the reason, in the backfill, in the merge and in direct apply."""

import json

import pytest

from ways import WAYS, bring, bring_all

ITEMS = 12
AT_ONCE = 8  # definitions


@pytest.fixture
def events(simulator):
    return simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')


def trigger(body, when='BEFORE INSERT OR UPDATE', level='ROW'):
    return (f'CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$; '
            f'CREATE TRIGGER act {when} ON events FOR EACH {level} EXECUTE FUNCTION act()')


# What is defined on `events (id text PRIMARY KEY, n integer, note text)`; numbers that do not arrive; SQLSTATE; what
# all rows that arrive satisfy.
DEFINITIONS = {
    'check': ('ALTER TABLE events ADD CHECK (n <> 3)', {3}, '23514', 'true'),
    'not null': ("ALTER TABLE events ADD CHECK (note IS NULL), ALTER n SET NOT NULL", set(), None, 'n >= 0'),
    'unique': ('CREATE UNIQUE INDEX ON events ((n / 2)) WHERE n IN (4, 5)', {4, 5}, '23505', 'true'),
    'exclusion': ("ALTER TABLE events ADD EXCLUDE USING btree (n WITH =) WHERE (n = 3)", set(), None, 'true'),
    'generated': ('ALTER TABLE events ADD twice integer GENERATED ALWAYS AS (n * 2) STORED', set(), None,
                  'twice = 2 * n'),
    'generated that fails': ('ALTER TABLE events ADD part integer GENERATED ALWAYS AS (10 / (n - 3)) STORED', {3},
                             '22012', 'part = 10 / (n - 3)'),
    'index that fails': ('CREATE INDEX ON events ((10 / (n - 3)))', {3}, '22012', 'true'),
    'identity': ('ALTER TABLE events ADD number integer GENERATED ALWAYS AS IDENTITY', set(), None, 'number > 0'),
    'serial': ('ALTER TABLE events ADD number serial NOT NULL', set(), None, 'number > 0'),
    'default': ("ALTER TABLE events ADD seen timestamptz NOT NULL DEFAULT now(), ADD who text DEFAULT current_user",
                set(), None, "seen IS NOT NULL AND who = current_user"),
    'not null without default': ('ALTER TABLE events ADD mine text NOT NULL', set(range(ITEMS)), '23502', 'true'),
    'foreign key to': ('CREATE TABLE ns (n integer PRIMARY KEY); INSERT INTO ns SELECT g FROM generate_series(0, 99) g '
                       'WHERE g <> 3; ALTER TABLE events ADD FOREIGN KEY (n) REFERENCES ns', {3}, '23503', 'true'),
    'deferred foreign key to': (
        'CREATE TABLE ns (n integer PRIMARY KEY); INSERT INTO ns SELECT g FROM generate_series(0, 99) g WHERE g <> 3; '
        'ALTER TABLE events ADD FOREIGN KEY (n) REFERENCES ns DEFERRABLE INITIALLY DEFERRED', {3}, '23503', 'true'),
    'foreign key from': ('CREATE TABLE notes (id text REFERENCES events)', set(), None, 'true'),
    'trigger that raises': (trigger("IF NEW.n = 3 THEN RAISE 'no' USING ERRCODE = 'PD001'; END IF; RETURN NEW;"), {3},
                            'PD001', 'true'),
    'trigger that modifies': (trigger("NEW.note := 'by trigger'; RETURN NEW;"), set(), None, "note = 'by trigger'"),
    'trigger that returns null': (trigger('IF NEW.n = 3 THEN RETURN NULL; END IF; RETURN NEW;'), {3}, None, 'true'),
    'after trigger that raises': (
        trigger("IF NEW.n = 3 THEN RAISE 'no' USING ERRCODE = 'PD001'; END IF; RETURN NULL;",
                'AFTER INSERT OR UPDATE'), {3}, 'PD001', 'true'),
    'statement trigger': (trigger("IF EXISTS (SELECT FROM public.events WHERE n = 3) THEN RAISE 'no' USING "
                                  "ERRCODE = 'PD001'; END IF; RETURN NULL;", 'AFTER INSERT OR UPDATE', 'STATEMENT'),
                          {3}, 'PD001', 'true'),
    'before statement trigger': (trigger('CREATE TABLE IF NOT EXISTS public.seen (); RETURN NULL;',
                                         'BEFORE INSERT OR UPDATE', 'STATEMENT'), set(), None,
                                 "to_regclass('public.seen') IS NOT NULL"),
    'constraint trigger': (
        "CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.n = 3 THEN RAISE 'no' USING "
        "ERRCODE = 'PD001'; END IF; RETURN NULL; END $$; CREATE CONSTRAINT TRIGGER act AFTER INSERT OR UPDATE ON events "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION act()", {3}, 'PD001', 'true'),
    'row security': ('ALTER TABLE events ENABLE ROW LEVEL SECURITY', set(), None, 'true'),
}


def rejected(simulated, name='events'):
    return {(key if isinstance(key, dict) else json.loads(key))['id']['S']: error
            for error in simulated.errors(name) for key in [error['key']]}


def define(simulator, simulated, schema, definition):
    """A table of its own, and its target with the definition."""
    simulator.create_table(schema, key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    simulated.query(f'CREATE SCHEMA {schema}; SET search_path = {schema}, public; '
                    'CREATE TABLE events (id text PRIMARY KEY, n integer, note text)')
    simulated.query(definition.replace('public.', f'{schema}.'))


def what_is_wrong(simulated, schema, what, missing, sqlstate, holds):
    simulated.query(f'SET search_path = {schema}, public')
    arrived = {int(n) for n in simulated.column('SELECT id FROM events')}
    errors = rejected(simulated, schema)
    if what == 'unique':  # whichever of the two came first
        ok = len(arrived) == ITEMS - 1 and len(errors) == 1 and missing > {4, 5} - arrived
    else:
        ok = arrived == set(range(ITEMS)) - missing and \
            {int(n) for n in errors} == (missing if sqlstate else set())
    ok = ok and all(error['sqlstate'] == sqlstate and error['message'] for error in errors.values())
    holds = holds.replace('public.', f'{schema}.')
    if ok and simulated.value(f'SELECT coalesce(bool_and({holds}), true) FROM events'):
        return []
    return [(what, arrived, {n: (e['sqlstate'], e['message']) for n, e in errors.items()},
             simulated.rows('SELECT * FROM events LIMIT 3'))]


@pytest.mark.parametrize('way', WAYS)
def test_every_definition_in_every_way(simulator, simulated, configure, way):
    """One replication for each definition, several at once."""
    configure('podyn.max_workers', AT_ONCE)
    wrong = []
    for at in range(0, len(DEFINITIONS), AT_ONCE):
        some = {f's{at + number}': item for number, item in enumerate([*DEFINITIONS.items()][at:at + AT_ONCE])}
        for schema, (_, (definition, *_)) in some.items():
            define(simulator, simulated, schema, definition)

        def put():
            for schema in some:
                for n in range(ITEMS):
                    simulator.tables[schema].put({'id': {'S': str(n)}, 'n': {'N': str(n)}})
        bring_all(way, simulator, simulated, {schema: {'source_table': schema, 'target': f'{schema}.events',
                                                       'schema': False} for schema in some}, put)
        for schema, (what, (_, *expected)) in some.items():
            wrong += what_is_wrong(simulated, schema, what, *expected)
    assert not wrong, wrong


@pytest.mark.parametrize('way', WAYS)
def test_forced_row_security(simulator, events, simulated, way):
    """The owner's policies hold for the replication too: what they refuse is in podyn.error, or holds it up with the
    reason, never past them."""
    simulated.query("""
        DO $$ BEGIN CREATE ROLE podyn_row_owner LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
        GRANT ALL ON SCHEMA public TO podyn_row_owner; GRANT USAGE ON FOREIGN SERVER dynamodb TO podyn_row_owner;
        GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO podyn_row_owner;
        CREATE USER MAPPING FOR podyn_row_owner SERVER dynamodb
            OPTIONS (access_key_id 'AKIDEXAMPLE', secret_access_key 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY');
        SET ROLE podyn_row_owner;
        CREATE TABLE events (id text PRIMARY KEY, n integer);
        ALTER TABLE events ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        CREATE POLICY not_three ON events USING (true) WITH CHECK (n <> 3)""")
    try:
        bring_some(way, simulator, simulated, events)
    finally:
        simulated.query('RESET ROLE')
        simulated.query("SELECT podyn_drop('events'); DROP OWNED BY podyn_row_owner; DROP ROLE podyn_row_owner")


def bring_some(way, simulator, simulated, events):
    def put():
        for n in range(6):
            events.put({'id': {'S': str(n)}, 'n': {'N': str(n)}})
    bring(way, simulator, simulated, 'events', put, schema=False)
    assert simulated.column('SELECT n FROM events ORDER BY n') == [0, 1, 2, 4, 5]
    assert {n: error['sqlstate'] for n, error in rejected(simulated).items()} == {'3': '42501'}
