#!/bin/sh
# Installs Debian's PostgreSQL server, which the tests of shared databases start, and PgBouncer, which
# two of them put before it, unless they are there. The tests start programs of their own, so Debian's
# service of PgBouncer is not started.
set -eu
PATH="$PATH:/usr/sbin"
packages=""
if ! command -v initdb > /dev/null && ! ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1; then
  packages="postgresql"
fi
if ! command -v pgbouncer > /dev/null; then packages="$packages pgbouncer"; fi
if [ -z "$packages" ]; then exit 0; fi
if ! command -v apt-get > /dev/null; then
  echo "Not found: $packages; no apt-get is here to install this. Without it the tests of shared databases are skipped, and under CI=true they fail." >&2
  exit 0
fi
sudo=""
if [ "$(id -u)" != 0 ]; then sudo="sudo"; fi
policy=/usr/sbin/policy-rc.d
if [ "${packages%pgbouncer}" != "$packages" ] && [ ! -e "$policy" ]; then
  printf '#!/bin/sh\n[ "$1" != pgbouncer ] || exit 101\n' | $sudo tee "$policy" > /dev/null
  $sudo chmod 755 "$policy"
  trap '$sudo rm -f "$policy"' EXIT
fi
$sudo apt-get update
# shellcheck disable=SC2086 # the names of the packages, one word each
$sudo apt-get install -y --no-install-recommends $packages
