#!/usr/bin/env bash
# The program from outside: first numbers, --table, --data, --plan:  run_test.sh PROGRAM
source bazel/run_test_functions.sh

runs --preset=smoke --out="$work/whole"
first_losses "$work/whole" natural/seed1 6.28339 6.10442  # of the large model

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
runs --table="$work/csv" --out="$work/table"
grep -q '"a": *{"linear":{"1B":1},"trees":{"1B":[01][.0-9]*}}' "$work/table/table.json" ||
  fail "table.json has other correlations: $(cat "$work/table/table.json")"
grep -q '"best_mixture": *{"a":0.9' "$work/table/table.json" || fail "the best mixture is not of a: $(cat "$work/table/table.json")"
refused "--target=c: " --table="$work/csv" --target=c
cp -r "$work/csv" "$work/cent"
sed 's/,0\.0*/,/g' "$work/csv/train_mixture_1m.csv" >"$work/cent/train_mixture_1m.csv"
refused "train_mixture_1m.csv: line 2: the weights add up to 99" --table="$work/cent"
rm "$work/csv/test_pile_loss_1B.csv"
refused "test_pile_loss_1B.csv: " --table="$work/csv"
refused "--table=$work/none: No such file" --table="$work/none"

# The user's own domains: no second target unless it is named.
mkdir "$work/texts"
lines 400 "the first text, in plain English" >"$work/texts/a.txt"
for i in $(seq 300); do echo "Zeile $i des zweiten Textes, auf Deutsch."; done >"$work/texts/b.txt"
for i in $(seq 500); do echo "$i * $i = $((i * i))"; done >"$work/texts/c.txt"
own_data "^c (.*, the target" --data=texts
grep -q 'there is no text outside of the mixture' "$work/own/claims.json" || fail "no word on the second target"
refused "'d'" --preset=smoke --data="$work/texts" --unseen=d
refused "two or more domains make a mixture" --preset=smoke --domains=austen_emma

plans large/seed1
