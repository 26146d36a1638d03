#!/usr/bin/env bash
# The program from outside: first numbers, --table, --data, --model, --plan, bad input:  run_test.sh PROGRAM
source bazel/run_test_functions.sh

runs --preset=smoke --out="$work/whole"
first_losses "$work/whole" linear4/seed1 1.68312 1.79626 1.19884
says 'the risk rises from p = 0'
says 'real model, valence of a text'

# Rows of all three kinds.
printf '%s\n' '{"n": 20, "D": 60, "p": 5, "signal": 1, "noise": 0.25}' \
  '{"initial": [0.5, 0.5], "transition": [[0.9, 0.1], [0.2, 0.8]], "emission": [[1, 0], [0.5, 0.5]], "sequence": [0, 1]}' \
  '{"A": [[0.5]], "Q": [[1]], "W": [[1]], "tau": 1, "x": [[2], [4]]}' >"$work/rows.jsonl"
runs --table="$work/rows.jsonl" --out="$work/table"
grep -q '"risk":1.58' "$work/table/table.json" || fail "no risk: $(cat "$work/table/table.json")"
grep -q '"log_likelihood":' "$work/table/table.json" || fail "no filtered distributions"
grep -q '"covariance":' "$work/table/table.json" || fail "no filtered means"
: >"$work/empty.jsonl"
head -c 100 "$work/rows.jsonl" >"$work/cut.jsonl"
echo '{"n": "20", "D": 60, "p": 5, "signal": 1, "noise": 0.25}' >"$work/typed.jsonl"
refused 'empty' --table="$work/empty.jsonl"
refused 'line 2' --table="$work/cut.jsonl"
refused "line 1: 'n': must be" --table="$work/typed.jsonl"
refused 'none.jsonl' --table="$work/none.jsonl"

# The user's own HMM.
echo '{"initial": [0.5, 0.5], "transition": [[0.9, 0.1], [0.2, 0.8]], "emission": [[0.9, 0.1], [0.3, 0.7]]}' >"$work/hmm.json"
own_data 'discrete: the risk rises' --data=hmm.json
# Of one state; whose words tell nothing.
echo '{"initial": [1], "transition": [[1]], "emission": [[0.9, 0.1]]}' >"$work/one.json"
echo '{"initial": [0.5, 0.5], "transition": [[0.9, 0.1], [0.2, 0.8]], "emission": [[0.9, 0.1], [0.9, 0.1]]}' >"$work/mute.json"
own_data 'nothing to predict' --data=one.json
own_data 'too little of the state' --data=mute.json
echo '{"initial": [0.5, 0.5], "transition": [[0.9, 0.1], [0.2, 0.9]], "emission": [[0.9, 0.1], [0.3, 0.7]]}' >"$work/sum.json"
echo '{"initial": [0.5, 0.5], "transition": [[0.9, 0.1]], "emission": [[0.9, 0.1], [0.3, 0.7]]}' >"$work/rows.json"
head -c 60 "$work/hmm.json" >"$work/cut.json"
refused "'transition': each row must be a distribution" --preset=smoke --data="$work/sum.json"
refused "'transition': has 1 rows, needed 2" --preset=smoke --data="$work/rows.json"
refused 'cut.json' --preset=smoke --data="$work/cut.json"
refused 'empty' --preset=smoke --data="$work/empty.jsonl"
refused 'none.gguf' --preset=smoke --model="$work/none.gguf"
refused 'multiple of 10' --preset=smoke --set=sets=25
refused 'text_labelled=50: the model' --preset=smoke --set=text_labelled=50
refused 'widths must differ' --preset=smoke --set=widths=4,4


runs --preset=gpu --plan --seeds=1
says linear64/seed1
