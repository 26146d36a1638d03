#!/usr/bin/env bash
# --profile and --trace of a recipe with tensors, and data that are too short:  profile_test.sh PROGRAM
source bazel/run_test_functions.sh

runs --preset=smoke --threads=2 --profile --trace="$work/trace.json" --trace-steps=10:11 --out="$work/run"
says "^Profile: wall .* shares are of 2 threads side by side$"
says "^roof of 1 thread: read "
says "^matmul  *[0-9][0-9]*  *[0-9.]*  *[0-9.]*%  *[0-9.]*  *[0-9.]*  *[0-9.]*% \(mem\|fma\)$"
says "^(backward, between ops)  *[0-9]"
# Ops of the two steps of each part, with what they take.
[ "$(grep -c '"cat":"step"' "$work/trace.json")" = 30 ] || fail "15 parts have 30 marks, the trace has others"
grep -q '"name":"embedding","cat":"op","args":{"inputs":\["f32\[256,16\]","i32\[4,32\]"\],"outputs":\["f32\[4,32,16\]"\],"bytes":16896}' \
  "$work/trace.json" || fail "no embedding with its inputs and bytes"
grep -q '"cat":"backward"' "$work/trace.json" || fail "no backward"
[ "$(stat -c %s "$work/trace.json")" -lt 3000000 ] || fail "the trace of two steps is large"

# 3,000 bytes hold two windows for the 16 of the evaluation: said before anything is trained, and no folder is left.
lines 120 "a short text" >"$work/short.txt"
refused "^error: .*short.txt (validation part): 16 fixed windows of 32 tokens are asked for, the text holds " \
  --preset=smoke --data="$work/short.txt"
