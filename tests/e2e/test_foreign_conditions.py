"""Random conditions: what DynamoDB answers to a foreign table's conditions is what PostgreSQL finds in a copy of it."""

import random

from psycopg2 import sql

from foreign_tables import import_tables, scans

ITEMS, CONDITIONS, AT_ONCE = 150, 2000, 100
SEED = 20240229

STRINGS = ['', 'a', 'ab', 'abc', 'abd', 'B', 'b', 'ä', 'äb', 'z', '🐘', '%', 'a%b', 'a_b', 'a\\b', "it's", 'a\0', 'ab\0c',
           '\0', 'a␀', 'x' * 300]
NUMBERS = ['0', '1', '-1', '5', '5.5', '1e20', '-1e-20', '12345678901234567890123456789012345678', '9.9e125', '1e-130',
           '0.1', '100']
BINARIES = [b'', b'\0', b'a', b'ab', b'\xff', b'\x80\x01']
OTHER_NUMBERS = ['1e200', 'NaN', 'Infinity', '123456789012345678901234567890123456789', '1e-140', '5.50']


def some_value(chance):
    """Any type, as DynamoDB JSON."""
    return chance.choice([
        {'S': chance.choice(STRINGS)}, {'N': chance.choice(NUMBERS)}, {'B': chance.choice(BINARIES)},
        {'BOOL': chance.random() < 0.5}, {'NULL': True}, {'M': {'a': {'N': '1'}}}, {'L': [{'S': 'a'}]},
        {'SS': ['a', 'b']}, {'NS': ['1', '5']}, {'BS': [b'a']}])


