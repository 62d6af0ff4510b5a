"""Memory that the machine has written to before, for those who need more of it while something is measured.

A virtual machine may get its memory from its host page by page, as it is written to for the first time, and give back
what is free: here such a write takes ten times as long. How much is at hand depends on what ran before, and is enough for
short runs only. So it is taken beforehand, and given back as free memory shrinks."""

import mmap
import threading

MB = 1024 * 1024
PIECE = 16 * MB
PAUSE = 0.05
KEPT = 4096 * MB  # for everybody else


def meminfo(name):
    with open('/proc/meminfo') as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f'{name}:'))


class MemoryAtHand:
    """So many bytes, or what there is."""

    def __init__(self, size):
        self.left = min(size, max(meminfo('MemAvailable') - KEPT, 0)) // PIECE * PIECE
        self.memory = mmap.mmap(-1, self.left + PIECE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._give_back)

    def __enter__(self):
        written = b'\1' * PIECE
        for offset in range(0, self.left, PIECE):
            self.memory[offset:offset + PIECE] = written
        self.free = meminfo('MemFree')
        self.thread.start()

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()
        self.memory.close()

    def _give_back(self):
        while self.left > 0 and not self.done.wait(PAUSE):
            for _ in range(min(max(self.free - meminfo('MemFree'), 0), self.left) // PIECE):
                self.left -= PIECE
                self.memory.madvise(mmap.MADV_DONTNEED, self.left, PIECE)
