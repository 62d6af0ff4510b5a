"""Foreign tables as tests use them: imported, copied into, and asked how they would be read."""

from io import StringIO

from psycopg2 import sql


def import_tables(database, limit='', schema='public', **options):
    """IMPORT FOREIGN SCHEMA; `limit` as in LIMIT TO (events)."""
    listed = sql.SQL(', ').join(
        sql.SQL('{} {}').format(sql.Identifier(name), sql.Literal(str(value))) for name, value in options.items())
    database.query(sql.SQL('IMPORT FOREIGN SCHEMA dynamodb {} FROM SERVER dynamodb INTO {} {}').format(
        sql.SQL(limit), sql.Identifier(schema), sql.SQL('OPTIONS ({})').format(listed) if options else sql.SQL('')))


def copy(database, target, lines):
    """COPY … FROM; gives the number of rows."""
    with database.connection.cursor() as cursor:
        cursor.copy_expert(f'COPY {target} FROM STDIN', StringIO(lines))
        return cursor.rowcount


def nodes(database, statement, kind, *arguments, analyze=False):
    """The nodes of this kind in a statement's plan, each as EXPLAIN (VERBOSE) shows it."""
    explain = f'EXPLAIN (VERBOSE, COSTS off, TIMING off, FORMAT json{", ANALYZE" if analyze else ""}) '
    found = []

    def look(node):
        if node['Node Type'] == kind:
            found.append(node)
        for child in node.get('Plans', ()):
            look(child)
    look(database.value(explain + statement, *arguments)[0]['Plan'])
    return found


def scans(database, statement, *arguments, **options):
    return nodes(database, statement, 'Foreign Scan', *arguments, **options)


def scan(database, statement, *arguments, **options):
    found, = scans(database, statement, *arguments, **options)
    return found
