#!/usr/bin/env bash
# The kernels of a GPU, run on the CPU (--device=emulated), give the CPU's numbers within 1e-4 in a recipe's smoke preset:
#   emulated_test.sh SAME_NUMBERS PROGRAM [FLAGS]
# Both runs get the flags, which cut the preset where the emulator takes too long.
set -uo pipefail
same_numbers=$1 program=$2
shift 2
work=${TEST_TMPDIR:-$(mktemp -d)}
for device in cpu emulated; do
  start=$SECONDS
  "./$program" --preset=smoke --device=$device --out="$work/$device" "$@" >"$work/$device.log" 2>&1
  code=$?
  # 3: an asserted claim fails, which cut sizes do to claims.
  if [ $code != 0 ] && [ $code != 3 ]; then
    # An op without a kernel is named here.
    tail -20 "$work/$device.log"
    echo "$program --preset=smoke --device=$device $* exited with $code"
    exit 1
  fi
  echo "$device: $((SECONDS - start)) s"
done
"$same_numbers" "$work/cpu" "$work/emulated" 1e-4