def items(chance):
    made = {'word': STRINGS, 'size': NUMBERS, 'a.b': BINARIES}
    letters = {'word': 'S', 'size': 'N', 'a.b': 'B'}
    for i in range(ITEMS):
        item = {'p': {'S': f'p{i % 5}'}, 's': {'N': str(i // 5 - 10)}}
        for name, values in made.items():
            if chance.random() < 0.6:
                item[name] = {letters[name]: chance.choice(values)}
            elif chance.random() < 0.6:
                item[name] = some_value(chance)
        if chance.random() < 0.7:
            item['flag'] = {'BOOL': chance.random() < 0.5}
        # Keys of indexes: never empty, and without U+0000, which a key cannot have here.
        if chance.random() < 0.7:
            item['g'] = {'S': chance.choice('abc')}
        if chance.random() < 0.7:
            item['r'] = {'S': chance.choice([text for text in STRINGS if text and '\0' not in text])}
        yield item


class Conditions:
    """Random conditions over columns: {name: type}. Constants are constants, or parameters of the plan."""

    def __init__(self, chance, columns):
        self.chance, self.columns = chance, columns

    def constant(self, kind):
        choose = self.chance.choice
        if kind == 'text':
            return sql.Literal(choose([text for text in STRINGS if '\0' not in text] + ['p1', 'p2', 'c']))
        if kind == 'numeric':
            return sql.SQL('{}::numeric').format(sql.Literal(choose(NUMBERS + OTHER_NUMBERS + ['-5', '7'])))
        return sql.SQL("decode({}, 'hex')").format(sql.Literal(choose(BINARIES).hex()))

    def value(self, kind):
        constant = self.constant(kind)
        return sql.SQL('(SELECT {})').format(constant) if self.chance.random() < 0.25 else constant

    def array(self, kind):
        values = sql.SQL(', ').join(self.constant(kind) for _ in range(self.chance.randint(1, 5)))
        if self.chance.random() < 0.1:
            values = sql.SQL('{}, NULL').format(values)
        array = sql.SQL('ARRAY[{}]::{}[]').format(values, sql.SQL(kind))
        # The cast keeps ANY (SELECT …) from being a subquery's rows.
        return sql.SQL('(SELECT {})::{}[]').format(array, sql.SQL(kind)) if self.chance.random() < 0.25 else array

    def pattern(self):
        pattern = self.chance.choice(['{}%', '%{}%', '{}', '{}_', '%{}', '{}%{}', '\\%{}%', '{}\\_%'])
        text = pattern.replace('{}', self.chance.choice(['a', 'ab', 'ä', 'p', 'b', '']))
        if self.chance.random() < 0.25:
            return sql.SQL('(SELECT {}::text)').format(sql.Literal(text))
        return sql.Literal(text)

    def comparison(self, column, kind):
        operator = self.chance.choice(['=', '=', '<>', '<', '<=', '>', '>='])
        collation = sql.SQL(' COLLATE "C"' if kind == 'text' and self.chance.random() < 0.7 else '')
        sides = [sql.SQL('{}{}').format(column, collation), self.value(kind)]
        if self.chance.random() < 0.2:
            sides.reverse()
        return sql.SQL('{} {} {}').format(sides[0], sql.SQL(operator), sides[1])

    def between(self, column, kind):
        collation = sql.SQL(' COLLATE "C"' if kind == 'text' else '')
        return sql.SQL('{}{} BETWEEN {} AND {}').format(column, collation, self.value(kind), self.value(kind))

    def membership(self, column, kind):
        form = self.chance.choice(['{} = ANY ({})', '{} <> ALL ({})'])
        return sql.SQL(form).format(column, self.array(kind))

    def search(self, column, kind):
        if kind != 'text':
            return self.comparison(column, kind)
        if self.chance.random() < 0.3:
            return sql.SQL(self.chance.choice(['{} ^@ {}', 'starts_with({}, {})'])).format(column, self.value('text'))
        return sql.SQL('{} LIKE {}').format(column, self.pattern())

    def leaf(self):
        name = self.chance.choice(sorted(self.columns))
        kind, column = self.columns[name], sql.Identifier(name)
        if kind == 'boolean' and self.chance.random() < 0.7:
            return sql.SQL(self.chance.choice(['{}', 'NOT {}', '{} IS TRUE', '{} IS NOT TRUE', '{} = false'])).format(column)
        if kind in ('boolean', 'jsonb') or self.chance.random() < 0.1:
            return sql.SQL('{} {}').format(column, sql.SQL(self.chance.choice(['IS NULL', 'IS NOT NULL'])))
        return self.chance.choice([self.comparison, self.comparison, self.between, self.membership, self.search])(
            column, kind)

    def on_keys(self):
        """What Query and GetItem are made of."""
        first, second, kind = self.chance.choice([('p', 's', 'numeric'), ('g', 'r', 'text'), ('p', 'r', 'text')])
        first_value = sql.Literal(self.chance.choice(['p1', 'p2', 'p9'] if first == 'p' else 'abcd'))
        if self.chance.random() < 0.25:
            start = sql.SQL('{} = ANY (ARRAY[{}, {}, {}])').format(
                sql.Identifier(first), first_value, first_value,
                sql.Literal(self.chance.choice(['p0', 'p3', 'a', 'b', ''])))
        else:
            start = sql.SQL('{} = {}').format(sql.Identifier(first), first_value)
        rest = self.chance.choice([self.comparison, self.between, self.membership, self.search])
        return sql.SQL('{} AND {}').format(start, rest(sql.Identifier(second), kind))

    def tree(self, depth=0):
        chance = self.chance.random()
        if depth == 0 and chance < 0.3:
            return self.on_keys()
        if depth == 2 or chance < 0.5:
            return self.leaf()
        if chance < 0.6:
            return sql.SQL('NOT ({})').format(self.tree(depth + 1))
        return sql.SQL('({} {} {})').format(
            self.tree(depth + 1), sql.SQL(self.chance.choice(['AND', 'OR'])), self.tree(depth + 1))


def answer(table, condition, count):
    """A query of one row: the keys, or how many there are."""
    what = 'count(*)::text' if count else "string_agg(p || ' ' || s, ',' ORDER BY p, s)"
    return sql.SQL('(SELECT {} FROM {} WHERE {})').format(sql.SQL(what), sql.Identifier(table), condition)


def test_conditions_mean_the_same_to_dynamodb(dynamodb, database):
    chance = random.Random(SEED)
    dynamodb.create_table('mixed', [('p', 'S'), ('s', 'N')], gsis={'by_g': [('g', 'S'), ('r', 'S')]},
                          lsis={'by_r': [('p', 'S'), ('r', 'S')]}, stream=None)
    dynamodb.put('mixed', *items(chance))
    import_tables(database, sample_items=ITEMS)
    database.query('CREATE TABLE copy AS SELECT * FROM mixed')
    columns = dict(database.query("SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute "
                                  "WHERE attrelid = 'mixed'::regclass AND attnum > 0"))
    assert {'word', 'word_numeric', 'size', 'size_text', 'a.b', 'flag', 'word_jsonb'} <= set(columns)
    assert database.value('SELECT count(*) FROM copy') == ITEMS

    conditions = Conditions(chance, columns)
    wanted = [(conditions.tree(), chance.random() < 0.4) for _ in range(CONDITIONS)]
    requests = set()
    for at in range(0, CONDITIONS, AT_ONCE):
        batch = wanted[at:at + AT_ONCE]
        of_dynamodb, of_copy = (
            sql.SQL('SELECT ') + sql.SQL(', ').join(answer(table, condition, count) for condition, count in batch)
            for table in ('mixed', 'copy'))
        found, expected = (database.query(statement)[0] for statement in (of_dynamodb, of_copy))
        for (condition, _), left, right in zip(batch, found, expected):
            assert left == right, condition.as_string(database.connection)
        requests |= {(node['Request'], 'Select' in node, 'Filter Expression' in node)
                     for node in scans(database, of_dynamodb.as_string(database.connection))}
    assert {'Scan', 'Query', 'GetItem', 'BatchGetItem'} <= {request for request, _, _ in requests}
    assert {('Scan', True, True), ('Scan', False, True)} <= requests
