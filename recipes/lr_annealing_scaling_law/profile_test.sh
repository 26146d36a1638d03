#!/usr/bin/env bash
# --profile and --trace of a recipe with tensors, and data that are too short:  profile_test.sh PROGRAM
set -uo pipefail
program=$1
work=${TEST_TMPDIR:-$(mktemp -d)}
fail() {
  echo "$1"
  tail -60 "$work/log"
  exit 1
}

"$program" --preset=smoke --threads=2 --profile --trace="$work/trace.json" --trace-steps=10:11 --out="$work/run" \
  >"$work/log" 2>&1 || fail "the run failed"
grep -q "^Profile: wall .* shares are of 2 threads side by side$" "$work/log" || fail "no profile"
grep -q "^roof of 1 thread: read " "$work/log" || fail "no roof of the threads in use"
grep -Eq "^matmul +[0-9]+ +[0-9.]+ +[0-9.]+% +[0-9.]+ +[0-9.]+ +[0-9.]+% (mem|fma)$" "$work/log" ||
  fail "no row of matmul"
grep -Eq "^\(backward, between ops\) +[0-9]+ " "$work/log" || fail "no row of what is between ops"
# Ops of the two steps of each part, with what they take.
[ "$(grep -c '"cat":"step"' "$work/trace.json")" = 30 ] || fail "15 parts have 30 marks, the trace has others"
grep -q '"name":"embedding","cat":"op","args":{"inputs":\["f32\[256,16\]","i32\[4,32\]"\],"outputs":\["f32\[4,32,16\]"\],"bytes":16896}' \
  "$work/trace.json" || fail "no embedding with its inputs and bytes"
grep -q '"cat":"backward"' "$work/trace.json" || fail "no backward"
[ "$(stat -c %s "$work/trace.json")" -lt 3000000 ] || fail "the trace of two steps is large"

# 3,000 bytes hold two windows for the 16 of the evaluation: said before anything is trained, and no folder is left.
yes "a short text" | head -c 3000 >"$work/short.txt"
"$program" --preset=smoke --data="$work/short.txt" --out="$work/outputs/none" >"$work/log" 2>&1
[ $? = 1 ] || fail "short data are no error"
grep -q "^error: .*short.txt (validation part): 16 fixed windows of 32 tokens are asked for, the text holds " "$work/log" ||
  fail "no word on what is too short"
[ ! -e "$work/outputs" ] || fail "short data left a folder"
