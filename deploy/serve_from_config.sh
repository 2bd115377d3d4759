#!/usr/bin/env bash
# One store of a topology: becomes the daemon, so whoever starts and signals this has the store.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=topology.bash
source "$(dirname "${BASH_SOURCE[0]}")/topology.bash"

usage() {
  cat <<'TEXT'
usage: deploy/serve_from_config.sh --store-id ID [option...]

Becomes the store ID of a topology, with its addresses and its directory, which is made if it is not
there. Nothing that is there is deleted.

  --store-id ID  which store
  --config FILE  the topology (default: deploy/raft_config.example.json)
  --scope SCOPE  the topology's addresses and directories for host (default) or docker
  --workdir DIR  another directory than the topology's
  --bin DIR      folder of the programs (default: build/cluster/bin, or build/release/bin)
  option...      any other option of `nokv serve`
TEXT
}

id='' workdir='' programs='' others=()
while (($# > 0)); do
  case $1 in
    --config | --store-id | --scope | --workdir | --bin)
      (($# > 1)) || refuse "$1 needs a value"
      case $1 in
        --config) config=$2 ;;
        --store-id) id=$2 ;;
        --scope) scope=$2 ;;
        --workdir) workdir=$2 ;;
        --bin) programs=$2 ;;
      esac
      shift 2
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      others+=("$1")
      shift
      ;;
  esac
done
[[ -n $id ]] || refuse "which store? give --store-id"
[[ $scope == host || $scope == docker ]] || refuse "--scope $scope is neither host nor docker"
find_programs "$programs"
read_stores
[[ -n ${store_addr[$id]:-} ]] || fail "store $id is not in $config, which has ${store_ids[*]}"
[[ -n $workdir ]] || workdir=${store_dir[$id]}
[[ $workdir != - ]] ||
  fail "$config names no directory of store $id: add store_work_dir_template, or give --workdir"

mkdir -p "$(dirname "$workdir")"
exec "$bin/nokv" serve --config "$config" --store-id "$id" --scope "$scope" --workdir "$workdir" \
  "${others[@]}"
