"""What /proc tells of podyn's processes."""

import os
from pathlib import Path


def podyn_processes(postgres):
    """{pid: 'podyn worker'} of the whole server."""
    return dict(postgres.query("SELECT pid, backend_type FROM pg_stat_activity WHERE backend_type LIKE 'podyn %%' AND %s",
                               True))


def cpu_seconds(pid):
    """User and system time (proc(5), /proc/PID/stat, fields 14 and 15); 0 for a process that is gone."""
    try:
        fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def own_memory(pid):
    """Bytes that are this process's alone: Private_* of all mappings (proc(5), /proc/PID/smaps) but the shared ones.
    smaps_rollup does not tell them apart, and calls a page of shared_buffers private that only one process has touched."""
    total = 0
    shared = False
    try:
        with open(f'/proc/{pid}/smaps', encoding='utf-8') as lines:
            for line in lines:
                name, _, rest = line.partition(' ')
                if not name.endswith(':'):
                    shared = rest[3] == 's'  # the header: address, then rw-s or rw-p
                elif not shared and name in ('Private_Clean:', 'Private_Dirty:', 'Private_Hugetlb:'):
                    total += int(rest.split()[0]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return total
