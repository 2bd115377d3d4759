#!/usr/bin/env bash
# From a fresh Debian 12 to a running database, or a cluster, in one command.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

usage() {
  cat <<'TEXT'
usage: deploy/quickstart.sh [option...]
       deploy/quickstart.sh cluster [option...]

Installs what is missing (with apt), builds nokv-redis in build/quickstart and becomes it: an
embedded database that speaks the Redis protocol on 127.0.0.1:6380, with its data in ./nokv-data.
Ctrl-C ends it; run it again and the data is there.

  --addr HOST:PORT   listen elsewhere
  --workdir DIR      keep the data elsewhere
  option...          any option of nokv-redis; build/quickstart/bin/nokv-redis --help lists them

With `cluster` it builds in build/cluster and becomes deploy/run_local_cluster.sh: PD, three stores
and the gateway on 127.0.0.1:6380, as in deploy/raft_config.example.json, with their data in
./artifacts/cluster. Ctrl-C ends all of them.

  option...          any option of deploy/run_local_cluster.sh, whose --help lists them
TEXT
}

# build PRESET TARGET...: presets are looked up in the current folder; the data's is the caller's.
build() (
  cd "$root"
  preset=$1
  shift
  echo "==> Building $*"
  cmake --preset "$preset"
  cmake --build --preset "$preset" --target "$@"
)

case "${1:-}" in
  -h | --help)
    usage
    exit 0
    ;;
  cluster)
    shift
    for argument in "$@"; do
      if [[ $argument == -h || $argument == --help ]]; then
        exec "$root/deploy/run_local_cluster.sh" --help  # It needs no build.
      fi
    done
    # Options that make no sense are told now, and not after the build.
    "$root/deploy/run_local_cluster.sh" "$@" --help >/dev/null
    echo "==> Installing what the build needs"
    "$root/deploy/install_deps.sh" cluster
    build cluster nokv nokv-config nokv-redis
    echo "==> Starting the cluster"
    exec "$root/deploy/run_local_cluster.sh" --bin "$root/build/cluster/bin" "$@"
    ;;
esac

echo "==> Installing what the build needs"
"$root/deploy/install_deps.sh" run
build quickstart nokv-redis

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
