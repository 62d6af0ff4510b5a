#!/usr/bin/env bash
# A throwaway PostgreSQL server in a folder, with podyn preloaded. PostgreSQL refuses to run as root: root hands it to
# the user postgres, who must be able to read the folder's parents.
#   postgres.sh create DIR [setting=value …]   new cluster on a free port (in DIR/postgres.port; the socket is in DIR),
#                                              started; superuser postgres; log in DIR/postgres.log
#   postgres.sh standby DIR OF_DIR             a standby of another one, started; the rest as above
#   postgres.sh start|stop|restart DIR         stop is fast; -m immediate and the like may follow
set -euo pipefail
. "$(dirname "$0")/common.sh"

pg_ctl() {
    as_server "$bin/pg_ctl" --pgdata "$dir/data" --log "$dir/postgres.log" -w -t 60 "$@" >/dev/null
}

# SERVER_HOME: the server's home directory, if it shall be another than its user's.
as_server() {
    [ -z "${SERVER_HOME:-}" ] || set -- env "HOME=$SERVER_HOME" "$@"
    if [ "$(id -u)" = 0 ]; then
        # Not in the caller's folder: postgres may not be allowed to enter it.
        (cd / && runuser -u postgres -- "$@")
    else
        "$@"
    fi
}

create() {
    local port setting
    port=$(free_port)
    mkdir -p "$dir"
    [ "$(id -u)" != 0 ] || chown postgres "$dir"
    quietly as_server "$bin/initdb" --pgdata "$dir/data" --username postgres --auth trust \
        --encoding UTF8 --locale C.UTF-8 --no-sync
    as_server tee -a "$dir/data/postgresql.conf" >/dev/null <<EOF
port = $port
listen_addresses = '127.0.0.1'
unix_socket_directories = '$dir'
shared_preload_libraries = 'podyn'
max_worker_processes = 16
fsync = off
log_line_prefix = '%m [%p] %b %q%u@%d '
$(for setting in "$@"; do echo "${setting%%=*} = '${setting#*=}'"; done)
EOF
    start_on "$port"
}

start_on() {
    echo "$1" >"$dir/postgres.port"
    pg_ctl start || {
        tail -n 20 "$dir/postgres.log" >&2
        die "PostgreSQL did not start"
    }
}

standby() {
    local primary=$1 port
    port=$(free_port)
    quietly as_server "$bin/pg_basebackup" --host "$primary" --port "$(cat "$primary/postgres.port")" \
        --username postgres --pgdata "$dir/data" --checkpoint fast --no-sync --write-recovery-conf
    as_server tee -a "$dir/data/postgresql.conf" >/dev/null <<EOF
port = $port
unix_socket_directories = '$dir'
EOF
    start_on "$port"
}

action=${1:-}
dir=${2:-}
shift $(($# < 2 ? $# : 2))
bin=$("$PG_CONFIG" --bindir)
case "$action" in
create) create "$@" ;;
standby) standby "$@" ;;
start | stop | restart) pg_ctl "$action" "$@" ;;
*) die "usage: postgres.sh create|standby|start|stop|restart DIR" ;;
esac
