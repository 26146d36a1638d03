#!/usr/bin/env bash
# The program from outside: first numbers, --table, --data, --catalogue, --plan:  run_test.sh PROGRAM
source bazel/run_test_functions.sh

runs --preset=smoke --out="$work/whole"
first_losses "$work/whole" raw/seed1 6.23566 6.01774

printf '%s\n' '{"id": "a", "text": "In the beginning the man said unto them, go forth and see"}' \
  '{"id": "b", "text": "in the beginning  the man said unto them, go forth and see"}' \
  '{"id": "c", "text": "* home\n* about us\n* sign in\n* mail x@example.org"}' >"$work/corpus.jsonl"
runs --table="$work/corpus.jsonl" --out="$work/table"
grep -q '"exact":\[\["a","b"\]\]' "$work/table/table.json" || fail "no exact duplicates: $(cat "$work/table/table.json")"
grep -q '"bullet lines":1' "$work/table/table.json" || fail "no reason for the menu: $(cat "$work/table/table.json")"
echo '{"txt": "a"}' >"$work/bad.jsonl"
refused "bad.jsonl: line 1" --table="$work/bad.jsonl"
refused "none.jsonl" --table="$work/none.jsonl"

for i in $(seq 900); do echo "Line $i of the text, in plain English, number $((i * i)) of its own."; [ $((i % 5)) = 0 ] && echo; done >"$work/text.txt"
own_data "" --data=text.txt
grep -q 'the shipped records are a selection' "$work/own/claims.json" || fail "no word on the trends"
grep -q '"arm":"instruct"' "$work/own/predictions.jsonl" || fail "no predictions"
echo short >"$work/short.txt"
: >"$work/empty.txt"
echo '{"name": "N", "category": "evaluation/code", "size": "3 pages"}' >"$work/records.jsonl"
for bad in --data="$work/short.txt" --data="$work/empty.txt" --data="$work/none.txt" --texts=emma --set=length=16 \
  --catalogue="$work/records.jsonl" --catalogue="$work/none.jsonl"; do
  refused "error" --preset=smoke "$bad"
done

plans both/seed1
