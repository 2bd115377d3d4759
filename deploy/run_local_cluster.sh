#!/usr/bin/env bash
# A whole cluster on this machine, from its topology: PD, the stores and the gateway.
#
# This script is the parent of them all and stays until the last has ended. It deletes nothing: PD
# and stores begin only in directories where nothing is, and go on from what they find.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=topology.bash
source "$(dirname "${BASH_SOURCE[0]}")/topology.bash"

usage() {
  cat <<'TEXT'
usage: deploy/run_local_cluster.sh [option...]

Starts PD, all stores and the Redis gateway of a topology on this machine. Ctrl-C and TERM end them
in good order; start again, and the data is there. What is killed meanwhile is started again, so
kill -9 what you like; what ends by itself has told why in its log.

  --config FILE         the topology (default: deploy/raft_config.example.json)
  --workdir DIR         data in DIR/pd and DIR/store-ID, logs in DIR/logs (default: the topology's
                        directories, and ./artifacts/cluster/logs)
  --redis-addr HOST:PORT  where the gateway listens (default: 127.0.0.1:6380)
  --no-redis            no gateway
  --metrics-port PORT   metrics on the loopback: gateway PORT, store ID on PORT + ID, PD on
                        PORT + 10 (default: 9100; 0 for none)
  --bin DIR             folder of the programs (default: build/cluster/bin, or build/release/bin)
TEXT
}

ready_seconds=120  # For everything to serve; recovery is in it.
stop_seconds=30    # For everything to end; then it is killed, which loses nothing acknowledged.
free_seconds=5     # For addresses to become free: a cluster that was just told to end has them.

workdir='' programs='' redis_addr=127.0.0.1:6380 metrics_port=9100
while (($# > 0)); do
  case $1 in
    --config | --workdir | --redis-addr | --metrics-port | --bin)
      [[ $# -gt 1 && $2 != --* ]] || refuse "$1 needs a value"
      case $1 in
        --config) config=$2 ;;
        --workdir) workdir=$2 ;;
        --redis-addr) redis_addr=$2 ;;
        --metrics-port) metrics_port=$2 ;;
        --bin) programs=$2 ;;
      esac
      shift 2
      ;;
    --no-redis)
      redis_addr=
      shift
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) refuse "unknown option '$1'" ;;
  esac
done
[[ $metrics_port =~ ^[0-9]{1,5}$ ]] || refuse "--metrics-port $metrics_port is no port"
find_programs "$programs"
read_stores
pd_addr=$("$bin/nokv-config" pd --config "$config")
pd_dir=$("$bin/nokv-config" pd --config "$config" --field workdir)
if [[ -n $workdir ]]; then
  pd_dir=$workdir/pd
  for id in "${store_ids[@]}"; do store_dir[$id]=$workdir/store-$id; done
fi
logs=${workdir:-./artifacts/cluster}/logs

names=(pd)
[[ -n $pd_dir ]] || fail "$config names no directory of PD: add pd.work_dir, or give --workdir"
for id in "${store_ids[@]}"; do
  names+=("store-$id")
  [[ ${store_dir[$id]} != - ]] ||
    fail "$config names no directory of store $id: add store_work_dir_template, or give --workdir"
  ((metrics_port == 0 || id < 10)) ||
    fail "store $id has no port for metrics of its own: give --metrics-port 0"
done
[[ -z $redis_addr ]] || names+=(gateway)

# --- Processes

declare -A pid_of=()    # Of those that run, by name.
declare -A code_of=()   # Of those that have ended lately; see take_ended.
declare -A log_from=()  # How long its log was when it was started.
signals=0               # How often we were told to end.
trap 'signals=$((signals + 1))' INT TERM HUP

exec 3>&2  # Where errors go, always.

say() { echo "==> $*"; }

# start NAME: in a session of its own, since Ctrl-C goes to all of a terminal's foreground and a
# second signal ends a daemon at once; and with a TERM should this script be killed.
start() {
  local name=$1 command offset dir=
  case $name in
    pd)
      offset=10 dir=$pd_dir
      command=("$bin/nokv" pd --config "$config" --addr "$pd_addr")
      ;;
    store-*)
      offset=${name#store-} dir=${store_dir[${name#store-}]}
      command=("$bin/nokv" serve --config "$config" --store-id "${name#store-}")
      ;;
    gateway)
      offset=0
      command=("$bin/nokv-redis" --config "$config" --addr "$redis_addr")
      ;;
  esac
  if [[ -n $dir ]]; then
    mkdir -p "$(dirname "$dir")"
    command+=(--workdir "$dir")
  fi
  ((metrics_port == 0)) || command+=(--metrics-addr "127.0.0.1:$((metrics_port + offset))")

  touch "$logs/$name.log"
  log_from[$name]=$(stat --format %s "$logs/$name.log")
  setsid setpriv --pdeathsig TERM -- "${command[@]}" >>"$logs/$name.log" 2>&1 3>&- {lock}<&- </dev/null &
  pid_of[$name]=$!
}

# take_ended: forgets those that do not run any more, and sets code_of to their codes.
take_ended() {
  local name pid
  code_of=()
  for name in "${!pid_of[@]}"; do
    pid=${pid_of[$name]}
    kill -0 "$pid" 2>/dev/null && continue
    code_of[$name]=0
    wait "$pid" 2>/dev/null || code_of[$name]=$?
    unset "pid_of[$name]"
  done
}

