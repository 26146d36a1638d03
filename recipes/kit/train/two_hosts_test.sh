#!/usr/bin/env bash
# Two ranks in two network namespaces, which only TCP over one link joins, as two machines are: the bytes of two ranks on
# one machine; and a link that goes down ends the run with a sentence.
#   two_hosts_test.sh PROGRAM
set -uo pipefail
program=$(readlink -f "$1")
work=${TEST_TMPDIR:-$(mktemp -d)}
here=roux-$$-0 there=roux-$$-1
skip() { echo "SKIPPED: $1"; exit 0; }
# `ip netns` mounts; in a mount namespace of the test's own, nothing of that stays behind.
if [ -z "${ROUX_TEST_OWN_MOUNTS:-}" ]; then
  unshare --mount true 2>/dev/null || skip "a mount namespace cannot be made here (root is needed)"
  ROUX_TEST_OWN_MOUNTS=1 exec unshare --mount --propagation private "$0" "$@"
fi
command -v mpirun >/dev/null || skip "no mpirun: run bazel/setup"
command -v ip >/dev/null || skip "no ip: run bazel/setup"
# shellcheck disable=SC2046
end() { kill -9 $(ip netns pids $here) $(ip netns pids $there) 2>/dev/null; }
trap 'end; ip netns del $here 2>/dev/null; ip netns del $there 2>/dev/null' EXIT
why=$(ip netns add $here 2>&1 && ip netns add $there 2>&1 &&
  ip -n $here link add link0 type veth peer name link0 netns $there 2>&1 &&
  ip netns exec $here true 2>&1) || skip "network namespaces cannot be made here (root is needed): $why"
ip -n $here addr add 10.77.0.1/24 dev link0
ip -n $there addr add 10.77.0.2/24 dev link0
for name in $here $there; do
  ip -n $name link set lo up
  ip -n $name link set link0 up
done

# mpirun starts its daemon on the other host through this, in the place of ssh: agent HOST COMMAND...
cat >"$work/agent" <<END
#!/bin/sh
shift
exec ip netns exec $there unshare --uts sh -c 'hostname other; eval "\$1"' sh "\$*"
END
chmod +x "$work/agent"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
two_hosts() {
  ip netns exec $here mpirun --mca plm_rsh_agent "$work/agent" --mca oob_tcp_if_include link0 \
    --mca btl tcp,self --mca btl_tcp_if_include link0 --bind-to none -H 10.77.0.1:1,10.77.0.2:1 -n 2 "$@"
}
sent() { ip netns exec $here cat /sys/class/net/link0/statistics/tx_bytes; }
fail() { cat "$work/log"; echo "FAILED: $1"; exit 1; }
flags="--set=dropout=0 --seeds=1"

mpirun --oversubscribe --bind-to none -n 2 "$program" $flags --out="$work/one_host" >"$work/log" 2>&1 || fail "one host"
before=$(sent)
two_hosts "$program" $flags --out="$work/two_hosts" >"$work/log" 2>&1 || fail "two hosts"
crossed=$(($(sent) - before))
echo "$crossed bytes crossed the link"
[ "$crossed" -gt 100000 ] || fail "the gradients did not cross the link"
for file in metrics.jsonl claims.json; do
  cmp "$work/one_host/$file" "$work/two_hosts/$file" || fail "$file differs between one host and two"
done

begin=$SECONDS
ROUX_COMM_TIMEOUT_S=2 two_hosts -x ROUX_COMM_TIMEOUT_S "$program" $flags --set=steps=100000 --out="$work/cut" \
  >"$work/log" 2>&1 &
until [ -e "$work/cut/metrics.jsonl" ] || ls "$work/cut/checkpoints"/*/*.ckpt >/dev/null 2>&1; do
  sleep 0.1
  [ $((SECONDS - begin)) -lt 30 ] || fail "the run did not start"
done
ip -n $here link set link0 down
cut=$SECONDS
# Of both hosts. mpirun itself waits on for its daemon, which it cannot reach.
ranks() {
  for pid in $(ip netns pids $here) $(ip netns pids $there); do
    [ "$(readlink "/proc/$pid/exe")" = "$program" ] && echo "$pid"
  done
}
while [ -n "$(ranks)" ]; do
  [ $((SECONDS - cut)) -le 10 ] || fail "ranks still run $((SECONDS - cut)) s after the link went down: $(ranks)"
  sleep 0.2
done
grep "after 2 s rank 1 did not come" "$work/log" || fail "no word on why"
echo "PASSED"
