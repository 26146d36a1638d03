#!/usr/bin/env bash
# What bazel/cuda_toolkit.bzl makes of versions, computed in bazel/BUILD: cuda_version_test.sh GOT WANTED.
[ "$1" = "$2" ] || {
  echo "got $1, wanted $2" >&2
  exit 1
}
