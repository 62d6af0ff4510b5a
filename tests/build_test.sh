#!/usr/bin/env bash
# What the build promises beside a module: that it checks the wall each time, builds for the PostgreSQL that it is told,
# and installs where it is told. Works on the release build, which must be there.
# Prints one line per case, "ok - …" or "not ok - …".
set -uo pipefail
. "$(dirname "$0")/../scripts/common.sh"
cd "$root" || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# check SENTENCE COMMAND…: the command succeeds; what it printed is shown if not
check() {
    local sentence=$1 output
    shift
    if output=$("$@" 2>&1); then
        echo "ok - $sentence"
    else
        echo "not ok - $sentence"
        echo "$output" | sed 's/^/    /'
        failed=1
    fi
}

# calls_check_wall KIND: the commands that make the module have it checked
calls_check_wall() {
    local commands
    commands=$(ninja -C build/release -t commands podyn) || return
    grep -q "cmake/check_wall.sh $1 " <<<"$commands" || { echo "no check_wall.sh $1 among the commands"; return 1; }
}

for kind in objects sources module; do
    check "the build has check_wall look at $kind" calls_check_wall "$kind"
done

# pg_config_of NAME: a pg_config in another place
pg_config_of() {
    mkdir -p "$work/$1"
    printf '#!/bin/sh\nexec %s "$@"\n' "$PG_CONFIG" >"$work/$1/pg_config"
    chmod +x "$work/$1/pg_config"
    echo "$work/$1/pg_config"
}

# configured_for PG_CONFIG COMMAND…: a configuration by the command builds for that one
configured_for() {
    local wanted=$1 output
    shift
    output=$("$@" cmake -S . -B "$work/build" -G Ninja -DPODYN_BUILD_TESTS=OFF 2>&1) || { echo "$output"; return 1; }
    grep -q "($wanted)" <<<"$output" && grep -q "PG_CONFIG=$wanted" "$work/build/build.ninja" && return
    echo "not for $wanted: $(grep PG_CONFIG "$work/build/CMakeCache.txt")"
    return 1
}

first=$(pg_config_of first) second=$(pg_config_of second)
check "PG_CONFIG says which PostgreSQL to build for" configured_for "$first" env PG_CONFIG="$first"
check "another PG_CONFIG counts in the same build folder" configured_for "$second" env PG_CONFIG="$second"
check "without one the build folder's stays" configured_for "$second" env -u PG_CONFIG

installed_below() {
    local file
    DESTDIR=$work/root cmake --install build/release || return
    for file in "$("$PG_CONFIG" --pkglibdir)/podyn.so" "$("$PG_CONFIG" --sharedir)/extension/podyn.control" \
        "$("$PG_CONFIG" --sharedir)"/extension/podyn--1.0.sql; do
        [ -f "$work/root$file" ] || { echo "there is no $work/root$file"; return 1; }
    done
    [ "$(find "$work/root" -type f | wc -l)" = 3 ] || { find "$work/root" -type f; return 1; }
}

check "DESTDIR is where packages are made from" installed_below

exit $failed
