"""What docs/ gives to those who run podyn: the exporter's queries, the dashboard, the alerts and the IAM policy are right
and belong together."""

import json
import re

import pytest
import yaml

from postgres_server import ROOT

FOLDER = ROOT / 'docs' / 'monitoring'
STATES = {'stopped', 'starting', 'copying', 'merging', 'streaming', 'completed', 'failed', 'needs_resync'}
METRIC = re.compile(r'\bpodyn_\w+\b')


def queries():
    return yaml.safe_load((FOLDER / 'queries.yaml').read_text())


def columns(query):
    return {name: about for column in query['metrics'] for name, about in column.items()}


def metrics():
    return {f'{name}_{column}' for name, query in queries().items() for column, about in columns(query).items()
            if about['usage'] in ('GAUGE', 'COUNTER')}


def labels(metric):
    (query,) = (query for name, query in queries().items() if metric in
                {f'{name}_{column}' for column in columns(query)})
    return {column for column, about in columns(query).items() if about['usage'] == 'LABEL'}


def check_expression(expression):
    """Every metric is produced, and every label that it is asked for is there."""
    used = METRIC.findall(expression)
    assert used and set(used) <= metrics(), expression
    for metric in used:
        for label in re.findall(r'(\w+)\s*(?:=~|!=|!~|=)\s*"', expression):
            assert label in labels(metric), (expression, label)
        for grouped in re.findall(r'\bby \(([^)]*)\)', expression):
            assert set(re.split(r',\s*', grouped)) <= labels(metric), expression


@pytest.fixture
def events(simulator):
    table = simulator.create_table('events', key=[('id', 'S')], stream='NEW_AND_OLD_IMAGES')
    table.put({'id': {'S': 'one'}})
    return table


# ---- Prometheus and Grafana -----------------------------------------------------------------------------------------

def test_every_query_runs_and_gives_the_columns_that_it_names(events, simulated):
    simulated.replicate('events')
    simulated.wait_for_state('events', 'streaming')
    simulated.postgres.query('CREATE ROLE exporter LOGIN IN ROLE pg_monitor')
    exporter = simulated.postgres.connect(simulated.name, 'exporter')
    try:
        for name, query in queries().items():
            with exporter.cursor() as cursor:
                cursor.execute(query['query'])
                rows = cursor.fetchall()
                assert rows, name
                assert [column.name for column in cursor.description] == list(columns(query)), name
            for row in rows:
                for value, about in zip(row, columns(query).values()):
                    assert about['description']
                    if about['usage'] == 'LABEL':
                        assert isinstance(value, str), (name, row)
                    else:
                        assert value is not None and float(value) == value or value != value, (name, row)
    finally:
        exporter.close()
        simulated.postgres.query('DROP ROLE exporter')


def test_the_states_are_those_that_there_are():
    listed = re.search(r"unnest\('\{([^}]*)\}'", queries()['podyn_state']['query']).group(1)
    assert set(listed.split(',')) == STATES


def test_every_counter_of_the_status_is_exported(simulated):
    """A column that is added to podyn_status is added here, too, or left out on purpose."""
    view = set(simulated.column("SELECT attname::text FROM pg_attribute WHERE attrelid = 'podyn_status'::regclass "
                                "AND attnum > 0"))
    query = queries()['podyn_replication']['query']
    used = {column for column in view if re.search(rf'\b{column}\b', query)}
    assert view - used == {'target', 'last_change_at', 'started_at', 'last_error'}


