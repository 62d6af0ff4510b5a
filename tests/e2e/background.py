"""Work beside the test, in a thread."""

import threading


class InBackground(threading.Thread):
    """Runs something; join() raises what it raised, and where it has not ended in time."""

    def __init__(self, work):
        super().__init__(daemon=True)
        self.work, self.error = work, None
        self.start()

    def run(self):
        try:
            self.work()
        except BaseException as error:
            self.error = error

    def join(self, timeout=None):
        super().join(timeout)
        assert not self.is_alive(), f'it has not ended within {timeout} s'
        if self.error:
            raise self.error
