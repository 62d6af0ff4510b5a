#!/usr/bin/env bash
# DynamoDB Local, Amazon's own stand-in for DynamoDB with Streams: fetched once into a cache, run in a folder.
#   dynamodb_local.sh fetch       gets it unless the cache has it
#   dynamodb_local.sh start DIR   starts it on a free port, which is then in DIR/dynamodb.port
#   dynamodb_local.sh stop DIR
set -euo pipefail
. "$(dirname "$0")/common.sh"

npm_package=amplify-dynamodb-simulator@2.9.30 # carries DynamoDB Local in its folder emulator/

pack() {
    quietly npm pack --silent --cache npm "$npm_package" && tar -xzf ./*.tgz && echo package/emulator
}

# Prints the folder that holds DynamoDBLocal.jar.
fetch() { cached "${npm_package/@/-}" DynamoDBLocal.jar pack; }

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

stop() { stop_process "$1/dynamodb.pid" DynamoDBLocal; }

case "${1:-}" in
fetch) fetch ;;
start | stop) "$1" "${2:?folder}" ;;
*) die "usage: dynamodb_local.sh fetch | start DIR | stop DIR" ;;
esac