# report NAME CODE: how a process ended, and its last words.
report() {
  say "$1 ended with code $2; the end of $logs/$1.log:" >&3
  tail -n 5 "$logs/$1.log" | sed 's/^/    /' >&3
}

# stop NAME...: all at once, and returns when they have ended. Those that take too long are killed,
# or all of them if we are told once more to end. One that had not yet begun may end by the signal.
stop() {
  local name code deadline=$((SECONDS + stop_seconds)) asked=$signals
  for name in "$@"; do
    [[ ! -v pid_of[$name] ]] || kill -TERM "${pid_of[$name]}" 2>/dev/null || true
  done
  for name in "$@"; do
    [[ -v pid_of[$name] ]] || continue
    while kill -0 "${pid_of[$name]}" 2>/dev/null; do
      if ((SECONDS >= deadline || signals > asked)); then
        kill -KILL "${pid_of[$name]}" 2>/dev/null || true
      fi
      sleep 0.05 || true
    done
  done
  take_ended
  for name in "$@"; do
    code=${code_of[$name]:-0}
    ((code == 0 || code == 128 + 15)) || { report "$name" "$code" && exit_code=1; }
  done
}

# Clients before servers, so that what was begun is finished.
stop_all_and_exit() {
  exit_code=$1
  stop gateway
  stop "${names[@]:1:${#store_ids[@]}}"
  stop pd
  say "all have ended; data and logs stay where they are"
  exit "$exit_code"
}

# --- Whether it serves

# ask HOST:PORT [WORD...]: connects; with words sends them, and prints the first line of the answer.
ask() (
  host=${1%:*} port=${1##*:} line=
  host=${host#[}
  exec 4<>"/dev/tcp/${host%]}/$port" || exit 1
  shift
  (($# > 0)) || exit 0
  printf '%s\r\n' "$*" >&4
  read -r -t 5 line <&4 || exit 1
  printf '%s\n' "$line"
) 2>/dev/null

# Fails if this topology's cluster runs already, or if another program listens where one of ours is
# to. The lock on the topology's file lets only one of several scripts begin; it ends with its holder.
check_addresses() {
  flock --wait "$free_seconds" "$lock" || (($? != 1)) ||
    fail "a cluster of $config runs already: end it first, or give another topology (--config)"

  local id address addresses=("$pd_addr" "${store_addr[@]}") deadline=$((SECONDS + free_seconds))
  [[ -z $redis_addr ]] || addresses+=("$redis_addr")
  if ((metrics_port != 0)); then
    addresses+=("127.0.0.1:$((metrics_port + 10))")
    [[ -z $redis_addr ]] || addresses+=("127.0.0.1:$metrics_port")
    for id in "${store_ids[@]}"; do addresses+=("127.0.0.1:$((metrics_port + id))"); done
  fi
  for address in "${addresses[@]}"; do
    while ask "$address"; do
      ((SECONDS < deadline && signals == 0)) ||
        fail "another program listens on $address: end it, or choose other addresses (--help)"
      sleep 0.1 || true
    done
  done
}

# Each process has said that it is ready, and the gateway gets an answer from a store, or wants a
# password first. An answer alone may come from another cluster.
serves() {
  local name reply
  for name in "${names[@]}"; do
    tail -c "+$((log_from[$name] + 1))" "$logs/$name.log" | grep -q ' ready on ' || return
  done
  [[ -n $redis_addr ]] || return 0
  reply=$(ask "$redis_addr" GET ready) || return
  [[ $reply == [$]* || $reply == -NOAUTH* ]]
}

# Ends everything if a process has ended: at the start, another try would meet the same reason.
check_all_run() {
  local name
  take_ended
  ((${#code_of[@]} > 0)) || return 0
  for name in "${names[@]}"; do
    [[ ! -v code_of[$name] ]] || report "$name" "${code_of[$name]}"
  done
  stop_all_and_exit 1
}

wait_until_it_serves() {
  local deadline=$((SECONDS + ready_seconds))
  until serves; do
    ((signals == 0)) || stop_all_and_exit 0
    check_all_run
    if ((SECONDS >= deadline)); then
      say "no service after $ready_seconds s; the logs are in $logs" >&3
      stop_all_and_exit 1
    fi
    sleep 0.1 || true
  done
}

# --- The life of the cluster

exec {lock}<"$config"
check_addresses
mkdir -p "$logs"
for name in "${names[@]}"; do start "$name"; done
wait_until_it_serves
for name in "${names[@]}"; do say "$name: process ${pid_of[$name]}, log $logs/$name.log"; done
say "ready:${redis_addr:+ Redis on $redis_addr,} PD on $pd_addr; Ctrl-C ends it"

while ((signals == 0)); do
  sleep 0.2 || true
  take_ended
  killed=()
  for name in "${!code_of[@]}"; do
    code=${code_of[$name]}
    if ((code > 128)); then
      say "$name was ended by SIG$(kill -l "$((code - 128))"), starting it again"
      killed+=("$name")
    else
      report "$name" "$code"
    fi
  done
  ((${#killed[@]} == 0)) || sleep 1 || true
  for name in "${killed[@]}"; do start "$name"; done
  ((${#pid_of[@]} > 0)) || { say "nothing runs any more" >&3 && exit 1; }
done 2>/dev/null  # Bash itself would tell of each that is killed.
stop_all_and_exit 0
