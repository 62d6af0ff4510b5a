#!/bin/bash
# The wall between extension/ and src/ (docs/architecture.md): fails, naming file and symbol, where it is broken.
#   check_wall.sh objects OBJECT…        extension objects refer to nothing that the C++ runtime library defines
#   check_wall.sh sources DIRECTORY      engine sources include no PostgreSQL header
#   check_wall.sh module MODULE SQLFILE  the module exports what PostgreSQL loads, and nothing else
set -euo pipefail

runtime_symbols='^(_ZSt|_ZNSt|_ZNKSt|_Znw|_Zna|_Zdl|_Zda|__cxa_|__gxx_)'
postgres_headers='#[[:space:]]*include[[:space:]]*[<"](postgres|pg_config|c\.h|fmgr|miscadmin|access/|catalog/|commands/|executor/|foreign/|funcapi|libpq|nodes/|optimizer/|parser/|pgstat|postmaster/|replication/.*slot|storage/|tcop/|utils/)'

fail() { echo "wall: $*" >&2; broken=1; }
broken=0

check_objects() {
    local object symbol
    for object in "$@"; do
        while read -r symbol; do
            fail "$object refers to $symbol of the C++ runtime library ($(c++filt "$symbol"))"
        done < <(nm --undefined-only --format=just-symbols "$object" | grep -E "$runtime_symbols" || true)
    done
}

check_sources() {
    local line
    while read -r line; do
        fail "an engine source includes a PostgreSQL header: $line"
    done < <(grep -rnE "$postgres_headers" "$1" || true)
}

check_module() {
    local module=$1 sql=$2 symbol function
    declare -A meant=([Pg_magic_func]=1 [_PG_init]=1 [podyn_launcher_main]=1 [podyn_supervisor_main]=1 [podyn_worker_main]=1)
    while read -r function; do
        meant[$function]=1
        meant[pg_finfo_$function]=1
    done < <(grep -oE "'MODULE_PATHNAME', '[a-z_]+'" "$sql" | sed "s/.*, '//; s/'//")
    while read -r symbol; do
        [ -n "${meant[$symbol]:-}" ] || fail "$module exports $symbol, which nothing is meant to call"
        unset "meant[$symbol]"
    done < <(nm --dynamic --defined-only --format=just-symbols "$module")
    for symbol in "${!meant[@]}"; do
        fail "$module does not export $symbol"
    done
}

kind=$1
shift
case $kind in
    objects) check_objects "$@" ;;
    sources) check_sources "$@" ;;
    module) check_module "$@" ;;
    *) echo "usage: $0 objects|sources|module …" >&2; exit 2 ;;
esac
exit "$broken"
