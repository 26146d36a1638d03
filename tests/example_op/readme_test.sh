#!/usr/bin/env bash
# readme_test.sh README FILE...: fails for a line of a ```cpp block that none of the files (beside this script) has.
set -euo pipefail
readme=$1
shift
cd "$(dirname "$0")"
files=("$@")
missing=0 lines=0
while IFS= read -r line; do
  lines=$((lines + 1))
  if ! grep -qxF -- "$line" "${files[@]}"; then
    echo "$readme shows a line that the example does not have: $line"
    missing=$((missing + 1))
  fi
done < <(awk '/^```cpp$/ {inside = 1; next} /^```$/ {inside = 0} inside && NF' "$OLDPWD/$readme")
[ "$lines" -ge 20 ] || { echo "$readme shows only $lines lines of code"; exit 1; }
[ "$missing" = 0 ] || exit 1
echo "$lines lines of $readme stand in the example"
