#!/bin/bash
# E10: from which size on is a value better left in the log than copied into the tables?
#
# Loads the same values once inline and once in the log, for sizes from 64 B to 4 KiB, and runs A
# and E on them. The threshold belongs where the log begins to win.
#
# Usage: e10_value_threshold.sh NOKV-YCSB DIRECTORY [RUNS]
set -euo pipefail

program=${1:?path of nokv-ycsb}
directory=${2:?directory for the databases}
runs=${3:-3}
inline_threshold=$((1 << 30))
log_threshold=8
data_bytes=$((256 << 20))

for value_size in 64 128 256 512 1000 4096; do
  records=$((data_bytes / (value_size + 23)))
  ((records > 1000000)) && records=1000000
  for threshold in "$inline_threshold" "$log_threshold"; do
    [ "$threshold" = "$log_threshold" ] && place="in the log" || place="inline"
    echo "== values of $value_size B, $place"
    "$program" --engines nokv --workloads load,A,E --dir "$directory" --runs "$runs" \
      --records "$records" --operations "$records" --value-size "$value_size" \
      --value-threshold "$threshold" | tail -n +3
  done
done
