#!/bin/bash
# recipes/data/fetch against a made-up table and a stand-in for python3 -m pip: no network, no real package.
set -euo pipefail
fetch=$PWD/recipes/data/fetch
work=$TEST_TMPDIR
export ROUX_CACHE=$work/cache ROUX_RESOURCES=$work/table.tsv HOME=$work

fail() { echo "FAIL: $*"; exit 1; }
expect() {  # expect STATUS TEXT COMMAND...: exit status, and a text that the output must hold
    local status=$1 text=$2 got=0 output
    shift 2
    output=$("$@" 2>&1) || got=$?
    [[ $got == "$status" ]] || fail "status $got, not $status, of: $* -- $output"
    [[ $output == *"$text"* ]] || fail "'$text' is not in the output of: $* -- $output"
}

# Two archives whose parts join to one model, and one with a text.
mkdir -p "$work/served" "$work/bin" "$work/make/a-1/data" "$work/make/b-1/data" "$work/make/c-1/data"
printf 'first half, ' > "$work/make/a-1/data/model.bin.part00"
printf 'second half' > "$work/make/b-1/data/model.bin.part01"
printf 'first half, second half' | sha256sum | sed 's/-$/model.bin/' > "$work/make/a-1/data/SHA256SUMS"
echo 'a text' > "$work/make/c-1/data/text.txt"
echo 'code' > "$work/make/c-1/code.py"
for name in a b c; do tar -czf "$work/served/$name-1.tar.gz" -C "$work/make" "$name-1"; done

cat > "$work/bin/python3" << 'END'
#!/bin/bash
# python3 -m pip --version | python3 -m pip download ... --dest FOLDER -r FILE
[[ $3 == --version ]] && exit 0
echo called >> "$HOME/network"
while (( $# )); do
    case $1 in --dest) dest=$2 ;; -r) name=$(sed 's/==.*//' "$2") ;; esac
    shift
done
[[ -e $HOME/served/$name-1.tar.gz ]] || { echo "ERROR: no such package: $name"; exit 1; }
cp "$HOME/served/$name-1.tar.gz" "$dest/"
END
chmod +x "$work/bin/python3"
export PATH=$work/bin:$PATH

row() {  # row RESOURCE PACKAGE
    local file=$work/served/$2-1.tar.gz
    printf '%s\tpip\t%s\t1\t%s\t%s\t%s\t*/data/*\tMIT\tmade up\n' "$1" "$2" "$2-1.tar.gz" "$(stat -c %s "$file")" \
        "$(sha256sum < "$file" | cut -d' ' -f1)"
}
{ echo '# comment'; row model a; row model b; row text c; } > "$ROUX_RESOURCES"

expect 0 "no      MIT" "$fetch" --list
expect 0 "ROUX_CACHE" "$fetch" --help
expect 2 "--list" "$fetch"
expect 2 "--list" "$fetch" --nonsense
expect 1 "'nothing' is not in $ROUX_RESOURCES; there are:"$'\n  model\n  text' "$fetch" text nothing
[[ ! -e $work/network ]] || fail "an unknown name must stop before any download"
expect 1 "'text' is not cached" "$fetch" --path text

# A full disk is said before anything is downloaded.
printf '#!/bin/bash\necho Avail\necho 100\n' > "$work/bin/df"
chmod +x "$work/bin/df"
expect 1 "'text' needs 0.0 MB; $ROUX_CACHE has 100 MB free" "$fetch" text
[[ ! -e $work/network && ! -e $ROUX_CACHE/text ]] || fail "a download began on a full disk"
rm "$work/bin/df"

expect 0 "'text' (MIT): 0.0 MB to download into $ROUX_CACHE" "$fetch" text
"$fetch" --drop text
rm "$work/network"
expect 0 "$ROUX_CACHE/text" "$fetch" text
[[ $(< "$ROUX_CACHE/text/c-1/data/text.txt") == "a text" ]] || fail "text is wrong"
[[ ! -e $ROUX_CACHE/text/c-1/code.py ]] || fail "code was unpacked"
expect 0 "yes     MIT" "$fetch" --list
expect 0 "$ROUX_CACHE/text" "$fetch" --path text
expect 0 "$ROUX_CACHE/text" "$fetch" text --path
expect 2 "--list" "$fetch" text --path --drop
expect 2 "--list" "$fetch" text --list
expect 1 "'nothing' is not in" "$fetch" text nothing --drop
[[ -e $ROUX_CACHE/text ]] || fail "an unknown name must stop before anything is dropped"

# Cached: works without network.
rm "$work/network" "$work/served/c-1.tar.gz"
expect 0 "$ROUX_CACHE/text" "$fetch" text
[[ ! -e $work/network ]] || fail "a cached resource used the network"

