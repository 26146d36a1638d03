#!/usr/bin/env bash
# The program from outside: first numbers, --table, --data, their errors, --plan:  run_test.sh PROGRAM
source bazel/run_test_functions.sh

runs --preset=smoke --out="$work/whole"
first_losses "$work/whole" base/seed1 5.91247 5.76548
first_losses "$work/whole" e2/seed1 6.27119 6.36292  # symbols and positions too
grep -q '^e2,window,1,64,[0-9.]*,[0-9.]*,[0-9.]*,[0-9.]*$' "$work/whole/windows.csv" || fail "windows.csv lacks a row"
[ "$(grep -c '"item":"window 64 half' "$work/whole/predictions.jsonl")" -ge 16 ] || fail "too few predictions"

echo '[{"g": 2, "t": 3, "R": 8, "length": 6}]' >"$work/rows.json"
runs --table="$work/rows.json" --out="$work/table"
grep -q '"positions":\[0,0.5,1,1.5,3.5,4\]' "$work/table/table.json" || fail "table.json has other positions"
echo '{"g": 2, "t": 9, "R": 8, "length": 6}' >"$work/bad.json"
refused "bad.json: row 1: 't' is 9, at most (g - 1) R = 8" --table="$work/bad.json"
: >"$work/empty"
refused "empty" --table="$work/empty"
refused "No such file" --table="$work/none.json"

lines 900 "a text of the user's own" >"$work/own.txt"
own_data "own.txt" --data=own.txt
echo "too short" >"$work/short.txt"
refused "short.txt: 10 bytes are too few" --preset=smoke --data="$work/short.txt"
refused "No such file" --preset=smoke --data="$work/none.txt"
refused "empty" --preset=smoke --data="$work/empty"
refused "there is no text domain 'emma'" --preset=smoke --text=emma
refused "g_max=6: a power of two is needed" --preset=smoke --set g_max=6
refused "did you mean" --preset=smoke --set g_mx=4

plans e2/seed1
