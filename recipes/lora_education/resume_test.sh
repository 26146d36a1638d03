#!/usr/bin/env bash
# The smoke preset: its first numbers, and that a run which is killed (-9) or interrupted again and again and resumed
# each time leaves the same files, byte for byte:  resume_test.sh PROGRAM [NUMBER OF INTERRUPTIONS [SEED]]
set -uo pipefail
program=$1
wanted=${2:-5}
work=${TEST_TMPDIR:-$(mktemp -d)}
RANDOM=${3:-$(date +%s)}
fail() {
  echo "$1"
  cat "$work/cut.log"
  exit 1
}

start=$(date +%s%N)
"$program" --preset=smoke --out="$work/whole" >"$work/whole.log" 2>&1 || { cat "$work/whole.log"; exit 1; }
milliseconds=$((($(date +%s%N) - start) / 1000000))

# Losses of the base's first step and of the adapter before and after phase 1; processors differ in the last digits.
first=$(sed -n '/"base\/seed1","step":1,"loss"/s/.*"loss":\([^,]*\),.*/\1/p' "$work/whole/metrics.jsonl")
held_out=$(sed -n '/"phase1\/seed1".*"held_out_loss"/s/.*:\(.*\)}/\1/p' "$work/whole/metrics.jsonl" |
  sed -n '1p;$p' | tr '\n' ' ')
echo "$first $held_out" | awk '
  function off(x, y) { return x < 0.9995 * y || x > 1.0005 * y }
  off($1, 6.244509) || off($2, 5.820544) || off($3, 5.619261) { exit 1 }' ||
  { echo "losses are $first $held_out, pinned are 6.244509 5.820544 5.619261"; exit 1; }

done=0
while [ "$done" -lt "$wanted" ]; do
  rm -rf "$work/cut"
  flags=(--preset=smoke --out="$work/cut")
  for signal in INT KILL INT; do
    rm -f "$work/cut.log"
    "$program" "${flags[@]}" >"$work/cut.log" 2>&1 &
    pid=$!
    until grep -qs "^seeds" "$work/cut.log"; do kill -0 "$pid" || fail "the run did not start"; sleep 0.01; done
    at=$((RANDOM % (milliseconds / 2 + 1)))
    sleep "$((at / 1000)).$(printf %03d $((at % 1000)))"
    kill -"$signal" "$pid" 2>/dev/null
    wait "$pid"
    code=$?
    [ "$code" = 130 ] || [ "$code" = 137 ] || [ "$code" = 0 ] || fail "exit code $code after $signal"
    [ "$code" = 0 ] && break
    done=$((done + 1))
    flags=(--resume="$work/cut")
    # Killed before it had anything to go on from.
    [ -e "$work/cut/config.json" ] || flags=(--preset=smoke --out="$work/cut")
  done
  if [ "$code" != 0 ]; then "$program" "${flags[@]}" >"$work/cut.log" 2>&1 || fail "the resumed run failed"; fi
  for file in metrics.jsonl predictions.jsonl claims.json; do
    cmp "$work/whole/$file" "$work/cut/$file" || fail "$file differs after $done interruptions"
  done
done
echo "resumed runs equal the undisturbed one, after $done interruptions in all"
