#!/usr/bin/env bash
# The directories of a topology's stores, made in advance: each with its regions, and none running.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=topology.bash
source "$(dirname "${BASH_SOURCE[0]}")/topology.bash"

usage() {
  cat <<'TEXT'
usage: deploy/bootstrap_from_config.sh [option...]

Makes the directory of each store of a topology, with the regions it begins with. Stores do the
same when they start, so this is for those who want to look at directories, or move them, before.
PD must run: the cluster has its id from there. What is there already is compared and left as it is,
so run it as often as you like; a store that runs, or began with other regions, is an error.

  --config FILE          the topology (default: deploy/raft_config.example.json)
  --scope SCOPE          its addresses and directories for host (default) or docker
  --path-template PATH   other directories than the topology's, {id} standing for the store's id
  --bin DIR              folder of the programs (default: build/cluster/bin, or build/release/bin)
TEXT
}

template='' programs=''
while (($# > 0)); do
  case $1 in
    --config | --scope | --path-template | --bin)
      (($# > 1)) || refuse "$1 needs a value"
      case $1 in
        --config) config=$2 ;;
        --scope) scope=$2 ;;
        --path-template) template=$2 ;;
        --bin) programs=$2 ;;
      esac
      shift 2
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) refuse "unknown option '$1'" ;;
  esac
done
[[ $scope == host || $scope == docker ]] || refuse "--scope $scope is neither host nor docker"
[[ -z $template || $template == *'{id}'* ]] || refuse "--path-template $template has no {id}"
find_programs "$programs"
read_stores

for id in "${store_ids[@]}"; do
  options=()
  [[ -z $template ]] || options=(--workdir "${template//'{id}'/$id}")
  "$root/deploy/serve_from_config.sh" --config "$config" --store-id "$id" --scope "$scope" \
    --bin "$bin" --bootstrap-only "${options[@]}"
done
echo "${#store_ids[@]} stores have their regions"
