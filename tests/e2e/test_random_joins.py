"""Random joins with foreign tables by their keys: their rows are those of the same joins with copies."""

import random

from psycopg2 import sql

from foreign_tables import import_tables, nodes

JOINS, AT_ONCE, LOCAL_ROWS = 180, 12, 120
SEED = 20240301

STRINGS = ['p0', 'p1', 'p2', 'p3', 'ä', 'äb', '🐘', "it's", '1', '5.5', 'x' * 300]
NUMBERS = ['0', '1', '-1', '5', '5.5', '1e20', '-1e-20', '12345678901234567890123456789012345678', '9.9e125']
BINARIES = [b'\0', b'a', b'ab', b'\xff', b'\x80\x01', b'p1']
# What no key is like, and other spellings of some.
ODD_STRINGS = ['', 'none', 'y' * 2049, 'P1']
ODD_NUMBERS = ['5.50', '1e200', 'NaN', '123456789012345678901234567890123456789', '7']
ODD_BINARIES = [b'', b'none']

KEYS = {'pairs': {'p': 'text', 's': 'numeric'}, 'words': {'id': 'text'}, 'sizes': {'size': 'numeric'},
        'blobs': {'b': 'bytea'}}
VALUES = {'text': ['l.t', 'l.v', 'l.t || \'\'', 'lower(l.t)', 'l.i::text', 'l.t COLLATE "C"'],
          'numeric': ['l.num', 'l.i', 'l.big', 'l.num + 0', 'abs(l.num)'],
          'bytea': ['l.b', 'decode(l.hex, \'hex\')']}
CONSTANTS = {'text': ["'p1'", "(SELECT 'p2'::text)"], 'numeric': ['5.5', '(SELECT 1::numeric)'],
             'bytea': ["'\\x61'::bytea"]}
ON = ['f.n > l.i', "f.word LIKE 'a%'", 'f.word = l.t', 'l.i > 2', 'f.n IS NULL', 'l.id % 3 = 0', 'f.n < 4 OR l.i = 1']
WHERE = ['l.i < 4', 'f.n IS NOT NULL', 'f.word IS NULL', 'l.id % 2 = 0', 'f IS NOT NULL', 'l.t IS NOT NULL OR f.n = 1']


def put_items(chance, dynamodb):
    letters = {'text': 'S', 'numeric': 'N', 'bytea': 'B'}
    values = {'text': STRINGS, 'numeric': NUMBERS, 'bytea': BINARIES}

    def item(**key):
        if chance.random() < 0.8:
            key['n'] = {'N': str(chance.randint(0, 6))}
        if chance.random() < 0.8:
            key['word'] = {'S': chance.choice(['a', 'ab', 'p1', 'b', 'ä'])}
        return key
    for table, keys in KEYS.items():
        dynamodb.create_table(table, [(name, letters[kind]) for name, kind in keys.items()], stream=None)
        (first, first_kind), *rest = keys.items()
        firsts = [{first: {letters[first_kind]: value}} for value in values[first_kind]]
        both = [{**key, name: {letters[kind]: value}}
                for key in firsts for name, kind in rest for value in values[kind]]
        dynamodb.put(table, *(item(**key) for key in both or firsts if chance.random() < 0.8))


def make_local_rows(chance, database):
    def some(values):
        return chance.choice(values) if chance.random() < 0.85 else None
    database.query('CREATE TABLE l (id integer PRIMARY KEY, t text, v varchar(3000), num numeric, i integer, '
                   'big bigint, b bytea, hex text)')
    for row in range(LOCAL_ROWS):
        text, blob = some(STRINGS + ODD_STRINGS), some(BINARIES + ODD_BINARIES)
        database.query('INSERT INTO l VALUES (%s, %s, %s, %s, %s, %s, %s, %s)', row, text,
                       some(STRINGS + ODD_STRINGS), some(NUMBERS + ODD_NUMBERS), some([0, 1, 5, 7]),
                       some([-1, 0, 5, 99]), blob, None if blob is None else blob.hex())
    database.query('ANALYZE l')


