"""Random items of all ten attribute types, and a seeded writer that puts, updates and deletes them."""

import itertools
import random
import string

ALPHABET = string.ascii_letters + string.digits + ' "\\\'{}[]:,\n\t/äß€中🐘\u0000\u2028'
KEY = [('id', 'S'), ('at', 'N')]


class RandomItems:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def text(self, longest=40):
        return ''.join(self.random.choices(ALPHABET, k=self.random.randint(0, longest)))

    def number(self):
        """Up to 38 digits, -9.99E125 to 9.99E125, down to 1E-130 (DG: Naming rules and data types)."""
        digits = str(self.random.randint(1, 10 ** self.random.choice((1, 3, 18, 38)) - 1))
        sign = self.random.choice(('', '-'))
        if self.random.random() < 0.2:
            return '0'
        return f'{sign}{digits}E{self.random.choice((0, 0, 0, -2, 5, 60, -120))}'

    def binary(self):
        return self.random.randbytes(self.random.randint(1, 24))

    def members(self, make):
        """Of a set: not empty, no two alike."""
        found = {}
        for _ in range(self.random.randint(1, 4)):
            value = make()
            found.setdefault(float(value) if make == self.number else value, value)
        return list(found.values())

    def value(self, depth=0):
        kinds = ['S', 'N', 'BOOL', 'B', 'NULL', 'SS', 'NS', 'BS'] + ['M', 'L'] * (depth < 3)
        kind = self.random.choice(kinds)
        return {kind: {
            'S': self.text, 'N': self.number, 'BOOL': lambda: self.random.random() < 0.5, 'B': self.binary,
            'NULL': lambda: True,
            'SS': lambda: self.members(lambda: self.text() + 'x'),
            'NS': lambda: self.members(self.number), 'BS': lambda: self.members(self.binary),
            'M': lambda: {self.text(8) + 'm': self.value(depth + 1) for _ in range(self.random.randint(0, 3))},
            'L': lambda: [self.value(depth + 1) for _ in range(self.random.randint(0, 3))],
        }[kind]()}

    def attributes(self):
        """Most with a type of their own, `mixed` with any: its values go to several columns."""
        possible = {
            'text': lambda: {'S': self.text()}, 'number': lambda: {'N': self.number()},
            'flag': lambda: {'BOOL': self.random.random() < 0.5}, 'bytes': lambda: {'B': self.binary()},
            'map': lambda: {'M': {'inner': self.value(1), 'nothing': {'NULL': True}}},
            'list': lambda: {'L': [self.value(1), self.value(1)]},
            'strings': lambda: {'SS': self.members(lambda: self.text() + 'x')},
            'numbers': lambda: {'NS': self.members(self.number)},
            'binaries': lambda: {'BS': self.members(self.binary)},
            'nothing': lambda: {'NULL': True}, 'mixed': self.value, 'Text': lambda: {'S': self.text(2000)},
        }
        chosen = self.random.sample(sorted(possible), self.random.randint(1, len(possible)))
        return {name: possible[name]() for name in chosen}


class RandomWriter:
    """Puts, updates and deletes items of a few hundred keys, again and again; the same ones for the same seed."""

    def __init__(self, client, table, keys=500, seed=1):
        self.client, self.table = client, table
        self.items = RandomItems(seed)
        self.random = self.items.random
        self.keys = [{'id': {'S': f'key {number // 5}'}, 'at': {'N': str(number % 5)}} for number in range(keys)]
        self.done = 0

    def fill(self):
        """One item for every key."""
        self._batch([('put', key) for key in self.keys])

    def write(self, writes, stop=None):
        """So many writes: most in batches, as they are faster, some one by one. `stop`: an event that ends it."""
        end = self.done + writes
        while self.done < end and not (stop and stop.is_set()):
            if self.random.random() < 0.3:
                keys = self.random.sample(self.keys, min(25, end - self.done))
                self._batch([(self.random.choice(('put', 'put', 'delete')), key) for key in keys])
            else:
                for _ in range(min(5, end - self.done)):
                    self._one(self.random.choice(('put', 'update', 'update', 'delete')), self.random.choice(self.keys))

    def _batch(self, writes):
        for at in range(0, len(writes), 25):  # BatchWriteItem's limit
            requests = [{'PutRequest': {'Item': {**key, **self.items.attributes()}}} if kind == 'put' else
                        {'DeleteRequest': {'Key': key}} for kind, key in writes[at:at + 25]]
            left = {self.table: requests}
            while left:
                left = self.client.batch_write_item(RequestItems=left)['UnprocessedItems']
        self.done += len(writes)

    def _one(self, kind, key):
        if kind == 'put':
            self.client.put_item(TableName=self.table, Item={**key, **self.items.attributes()})
        elif kind == 'delete':
            self.client.delete_item(TableName=self.table, Key=key)
        else:
            self._update(key)
        self.done += 1

    def _update(self, key):
        attributes = self.items.attributes()
        names = {f'#{number}': name for number, name in enumerate(attributes)}
        values, sets, removes = {}, [], []
        for (placeholder, name), number in zip(names.items(), itertools.count()):
            if self.random.random() < 0.3:
                removes.append(placeholder)
            else:
                values[f':{number}'] = attributes[name]
                sets.append(f'{placeholder} = :{number}')
        expression = ('SET ' + ', '.join(sets) if sets else '') + (' REMOVE ' + ', '.join(removes) if removes else '')
        self.client.update_item(TableName=self.table, Key=key, UpdateExpression=expression,
                                ExpressionAttributeNames=names,
                                **({'ExpressionAttributeValues': values} if values else {}))
