"""Statements that shall fail: with one clear error, and nothing left behind."""

import psycopg2
import pytest


def fails(database, statement, *arguments, says=(), hint=(), sqlstates=None):
    """The statement's one error: names `says`, hints at `hint`, has an SQLSTATE that means something."""
    with pytest.raises(psycopg2.Error) as raised:
        database.query(statement, *arguments)
    error = raised.value
    message, given = error.diag.message_primary, error.diag.message_hint or ''
    everything = f'{error.pgcode}: {message}\nDETAIL: {error.diag.message_detail}\nHINT: {given}'
    assert error.pgcode not in (None, 'XX000', 'P0001'), everything
    assert sqlstates is None or error.pgcode in sqlstates, everything
    assert given, 'no hint: ' + everything
    assert not message.endswith('.'), everything
    for part in (says,) if isinstance(says, str) else says:
        assert part in message + (error.diag.message_detail or ''), everything
    for part in (hint,) if isinstance(hint, str) else hint:
        assert part in given, everything
    return error


def nothing_is_left(database, table='events'):
    assert database.query('SELECT name FROM podyn_status') == []
    assert database.value('SELECT count(*) FROM podyn_tasks') == 0
    assert database.value('SELECT to_regclass(%s)', f'"{table}"') is None
    assert database.value('SELECT count(*) FROM podyn.column_map') == 0
