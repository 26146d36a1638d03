#!/usr/bin/env bash
# The program from outside: first numbers, --table, --data, --catalogue, --plan:  run_test.sh PROGRAM
set -uo pipefail
program=$1
work=${TEST_TMPDIR:-$(mktemp -d)}
fail() {
  echo "$1"
  tail -40 "$work/log"
  exit 1
}

"$program" --preset=smoke --out="$work/whole" >"$work/log" 2>&1 || fail "the smoke preset failed"
# Weights, corpus, rows and the step are what they were.
first=$(grep '"part":"raw/seed1"' "$work/whole/metrics.jsonl" | grep -o '"loss":[0-9.]*' | head -2 | cut -c8-14 | tr '\n' ' ')
[ "$first" = "6.23566 6.01774 " ] || fail "the first losses of raw/seed1 are $first"

printf '%s\n' '{"id": "a", "text": "In the beginning the man said unto them, go forth and see"}' \
  '{"id": "b", "text": "in the beginning  the man said unto them, go forth and see"}' \
  '{"id": "c", "text": "* home\n* about us\n* sign in\n* mail x@example.org"}' >"$work/corpus.jsonl"
"$program" --table="$work/corpus.jsonl" --out="$work/table" >"$work/log" 2>&1 || fail "--table failed"
grep -q '"exact":\[\["a","b"\]\]' "$work/table/table.json" || fail "no exact duplicates: $(cat "$work/table/table.json")"
grep -q '"bullet lines":1' "$work/table/table.json" || fail "no reason for the menu: $(cat "$work/table/table.json")"
echo '{"txt": "a"}' >"$work/bad.jsonl"
"$program" --table="$work/bad.jsonl" --out="$work/outputs/bad" >"$work/log" 2>&1 && fail "a table without text is no error"
grep -q "bad.jsonl: line 1" "$work/log" || fail "no word on the line"
"$program" --table="$work/none.jsonl" --out="$work/outputs/bad" >"$work/log" 2>&1 && fail "a missing table is no error"

# The user's own text: nothing is asserted.
for i in $(seq 900); do echo "Line $i of the text, in plain English, number $((i * i)) of its own."; [ $((i % 5)) = 0 ] && echo; done >"$work/text.txt"
BUILD_WORKING_DIRECTORY=$work "$program" --preset=smoke --data=text.txt --out="$work/own" >"$work/log" 2>&1 || fail "--data failed"
grep -q '"asserted":true' "$work/own/claims.json" && fail "a claim about the user's data is asserted"
grep -q 'the shipped records are a selection' "$work/own/claims.json" || fail "no word on the trends"
grep -q '"arm":"instruct"' "$work/own/predictions.jsonl" || fail "no predictions"
echo short >"$work/short.txt"
: >"$work/empty.txt"
echo '{"name": "N", "category": "evaluation/code", "size": "3 pages"}' >"$work/records.jsonl"
for bad in --data="$work/short.txt" --data="$work/empty.txt" --data="$work/none.txt" --texts=emma --set=length=16 \
  --catalogue="$work/records.jsonl" --catalogue="$work/none.jsonl"; do
  "$program" --preset=smoke "$bad" --out="$work/outputs/none" >"$work/log" 2>&1 && fail "$bad is no error"
done
[ ! -e "$work/outputs" ] || fail "a slip left a folder"

"$program" --preset=gpu --plan >"$work/log" 2>&1 || fail "--plan failed"
grep -q "both/seed1" "$work/log" || fail "the plan has no arms"
