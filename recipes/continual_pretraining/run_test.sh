#!/usr/bin/env bash
# The program from outside: first numbers, kill and resume, --table, --data, --plan:  run_test.sh PROGRAM
set -uo pipefail
program=$1
work=${TEST_TMPDIR:-$(mktemp -d)}
fail() {
  echo "$1"
  tail -40 "$work/log"
  exit 1
}

"$program" --preset=smoke --out="$work/whole" >"$work/log" 2>&1 || fail "the smoke preset failed"
# The first losses of the base: weights, rows and the step are what they were.
first=$(grep '"part":"base/seed1"' "$work/whole/metrics.jsonl" | grep -o '"loss":[0-9.]*' | head -2 | cut -c8-14 | tr '\n' ' ')
[ "$first" = "6.35617 6.06989 " ] || fail "the first losses of base/seed1 are $first"

# Killed without a word at three moments and resumed: the same numbers and claims, byte for byte.
"$program" --preset=smoke --out="$work/cut" >"$work/log" 2>&1 &
pid=$!
for share in 20 50 80; do
  wanted=$(($(wc -l <"$work/whole/metrics.jsonl") * share / 100))
  until [ "$(cat "$work/cut/metrics.jsonl" 2>/dev/null | wc -l)" -ge "$wanted" ]; do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.02
  done
  kill -KILL "$pid" 2>/dev/null
  wait "$pid" 2>/dev/null
  "$program" --resume="$work/cut" >"$work/log" 2>&1 &
  pid=$!
done
wait "$pid" || fail "the resumed run failed"
for file in metrics.jsonl claims.json; do
  cmp "$work/whole/$file" "$work/cut/$file" || fail "$file differs after three kills"
done

cat >"$work/phases.json" <<'JSON'
{"phases": [{"name": "warm-up", "shape": "linear", "steps": 3, "to": 3e-4},
            {"name": "anneal", "shape": "exponential", "steps": 2, "to": 3e-6}]}
JSON
"$program" --table="$work/phases.json" --out="$work/table" >"$work/log" 2>&1 || fail "--table failed"
grep -q '"rate":\[0,9.999999999999999e-05,0.00019999999999999998,3e-04,2.9999999999999997e-05\],"end":3e-06' \
  "$work/table/table.json" || fail "table.json has other rates: $(cat "$work/table/table.json")"
echo '{"phases": [{"shape": "linear"}]}' >"$work/bad.json"
"$program" --table="$work/bad.json" --out="$work/outputs/bad" >"$work/log" 2>&1 && fail "a phase without steps is no error"
grep -q "bad.json: phase 1: 'steps' must be a whole number" "$work/log" || fail "no word on what the phase lacks"

# The user's own two texts, called from the folder that they are in: nothing of the weak shift, nothing asserted.
mkdir "$work/texts"
for i in $(seq 400); do echo "Line $i of the first text, in plain English."; done >"$work/texts/a.txt"
for i in $(seq 400); do echo "Zeile $i des zweiten Textes, auf Deutsch."; done >"$work/texts/b.txt"
BUILD_WORKING_DIRECTORY=$work "$program" --preset=smoke --data=texts/a.txt,texts/b.txt --out="$work/own" >"$work/log" 2>&1 ||
  fail "--data failed"
grep -q "^D1: b (" "$work/log" || fail "the second text is not D1"
grep -q '"asserted":true' "$work/own/claims.json" && fail "a claim about the user's data is asserted"
grep -q 'there is no D1 in D0' "$work/own/claims.json" || fail "no word on why the weak shift is not testable"
"$program" --preset=smoke --data="$work/texts/a.txt" --out="$work/outputs/one" >"$work/log" 2>&1 && fail "one text is no error"
grep -q "two text domains are needed" "$work/log" || fail "no word on the two texts"
"$program" --preset=smoke --data="$work/texts/a.txt,$work/none.txt" --out="$work/outputs/none" >"$work/log" 2>&1 &&
  fail "a missing text is no error"
grep -q -- "--data=$work/none.txt: No such file" "$work/log" || fail "no word on the missing text"
"$program" --preset=smoke --old=emma --out="$work/outputs/none" >"$work/log" 2>&1 && fail "an unknown domain is no error"
grep -q "there is no text domain 'emma'; there are austen_emma" "$work/log" || fail "no list of the domains"
[ ! -e "$work/outputs" ] || fail "a slip left a folder"

"$program" --preset=gpu --plan >"$work/log" 2>&1 || fail "--plan failed"
grep -q "base/seed1" "$work/log" || fail "the plan has no base"
