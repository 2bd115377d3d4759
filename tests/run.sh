#!/usr/bin/env bash
# Sets up and tests, in one command. Ends with ctest's summary, and not with 0 if anything failed.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: tests/run.sh [kind...]

Installs what is missing (with apt), builds what the kinds need and tests it. Without a kind:
asan, tsan and release.

  release        the kinds from unit to bench-smoke, on the optimised build
  unit           one component at a time, on fakes
  sim            raft groups and whole clusters in simulated time, with faults; every state of small
                 groups
  crash          the engine on a simulated disk that loses power, and real processes that are killed
  integration    real programs, real sockets, real peers; the installed package
  lint           layers, banned words, headers, format, links of the documents
  bench-smoke    every benchmark, for a moment: that it runs, not how fast
  asan           unit, sim and crash, under the address and undefined-behaviour sanitizers
  tsan           unit, under the thread sanitizer
  tidy           clang-tidy over everything, with thread-safety analysis
  long           a hundred kills, long simulations, long load (not part of a plain run)
  fresh-machine  the README's commands on a new Debian 12 in a chroot (needs root)
  docker         the compose file: built, up, killed, up again; SKIPPED where there is no Docker

Builds live in build/<preset>, logs in build/logs. NOKV_SKIP_INSTALL=1 leaves the packages alone.
TEXT
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
logs=$root/build/logs
jobs=$(nproc)
export CMAKE_BUILD_PARALLEL_LEVEL=$jobs CTEST_OUTPUT_ON_FAILURE=1

release_kinds=(unit sim crash integration lint bench-smoke)
kinds=("$@")
((${#kinds[@]} > 0)) || kinds=(asan tsan release)

# step NAME COMMAND...: runs the command with its output in a log, and tells how long it took. A
# failure shows the end of the log and ends everything.
step() {
  local name=$1 log=$logs/$1.log start=$SECONDS
  shift
  mkdir -p "$logs"
  echo "==> $name: $*"
  if ! "$@" >"$log" 2>&1; then
    tail -n 80 "$log"
    echo "==> $name: FAILED after $((SECONDS - start)) s; all of it is in ${log#"$root"/}" >&2
    exit 1
  fi
  echo "    done in $((SECONDS - start)) s"
}

build() {
  local preset=$1 log=$logs/build-$1.log
  step "configure-$preset" cmake --preset "$preset"
  step "build-$preset" cmake --build --preset "$preset"
  if grep ' warning: ' "$log" >&2; then
    echo "==> build-$preset: FAILED, our code compiles without warnings" >&2
    exit 1
  fi
}

# test_preset PRESET CTEST-ARGUMENT...: ctest's own output, which is the last that is printed.
test_preset() {
  local preset=$1
  shift
  echo "==> test-$preset: ctest --preset $preset $*"
  ctest --preset "$preset" -j "$jobs" --no-tests=error "$@"
}

labels=()  # Of the release build; tested last and together.
for kind in "${kinds[@]}"; do
  case "$kind" in
    release) labels+=("${release_kinds[@]}") ;;
    unit | sim | crash | integration | lint | bench-smoke | long) labels+=("$kind") ;;
    asan | tsan | tidy | fresh-machine | docker) ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      echo "run.sh: unknown kind '$kind'" >&2
      usage >&2
      exit 2
      ;;
  esac
done

if [[ -z ${NOKV_SKIP_INSTALL:-} ]]; then
  step install-packages deploy/install_deps.sh all
fi
# One build after the other, and the release build first: nothing needs testing that won't compile.
if ((${#labels[@]} > 0)); then build release; fi
for kind in "${kinds[@]}"; do
  case "$kind" in
    asan)
      build asan
      test_preset asan -LE 'integration|lint|bench-smoke|long'
      ;;
    tsan)  # The crash tests have one thread.
      build tsan
      test_preset tsan -L '^unit$'
      ;;
    tidy) build tidy ;;
    fresh-machine) tests/fresh_machine.sh ;;
    docker) tests/docker.sh || (($? == 77)) ;;  # 77: it was skipped, and has said so.
  esac
done
if ((${#labels[@]} > 0)); then
  pattern="^($(IFS='|' && echo "${labels[*]}"))\$"
  excluded=(-LE '^long$')
  [[ $pattern != *long* ]] || excluded=()
  test_preset release -L "$pattern" "${excluded[@]}"
fi
