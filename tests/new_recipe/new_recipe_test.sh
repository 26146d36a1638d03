#!/usr/bin/env bash
# new_recipe_test.sh SCRIPT BUILD GENERATED: what recipes/new_recipe makes, and what it refuses.
set -euo pipefail
script=$1 build=$2 generated=$3
unset BUILD_WORKSPACE_DIRECTORY
root=$TEST_TMPDIR/root
fail() {
  echo "$1" >&2
  exit 1
}
refuses() {  # refuses MESSAGE ARGUMENT...
  local message=$1
  shift
  if "$script" --root="$root" "$@" >"$TEST_TMPDIR/out" 2>&1; then fail "new_recipe $* succeeds"; fi
  grep -qF -- "$message" "$TEST_TMPDIR/out" || fail "new_recipe $*: $(cat "$TEST_TMPDIR/out")"
}

# The test's own BUILD file calls recipe() as the script writes it.
call() { sed -n '/^recipe(/,/^)/p' "$1"; }
diff <(call "$build") <(call "$generated") || fail "the call in tests/new_recipe/BUILD differs from the template's"

"$script" --root="$root" adpa >"$TEST_TMPDIR/out"
grep -q "set its row in recipes/papers.tsv" "$TEST_TMPDIR/out"
for file in README.md BUILD method.h method.cc method_test.cc main.cc; do
  [ -s "$root/recipes/adpa/$file" ] || fail "recipes/adpa/$file is missing"
  if grep -n "z_loss\|Z_LOSS\|examples" "$root/recipes/adpa/$file"; then fail "$file names the template"; fi
done
for file in adpa.py adpa.json; do
  [ -s "$root/tests/golden/recipes/$file" ] || fail "tests/golden/recipes/$file is missing"
done
if grep -n "z_loss\|examples" "$root/tests/golden/recipes/adpa.py"; then fail "adpa.py names the template"; fi
grep -q 'of_recipe("adpa")' "$root/recipes/adpa/method_test.cc"
grep -q 'name = "adpa"' "$root/recipes/adpa/BUILD"
grep -q '#ifndef ROUX_RECIPES_ADPA_METHOD_H_' "$root/recipes/adpa/method.h"
grep -q "^<!-- End of results. -->" "$root/recipes/adpa/README.md" || fail "no place for the results"
grep -q '\.slug = "adpa"' "$root/recipes/adpa/main.cc"

"$script" --root="$root" examples/my_idea >"$TEST_TMPDIR/out"
grep -q '\.folder = "examples"' "$root/examples/my_idea/main.cc"
if grep -q papers.tsv "$TEST_TMPDIR/out"; then fail "examples are in no table"; fi

echo mine >"$root/recipes/adpa/main.cc"
refuses "recipes/adpa exists" adpa
[ "$(cat "$root/recipes/adpa/main.cc")" = mine ] || fail "a file was overwritten"
refuses "has no row 'my_idea'" my_idea
touch "$root/tests/golden/recipes/codegen2.py"
refuses "tests/golden/recipes/codegen2.py exists" codegen2
[ ! -e "$root/recipes/codegen2" ] || fail "half a recipe was made"
refuses "is no name of a recipe" examples/My-Idea
refuses "is no name of a recipe" ../adpa
refuses "unknown flag --force" --force adpa
refuses "one name is needed" adpa codegen2
refuses "recipes/new_recipe SLUG"
