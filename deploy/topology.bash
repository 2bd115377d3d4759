# What the scripts of the cluster share: where the programs are, and what a topology says. They
# source it. What a topology means is asked from nokv-config, so scripts and daemons agree on it.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
config=$root/deploy/raft_config.example.json
scope=host

fail() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# A command line that makes no sense; the script has a function usage().
refuse() {
  echo "${0##*/}: $*" >&2
  usage >&2
  exit 2
}

# find_programs DIR: sets `bin` to the folder of the programs, which is DIR if one is given.
find_programs() {
  local folder folders=("$1")
  [[ -n $1 ]] || folders=("$root/build/cluster/bin" "$root/build/release/bin")
  for folder in "${folders[@]}"; do
    if [[ -x $folder/nokv && -x $folder/nokv-config ]]; then
      bin=$folder
      return
    fi
  done
  fail "no nokv and nokv-config in ${folders[*]}: 'deploy/quickstart.sh cluster' builds them," \
    "--bin DIR names their folder"
}

# read_stores: sets `store_ids`, and by id `store_addr` and `store_dir` (- for none) as `scope` sees
# them. Ends the script if the topology has mistakes; nokv-config has told them.
# shellcheck disable=SC2034  # Others read what is set here.
read_stores() {
  local lines id addr docker_addr dir docker_dir
  declare -gA store_addr=() store_dir=()
  store_ids=()
  lines=$("$bin/nokv-config" stores --config "$config") || exit 1
  while read -r id _ addr _ docker_addr dir docker_dir; do
    [[ $scope == host ]] || addr=$docker_addr dir=$docker_dir
    store_ids+=("$id")
    store_addr[$id]=$addr
    store_dir[$id]=$dir
  done <<<"$lines"
}
