#!/usr/bin/env bash
# Puts `promtool` of Debian's package `prometheus` into .ci/bin, without installing the package: the
# server would start. Does nothing if promtool is there, and says in one line why it could not.
set -euo pipefail
cd "$(dirname "$0")"
if [ -x bin/promtool ] || command -v promtool > /dev/null; then exit 0; fi
if ! command -v apt-get > /dev/null || ! command -v dpkg-deb > /dev/null; then
  echo "promtool is not here, and this machine has no apt-get: the test of its word is skipped" >&2
  exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fetch() (cd "$folder" && apt-get download -qq prometheus > log 2>&1)
if ! fetch && ! { ${SUDO:-} apt-get update -qq > "$folder/log" 2>&1 && fetch; }; then
  echo "promtool could not be fetched: the test of its word is skipped: $(tail -n 1 "$folder/log")" >&2
  exit 0
fi
mkdir -p bin
dpkg-deb --fsys-tarfile "$folder"/prometheus_*.deb | tar -x -C bin --strip-components=3 ./usr/bin/promtool
