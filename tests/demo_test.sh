#!/usr/bin/env bash
# ./demo as a new user runs it, in a folder of its own: tables travel, follow, stay there, and go.
# Prints one line per case, "ok - …" or "not ok - …".
set -uo pipefail
. "$(dirname "$0")/../scripts/common.sh"
cd "$root" || exit 1
folder=$(mktemp -d /var/tmp/podyn-demo-test.XXXXXX)
chmod 755 "$folder" # PostgreSQL may run as another user
PODYN_DEMO_DIR=$folder/demo
export PODYN_DEMO_DIR
log=$PODYN_DEMO_DIR.log
trap './demo stop >>"$log" 2>&1; rm -rf "$folder"' EXIT
failed=0

# check SENTENCE COMMAND…: the command succeeds; the end of the demo's words is shown if not
check() {
    local sentence=$1
    shift
    if "$@" >>"$log" 2>&1; then
        echo "ok - $sentence"
    else
        echo "not ok - $sentence"
        tail -n 40 "$log" | sed 's/^/    /'
        failed=1
    fi
}

says() {
    [ "$(grep -cE -- "$1" "$log")" -ge "$2" ]
}

# What is left running answers: three replications that stream.
still_runs() {
    local answer
    answer=$("$("$PG_CONFIG" --bindir)/psql" -X -h "$PODYN_DEMO_DIR/postgres" -U postgres -d podyn -Atq \
        -p "$(cat "$PODYN_DEMO_DIR/postgres/postgres.port")" \
        -c "SELECT count(*) FROM podyn_status WHERE state = 'streaming' AND errors = 0")
    [ "$answer" = 3 ]
}

is_gone() {
    [ ! -e "$PODYN_DEMO_DIR" ] && ! pgrep -f "$PODYN_DEMO_DIR"
}

check "./demo succeeds" ./demo
check "it shows each table" says '^ +Table "public\."?(Music|Orders|Sensors)"?"' 3
check "it shows an index for each secondary index" says '"(Music|Orders|Sensors)_[A-Za-z]+"' 3
check "live changes become visible, and how soon is measured" says '60 changes, .*: median [0-9]+ ms' 1
check "it says how to connect" says '^ +psql -h ' 1
check "it leaves three replications that stream" still_runs
check "./demo stop succeeds" ./demo stop
check "and leaves nothing" is_gone
exit $failed
