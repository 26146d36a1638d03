#!/usr/bin/env bash
# ledger_test.sh LEDGER STORED NVCC VERSION FAMILY=OBJECT...: fails when the stored table is not what the code costs.
set -euo pipefail
ledger=$1 stored=$2 version=$4
shift 2
if ! "$ledger" "$@" >"$TEST_TMPDIR/found"; then
  [ -z "$(command -v cuobjdump)" ] || exit 1
  echo "skipped: there is no cuobjdump here"
  exit 0
fi
# Another nvcc allots other registers, but needs no stack either.
if ! grep -q "nvcc $version made" "$stored"; then
  with_stack() { sed -n 's/^[0-9]* kernels, \([0-9]*\) of them.*/\1/p' "$1"; }
  echo "$stored was made by another nvcc than $version"
  [ "$(with_stack "$TEST_TMPDIR/found")" -le "$(with_stack "$stored")" ] || {
    echo "more kernels than there have a stack or spill registers" >&2
    exit 1
  }
  exit 0
fi
diff -u "$stored" "$TEST_TMPDIR/found" || {
  echo "bazel run --config=cuda //cuda/kernels:ledger >cuda/LEDGER.md writes it" >&2
  exit 1
}
