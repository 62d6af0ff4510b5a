"""What of a file is in the page cache."""

import ctypes
import mmap
import os

libc = ctypes.CDLL(None, use_errno=True)


def cached_share(path):
    """Between 0 and 1 (mincore(2))."""
    size = os.path.getsize(path)
    pages = -(-size // mmap.PAGESIZE)
    resident = (ctypes.c_ubyte * pages)()
    with open(path, 'rb') as file, mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY) as mapped:
        first = ctypes.c_ubyte.from_buffer(mapped)
        failed = libc.mincore(ctypes.c_void_p(ctypes.addressof(first)), ctypes.c_size_t(size), resident)
        del first
    if failed:
        raise OSError(ctypes.get_errno(), 'mincore', str(path))
    return sum(page & 1 for page in resident) / pages


def leaves_page_cache(path):
    """Takes a file out of it; false: its file system has files nowhere else, as tmpfs."""
    with open(path, 'rb') as file:
        os.fsync(file.fileno())  # what is not on disk yet stays
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return cached_share(path) == 0
