#!/usr/bin/env bash
# What tests/gpu/run does with a pack, with programs that only tell how they were called: run_test.sh RUN.
set -euo pipefail
run=$PWD/$1
fail() {
  echo "$1" >&2
  exit 1
}
house=$TEST_TMPDIR/house tools=$TEST_TMPDIR/tools pack=$TEST_TMPDIR/pack
mkdir -p "$house/tests/gpu" "$tools" "$pack/lib"
cp "$run" "$house/tests/gpu/run"
program() {
  printf '#!/bin/sh\n%s\n' "$2" >"$1"
  chmod +x "$1"
}
program "$tools/nvidia-smi" 'echo "Test GPU"'
program "$tools/nvcc" 'echo none'
# Takes its own options off and runs the rest.
program "$tools/compute-sanitizer" 'echo "sanitizer no_cache=${ROUX_CUDA_NO_CACHE:-}"
while [ "${1#--}" != "$1" ]; do [ "$1" = --error-exitcode ] || [ "$1" = --tool ] || [ "$1" = --print-limit ] && shift; shift; done
exec "$@"'
# PyTorch's side: `python3 -c ...` finds it, `python3 ops.py --binary B ...` runs B.
program "$tools/python3" '[ "$1" = -c ] && exit 0
echo "python libraries=${LD_LIBRARY_PATH:-none}"
exec "$3"'
program "$pack/gpu_tests" 'echo "tests libraries=$LD_LIBRARY_PATH no_cache=${ROUX_CUDA_NO_CACHE:-}"
echo "[==========] 3 tests from 1 test suite ran. (1 ms total)"
echo "[  PASSED  ] 3 tests."'
program "$pack/op_benchmark" 'echo "benchmark libraries=$LD_LIBRARY_PATH"'
touch "$pack/ops.py"
echo 0123456789 >"$pack/commit"
tar -C "$pack" -cJf "$TEST_TMPDIR/pack.tar.xz" .

out=$TEST_TMPDIR/out
PATH=$tools:$PATH LD_LIBRARY_PATH=/outside "$house/tests/gpu/run" --pack="$TEST_TMPDIR/pack.tar.xz" --out="$out" \
  >"$TEST_TMPDIR/said" || fail "it fails: $(cat "$TEST_TMPDIR/said")"
grep -q '^python libraries=/outside$' "$out/ops.md" || fail "PyTorch got our libraries: $(cat "$out/ops.md")"
grep -q '^benchmark libraries=.*/lib:/outside$' "$out/ops.md" || fail "our benchmark lacks them: $(cat "$out/ops.md")"
grep -q '^tests libraries=.*/lib:/outside no_cache=$' "$out/tests.log" || fail "our tests lack them"
grep -q '^sanitizer no_cache=1$' "$out/memcheck.log" || fail "the sanitizer runs with the cache"
grep -q 'libraries=.*/lib:/outside no_cache=1$' "$out/initcheck.log" || fail "its program lacks the libraries"
tail -n 1 "$TEST_TMPDIR/said" | grep -q ' passed, 0 failed$' || fail "it counts failures: $(cat "$TEST_TMPDIR/said")"
