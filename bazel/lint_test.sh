#!/usr/bin/env bash
# What bazel/lint looks at, in a repository of its own: lint_test.sh LINT CLANG_FORMAT_FILE.
set -euo pipefail
lint=$PWD/$1 style=$PWD/$2
fail() {
  echo "$1" >&2
  exit 1
}
export HOME=$TEST_TMPDIR GIT_CONFIG_NOSYSTEM=1
repository=$TEST_TMPDIR/repository
mkdir -p "$repository/bazel" && cd "$repository"
cp "$lint" bazel/lint && cp "$style" .clang-format
git init -q .
echo "/ignored.h" >.gitignore
echo "int tracked;" >tracked.cc && echo "int gone;" >gone.cc
git add .

rm gone.cc
bazel/lint --format-only || fail "a deleted file that git still knows stops it"
echo "int   bad;" >ignored.h
bazel/lint --format-only || fail "an ignored file is looked at"
echo "int   bad;" >new.h
if bazel/lint --format-only 2>/dev/null; then fail "an untracked file is not seen"; fi
bazel/lint --format-only --fix
[ "$(cat new.h)" = "int bad;" ] || fail "an untracked file is not mended"

# Prose is wrapped, code in comments is not.
words=$(printf 'word %.0s' {1..30})
printf '// %s\n//\n//   call(%s);  // trailing\n//   next();\n' "$words" "$words" >comment.h
bazel/lint --format-only --fix
[ "$(grep -c 'call(' comment.h)" = 1 ] && grep -qF "call($words);  // trailing" comment.h || fail "code in a comment was wrapped"
[ "$(grep -c word comment.h)" = 3 ] || fail "prose in a comment was not wrapped"
echo "lint sees what it must"
