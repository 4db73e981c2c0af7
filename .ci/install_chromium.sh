#!/bin/sh
# Installs Debian's chromium, which the tests of the dashboard drive, unless a browser is there.
set -eu
for name in chromium chromium-browser google-chrome; do
  if command -v "$name" > /dev/null; then exit 0; fi
done
if ! command -v apt-get > /dev/null; then
  echo "No chromium was found, and no apt-get to install it; without it the browser tests are skipped, and under CI=true they fail." >&2
  exit 0
fi
sudo=""
if [ "$(id -u)" != 0 ]; then sudo="sudo"; fi
$sudo apt-get update
$sudo apt-get install -y --no-install-recommends chromium fonts-dejavu-core
