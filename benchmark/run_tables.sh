#!/bin/bash
# Makes the tables of benchmark/README.md: one text and one JSON file each, in the directory.
#
# Usage: run_tables.sh BUILD-DIRECTORY DIRECTORY [RUNS]
# Takes about half an hour with five runs. Nothing else should run on the machine meanwhile.
set -euo pipefail

program=${1:?build directory}/bin/nokv-ycsb
directory=${2:?directory for the databases, on the disk to test}
runs=${3:-5}
mkdir -p "$directory"

table() {
  local name=$1
  shift
  echo "nokv-ycsb $*" | tee "$directory/$name.txt"
  "$program" "$@" --dir "$directory" --json "$directory/$name.json" | tee -a "$directory/$name.txt"
}

engines=nokv,rocksdb,leveldb,lmdb
table l1 --engines $engines,null --runs "$runs"
table l1-two-threads --engines $engines --threads 2 --runs "$runs"
table l2 --engines $engines --durability L2 --workloads load,A,F --records 200000 \
  --operations 200000 --warmup 5000 --runs "$runs"
