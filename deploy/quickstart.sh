#!/usr/bin/env bash
# From a fresh Debian 12 to a running database in one command.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: deploy/quickstart.sh [option...]

Installs what is missing (with apt), builds nokv-redis in build/quickstart and becomes it: an
embedded database that speaks the Redis protocol on 127.0.0.1:6380, with its data in ./nokv-data.
Ctrl-C ends it; run it again and the data is there.

  --addr HOST:PORT   listen elsewhere
  --workdir DIR      keep the data elsewhere
  option...          any option of nokv-redis; build/quickstart/bin/nokv-redis --help lists them
TEXT
}

case "${1:-}" in
  -h | --help)
    usage
    exit 0
    ;;
  cluster)
    echo "quickstart.sh: this version has no cluster yet; it comes with a later one." >&2
    echo "Without 'cluster', this script starts an embedded database." >&2
    exit 2
    ;;
esac

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

echo "==> Installing what the build needs"
"$root/deploy/install_deps.sh" run

echo "==> Building nokv-redis"
# Presets are looked up in the current folder; the database's folder is the caller's.
(
  cd "$root"
  cmake --preset quickstart
  cmake --build --preset quickstart --target nokv-redis
)

# An option given twice is an error, so a default is set only where the caller has set nothing.
gives() {
  local option=$1 argument
  shift
  for argument in "$@"; do
    [[ $argument == "$option" || $argument == "$option="* ]] && return 0
  done
  return 1
}

defaults=()
gives --addr "$@" || defaults+=(--addr 127.0.0.1:6380)
gives --workdir "$@" || defaults+=(--workdir ./nokv-data)

echo "==> Starting nokv-redis" "${defaults[@]}" "$@"
exec "$root/build/quickstart/bin/nokv-redis" "${defaults[@]}" "$@"
