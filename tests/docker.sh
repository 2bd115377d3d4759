#!/usr/bin/env bash
# The compose file of deploy/ as a user runs it, in a project and with volumes of its own:
#
# 1. built and started, until every container is healthy
# 2. a key through the gateway; a store's container killed, and the key is there
# 3. all containers killed, up again, and the key is there
# 4. all stopped, each with exit code 0
#
# Ends with code 77 where there is no Docker. The published ports must be free.
set -euo pipefail

skip() {
  echo "docker.sh: SKIPPED: $*"
  exit 77
}

command -v docker >/dev/null || skip "there is no docker"
if docker compose version >/dev/null 2>&1; then
  compose=(docker compose)
elif command -v docker-compose >/dev/null; then
  compose=(docker-compose)
else
  skip "this docker has no compose"
fi
docker info >/dev/null 2>&1 || skip "docker has no daemon, or not for this user"
command -v redis-cli >/dev/null || skip "there is no redis-cli; see deploy/install_deps.sh"

cd "$(dirname "${BASH_SOURCE[0]}")/.."
healthy_seconds=180
name=nokv-test-$$
project=("${compose[@]}" --file deploy/docker-compose.yml --project-name "$name")

say() { echo "==> $(date +%T) $*"; }

fail() {
  echo "docker.sh: $*" >&2
  "${project[@]}" ps >&2
  "${project[@]}" logs --tail=20 >&2
  exit 1
}

containers() { docker ps --all --quiet --filter "label=com.docker.compose.project=$name"; }

is_healthy() {
  local container states=()
  for container in $(containers); do
    states+=("$(docker inspect --format '{{.State.Health.Status}}' "$container")")
  done
  [[ ${states[*]} == "healthy healthy healthy healthy healthy" ]]
}

up() {
  timeout "$healthy_seconds" "${project[@]}" up --detach || fail "up ends with $?"
  local until=$((SECONDS + healthy_seconds))
  while ! is_healthy; do
    ((SECONDS < until)) || fail "not all containers are healthy within $healthy_seconds s"
    sleep 1
  done
}

expect() {
  local expected=$1 answer
  shift
  answer=$(redis-cli -p 6380 "$@")
  [[ $answer == "$expected" ]] || fail "$* answered '$answer' and not '$expected'"
}

trap '"${project[@]}" down --volumes --timeout 5 >/dev/null 2>&1' EXIT
trap 'exit 130' INT TERM

say "${compose[*]} build"
"${project[@]}" config --quiet
"${project[@]}" build

say "${compose[*]} up"
up
expect OK SET greeting "hello, all"
expect 1 INCR counter

say "a store is killed"
"${project[@]}" kill nokv-node2
expect "hello, all" GET greeting
expect 2 INCR counter
up

say "all containers are killed"
"${project[@]}" kill
up
expect "hello, all" GET greeting
expect 2 GET counter

say "${compose[*]} stop"
"${project[@]}" stop
for container in $(containers); do
  code=$(docker inspect --format '{{.State.ExitCode}}' "$container")
  [[ $code == 0 ]] || fail "container $container ended with $code"
done
say "done"
