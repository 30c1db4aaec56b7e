#!/bin/sh
# Formats all C++ sources in place, as tools/test wants them (clang-format 14):
#
#     sh tools/dev/format.sh [FILE]...
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=tools/dev/common.sh
. tools/dev/common.sh

if [ $# -eq 0 ]; then
  # shellcheck disable=SC2046
  set -- $(sources)
fi
clang-format -i "$@"
