#!/usr/bin/env bash
# Builds with a preset of CMakePresets.json, and installs the extension into the PostgreSQL of PG_CONFIG:
# build.sh build PRESET | build.sh install PRESET
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$root"

case "${1:-} ${2:-}" in
"build "?*)
    quietly cmake --preset "$2"
    quietly cmake --build --preset "$2" --parallel "$jobs"
    ;;
# PostgreSQL 15 finds extensions only in its own folders, so they are installed there.
"install "?*) quietly as_root cmake --install "build/$2" ;;
*) die "usage: build.sh build|install PRESET" ;;
esac
