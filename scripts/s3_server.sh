#!/usr/bin/env bash
# s3rver, a stand-in for Amazon S3 that keeps objects in files: fetched once into a cache, run in a folder.
#   s3_server.sh fetch       gets it unless the cache has it
#   s3_server.sh start DIR   starts it on a free port, which is then in DIR/s3.port
#   s3_server.sh stop DIR
set -euo pipefail
. "$(dirname "$0")/common.sh"

npm_package=s3rver@3.7.1

install() {
    quietly npm install --prefix s3rver --cache npm --omit=dev --ignore-scripts --no-audit --no-fund "$npm_package" &&
        echo s3rver
}

# Prints the folder that holds node_modules.
fetch() { cached "${npm_package/@/-}" node_modules/s3rver/bin/s3rver.js install; }

start() {
    local dir=$1 folder port pid
    folder=$(fetch)
    port=$(free_port)
    # Its continuation tokens are enciphered with DES, which OpenSSL 3 has on demand only.
    setsid node --openssl-legacy-provider "$folder/node_modules/s3rver/bin/s3rver.js" --directory "$dir/s3" --address 127.0.0.1 --port "$port" \
        --no-vhost-buckets >"$dir/s3.log" 2>&1 </dev/null &
    pid=$!
    echo "$pid" >"$dir/s3.pid"
    echo "$port" >"$dir/s3.port"
    wait_for_port "$port" 60 "$pid" || {
        tail -n 20 "$dir/s3.log" >&2
        die "s3rver did not start"
    }
}

stop() { stop_process "$1/s3.pid" s3rver; }

case "${1:-}" in
fetch) fetch ;;
start | stop) "$1" "${2:?folder}" ;;
*) die "usage: s3_server.sh fetch | start DIR | stop DIR" ;;
esac
