#!/usr/bin/env bash
# The program from outside: first numbers, --table, what it refuses, --plan:  run_test.sh PROGRAM
source bazel/run_test_functions.sh

runs --preset=smoke --seeds=1 --out="$work/whole"
first_losses "$work/whole" icl/seed1 5.47902 3.20411
first_losses "$work/whole" tied/seed1 1.29641 5.17943

printf 'prompt,x1,x2,y\na,1,0,1\na,1,0,\n' >"$work/prompts.csv"
runs --table="$work/prompts.csv" --sigmas=0.5 --out="$work/table"
grep -q '"bayes_mean":\[0,0.8\]' "$work/table/table.json" || fail "table.json: $(cat "$work/table/table.json")"
runs --table="$work/prompts.csv" --prior=inverse_gamma --set=a=3,b=2 --out="$work/conjugate"
printf 'prompt,x1,y\na,1,2\na,one,2\n' >"$work/bad.csv"
refused "bad.csv: line 3: x1 is 'one'" --table="$work/bad.csv"
refused "none.csv: No such file" --table="$work/none.csv"
printf 'prompt,x1,y\na,2e6,2\n' >"$work/large.csv"
refused "large.csv: line 2: x1 is 2e6; at most 1e6" --table="$work/large.csv"
printf 'prompt,x1,y\na,9e5,2\n' >"$work/sharp.csv"
refused "x is too large beside the noise" --table="$work/sharp.csv" --sigmas=0.001
: >"$work/empty.csv"
refused "empty.csv" --table="$work/empty.csv"
refused "sigmas= is empty" --table="$work/prompts.csv" --sigmas=

for bad in --data="$work/prompts.csv" --model=m --arms=none --prior=flat --sigmas=-1 --set=pairs=5 --set=heads=3; do
  refused "error" --preset=smoke "$bad"
done

plans tied/seed1
