#!/usr/bin/env bash
# The program from outside: first numbers, --table, --data, --plan:  run_test.sh PROGRAM
source bazel/run_test_functions.sh

runs --preset=smoke --out="$work/whole"
first_losses "$work/whole" original.clean/seed1 6.14071 6.14439 5.70976
first_losses "$work/whole" mix.joint/seed1 6.25077 6.05226 5.85359

printf 'the house\tla casa\nthe book\tel libro\na house\tuna casa\n' >"$work/pairs.tsv"
runs --table="$work/pairs.tsv" --out="$work/table" --set iterations=30
grep -q '"pairs":3,"iterations":30' "$work/table/table.json" || fail "table.json: $(cat "$work/table/table.json")"
sed 's/\t/ ||| /' "$work/pairs.tsv" >"$work/pairs.txt"
runs --table="$work/pairs.txt" --out="$work/bars" --set iterations=30
cmp "$work/table/table.json" "$work/bars/table.json" || fail "the two forms give two tables"
printf 'the house\n' >"$work/bad.tsv"
refused "bad.tsv: line 1: source and target must be apart" --table="$work/bad.tsv"
refused "none.tsv" --table="$work/none.tsv"
refused "did you mean" --table="$work/pairs.tsv" --tabel=x
refused "noises" --preset=smoke --set noises=0.5,0
refused "language" --preset=smoke --language=fr --data="$work"

# The user's own texts, one of them a folder, with pairs of their own.
mkdir -p "$work/texts/sermons"
lines 120 "him that heareth it, and he saith unto thee, that thou hast the word" | sed G >"$work/texts/old.txt"
lines 120 "the man that goeth to his own house and eateth bread, verily I say unto you" | sed G >"$work/texts/sermons/a.txt"
cp "$work/pairs.tsv" "$work/texts/pairs.tsv"
refused "a.old: the filters leave no passage (passages" --preset=smoke --data="$work/texts" --seeds=1
for i in 1 2 3 4 5; do
  printf 'he that heareth it saith unto thee\the who hears it says to you\n'
  printf 'the man goeth to his own house and eateth bread\tthe man goes to his house and eats bread\n'
done >"$work/texts/pairs.tsv"
own_data 'mix.sermons' --data=texts --seeds=3
grep -q '"part":"mix.sermons/seed1"' "$work/own/metrics.jsonl" || fail "the folder sermons is no source"
! grep -q '"part":"mix.pairs' "$work/own/metrics.jsonl" || fail "the pairs are a source"
mkdir "$work/empty"
refused "holds no text" --preset=smoke --data="$work/empty"
refused "No such file" --preset=smoke --data="$work/none"
echo short >"$work/empty/short.txt"
refused "short is one document" --preset=smoke --data="$work/empty"
printf 'gr\374\337' >"$work/empty/short.txt"
refused "UTF-8 text is needed" --preset=smoke --data="$work/empty"

plans mix.clean/seed1
says mix.joint/seed1
