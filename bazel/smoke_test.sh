#!/usr/bin/env bash
# Runs a recipe's smoke preset: smoke_test.sh PROGRAM [FLAGS]. Passes if it exits with 0 and wrote every output.
set -u
program=$1
shift
out=${TEST_TMPDIR:?}/out
"./$program" --preset=smoke --out="$out" "$@"
code=$?
if [ $code != 0 ]; then
  echo "$program --preset=smoke exited with $code" >&2
  exit 1
fi
for file in config.json metrics.jsonl claims.json report.html; do
  if [ -z "$(find "$out" -name "$file" -size +0c -print -quit)" ]; then
    echo "$program --preset=smoke wrote no $file below --out" >&2
    exit 1
  fi
done
