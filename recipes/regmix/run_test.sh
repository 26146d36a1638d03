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

"$program" --preset=smoke --out="$work/whole" >"$work/log" 2>&1 || fail "the smoke preset failed"
# The first losses of the large model: weights, rows and the step are what they were.
first=$(grep '"part":"natural/seed1"' "$work/whole/metrics.jsonl" | grep -o '"loss":[0-9.]*' | head -2 | cut -c8-14 | tr '\n' ' ')
[ "$first" = "6.28339 6.10442 " ] || fail "the first losses of natural/seed1 are $first"

# Forty mixtures of two domains of which the first alone matters.
mkdir "$work/csv"
{
  echo "index,train_the_pile_a,train_the_pile_b"
  for i in $(seq 40); do echo "$i,0.$(printf %02d $((i * 2))),0.$(printf %02d $((99 - i * 2)))"; done
} >"$work/csv/train_mixture_1m.csv"
{
  echo "index,metric/the_pile_a_val_loss"
  for i in $(seq 40 -1 1); do echo "$i,$((9 - i * 2 / 10)).$((9 - i * 2 % 10))"; done
} >"$work/csv/train_pile_loss_1m.csv"
cp "$work/csv/train_mixture_1m.csv" "$work/csv/test_mixture_1B.csv"
cp "$work/csv/train_pile_loss_1m.csv" "$work/csv/test_pile_loss_1B.csv"
"$program" --table="$work/csv" --out="$work/table" >"$work/log" 2>&1 || fail "--table failed"
grep -q '"a": *{"linear":{"1B":1},"trees":{"1B":[01][.0-9]*}}' "$work/table/table.json" ||
  fail "table.json has other correlations: $(cat "$work/table/table.json")"
grep -q '"best_mixture": *{"a":0.9' "$work/table/table.json" || fail "the best mixture is not of a: $(cat "$work/table/table.json")"
"$program" --table="$work/csv" --target=c --out="$work/outputs/c" >"$work/log" 2>&1 && fail "a target without losses is no error"
grep -q -- "--target=c: " "$work/log" || fail "no word on the target"
cp -r "$work/csv" "$work/cent"
sed 's/,0\.0*/,/g' "$work/csv/train_mixture_1m.csv" >"$work/cent/train_mixture_1m.csv"
"$program" --table="$work/cent" --out="$work/outputs/cent" >"$work/log" 2>&1 && fail "weights in per cent are no error"
grep -q "train_mixture_1m.csv: line 2: the weights add up to 99" "$work/log" || fail "no word on the sum"
rm "$work/csv/test_pile_loss_1B.csv"
"$program" --table="$work/csv" --out="$work/outputs/half" >"$work/log" 2>&1 && fail "a missing file is no error"
grep -q "test_pile_loss_1B.csv: " "$work/log" || fail "no word on the missing file"
"$program" --table="$work/none" --out="$work/outputs/none" >"$work/log" 2>&1 && fail "a missing folder is no error"
grep -q -- "--table=$work/none: No such file" "$work/log" || fail "no word on the missing folder"

# The user's own domains: nothing asserted, no second target unless it is named.
mkdir "$work/texts"
for i in $(seq 400); do echo "Line $i of the first text, in plain English."; done >"$work/texts/a.txt"
for i in $(seq 300); do echo "Zeile $i des zweiten Textes, auf Deutsch."; done >"$work/texts/b.txt"
for i in $(seq 500); do echo "$i * $i = $((i * i))"; done >"$work/texts/c.txt"
"$program" --preset=smoke --data="$work/texts" --out="$work/own" >"$work/log" 2>&1 || fail "--data failed"
grep -q "^c (.*, the target" "$work/log" || fail "the smallest text is not the target"
grep -q '"asserted":true' "$work/own/claims.json" && fail "a claim about the user's data is asserted"
grep -q 'there is no text outside of the mixture' "$work/own/claims.json" || fail "no word on the second target"
"$program" --preset=smoke --data="$work/texts" --unseen=d --out="$work/outputs/d" >"$work/log" 2>&1 && fail "an unknown text is no error"
grep -q "'d'" "$work/log" || fail "no word on the unknown text"
"$program" --preset=smoke --domains=austen_emma --out="$work/outputs/one" >"$work/log" 2>&1 && fail "one domain is no error"
grep -q "two or more domains make a mixture" "$work/log" || fail "no word on the number of domains"
[ ! -e "$work/outputs" ] || fail "a slip left a folder"

"$program" --preset=gpu --plan >"$work/log" 2>&1 || fail "--plan failed"
grep -q "large/seed1" "$work/log" || fail "the plan has no large model"
