#!/usr/bin/env bash
# The first numbers of the smoke preset: the base's first loss, the held-out loss before and after phase 1 of the
# adapter. Processors differ in the last digits.
set -uo pipefail
out=${TEST_TMPDIR:-$(mktemp -d)}/smoke
"$1" --preset=smoke --out="$out" >"$out.log" 2>&1 || { cat "$out.log"; exit 1; }
first=$(sed -n '/"base\/seed1","step":1,"loss"/s/.*"loss":\([^,]*\),.*/\1/p' "$out/metrics.jsonl")
held_out=$(sed -n '/"phase1\/seed1".*"held_out_loss"/s/.*:\(.*\)}/\1/p' "$out/metrics.jsonl" | sed -n '1p;$p' | tr '\n' ' ')
echo "$first $held_out" | awk '
  function off(x, y) { return x < 0.9995 * y || x > 1.0005 * y }
  off($1, 6.244509) || off($2, 5.820544) || off($3, 5.619261) { exit 1 }' ||
  { echo "losses are $first $held_out, pinned are 6.244509 5.820544 5.619261"; exit 1; }