# A read-only cache serves what it has. (As root nothing is read-only, so the folder is made to refuse by being a file.)
rm "$ROUX_CACHE/.lock" && mkdir "$ROUX_CACHE/.lock"
expect 0 "$ROUX_CACHE/text" "$fetch" text
expect 1 "set ROUX_CACHE to a folder" "$fetch" text model
rmdir "$ROUX_CACHE/.lock"

# A flipped byte is noticed, named, and mended as soon as there is network.
echo 'b text' > "$ROUX_CACHE/text/c-1/data/text.txt"
expect 1 "c-1/data/text.txt: FAILED" "$fetch" text
tar -czf "$work/served/c-1.tar.gz" -C "$work/make" c-1
{ echo '# comment'; row model a; row model b; row text c; } > "$ROUX_RESOURCES"
expect 0 "$ROUX_CACHE/text" "$fetch" text
[[ $(< "$ROUX_CACHE/text/c-1/data/text.txt") == "a text" ]] || fail "the damaged text was not replaced"

# While an archive arrives the progress is shown: a line in ten seconds where stderr is no terminal.
sed -i 's/^\[\[ -e/[[ -e $HOME\/trickle ]] \&\& { head -c 500000 \/dev\/zero > "$HOME\/cache\/.download\/part"; sleep 3; rm "$HOME\/cache\/.download\/part"; }\n&/' "$work/bin/python3"
touch "$work/trickle"
"$fetch" --drop text
expect 0 "fetch:   0.0 of 0.0 MB" env ROUX_PROGRESS_SECONDS=1 "$fetch" text
rm "$work/trickle"

# Nothing that goes on behind a finished fetch keeps its caller waiting (the progress sleeps ten seconds).
"$fetch" --drop text
SECONDS=0
expect 0 "$ROUX_CACHE/text" "$fetch" text
(( SECONDS < 8 )) || fail "the caller waited $SECONDS s"

# Ctrl-C says what is kept and leaves no half-made folder. (By SIGTERM: a background job of a script ignores SIGINT.)
mkfifo "$work/served/started"
sed -i 's/^\[\[ -e/[[ -e $HOME\/slow ]] \&\& { : > "$HOME\/served\/started"; sleep 60; }\n&/' "$work/bin/python3"
touch "$work/slow"
setsid "$fetch" model > "$work/interrupted" 2>&1 &
fetching=$!
read -r -t 20 < "$work/served/started" || true
kill -TERM -- "-$fetching"
got=0
wait "$fetching" || got=$?
rm "$work/slow"
[[ $got == 130 && $(< "$work/interrupted") == *"interrupted"* ]] || fail "interrupted: status $got, $(< "$work/interrupted")"
[[ ! -e $ROUX_CACHE/model && ! -e $ROUX_CACHE/.download ]] || fail "an interruption left something behind"

# Interrupted after the first of two archives: nothing half-made, and the first is not downloaded again.
mv "$work/served/b-1.tar.gz" "$work/later"
expect 1 "b 1 could not be downloaded" "$fetch" model
[[ ! -e $ROUX_CACHE/model ]] || fail "a half resource is in the cache"
mv "$work/later" "$work/served/b-1.tar.gz"
rm "$work/network"
expect 0 "$ROUX_CACHE/model" "$fetch" model
[[ $(wc -l < "$work/network") == 1 ]] || fail "the first archive was downloaded twice"
[[ $(< "$ROUX_CACHE/model/model.bin") == "first half, second half" ]] || fail "parts are not joined"

# Another content under the same name is refused, and the old one stays away from the cache.
"$fetch" --drop model
expect 1 "'model' is not cached" "$fetch" --path model
echo noise >> "$work/served/a-1.tar.gz"
expect 1 "a-1.tar.gz is not the one of" "$fetch" model
[[ ! -e $ROUX_CACHE/model ]] || fail "wrong content was cached"

# A package whose own checksums do not hold.
sed -i 's/^./0/' "$work/make/a-1/data/SHA256SUMS"
sha256sum --quiet --check - <<< "$(< "$work/make/a-1/data/SHA256SUMS")" > /dev/null 2>&1 && fail "test is vacuous"
tar -czf "$work/served/a-1.tar.gz" -C "$work/make" a-1
{ row model a; row model b; } > "$ROUX_RESOURCES"
expect 1 "SHA256SUMS does not match" "$fetch" model
[[ ! -e $ROUX_CACHE/model ]] || fail "a damaged model was cached"

expect 1 "cannot be read" env ROUX_RESOURCES="$work/none.tsv" "$fetch" --list
expect 1 "set ROUX_CACHE" env ROUX_CACHE="$work/table.tsv/cache" "$fetch" model
echo "fetch test passed"
