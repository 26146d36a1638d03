#!/usr/bin/env bash
# A run that Ctrl-C or kill -9 ends again and again, at random moments, and that is resumed each time, leaves the same
# metrics and claims, and the same predictions where it makes some, byte for byte, as an undisturbed one:
#   resume_test.sh PROGRAM [NUMBER OF INTERRUPTIONS [SEED]]
set -uo pipefail
program=$1
wanted=${2:-6}
work=${TEST_TMPDIR:-$(mktemp -d)}
seed=${3:-$(date +%s)}
RANDOM=$seed
echo "seed of the random moments: $seed"
fail() {
  echo "$1"
  cat "$work/cut.log"
  exit 1
}

start=$(date +%s%N)
"$program" --preset=smoke --out="$work/whole" >"$work/whole.log" 2>&1 || { cat "$work/whole.log"; exit 1; }
milliseconds=$((($(date +%s%N) - start) / 1000000))

# Ends a run that prints to cut.log, after a random share of its whole time; every third time without a word. Sets code:
# 0 if it was done before.
interrupt() {
  rm -f "$work/cut.log"
  "$program" "$@" >"$work/cut.log" 2>&1 &
  local pid=$! at=$((RANDOM % (milliseconds / 3 + 1)))
  # The heading is printed once the signals are taken care of.
  until grep -qs "^seeds" "$work/cut.log"; do kill -0 "$pid" || fail "the run did not start"; sleep 0.01; done
  sleep "$((at / 1000)).$(printf %03d $((at % 1000)))"
  local signal=INT
  [ $((RANDOM % 3)) = 0 ] && signal=KILL
  kill -"$signal" "$pid" 2>/dev/null
  wait "$pid"
  code=$?
}

done=0
while [ "$done" -lt "$wanted" ]; do
  rm -rf "$work/cut"
  interrupt --preset=smoke --out="$work/cut"
  while [ "$code" = 130 ] || [ "$code" = 137 ]; do
    done=$((done + 1))
    if [ "$code" = 130 ]; then
      grep -q "^stopping: saving" "$work/cut.log" || fail "no word that it stops"
      grep -q -- --resume "$work/cut.log" || fail "no word on how to resume"
    fi
    # Killed before it had anything to go on from.
    [ -e "$work/cut/config.json" ] || continue 2
    [ "$done" -ge "$wanted" ] && break
    interrupt --resume="$work/cut"
  done
  if [ "$code" != 0 ]; then "$program" --resume="$work/cut" >"$work/cut.log" 2>&1; code=$?; fi
  [ "$code" = 0 ] || fail "exit code $code after $done interruptions"
  for file in metrics.jsonl claims.json predictions.jsonl; do
    [ -e "$work/whole/$file" ] || [ -e "$work/cut/$file" ] || continue
    cmp "$work/whole/$file" "$work/cut/$file" || fail "$file differs after $done interruptions"
  done
done
echo "resumed runs equal the undisturbed one, after $done interruptions in all"
