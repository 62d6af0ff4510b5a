#!/usr/bin/env bash
# DynamoDB Local, Amazon's own stand-in for DynamoDB with Streams: fetched once into a cache, run in a folder.
#   dynamodb_local.sh fetch       gets it unless the cache has it
#   dynamodb_local.sh start DIR   starts it on a free port, which is then in DIR/dynamodb.port
#   dynamodb_local.sh stop DIR
set -euo pipefail
. "$(dirname "$0")/common.sh"

npm_package=amplify-dynamodb-simulator@2.9.30 # carries DynamoDB Local in its folder emulator/

cache_folder() {
    local cache=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/podyn
    mkdir -p "$cache" 2>/dev/null && [ -w "$cache" ] || cache=$root/build/cache
    mkdir -p "$cache"
    echo "$cache"
}

# Prints the folder that holds DynamoDBLocal.jar.
fetch() {
    local cache folder fresh
    cache=$(cache_folder)
    folder=$cache/${npm_package/@/-}
    exec 9>"$cache/lock"
    flock 9
    if [ ! -e "$folder/DynamoDBLocal.jar" ]; then
        fresh=$(mktemp -d "$cache/fetching.XXXXXX")
        trap 'rm -rf "$fresh"' RETURN
        (cd "$fresh" && quietly npm pack --silent --cache "$fresh/npm" "$npm_package" && tar -xzf ./*.tgz) ||
            die "cannot fetch $npm_package with npm"
        rm -rf "$folder"
        mv "$fresh/package/emulator" "$folder"
    fi
    exec 9>&-
    echo "$folder"
}

start() {
    local dir=$1 folder port pid
    folder=$(fetch)
    port=$(free_port)
    # In DIR, because DynamoDB Local leaves a file where it is started.
    cd "$dir"
    setsid java -Xmx1g -XX:+UseSerialGC "-Djava.library.path=$folder/DynamoDBLocal_lib" \
        -jar "$folder/DynamoDBLocal.jar" -inMemory -sharedDb -port "$port" -disableTelemetry \
        >dynamodb.log 2>&1 </dev/null &
    pid=$!
    echo "$pid" >dynamodb.pid
    echo "$port" >dynamodb.port
    wait_for_port "$port" 60 "$pid" || {
        tail -n 20 dynamodb.log >&2
        die "DynamoDB Local did not start"
    }
}

stop() {
    local pid
    pid=$(cat "$1/dynamodb.pid" 2>/dev/null) || return 0
    # Only if it is still ours: process numbers come round again.
    if tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q DynamoDBLocal; then kill "$pid"; fi
    rm -f "$1/dynamodb.pid"
}

case "${1:-}" in
fetch) fetch ;;
start | stop) "$1" "${2:?folder}" ;;
*) die "usage: dynamodb_local.sh fetch | start DIR | stop DIR" ;;
esac
