#!/usr/bin/env bash
# Every source has the format of .clang-format. Runs in the source tree, which the given file leads to.
set -eu
workspace=$(dirname "$(readlink -f "$1")")
cd "$workspace"
exec bazel/lint --format-only
