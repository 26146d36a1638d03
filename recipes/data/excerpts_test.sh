#!/bin/bash
# Every excerpt is pinned, within 300 kB, and has its provenance.
set -euo pipefail
cd recipes/data/excerpts
sha256sum --check --quiet SHA256SUMS
for file in *.txt; do
    grep -q "  $file\$" SHA256SUMS || { echo "$file is not in SHA256SUMS"; exit 1; }
    grep -q "^| \`$file\` |" PROVENANCE.md || { echo "$file is not in PROVENANCE.md"; exit 1; }
    size=$(stat -L -c %s "$file")
    (( size <= 300000 )) || { echo "$file has $size bytes, at most 300000 are embedded"; exit 1; }
done
