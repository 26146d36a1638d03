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
# A run that must fail with this text.
refused() {
  "$program" "${@:2}" >"$work/log" 2>&1 && fail "no error: ${*:2}"
  grep -qF -- "$1" "$work/log" || fail "no word on: $1"
}

"$program" --preset=smoke --out="$work/whole" >"$work/log" 2>&1 || fail "the smoke preset failed"
first() { grep "\"part\":\"$1/seed1\"" "$work/whole/metrics.jsonl" | grep -o '"loss":[0-9.]*' | head -3 | cut -c8-14 | tr '\n' ' '; }
[ "$(first original.clean)" = "6.14071 6.14439 5.70976 " ] || fail "the first losses of original.clean are $(first original.clean)"
[ "$(first mix.joint)" = "6.25336 6.06574 5.83449 " ] || fail "the first losses of mix.joint are $(first mix.joint)"

printf 'the house\tla casa\nthe book\tel libro\na house\tuna casa\n' >"$work/pairs.tsv"
"$program" --table="$work/pairs.tsv" --out="$work/table" --set iterations=30 >"$work/log" 2>&1 || fail "--table failed"
grep -q '"pairs":3,"iterations":30' "$work/table/table.json" || fail "table.json: $(cat "$work/table/table.json")"
sed 's/\t/ ||| /' "$work/pairs.tsv" >"$work/pairs.txt"
"$program" --table="$work/pairs.txt" --out="$work/bars" --set iterations=30 >"$work/log" 2>&1 || fail "--table with ||| failed"
cmp "$work/table/table.json" "$work/bars/table.json" || fail "the two forms give two tables"
printf 'the house\n' >"$work/bad.tsv"
refused "bad.tsv: line 1: source and target must be apart" --table="$work/bad.tsv" --out="$work/outputs/bad"
refused "none.tsv" --table="$work/none.tsv" --out="$work/outputs/bad"
refused "did you mean" --table="$work/pairs.tsv" --tabel=x --out="$work/outputs/bad"
refused "noises" --preset=smoke --set noises=0.5,0 --out="$work/outputs/bad"
refused "language" --preset=smoke --language=fr --data="$work" --out="$work/outputs/bad"

# The user's own texts, one of them a folder, with pairs of their own.
mkdir -p "$work/texts/sermons"
for i in $(seq 120); do printf 'And he that heareth it saith number %s unto thee, that thou hast the word.\n\n' "$i"; done >"$work/texts/old.txt"
for i in $(seq 120); do printf 'Verily I say unto you, the man %s goeth to his own house and eateth bread.\n\n' "$i"; done >"$work/texts/sermons/a.txt"
cp "$work/pairs.tsv" "$work/texts/pairs.tsv"
refused "a.old: the filters leave no passage (passages" --preset=smoke --data="$work/texts" --seeds=1 --out="$work/outputs/own"
for i in 1 2 3 4 5; do
  printf 'he that heareth it saith unto thee\the who hears it says to you\n'
  printf 'the man goeth to his own house and eateth bread\tthe man goes to his house and eats bread\n'
done >"$work/texts/pairs.tsv"
BUILD_WORKING_DIRECTORY=$work "$program" --preset=smoke --data=texts --seeds=3 --out="$work/own" >"$work/log" 2>&1 || fail "--data failed"
grep -q '"part":"mix.sermons/seed1"' "$work/own/metrics.jsonl" || fail "the folder sermons is no source"
grep -q '"part":"mix.pairs' "$work/own/metrics.jsonl" && fail "the pairs are a source"
grep -q '"asserted":true' "$work/own/claims.json" && fail "a claim about the user's data is asserted"
mkdir "$work/empty"
refused "holds no text" --preset=smoke --data="$work/empty" --out="$work/outputs/own"
refused "No such file" --preset=smoke --data="$work/none" --out="$work/outputs/own"
echo short >"$work/empty/short.txt"
refused "short is one document" --preset=smoke --data="$work/empty" --out="$work/outputs/own"
printf 'gr\374\337' >"$work/empty/short.txt"
refused "UTF-8 text is needed" --preset=smoke --data="$work/empty" --out="$work/outputs/own"
[ ! -e "$work/outputs" ] || fail "a slip left a folder"

"$program" --preset=gpu --plan >"$work/log" 2>&1 || fail "--plan failed"
grep -q "mix.clean/seed1" "$work/log" || fail "the plan has no mixture"
