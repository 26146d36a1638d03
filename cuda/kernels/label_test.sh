#!/usr/bin/env bash
# label_test.sh FILE...: fails unless the files that the label of a kernel stands for are compiled kernels.
set -eu
[ $# -gt 0 ] || {
  echo "the label stands for no file, so that building it compiles nothing" >&2
  exit 1
}
for file in "$@"; do
  case $file in
    *.a | *.lo | *.so | *.o) ;;
    *)
      echo "$file is no compiled kernel" >&2
      exit 1
      ;;
  esac
done
echo "the label stands for $*"
