#!/usr/bin/env bash
# The program from outside: first numbers, predictions, --data, errors, --plan:  run_test.sh PROGRAM
source bazel/run_test_functions.sh

runs --preset=smoke --out="$work/whole"
first_losses "$work/whole" teacher1.kjv/seed1 6.21193 6.16483
first_losses "$work/whole" student.kjv/seed1 9.17557 8.72041
[ "$(grep -c '"arm":"student.austen_emma","seed":1,"item":"web_luke_john ' "$work/whole/predictions.jsonl")" = 2 ] || fail "no surprisals of tokens"
says "period and author are confounded"

mkdir -p "$work/own_texts/2 middle" "$work/bad" "$work/empty"
lines 400 "an old book, and he hath a day of light in the house" >"$work/own_texts/1 old.txt"
lines 400 "a second book, and he has a day of light in the house" >"$work/own_texts/2 middle/a.txt"
lines 400 "a third book, and she has a night of darkness in the house" >"$work/own_texts/3 new.txt"
own_data "2_middle: words to train" --data=own_texts
cp "$work/own_texts/1 old.txt" "$work/own_texts/3 new.txt" "$work/bad"
refused "three slices are needed, there are 2" --preset=smoke --data="$work/bad"
echo "too short" >"$work/bad/2.txt"
refused "2: 2 words are too few" --preset=smoke --data="$work/bad"
printf 'gr\374\337' >"$work/bad/2.txt"
refused "UTF-8" --preset=smoke --data="$work/bad"
: >"$work/bad/2.txt"
refused "empty" --preset=smoke --data="$work/bad"
refused "$work/empty" --preset=smoke --data="$work/empty"
refused "No such file" --preset=smoke --data="$work/none"
refused "there is no text domain 'emma'" --preset=smoke --slices=bible_kjv,emma,web_luke_john
refused "three text domains at least" --preset=smoke --slices=bible_kjv
refused "kv_heads=3: must divide heads=2" --preset=smoke --set kv_heads=3
refused "did you mean" --preset=smoke --set student_lrs=1
refused "student_lr" --preset=smoke --set student_lr=0

plans student.kjv/seed1
