"""Waiting for a condition with a deadline: the only way in which these tests wait."""

import time


def wait_until(condition, what, timeout=30, report=None, pause=0.05):
    """Returns the condition's first true value. `report` says on failure how things stand."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f'not within {timeout} s: {what}' + (f'\n{report()}' if report else ''))
        time.sleep(pause)


def holds_for(condition, what, seconds, report=None, pause=0.1):
    """The condition stays true for so long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition(), f'no longer: {what}' + (f'\n{report()}' if report else '')
        time.sleep(pause)
