# Sourced by podyn's scripts: where things are, and the few words that all of them use.
# shellcheck shell=bash disable=SC2034
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=/usr/bin/python3 # Debian's: the packages boto3, psycopg2 and pytest are installed for this one
export PG_CONFIG=${PG_CONFIG:-/usr/lib/postgresql/15/bin/pg_config}
jobs=${PODYN_JOBS:-2}

die() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Runs a command quietly; its output is shown only if it fails.
quietly() {
    local log
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

cache_folder() {
    local cache=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/podyn
    mkdir -p "$cache" 2>/dev/null && [ -w "$cache" ] || cache=$root/build/cache
    mkdir -p "$cache"
    echo "$cache"
}

# Prints the cache's folder NAME, which holds FILE. Unless it does, COMMAND makes it: in a fresh folder, where it leaves
# it as the folder it prints. cached NAME FILE COMMAND
cached() {
    local cache folder fresh made
    cache=$(cache_folder)
    folder=$cache/$1
    exec 9>"$cache/lock"
    flock 9
    if [ ! -e "$folder/$2" ]; then
        fresh=$(mktemp -d "$cache/fetching.XXXXXX")
        trap 'rm -rf "$fresh"; trap - RETURN' RETURN
        made=$(cd "$fresh" && "$3") || die "cannot fetch $1"
        rm -rf "$folder"
        mv "$fresh/$made" "$folder"
    fi
    exec 9>&-
    echo "$folder"
}

# Ends the process of a file with its number, only if it is still ours: process numbers come round again.
# stop_process FILE WORD-OF-ITS-COMMAND-LINE
stop_process() {
    local pid
    pid=$(cat "$1" 2>/dev/null) || return 0
    if tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q "$2"; then kill "$pid"; fi
    rm -f "$1"
}

free_port() {
    "$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Waits until something accepts connections on a local port: wait_for_port PORT SECONDS PID
wait_for_port() {
    local port=$1 deadline=$((SECONDS + $2)) pid=$3
    until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
        kill -0 "$pid" 2>/dev/null || return 1
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}
