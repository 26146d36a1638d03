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

mkdir "$work/texts"
lines 900 "the text, in plain English, of its own" | sed 'n;n;n;n;G' >"$work/texts/a.txt"
cp "$work/texts/a.txt" "$work/text.txt"
runs --table="$work/texts" --out="$work/folder"
grep -q '"id":"a/1"' "$work/folder/table.json" || fail "no documents of the folder"
mkdir "$work/none"
refused "none" --table="$work/none"
own_data "" --data=text.txt
grep -q 'the shipped records are a selection' "$work/own/claims.json" || fail "no word on the trends"
grep -q '"arm":"instruct"' "$work/own/predictions.jsonl" || fail "no predictions"
echo short >"$work/short.txt"
: >"$work/empty.txt"
echo '{"name": "N", "category": "evaluation/books"}' >"$work/records.jsonl"
echo 'words' >"$work/words.md"
printf '## Evaluation Datasets\n### Law\n- **Ash  2023-4 | All | EN | HG | [Paper](x)**\n  - Size: 9 Games\n' >"$work/list.md"
runs --preset=smoke --catalogue="$work/list.md" --out="$work/listed"
says "9 games"
grep -q '"name":"Ash","release":"2023-4","size":"9 Games","public":"All"' "$work/listed/catalogue.jsonl" || fail "no record"
grep -q 'share released in that year.*"measured":1,' "$work/listed/claims.json" || fail "no trend of the list"
for bad in --data="$work/short.txt" --data="$work/empty.txt" --data="$work/none.txt" --texts=emma --set=length=16 \
  --catalogue="$work/records.jsonl" --catalogue="$work/words.md" --catalogue="$work/none.jsonl"; do
  refused "error" --preset=smoke "$bad"
done

plans both/seed1
