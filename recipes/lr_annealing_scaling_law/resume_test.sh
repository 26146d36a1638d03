#!/usr/bin/env bash
# An interrupted and resumed run leaves the same metrics and claims, byte for byte, as an undisturbed one.
set -uo pipefail
program=$1
work=${TEST_TMPDIR:-$(mktemp -d)}
"$program" --preset=smoke --out="$work/whole" >"$work/whole.log" 2>&1 || { cat "$work/whole.log"; exit 1; }

for attempt in 1 2 3 4 5; do
  rm -rf "$work/cut"
  "$program" --preset=smoke --out="$work/cut" >"$work/cut.log" 2>&1 &
  pid=$!
  # Interrupt in the middle: when a share of the lines, another one each time, has been written.
  wanted=$((attempt * 80))
  until [ "$(cat "$work/cut/metrics.jsonl" 2>/dev/null | wc -l)" -ge "$wanted" ]; do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.02
  done
  kill -INT "$pid" 2>/dev/null
  wait "$pid"
  code=$?
  [ "$code" = 130 ] && break
done
[ "$code" = 130 ] || { echo "the run was never interrupted (exit $code)"; cat "$work/cut.log"; exit 1; }
grep -q -- --resume "$work/cut.log" || { echo "no word on how to resume"; cat "$work/cut.log"; exit 1; }

"$program" --resume="$work/cut" >"$work/resumed.log" 2>&1 || { cat "$work/resumed.log"; exit 1; }
for file in metrics.jsonl claims.json; do
  cmp "$work/whole/$file" "$work/cut/$file" || exit 1
done
echo "resumed run equals the undisturbed one"
