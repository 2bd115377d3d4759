#!/usr/bin/env bash
# The README's commands as a stranger runs them: on a new Debian 12, made by debootstrap in a chroot.
#
# 1. deploy/quickstart.sh, timed from its start to the first answer
# 2. redis-cli, python3-redis, and redis-benchmark beside redis-server (AOF, everysec)
# 3. kill -9, deploy/quickstart.sh again, and the data is there
# 4. deploy/quickstart.sh cluster, timed; a store killed; ended, and again; kill -9 of everything, and
#    again
# 5. tests/run.sh (not with FRESH_MACHINE_TESTS=0)
#
# The chroot has mount and process namespaces of its own, so nothing stays mounted or running however
# this script ends. It shares the network: the ports below must be free on the loopback.
set -euo pipefail

say() { echo "==> $(date +%T) $*"; }

# --- Outside: the namespaces, and the folder that goes away again.

if [[ -z ${FRESH_MACHINE_INSIDE:-} ]]; then
  for tool in debootstrap unshare redis-cli git; do
    command -v "$tool" >/dev/null ||
      { echo "fresh_machine.sh: there is no $tool; see deploy/install_deps.sh" >&2; exit 1; }
  done
  ((EUID == 0)) || { echo "fresh_machine.sh: making a chroot needs root" >&2; exit 1; }
  for port in 6380 6390 2379 20170 20171 20172 9100 9101 9102 9103 9110; do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "fresh_machine.sh: port $port is in use" >&2
      exit 1
    fi
  done
  machine=$(mktemp -d "${TMPDIR:-/tmp}/nokv-fresh-machine.XXXXXX")
  chmod 755 "$machine"
  trap 'rm -rf --one-file-system "$machine"' EXIT
  trap 'exit 130' INT TERM
  FRESH_MACHINE_INSIDE=$machine \
    unshare --mount --pid --fork --kill-child --propagation private "${BASH_SOURCE[0]}" "$@"
  exit
fi

# --- Inside: make the machine.

trap 'exit 130' INT TERM  # The first process of a namespace ignores what it does not handle.
machine=$FRESH_MACHINE_INSIDE
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
checkout=/srv/nokv  # In the chroot.

# Each of these replaces the one before, so the process that is started is the one that is killed.
enter=(env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8
  http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" no_proxy="${no_proxy:-}"
  chroot "$machine")
inside() { "${enter[@]}" bash -c "cd $checkout && $1"; }

# What this host's apt knows about Debian 12: where it is, and how to get there.
debian_sources() {
  # shellcheck disable=SC2016  # The dollars are apt's.
  apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
    'Created-By: Packages' 'Origin: Debian' | grep bookworm | sort -u
}

say "debootstrap bookworm"
sources=$(debian_sources)
[[ -n $sources ]] || sources='deb http://deb.debian.org/debian bookworm main'
mirror=$(awk '$3 == "bookworm" { print $2; exit }' <<<"$sources")
debootstrap --variant=minbase bookworm "$machine" "$mirror" >"$machine.log" 2>&1 ||
  { tail -n 20 "$machine.log"; exit 1; }
rm "$machine.log"

echo "$sources" >"$machine/etc/apt/sources.list"
apt-config dump | grep -E '^Acquire::(Check|ForceIPv|Retries|http|https)' \
  >"$machine/etc/apt/apt.conf.d/99-as-the-host" || true
cp /etc/resolv.conf /etc/hosts "$machine/etc/"
if [[ -e /etc/ssl/certs/ca-certificates.crt ]]; then  # For sources behind https.
  mkdir -p "$machine/etc/ssl/certs"
  cp /etc/ssl/certs/ca-certificates.crt "$machine/etc/ssl/certs/"
fi
mount -t proc proc "$machine/proc"
mount -t sysfs -o ro sysfs "$machine/sys"
mount --bind /dev "$machine/dev"
mount -t tmpfs tmpfs "$machine/dev/shm"
git clone --quiet --no-hardlinks "$source" "$machine$checkout"

for command in deploy/quickstart.sh tests/run.sh; do
  grep -qx "$command" "$machine$checkout/README.md" ||
    { echo "fresh_machine.sh: the README does not tell to run '$command'" >&2; exit 1; }
