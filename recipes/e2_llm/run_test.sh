#!/usr/bin/env bash
# The program from outside: first numbers, --table, --data, their errors, --plan:  run_test.sh PROGRAM
set -uo pipefail
program=$1
work=${TEST_TMPDIR:-$(mktemp -d)}
fail() {
  echo "$1"
  tail -40 "$work/log"
  exit 1
}
# refused WORDS FLAGS...: the program ends with 1, says WORDS and leaves no folder.
refused() {
  local words=$1
  shift
  "$program" --preset=smoke "$@" --out="$work/refused" >"$work/log" 2>&1
  [ $? = 1 ] || fail "$* is no error"
  grep -q -- "$words" "$work/log" || fail "$*: no word of '$words'"
  [ ! -e "$work/refused" ] || fail "$* left a folder"
}

"$program" --preset=smoke --out="$work/whole" >"$work/log" 2>&1 || fail "the smoke preset failed"
# The first losses of the base and of an arm: weights, rows, symbols, positions and the step are what they were.
for part in base e2; do
  first=$(grep "\"part\":\"$part/seed1\"" "$work/whole/metrics.jsonl" | grep -o '"loss":[0-9.]*' | head -2 | cut -c8-14 | tr '\n' ' ')
  echo "$part $first"
done >"$work/first"
diff - "$work/first" <<'NUMBERS' || fail "other first losses"
base 5.91247 5.76548 
e2 6.27119 6.36292 
NUMBERS
grep -q '^e2,window,1,64,[0-9.]*,[0-9.]*,[0-9.]*,[0-9.]*$' "$work/whole/windows.csv" || fail "windows.csv lacks a row"
[ "$(grep -c '"item":"window 64 half' "$work/whole/predictions.jsonl")" -ge 16 ] || fail "too few predictions"

echo '[{"g": 2, "t": 3, "R": 8, "length": 6}]' >"$work/rows.json"
"$program" --table="$work/rows.json" --out="$work/table" >"$work/log" 2>&1 || fail "--table failed"
grep -q '"positions":\[0,0.5,1,1.5,3.5,4\]' "$work/table/table.json" || fail "table.json has other positions"
echo '{"g": 2, "t": 9, "R": 8, "length": 6}' >"$work/bad.json"
refused "bad.json: row 1: 't' is 9, at most (g - 1) R = 8" --table="$work/bad.json"
: >"$work/empty"
refused "empty" --table="$work/empty"
refused "No such file" --table="$work/none.json"

for i in $(seq 900); do echo "Line $i of a text of the user's own."; done >"$work/own.txt"
"$program" --preset=smoke --data="$work/own.txt" --out="$work/own" >"$work/log" 2>&1 || fail "--data failed"
grep -q '"asserted":true' "$work/own/claims.json" && fail "a claim about the user's data is asserted"
echo "too short" >"$work/short.txt"
refused "short.txt: 10 bytes are too few" --data="$work/short.txt"
refused "No such file" --data="$work/none.txt"
refused "empty" --data="$work/empty"
refused "there is no text domain 'emma'" --text=emma
refused "g_max=6: a power of two is needed" --set g_max=6
refused "did you mean" --set g_mx=4

"$program" --preset=gpu --plan >"$work/log" 2>&1 || fail "--plan failed"
grep -q "e2/seed1" "$work/log" || fail "the plan has no e2"
