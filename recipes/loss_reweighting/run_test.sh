#!/usr/bin/env bash
# The program from outside: first numbers, --table, --data, ranks, --plan:  run_test.sh PROGRAM
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
# The first losses: weights of the model, rows and steps are what they were. One step of burn-in, then LinUpper's.
first() { grep "\"part\":\"$1/seed1\"" "$work/whole/metrics.jsonl" | grep -o '"loss":[0-9.]*' | head -3 | cut -c8-14 | tr '\n' ' '; }
[ "$(first natural.uniform)" = "6.36899 5.89501 5.49885 " ] || fail "the first losses of natural.uniform are $(first natural.uniform)"
[ "$(first natural.lin_upper)" = "6.36899 5.95606 5.57251 " ] || fail "the first losses of natural.lin_upper are $(first natural.lin_upper)"

# Ranks share the rows of a batch and weight them by the losses of all.
if command -v mpirun >/dev/null; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  mpirun -n 2 --oversubscribe "$program" --preset=smoke --seeds=1 --threads=1 --out="$work/ranks" >"$work/log" 2>&1 ||
    fail "two ranks failed"
  "$program" --preset=smoke --seeds=1 --out="$work/one" >"$work/log" 2>&1 || fail "one seed failed"
  losses() { grep '"part":"natural.lin_upper/seed1"' "$1/metrics.jsonl" | grep -o '"loss":[0-9.]*' | cut -c8-; }
  paste <(losses "$work/one") <(losses "$work/ranks") | awk '{d = $1 - $2; if (d > 2e-4 || d < -2e-4) bad = 1; n++} END {exit bad || n != 12}' ||
    fail "two ranks have other losses: $(paste <(losses "$work/one") <(losses "$work/ranks"))"
else
  echo "no mpirun here: ranks are not tested"
fi

# More domains than rows that are drawn.
"$program" --preset=smoke --seeds=1 --set steps=2,batch=2,toy_steps=2 --out="$work/few" >"$work/log" 2>&1 ||
  fail "domains of which no row is drawn"

printf 'step,sequence,loss\n0,a,1\n0,b,1.5\n0,c,2\n0,d,2.5\n0,e,3\n1,a,2\n' >"$work/losses.csv"
"$program" --table="$work/losses.csv" --out="$work/table" >"$work/log" 2>&1 || fail "--table failed"
grep -q '"lin_upper":\[0.0243[0-9]*,0.0850[0-9]*,0.2968[0-9]*,0.2968' "$work/table/table.json" ||
  fail "table.json has other weights: $(cat "$work/table/table.json")"
"$program" --table="$work/losses.csv" --set r=1000000 --out="$work/flat" >"$work/log" 2>&1 || fail "--table with r failed"
grep -q '"lin_upper":\[0.1999' "$work/flat/table.json" || fail "r has no effect on --table"
printf 'step,loss\n0,1\n' >"$work/bad.csv"
refused "sequence" --table="$work/bad.csv" --out="$work/outputs/bad"
printf 'step,sequence,loss\n' >"$work/bad.csv"
refused "bad.csv: holds no losses" --table="$work/bad.csv" --out="$work/outputs/bad"
printf 'step,sequence,loss\n0,a,high\n' >"$work/bad.csv"
refused "bad.csv: line 2: loss is 'high', needed a finite number" --table="$work/bad.csv" --out="$work/outputs/bad"
refused "none.csv" --table="$work/none.csv" --out="$work/outputs/bad"
refused "did you mean" --table="$work/losses.csv" --tabel=x --out="$work/outputs/bad"
refused "r" --preset=smoke --set r=0 --out="$work/outputs/bad"

# The user's own texts, called from the folder that they are in: nothing of seven domains, nothing asserted.
mkdir -p "$work/texts/code"
for i in $(seq 400); do echo "Line $i of the first text, in plain English."; done >"$work/texts/a.txt"
for i in $(seq 400); do echo "for (i = $i; i < n; i++) sum += x[i];"; done >"$work/texts/code/loop.c"
BUILD_WORKING_DIRECTORY=$work "$program" --preset=smoke --data=texts --ablations=true --set outliers=0.03 --out="$work/own" \
  >"$work/log" 2>&1 || fail "--data failed"
grep -q "^code (" "$work/log" || fail "the folder code is no domain"
grep -q '"asserted":true' "$work/own/claims.json" && fail "a claim about the user's data is asserted"
grep -q 'these shares are of seven domains' "$work/own/claims.json" || fail "no word on why DoGE is not testable"
refused "there is no text domain 'z'; there are a, code" --preset=smoke --data="$work/texts" --domains=a,z --out="$work/outputs/own"
refused "--single=z: is none of the domains a, code" --preset=smoke --data="$work/texts" --single=z --out="$work/outputs/own"
mkdir "$work/empty"
refused "holds no text domain" --preset=smoke --data="$work/empty" --out="$work/outputs/own"
refused "No such file" --preset=smoke --data="$work/none" --out="$work/outputs/own"
echo short >"$work/empty/short.txt"
refused "short" --preset=smoke --data="$work/empty" --out="$work/outputs/own"
printf 'gr\374\337' >"$work/empty/short.txt"
refused "UTF-8 text is needed" --preset=smoke --data="$work/empty" --out="$work/outputs/own"
refused "there is no text domain 'emma'; there are austen_emma" --preset=smoke --domains=emma --out="$work/outputs/own"
[ ! -e "$work/outputs" ] || fail "a slip left a folder"

"$program" --preset=gpu --plan >"$work/log" 2>&1 || fail "--plan failed"
grep -q "natural.lin_upper/seed1" "$work/log" || fail "the plan has no LinUpper"
