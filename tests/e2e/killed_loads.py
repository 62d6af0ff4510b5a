"""Imports whose processes are killed while they run."""


def items_read(database, name):
    return int(database.value('SELECT sum(items_read) FROM podyn_tasks WHERE name = %s', name))


def kill_worker(database):
    """kill -9 of the first worker that there is."""
    pid = database.wait_until(lambda: database.processes('podyn worker'), 'there is a worker')[0]
    database.postgres.kill(pid)


def stop_at_once(database):
    """The server's immediate shutdown, which is what a crash of the machine leaves."""
    database.postgres.stop('immediate')
    database.postgres.start()


def interrupt_load(database, name, moments, how=kill_worker):
    """Each time so many more items have been read. Gives how often files were left in their middle."""
    inside = 0
    for more in moments:
        goal = items_read(database, name) + more
        database.wait_until(lambda: items_read(database, name) >= goal, 'it goes on')
        how(database)
        database.close()
        database.postgres.wait_until_accepting()
        inside += database.value("SELECT count(*) FROM podyn_tasks WHERE name = %s AND kind = 'file' "
                                 "AND position IS NOT NULL AND state <> 'done'", name)
    return inside