class Joins:
    """Random queries over l, the local rows, and foreign tables. `{}`: the foreign tables' schema."""

    def __init__(self, chance):
        self.chance = chance

    def some(self, conditions, chance=0.4):
        return ''.join(f' AND ({condition})' for condition in conditions if self.chance.random() < chance / 2)

    def on(self, table, alias='f'):
        constants = self.chance.random() < 0.3 and len(KEYS[table]) > 1
        fixed = self.chance.choice(sorted(KEYS[table])) if constants else None
        parts = []
        for name, kind in KEYS[table].items():
            sides = [f'{alias}.{name}', self.chance.choice((CONSTANTS if name == fixed else VALUES)[kind])]
            self.chance.shuffle(sides)
            parts.append(' = '.join(sides))
        return ' AND '.join(parts)

    def plain(self, table):
        kind = self.chance.choice(['JOIN', 'LEFT JOIN', 'RIGHT JOIN'])
        left, right = ('{}.' + table + ' AS f', 'l') if kind == 'RIGHT JOIN' else ('l', '{}.' + table + ' AS f')
        return (f'SELECT l.id, f FROM {left} {kind} {right} ON {self.on(table)}{self.some(ON)} '
                f'WHERE true{self.some(WHERE)}')

    def whether(self, table):
        no = self.chance.choice(['', 'NOT '])
        return (f'SELECT l.id FROM l WHERE {no}EXISTS (SELECT FROM {{}}.{table} AS f '
                f'WHERE {self.on(table)}{self.some(ON)})')

    def among(self, table):
        names = ', '.join(f'f.{name}' for name in KEYS[table])
        values = ', '.join(self.chance.choice(VALUES[kind]) for kind in KEYS[table].values())
        few = self.some(['l.i < 4'], 1)
        return f'SELECT f FROM {{}}.{table} AS f WHERE ({names}) IN (SELECT {values} FROM l WHERE true{few})'

    def chain(self, table):
        other = self.chance.choice(sorted(KEYS))
        kinds = [self.chance.choice(['JOIN', 'LEFT JOIN']) for _ in range(2)]
        second = self.on(other, 'g')
        if other == 'words' and self.chance.random() < 0.7:
            second = 'g.id = f.word'
        if other == 'sizes' and self.chance.random() < 0.7:
            second = 'g.size = f.n'
        return (f'SELECT l.id, f, g FROM l {kinds[0]} {{}}.{table} AS f ON {self.on(table)}{self.some(ON)} '
                f'{kinds[1]} {{}}.{other} AS g ON {second} WHERE true{self.some(WHERE)}')

    def limited(self, table):
        return (f'SELECT l.id, f FROM l {self.chance.choice(["LEFT ", ""])}JOIN {{}}.{table} AS f ON {self.on(table)} '
                f'WHERE true{self.some(WHERE)} ORDER BY l.id LIMIT {self.chance.randint(1, 30)}')

    def repeated(self, table):
        return (f'SELECT g, (SELECT count(*) FROM l JOIN {{}}.{table} AS f ON {self.on(table)} WHERE l.id >= g * 20'
                f'{self.some(WHERE)}) FROM generate_series(0, 4) AS g')

    def lateral(self, table):
        return (f'SELECT g, s FROM generate_series(0, 2) AS g LEFT JOIN LATERAL (SELECT l.id, f FROM l '
                f'JOIN {{}}.{table} AS f ON {self.on(table)} WHERE l.id >= g * 40{self.some(WHERE)} '
                'ORDER BY l.id LIMIT 3) AS s ON true')

    def behind(self, table):
        """Keys that are made behind an outer join, and values of one side made on the other."""
        if self.chance.random() < 0.5:
            return (f'SELECT l.id, s FROM l LEFT JOIN LATERAL (SELECT f.n, coalesce(l.i, 1) AS i '
                    f'FROM {{}}.{table} AS f WHERE {self.on(table)}) AS s ON true')
        return (f"SELECT m.id, f FROM l AS m LEFT JOIN (SELECT id, coalesce(t, 'p1') AS t, v, coalesce(num, 1) AS num, "
                f"i, big, b, coalesce(hex, '61') AS hex FROM l WHERE id % 2 = 0) AS l ON l.id = m.i "
                f'LEFT JOIN {{}}.{table} AS f ON {self.on(table)}{self.some(ON)}')

    def one(self):
        form = self.chance.choice([self.plain] * 3 + [self.whether, self.among, self.chain, self.limited, self.repeated,
                                                      self.lateral, self.behind])
        return form(self.chance.choice(sorted(KEYS)))


def answers(database, joins, schema):
    statement = 'SELECT ' + ', '.join(
        f"(SELECT string_agg(x::text, ';' ORDER BY x::text COLLATE \"C\") FROM ({join.replace('{}', schema)}) AS x)"
        for join in joins)
    return statement, database.query(statement)[0]


def test_joins_give_the_same_rows_as_with_copies(dynamodb, database):
    chance = random.Random(SEED)
    put_items(chance, dynamodb)
    database.query('CREATE SCHEMA there; CREATE SCHEMA here')
    import_tables(database, schema='there')
    for table in KEYS:
        database.query(sql.SQL('CREATE TABLE here.{} AS SELECT * FROM there.{}').format(*[sql.Identifier(table)] * 2))
    make_local_rows(chance, database)
    joins = Joins(chance)
    ahead = 0
    for _ in range(JOINS // AT_ONCE):
        for setting in ('enable_hashjoin', 'enable_mergejoin', 'enable_material', 'enable_memoize'):
            database.query(f"SET {setting} = {chance.choice(['on', 'off'])}")
        batch = [joins.one() for _ in range(AT_ONCE)]
        statement, found = answers(database, batch, 'there')
        _, expected = answers(database, batch, 'here')
        for join, left, right in zip(batch, found, expected):
            assert left == right, join
        ahead += len(nodes(database, statement, 'Custom Scan'))
    assert ahead > JOINS / 2
