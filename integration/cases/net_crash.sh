#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# needs: tests
# ross-cli killed with -9 while a container joins its network, and a shim killed under a container: the next start collects what is left.
. "$(dirname "$0")/../lib/common.sh"
need iptables-save ip jq
[ -x /usr/lib/cni/bridge ] || [ -x /opt/cni/bin/bridge ] || skip "the package containernetworking-plugins is not installed"
unset ROSS_NETWORK
demo_layout
ross load -q --input "$WORK/demo" >/dev/null
trap 'status=$?; set +e; ross rm -f $(ross ps -aq 2>/dev/null) >/dev/null 2>&1; ross network prune -f >/dev/null 2>&1; (exit $status); cleanup' EXIT
addresses() { ls "$ROSS_STATE/net/ipam/bridge" 2>/dev/null | grep -c '^[0-9]' || true; }
ross run --rm demo true
port=$(free_port)

for point in "network begun" "network added" "network recorded" "network published"; do
    got=0; ROSS_FAULT="$point:1:kill" ross run --rm -p "$port:80" demo true >/dev/null 2>&1 || got=$?
    [ $got = 137 ] || fail "the point '$point' was not passed: $got"
    [ "$(ls "$ROSS_STATE/net" | grep -c '^[0-9a-f]\{64\}$')" = 1 ] || fail "$point: there is no record to collect"
    # the next one, which wants the same port
    expect ok ross run --rm -p "$port:80" demo echo ok
    [ "$(ls "$ROSS_STATE/netns" | wc -l)" = 0 ] || fail "$point: a namespace is left"
    [ "$(addresses)" = 0 ] || fail "$point: an address is left"
    iptables-save 2>/dev/null | finds -- "--dport $port " && fail "$point: a rule is left"
    expect "0 left over" ross network check
    ross rm -f $(ross ps -aq) >/dev/null 2>&1 || true
done

# an errno instead of a kill: the container is not begun, and nothing stays
for point in "network begun" "network added" "network recorded" "network published"; do
    expect_fail 125 "" env ROSS_FAULT="$point:1:EIO" "$BIN/ross-cli" run --rm -p "$port:80" demo true
    [ "$(ls "$ROSS_STATE/netns" | wc -l)$(addresses)" = 00 ] || fail "$point with EIO leaves something"
done

# a shim killed under its container: start and rm give a new network, or none
id=$(ross run -d --name survivor -p "$port:80" demo sleep 1000)
kill -9 "$(pgrep -f "containerd-shim-ross-v2.*$id" | head -1)"
ross start survivor >/dev/null
[ "$(addresses)" = 1 ] || fail "start after a crash: $(addresses) addresses"
kill -9 "$(pgrep -f "containerd-shim-ross-v2.*$id" | head -1)"
ross rm -f survivor >/dev/null
[ "$(addresses)" = 0 ] || fail "rm after a crash leaves an address"

# addresses and namespaces without any record
mkdir -p "$ROSS_STATE/net/ipam/bridge"
printf 'nobody\neth0' >"$ROSS_STATE/net/ipam/bridge/10.60.255.9"
touch "$ROSS_STATE/netns/nobody"
got=0; ross network check >"$WORK/out" || got=$?
[ $got = 1 ] && [ "$(tail -1 "$WORK/out")" = "2 left over" ] || fail "check: $got $(cat "$WORK/out")"
expect "2 left over, taken away" bash -c "'$BIN/ross-cli' network check --repair | tail -1"
expect "0 left over" ross network check

# rules that somebody flushed
interface=$(ross network ls --format '{{.interface}}')
chain=$(iptables-save 2>/dev/null | grep -o "ROSS-FWD-[0-9a-f]* -i $interface -j" | first | cut -d' ' -f1)
iptables -w -D FORWARD -j "$chain"
iptables -w -F "$chain"
ross network reload
iptables -w -C FORWARD -j "$chain" || fail "reload does not bring the jump back"
iptables-save 2>/dev/null | finds -- "-A $chain -i $interface -j ACCEPT" || fail "reload does not bring the rules back"
ross network prune -f >/dev/null
iptables-save 2>/dev/null | finds "$chain" && fail "prune leaves a chain"
assert_clean