def test_the_dashboard_shows_what_the_queries_give():
    dashboard = json.loads((FOLDER / 'grafana-dashboard.json').read_text())
    panels = dashboard['panels']
    assert len({panel['id'] for panel in panels}) == len(panels) >= 10
    for panel in panels:
        assert panel['title'] and panel['targets'] and panel['gridPos']['x'] + panel['gridPos']['w'] <= 24
        for target in panel['targets']:
            check_expression(target['expr'])
            for label in re.findall(r'\{\{(\w+)\}\}', target['legendFormat']):
                assert all(label in labels(metric) for metric in METRIC.findall(target['expr'])), target
    variables = {variable['name']: variable for variable in dashboard['templating']['list']}
    metric, label = re.fullmatch(r'label_values\((\w+), (\w+)\)', variables['replication']['query']).groups()
    assert metric in metrics() and label in labels(metric)
    assert set(re.findall(r'\$\{?(\w+)', json.dumps(panels))) <= set(variables)


def test_the_alerts_are_over_what_the_queries_give():
    (group,) = yaml.safe_load((FOLDER / 'alerts.yaml').read_text())['groups']
    alerts = {rule['alert']: rule for rule in group['rules']}
    assert {'PodynNeedsResync', 'PodynFailed', 'PodynLag', 'PodynRejectsItems'} <= set(alerts)
    for rule in alerts.values():
        check_expression(rule['expr'])
        for state in re.findall(r'state="(\w+)"', rule['expr']):
            assert state in STATES
        assert rule['annotations']['summary'] and rule['labels']['severity']
        for label in re.findall(r'\$labels\.(\w+)', rule['annotations']['summary']):
            assert all(label in labels(metric) for metric in METRIC.findall(rule['expr']))


# ---- IAM ------------------------------------------------------------------------------------------------------------

def allowed_actions(statements=None):
    policy = json.loads((ROOT / 'docs' / 'iam-policy.json').read_text())
    actions = set()
    for statement in policy['Statement']:
        if statements is None or statement['Sid'] in statements:
            listed = statement['Action']
            actions.update([listed] if isinstance(listed, str) else listed)
    return actions


def of_dynamodb(actions):
    return {action for action in actions if action.startswith('dynamodb:')}


def asked_for(simulator):
    with simulator.clock.lock:
        return {f'dynamodb:{request.operation}' for request in simulator.requests}


def test_the_policy_allows_what_podyn_calls_and_nothing_else(events, simulator, simulated):
    simulated.query('SELECT * FROM podyn_plan(%s)', 'events')
    simulated.query('SELECT podyn_replicate_all(%s)', 'events')
    simulated.wait_for_state('events', 'streaming')
    events.put({'id': {'S': 'two'}})
    simulated.sync('events')
    simulated.query("SELECT podyn_reset('events')")
    simulated.query("CALL podyn_run('events')")
    simulator.create_table('quiet', key=[('id', 'S')])
    simulated.replicate('quiet', enable_stream=True)
    simulator.create_table('keys', key=[('id', 'S')], stream='KEYS_ONLY')
    simulated.replicate('keys')
    events.recoverable_since = 0
    simulated.query("SELECT podyn_export('events', 's3://bucket')")
    simulated.query("SELECT FROM podyn_exports('events')")
    for on_conflict in ('replace', 'skip'):
        simulated.query("SELECT podyn_push('SELECT ''three'' AS id', 'events', on_conflict => %s)", on_conflict)
    simulated.query("CREATE FOREIGN TABLE foreign_events (id text, name text) SERVER dynamodb OPTIONS (table_name 'events')")
    simulated.query("UPDATE foreign_events SET name = 'x'")
    reading = allowed_actions({'ForeignTables'}) - allowed_actions({'Copy', 'StreamsWithoutImages'})
    assert asked_for(simulator) == of_dynamodb(allowed_actions()) - reading


def test_a_copy_alone_needs_only_its_statement(events, simulator, simulated):
    simulated.replicate('events', changes=False)
    simulated.wait_for_state('events', 'completed')
    assert asked_for(simulator) == allowed_actions({'Copy'})


def test_the_documentation_shows_the_same_policy():
    page = (ROOT / 'docs' / 'operations.md').read_text()
    named = set(re.findall(r'`((?:dynamodb|s3):\w+)`', page.split('## IAM actions')[1].split('\n## ')[0]))
    assert named == allowed_actions()
