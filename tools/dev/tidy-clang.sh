#!/bin/sh
# clang-tidy with the checks of .clang-tidy, as errors:
#
#     sh tools/dev/tidy-clang.sh [FILE.cpp]...      default: all of sim/
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=tools/dev/common.sh
. tools/dev/common.sh

# The flags of a clang build, as clang-tidy does not know those of g++.
configure clang
if [ $# -eq 0 ]; then
  # shellcheck disable=SC2046
  set -- $(find sim -name '*.cpp')
fi
printf '==> clang-tidy on %s files\n' "$#"
printf '%s\n' "$@" | xargs -P "$jobs" -n 2 clang-tidy -p build/clang --quiet
