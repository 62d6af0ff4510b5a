"""What it costs to write into memory that the machine has not used before: a file's pages in the page cache."""

import os
import tempfile
import time

MB = 1024 * 1024
PIECE = bytes(8192)  # as PostgreSQL writes its pages
SIZE = 512 * MB
FILES = 4  # the first ones may get memory that others have left


def written(file):
    """MB per second."""
    os.lseek(file, 0, os.SEEK_SET)
    begun = time.monotonic()
    for _ in range(SIZE // len(PIECE)):
        os.write(file, PIECE)
    return SIZE / MB / (time.monotonic() - begun)


def first_and_second_write(folder):
    """MB per second into pages that are new in the cache, and into the same again."""
    files = [tempfile.TemporaryFile(dir=folder) for _ in range(FILES)]
    try:
        first = [written(file.fileno()) for file in files][-1]
        return first, written(files[-1].fileno())
    finally:
        for file in files:
            file.close()
