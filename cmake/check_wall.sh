#!/bin/bash
# The wall between extension/ and src/ (docs/architecture.md): fails, naming file and symbol, where it is broken.
#   check_wall.sh objects OBJECT…        extension objects refer to nothing that the C++ runtime library defines
#   check_wall.sh sources DIRECTORY      engine sources include no PostgreSQL header
#   check_wall.sh module MODULE SQLFILE  the module exports what PostgreSQL loads, and nothing else
set -euo pipefail

runtime_symbols='^(_ZSt|_ZNSt|_ZNKSt|_Znw|_Zna|_Zdl|_Zda|__cxa_|__gxx_)'
pg_config=${PG_CONFIG:-pg_config}

fail() { echo "wall: $*" >&2; broken=1; }
broken=0

check_objects() {
    local object symbols symbol
    for object in "$@"; do
        symbols=$(nm --undefined-only --format=just-symbols "$object") || { fail "cannot read $object"; continue; }
        for symbol in $symbols; do
            [[ $symbol =~ $runtime_symbols ]] || continue
            fail "$object refers to $symbol of the C++ runtime library ($(c++filt "$symbol"))"
        done
    done
}

# A PostgreSQL header is what PostgreSQL's own folders hold, under whatever path, unless the engine has a file of that name.
is_postgres_header() {
    local header=$1 sources=$2 folder
    [ ! -e "$sources/$header" ] || return 1
    [[ $header != *postgresql/* ]] || return 0
    for folder in "$("$pg_config" --includedir-server)" "$("$pg_config" --includedir)"; do
        [ "$folder" = /usr/include ] || [ ! -f "$folder/$header" ] || return 0
    done
    return 1
}

check_sources() {
    local sources=$1 place header
    [ -d "$sources" ] || fail "no folder $sources"
    while IFS=$'\t' read -r place header; do
        ! is_postgres_header "$header" "$sources" || fail "$place includes a PostgreSQL header: $header"
    done < <(grep -rHnoE '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"][^>"]+' "$sources" |
        sed -E 's/^([^:]+:[0-9]+):.*[<"]/\1\t/')
}

check_module() {
    local module=$1 sql=$2 symbol function
    declare -A meant=([Pg_magic_func]=1 [_PG_init]=1 [podyn_launcher_main]=1 [podyn_supervisor_main]=1 [podyn_worker_main]=1)
    while read -r function; do
        meant[$function]=1
        meant[pg_finfo_$function]=1
    done < <(grep -oE "'MODULE_PATHNAME', '[a-z0-9_]+'" "$sql" | sed "s/.*, '//; s/'//")
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
