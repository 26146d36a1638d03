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

# Samples of named sources are folders; one row may be of several: `libreoffice_help_*/`.
mapfile -t rows < <(sed -n 's/^| `\([^`]*\/\)` |.*/\1/p' PROVENANCE.md)
total=0
for tree in */; do
    (cd "$tree" && sha256sum --check --quiet SHA256SUMS)
    known=
    for row in "${rows[@]}"; do
        # shellcheck disable=SC2053  # a pattern
        if [[ $tree == $row ]]; then known=1; fi
    done
    [[ -n $known ]] || { echo "$tree is not in PROVENANCE.md"; exit 1; }
    size=0
    while IFS= read -r file; do
        [[ $file == SHA256SUMS ]] || grep -q "  $file\$" "$tree/SHA256SUMS" || { echo "$tree$file is not in its SHA256SUMS"; exit 1; }
        size=$(( size + $(stat -L -c %s "$tree$file") ))
    done < <(cd "$tree" && find . -not -type d -printf '%P\n')
    (( size <= 300000 )) || { echo "$tree has $size bytes, at most 300000 are embedded"; exit 1; }
    total=$(( total + size ))
done
(( total <= 9000000 )) || { echo "the samples have $total bytes, at most 9 MB are embedded"; exit 1; }