done

# --- Use it.

database=  # Process of the quick start, and of what it becomes.
start_database() {  # With the quick start's arguments.
  "${enter[@]}" bash -c "cd $checkout && exec deploy/quickstart.sh $*" \
    >"$machine/quickstart.log" 2>&1 &
  database=$!
  local start_ms answer
  start_ms=$(date +%s%3N)
  while true; do
    answer=$(redis-cli -p 6380 SET started yes 2>/dev/null || true)
    [[ $answer != OK ]] || break
    if ! kill -0 "$database" 2>/dev/null; then
      tail -n 60 "$machine/quickstart.log"
      echo "fresh_machine.sh: quickstart.sh ended without an answer" >&2
      exit 1
    fi
    sleep 0.1
  done
  first_answer_ms=$(($(date +%s%3N) - start_ms))
}

expect() {
  local expected=$1 answer
  shift
  answer=$(redis-cli -p 6380 "$@")
  [[ $answer == "$expected" ]] ||
    { echo "fresh_machine.sh: $* answered '$answer' and not '$expected'" >&2; exit 1; }
}

say "deploy/quickstart.sh"
start_database
say "first answer after $((first_answer_ms / 1000)).$((first_answer_ms % 1000 / 100)) s"
grep -E '^==> ' "$machine/quickstart.log"

say "redis-cli"
expect OK SET greeting hello
expect hello GET greeting
expect 1 INCR visits
expect 2 INCR visits

say "deploy/install_deps.sh all"
inside 'deploy/install_deps.sh all' >"$machine/install.log" 2>&1 ||
  { tail -n 20 "$machine/install.log"; exit 1; }

say "python3-redis, and redis-benchmark beside redis-server"
inside 'python3 tests/redis_side_by_side.py 6380 6390'

say "kill -9, and deploy/quickstart.sh again"
kill -9 "$database"
wait "$database" 2>/dev/null || true
if redis-cli -p 6380 PING >/dev/null 2>&1; then
  echo "fresh_machine.sh: something answers after kill -9" >&2
  exit 1
fi
start_database
say "answers again after $((first_answer_ms / 1000)).$((first_answer_ms % 1000 / 100)) s"
expect hello GET greeting
expect 2 GET visits
kill -TERM "$database"
wait "$database" || { echo "fresh_machine.sh: TERM ended the database with $?" >&2; exit 1; }

say "deploy/quickstart.sh cluster"
start_database cluster
say "first answer after $((first_answer_ms / 1000)).$((first_answer_ms % 1000 / 100)) s"
expect OK SET greeting "hello, all"
expect 1 INCR counter
until grep -q '^==> ready' "$machine/quickstart.log"; do sleep 0.1; done
kill -9 "$(sed -n 's/^==> store-2: process \([0-9]*\),.*/\1/p' "$machine/quickstart.log")"
expect "hello, all" GET greeting
expect 2 INCR counter
kill -TERM "$database"
wait "$database" || { echo "fresh_machine.sh: TERM ended the cluster with $?" >&2; exit 1; }
start_database cluster
expect "hello, all" GET greeting
expect 3 INCR counter

say "kill -9 of the whole cluster, and deploy/quickstart.sh cluster again"
until grep -q '^==> ready' "$machine/quickstart.log"; do sleep 0.1; done
mapfile -d ' ' -t children <"/proc/$database/task/$database/children"
kill -9 "${children[@]}" "$database" || true  # One of them may have been a sleep.
wait "$database" 2>/dev/null || true
if redis-cli -p 6380 PING >/dev/null 2>&1; then
  echo "fresh_machine.sh: something answers after kill -9 of everything" >&2
  exit 1
fi
start_database cluster
say "answers again after $((first_answer_ms / 1000)).$((first_answer_ms % 1000 / 100)) s"
expect "hello, all" GET greeting
expect 3 GET counter
kill -TERM "$database"
wait "$database" || { echo "fresh_machine.sh: TERM ended the cluster with $?" >&2; exit 1; }

if [[ ${FRESH_MACHINE_TESTS:-1} != 0 ]]; then
  say "tests/run.sh"
  inside 'tests/run.sh'
fi
say "done"
