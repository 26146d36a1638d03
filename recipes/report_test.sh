#!/usr/bin/env bash
# //recipes:report in a made-up workspace with a stand-in for bazel and recipes that are shell scripts.
set -uo pipefail
report=$PWD/$1
work=$(mktemp -d "${TEST_TMPDIR:-/tmp}/report-XXXXXX")
export BUILD_WORKSPACE_DIRECTORY=$work
fail() { echo "FAILED: $*"; cat "$work/log"; exit 1; }
run() { "$report" --bazel="$work/bazel" "$@" >"$work/log" 2>&1; code=$?; }
expect() { [ "$code" = "$1" ] || fail "exit code $code, not $1, of: $2"; }
says() { grep -qF -- "$1" "$work/log" || fail "it does not say '$1'"; }

mkdir -p "$work/recipes/results"
printf 'slug\ttitle\tarxiv\tstate\n' >"$work/recipes/papers.tsv"
for slug in good stuck wrong; do
  printf '%s\tA Title\t1\tavailable\n' $slug >>"$work/recipes/papers.tsv"
  mkdir -p "$work/recipes/$slug" "$work/bazel-bin/recipes/$slug"
  echo "method of $slug" >"$work/recipes/$slug/method.cc"
  printf '# %s\n%s\n%s\n' $slug '<!-- Results: written by `bazel run //recipes:report`; a test compares. -->' \
    '<!-- End of results. -->' >"$work/recipes/$slug/README.md"
  # A recipe: writes what a run leaves, then ends as $work/<slug>.end says.
  cat >"$work/bazel-bin/recipes/$slug/$slug" <<'END'
#!/usr/bin/env bash
slug=$(basename "$0")
for flag in "$@"; do case $flag in --out=*) out=${flag#--out=} ;; esac; done
mkdir -p "$out"
machine='{"cpu":"A CPU","cores":2}'
echo "{\"recipe\":\"$slug\",\"preset\":\"default\",\"seeds\":[1],\"commit\":null,\"date\":\"2026-01-02\",\"machine\":$machine}" >"$out/config.json"
echo '[{"claim":"c","measured":1,"relation":"> 0","scale":"s","verdict":"holds"}]' >"$out/claims.json"
echo "$slug" >>"$BUILD_WORKSPACE_DIRECTORY/ran"
trap 'exit 130' INT
. "$BUILD_WORKSPACE_DIRECTORY/$slug.end"
END
  chmod +x "$work/bazel-bin/recipes/$slug/$slug"
  echo 'exit 0' >"$work/$slug.end"
done
cat >"$work/bazel" <<'END'
#!/usr/bin/env bash
[ "$1" = build ] && exit 0
slug=${!#}; slug=${slug#*//recipes/}; slug=${slug%%)*}
printf '//recipes/%s:method.cc\n//tensor:tensor.cc\n@abseil//:strings\n' "$slug"
END
chmod +x "$work/bazel"

# All are new: one fails, the others go on; what ended is stored, and without all results there are no pages.
echo 'exit 1' >"$work/wrong.end"
echo 'exit 3' >"$work/good.end"  # an asserted claim fails: a result too
run
expect 1 "a recipe that fails"
says "1 of 3 recipes failed"
says "wrong: exit code 1; its output folder is"
says "results/wrong.json is missing: bazel run //recipes:report -- wrong"
[ -e "$work/recipes/results/good.json" ] && [ -e "$work/recipes/results/stuck.json" ] || fail "a result is missing"
[ -e "$work/recipes/results/wrong.json" ] && fail "a failed run was stored"
run --check
expect 1 "--check with a recipe that has no result"
says "wrong: it has no stored result"

# Only what has no result runs; then everything agrees.
: >"$work/ran"
echo 'exit 0' >"$work/wrong.end"
run
expect 0 "the recipe mended"
[ "$(cat "$work/ran")" = wrong ] || fail "ran: $(cat "$work/ran")"
grep -q '| holds | c |' "$work/recipes/wrong/README.md" || fail "no table in the README"
grep -q '| \[wrong\](wrong/) | A Title | 1 | 1 holds |' "$work/recipes/README.md" || fail "no verdict in the index"
run --check
expect 0 "--check when all agree"

# A changed source, and an edited page.
echo "another method" >"$work/recipes/good/method.cc"
run --check
expect 1 "--check after a change"
says "good: its sources changed since the stored result"
: >"$work/ran"
run
expect 0 "the changed recipe"
[ "$(cat "$work/ran")" = good ] || fail "ran: $(cat "$work/ran")"
sed -i 's/| holds |/| fails |/' "$work/recipes/good/README.md"
run --check
expect 1 "--check with an edited README"
says "good/README.md is not what"
: >"$work/ran"
run good stuck
expect 0 "recipes by name"
[ "$(tr '\n' ' ' <"$work/ran")" = "good stuck " ] || fail "ran: $(cat "$work/ran")"

# Ctrl-C: the recipe ends in its own way, nothing of it is stored, the rest does not start.
before=$(cat "$work/recipes/results/stuck.json")
: >"$work/ran"
echo 'touch "$BUILD_WORKSPACE_DIRECTORY/waiting"; while :; do sleep 0.05; done' >"$work/stuck.end"
"$report" --bazel="$work/bazel" --all >"$work/log" 2>&1 &
pid=$!
for _ in $(seq 400); do [ -e "$work/waiting" ] && break; sleep 0.05; done
kill -TERM $pid  # bash starts background programs with SIGINT ignored
wait $pid
code=$?
expect 130 "Ctrl-C"
says "interrupted; what had ended is stored"
[ "$(tr '\n' ' ' <"$work/ran")" = "good stuck " ] || fail "ran: $(cat "$work/ran")"
[ "$before" = "$(cat "$work/recipes/results/stuck.json")" ] || fail "an interrupted run was stored"

# Mistakes.
run nosuch
expect 1 "a name that is no recipe"
says "no available recipe is called nosuch; there are: good stuck wrong"
run --frobnicate
expect 1 "an unknown flag"
echo "all as it should be"
