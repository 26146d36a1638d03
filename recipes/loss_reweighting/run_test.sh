#!/usr/bin/env bash
# The program from outside: first numbers, --table, --data, ranks, --plan:  run_test.sh PROGRAM
source bazel/run_test_functions.sh

runs --preset=smoke --out="$work/whole"
# One step of burn-in, then LinUpper's.
first_losses "$work/whole" natural.uniform/seed1 6.36899 5.89501 5.49885
first_losses "$work/whole" natural.lin_upper/seed1 6.36899 5.95606 5.57251

# Ranks share the rows of a batch and weight them by the losses of all.
if command -v mpirun >/dev/null; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  mpirun -n 2 --oversubscribe "$program" --preset=smoke --seeds=1 --threads=1 --out="$work/ranks" >"$work/log" 2>&1 ||
    fail "two ranks failed"
  runs --preset=smoke --seeds=1 --out="$work/one"
  losses() { grep '"part":"natural.lin_upper/seed1"' "$1/metrics.jsonl" | grep -o '"loss":[0-9.]*' | cut -c8-; }
  paste <(losses "$work/one") <(losses "$work/ranks") | awk '{d = $1 - $2; if (d > 2e-4 || d < -2e-4) bad = 1; n++} END {exit bad || n != 12}' ||
    fail "two ranks have other losses: $(paste <(losses "$work/one") <(losses "$work/ranks"))"
else
  echo "no mpirun here: ranks are not tested"
fi

# More domains than rows that are drawn.
runs --preset=smoke --seeds=1 --set steps=2,batch=2,toy_steps=2 --out="$work/few"

printf 'step,sequence,loss\n0,a,1\n0,b,1.5\n0,c,2\n0,d,2.5\n0,e,3\n1,a,2\n' >"$work/losses.csv"
runs --table="$work/losses.csv" --out="$work/table"
grep -q '"lin_upper":\[0.0243[0-9]*,0.0850[0-9]*,0.2968[0-9]*,0.2968' "$work/table/table.json" ||
  fail "table.json has other weights: $(cat "$work/table/table.json")"
runs --table="$work/losses.csv" --set r=1000000 --out="$work/flat"
grep -q '"lin_upper":\[0.1999' "$work/flat/table.json" || fail "r has no effect on --table"
printf 'step,loss\n0,1\n' >"$work/bad.csv"
refused "sequence" --table="$work/bad.csv"
printf 'step,sequence,loss\n' >"$work/bad.csv"
refused "bad.csv: holds no losses" --table="$work/bad.csv"
printf 'step,sequence,loss\n0,a,high\n' >"$work/bad.csv"
refused "bad.csv: line 2: loss is 'high', needed a finite number" --table="$work/bad.csv"
refused "none.csv" --table="$work/none.csv"
refused "did you mean" --table="$work/losses.csv" --tabel=x
refused "r" --preset=smoke --set r=0

# The user's own texts: nothing of seven domains.
mkdir -p "$work/texts/code"
lines 400 "the first text, in plain English" >"$work/texts/a.txt"
for i in $(seq 400); do echo "for (i = $i; i < n; i++) sum += x[i];"; done >"$work/texts/code/loop.c"
own_data "^code (" --data=texts --ablations=true --set outliers=0.03
grep -q 'these shares are of seven domains' "$work/own/claims.json" || fail "no word on why DoGE is not testable"
refused "there is no text domain 'z'; there are a, code" --preset=smoke --data="$work/texts" --domains=a,z
refused "--single=z: is none of the domains a, code" --preset=smoke --data="$work/texts" --single=z
mkdir "$work/empty"
refused "holds no text domain" --preset=smoke --data="$work/empty"
refused "No such file" --preset=smoke --data="$work/none"
echo short >"$work/empty/short.txt"
refused "short" --preset=smoke --data="$work/empty"
printf 'gr\374\337' >"$work/empty/short.txt"
refused "UTF-8 text is needed" --preset=smoke --data="$work/empty"
refused "there is no text domain 'emma'; there are austen_emma" --preset=smoke --domains=emma

plans natural.lin_upper/seed1
