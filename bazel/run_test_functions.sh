# What tests of a recipe's program share (run_test.sh PROGRAM, run_test = True in its BUILD file):
#   source bazel/run_test_functions.sh
# Sets program, and work: an empty folder. What the last run printed is in $work/log.
# shellcheck shell=bash
set -uo pipefail
program=$1
work=${TEST_TMPDIR:-$(mktemp -d)}

# fail WORDS
fail() {
  echo "$1"
  tail -60 "$work/log"
  exit 1
}

# runs FLAGS...: the program ends with 0.
runs() {
  "$program" "$@" >"$work/log" 2>&1 || fail "exit code $?: $*"
}

# says WORDS: the last run printed them. A pattern of grep, as all WORDS here.
says() {
  grep -q -- "$1" "$work/log" || fail "no word of: $1"
}

# refused WORDS FLAGS...: the program ends with 1, says WORDS and leaves no folder.
refused() {
  local words=$1
  shift
  "$program" "$@" --out="$work/refused" >"$work/log" 2>&1
  local code=$?
  [ $code = 1 ] || fail "exit code $code instead of 1: $*"
  says "$words"
  [ ! -e "$work/refused" ] || fail "$* left a folder"
}

# first_losses DIR PART LOSS...: a part's first losses are these: weights, rows and step are what they were. To a
# thousandth: processors sum in different orders, and the first step of Adam turns signs of small gradients into steps.
first_losses() {
  local dir=$1 part=$2 all
  shift 2
  all=$(grep "\"part\":\"$part\"" "$dir/metrics.jsonl" | sed -n 's/.*"loss":\([-+.0-9e]*\).*/\1/p' | head -$#)
  paste <(echo "$all") <(printf '%s\n' "$@") |
    awk '{ off = $1 - $2; if (NF != 2 || off * off > 1e-6 * $2 * $2) wrong = 1 } END { exit wrong }' ||
    fail "the first losses of $part are not $*: $(echo "$all" | tr '\n' ' ')"
}

# own_data WORDS FLAGS...: the smoke preset on data of the user's, called from the folder $work. It says WORDS, and
# nothing is asserted.
own_data() {
  local words=$1
  shift
  rm -rf "$work/own"
  BUILD_WORKING_DIRECTORY=$work runs --preset=smoke "$@" --out="$work/own"
  says "$words"
  ! grep -q '"asserted":true' "$work/own/claims.json" || fail "a claim about the user's data is asserted: $*"
}

# plans PART: --plan of the preset for a GPU names the part.
plans() {
  runs --preset=gpu --plan
  says "$1"
}

# lines COUNT WORDS: a text of so many numbered lines.
lines() {
  for i in $(seq "$1"); do echo "Line $i of $2."; done
}
