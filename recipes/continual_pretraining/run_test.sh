#!/usr/bin/env bash
# The program from outside: first numbers, --table, --data, --plan:  run_test.sh PROGRAM
source bazel/run_test_functions.sh

runs --preset=smoke --out="$work/whole"
first_losses "$work/whole" base/seed1 6.35617 6.06989

cat >"$work/phases.json" <<'JSON'
{"phases": [{"name": "warm-up", "shape": "linear", "steps": 3, "to": 3e-4},
            {"name": "anneal", "shape": "exponential", "steps": 2, "to": 3e-6}]}
JSON
runs --table="$work/phases.json" --out="$work/table"
grep -q '"rate":\[0,9.999999999999999e-05,0.00019999999999999998,3e-04,2.9999999999999997e-05\],"end":3e-06' \
  "$work/table/table.json" || fail "table.json has other rates: $(cat "$work/table/table.json")"
echo '{"phases": [{"shape": "linear"}]}' >"$work/bad.json"
refused "bad.json: phase 1: 'steps' must be a whole number" --table="$work/bad.json"

# The user's own two texts: nothing of the weak shift.
mkdir "$work/texts"
lines 400 "the first text, in plain English" >"$work/texts/a.txt"
for i in $(seq 400); do echo "Zeile $i des zweiten Textes, auf Deutsch."; done >"$work/texts/b.txt"
own_data "^D1: b (" --data=texts/a.txt,texts/b.txt
grep -q 'there is no D1 in D0' "$work/own/claims.json" || fail "no word on why the weak shift is not testable"
refused "two text domains are needed" --preset=smoke --data="$work/texts/a.txt"
refused "--data=$work/none.txt: No such file" --preset=smoke --data="$work/texts/a.txt,$work/none.txt"
refused "there is no text domain 'emma'; there are austen_emma" --preset=smoke --old=emma

plans base/seed1
