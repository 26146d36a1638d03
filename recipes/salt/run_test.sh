#!/usr/bin/env bash
# The program from outside: first numbers, --table, --data, --plan:  run_test.sh PROGRAM
source bazel/run_test_functions.sh

runs --preset=smoke --seeds=1 --out="$work/whole"
first_losses "$work/whole" baseline/seed1 6.13211 6.15052
first_losses "$work/whole" salt/seed1 6.09652 6.04996

echo '{"counts": [[8, 1, 1], [0, 5, 5], [2, 2, 6]], "alpha": 2, "n": [30], "omega": [0.5]}' >"$work/counts.json"
runs --table="$work/counts.json" --out="$work/table"
grep -q '"n":30,"omega":0.5,"one_hot":0.04666' "$work/table/table.json" || fail "table.json: $(cat "$work/table/table.json")"
echo '{"counts": [[8, 1], [0, 5]], "n": [30]}' >"$work/bad.json"
refused "bad.json: 'omega' is missing" --table="$work/bad.json"
refused "--table=$work/none.json: No such file" --table="$work/none.json"

lines 400 "the text, in plain English" >"$work/text.txt"
own_data "^text (" --arms=main --data=text.txt
grep -q 'arms=all trains them' "$work/own/claims.json" || fail "no word on the ablations that were not trained"
echo short >"$work/short.txt"
refused "short: 6 bytes are too few" --preset=smoke --data="$work/short.txt"
: >"$work/empty.txt"
for bad in --data="$work/empty.txt" --data="$work/none.txt" --texts=emma --arms=some --regime=two --set=omega=2; do
  refused "error" --preset=smoke "$bad"
done

plans salt_ds/seed1
