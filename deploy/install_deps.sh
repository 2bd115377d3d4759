#!/usr/bin/env bash
# Installs what NoKV needs from the distribution. This is the one list of packages.
set -euo pipefail

# To build and run the embedded database, the gateway and the tools.
run_packages=(
  ca-certificates
  ccache
  cmake
  g++
  libabsl-dev
  libcli11-dev
  libcpp-httplib-dev
  libfmt-dev
  libjemalloc-dev
  liblz4-dev
  libspdlog-dev
  libssl-dev
  libxxhash-dev
  libzstd-dev
  mold
  ninja-build
  nlohmann-json3-dev
  pkg-config
  prometheus-cpp-dev
)

# To build and run the contracts and services of the cluster.
cluster_packages=(
  libgrpc++-dev
  libprotobuf-dev
  protobuf-compiler
  protobuf-compiler-grpc
)

# To test it, to check its style, and to measure it beside others.
test_packages=(
  catch2
  clang-format
  clang-tidy
  debootstrap
  git
  iproute2
  libleveldb-dev
  liblmdb-dev
  librocksdb-dev
  liburing-dev
  nftables
  procps
  python3
  python3-redis
  redis-server
  redis-tools
)

usage() {
  cat <<'TEXT'
usage: deploy/install_deps.sh [run|cluster|all]

Installs the packages that NoKV needs, with apt, and does nothing when they are all there.
No service of theirs is started.

  run      what building and running the embedded database and the tools takes
  cluster  also what building and running PD, the stores and the gateway before them takes
  all      also what the tests, the style checks and the benchmarks take (default)

Needs root, or sudo.
TEXT
}

case "${1:-all}" in
  run) packages=("${run_packages[@]}") ;;
  cluster) packages=("${run_packages[@]}" "${cluster_packages[@]}") ;;
  all) packages=("${run_packages[@]}" "${cluster_packages[@]}" "${test_packages[@]}") ;;
  -h | --help)
    usage
    exit 0
    ;;
  *)
    echo "install_deps.sh: unknown set of packages '$1'" >&2
    usage >&2
    exit 2
    ;;
esac

if ! command -v apt-get >/dev/null; then
  echo "install_deps.sh: there is no apt-get here; install the equivalents of:" >&2
  printf '  %s\n' "${packages[@]}" >&2
  exit 1
fi

is_installed() {
  [[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" == installed* ]]
}

missing=()
for package in "${packages[@]}"; do
  is_installed "$package" || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
  echo "install_deps.sh: all ${#packages[@]} packages are installed"
  exit 0
fi

as_root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    echo "install_deps.sh: run this as root, or install sudo; missing: ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

# Packages of servers start them when installed. This policy forbids it while we install.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
fi

echo "install_deps.sh: installing ${#missing[@]} packages: ${missing[*]}"
# One unreachable source of many is no reason to stop: what matters is whether the install works.
"${as_root[@]}" apt-get -q update ||
  echo "install_deps.sh: apt-get update failed, going on with what is known" >&2
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get -q -y --no-install-recommends install "${missing[@]}"
