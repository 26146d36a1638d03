#!/usr/bin/env bash
# The program from outside: first numbers, --table, --data, --plan:  run_test.sh PROGRAM
set -uo pipefail
program=$1
work=${TEST_TMPDIR:-$(mktemp -d)}
fail() {
  echo "$1"
  tail -40 "$work/log"
  exit 1
}

"$program" --preset=smoke --seeds=1 --out="$work/whole" >"$work/log" 2>&1 || fail "the smoke preset failed"
# The first losses: weights, rows and both losses are what they were.
for arm in "baseline=6.13211 6.15052 " "salt=6.09652 6.04996 "; do
  first=$(grep "\"part\":\"${arm%=*}/seed1\"" "$work/whole/metrics.jsonl" | grep -o '"loss":[0-9.]*' | head -2 | cut -c8-14 | tr '\n' ' ')
  [ "$first" = "${arm#*=}" ] || fail "the first losses of ${arm%=*}/seed1 are $first"
done

echo '{"counts": [[8, 1, 1], [0, 5, 5], [2, 2, 6]], "alpha": 2, "n": [30], "omega": [0.5]}' >"$work/counts.json"
"$program" --table="$work/counts.json" --out="$work/table" >"$work/log" 2>&1 || fail "--table failed"
grep -q '"n":30,"omega":0.5,"one_hot":0.04666' "$work/table/table.json" || fail "table.json: $(cat "$work/table/table.json")"
echo '{"counts": [[8, 1], [0, 5]], "n": [30]}' >"$work/bad.json"
"$program" --table="$work/bad.json" --out="$work/outputs/bad" >"$work/log" 2>&1 && fail "a table without omega is no error"
grep -q "bad.json: 'omega' is missing" "$work/log" || fail "no word on what the table lacks"
"$program" --table="$work/none.json" --out="$work/outputs/bad" >"$work/log" 2>&1 && fail "a missing table is no error"
grep -q -- "--table=$work/none.json: No such file" "$work/log" || fail "no word on the missing table"

# The user's own text, called from the folder that it is in: nothing is asserted.
for i in $(seq 400); do echo "Line $i of the text, in plain English."; done >"$work/text.txt"
BUILD_WORKING_DIRECTORY=$work "$program" --preset=smoke --arms=main --data=text.txt --out="$work/own" >"$work/log" 2>&1 || fail "--data failed"
grep -q "^text (" "$work/log" || fail "no word on the text"
grep -q '"asserted":true' "$work/own/claims.json" && fail "a claim about the user's data is asserted"
grep -q 'arms=all trains them' "$work/own/claims.json" || fail "no word on the ablations that were not trained"
echo short >"$work/short.txt"
"$program" --preset=smoke --data="$work/short.txt" --out="$work/outputs/short" >"$work/log" 2>&1 && fail "a short text is no error"
grep -q "short: 6 bytes are too few" "$work/log" || fail "no word on the short text"
: >"$work/empty.txt"
for bad in --data="$work/empty.txt" --data="$work/none.txt" --texts=emma --arms=some --regime=two --set=omega=2; do
  "$program" --preset=smoke "$bad" --out="$work/outputs/none" >"$work/log" 2>&1 && fail "$bad is no error"
done
[ ! -e "$work/outputs" ] || fail "a slip left a folder"

"$program" --preset=gpu --plan >"$work/log" 2>&1 || fail "--plan failed"
grep -q "salt_ds/seed1" "$work/log" || fail "the plan has no arms"
