#!/usr/bin/env bash
# Every source file is as clang-format writes it. To repair: clang-format -i FILE...
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
if ! command -v clang-format >/dev/null; then
  echo "skipped: there is no clang-format (deploy/install_deps.sh installs it)"
  exit 77
fi
find benchmark cmd engine gateway pd percolator raftstore proto tests \( -name "*.cc" -o -name "*.h" \) -print0 |
  xargs -0 clang-format --dry-run -Werror
