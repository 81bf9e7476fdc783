#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Containers in networks: the bridge, published ports, names, walls between networks, other modes, and that nothing is left.
. "$(dirname "$0")/../lib/common.sh"
need iptables-save ip curl jq
[ -x /usr/lib/cni/bridge ] || [ -x /opt/cni/bin/bridge ] || skip "the package containernetworking-plugins is not installed"
unset ROSS_NETWORK
demo_layout
ross load -q --input "$WORK/demo" >/dev/null
# other programs may be at work beside us: only what names our bridges and addresses counts
rules() { { iptables-save; ip6tables-save; } 2>/dev/null | grep ROSS | grep -v '^:' | grep -F -f "$WORK/bridges" || true; }
bridges() { ross network ls --format '{{.interface}}' | grep . || true; }
address_of() { ross network inspect "$1" | jq -r --arg n "$2" '.[0].containers[] | select(.name == $n) | .ipv4 | split("/")[0]'; }
trap 'status=$?; set +e; ross rm -f $(ross ps -aq 2>/dev/null) >/dev/null 2>&1; ross network prune -f >/dev/null 2>&1; (exit $status); cleanup' EXIT

# the default: made on first use
[ -z "$(ross network ls -q)" ] || fail "a network is there before it is used"
ross run --rm demo ip -o -4 addr >"$WORK/out"
grep -q eth0 "$WORK/out" || fail "no eth0: $(cat "$WORK/out")"
expect bridge ross network ls -q
bridges >"$WORK/bridges"
ip link show "$(cat "$WORK/bridges")" >/dev/null || fail "there is no bridge"
rules >"$WORK/rules-base"
[ -s "$WORK/rules-base" ] || fail "there are no rules"
expect "1" ross run --rm demo sh -c 'grep -c "$(hostname)" /etc/hosts'

# a bridge that carries the address of an earlier record (its root was deleted) gets the right one
bridge=$(cat "$WORK/bridges")
ip -4 addr flush dev "$bridge"
ip addr add 198.18.77.1/24 dev "$bridge"
expect "" ross run --rm demo true
[ -z "$(ip -4 addr show dev "$bridge" | grep 198.18.77)" ] || fail "the earlier address is still there"

# two talk over the bridge
ross run -d --name web -p 0:80 -p 127.0.0.1::81/udp demo sh -c 'mkdir /www; echo served >/www/index.html; exec httpd -f -p 80 -h /www' >/dev/null
ip=$(address_of bridge web)
wait_for 10 curl -fsm 2 "http://$ip/" || fail "the host does not reach $ip"
expect served ross run --rm demo wget -qO- "http://$ip/"
[ "$(ls "$ROSS_STATE/netns" | wc -l)" = 1 ] || fail "namespaces: $(ls "$ROSS_STATE/netns")"

# published ports: by loopback, by the host's address, from inside, and from a neighbour
port=$(ross port web 80 | sed 's/.*://')
[ "$(ross port web | wc -l)" = 2 ] || fail "port: $(ross port web)"
expect_fail 125 "publishes no port" ross port web 99
expect served curl -fsm 20 "http://127.0.0.1:$port/"
host=$(ip -o -4 addr show scope global | grep -v ross | awk '!seen++ {split($4, a, "/"); print a[1]}')
if [ -n "$host" ]; then
    expect served curl -fsm 20 "http://$host:$port/"
    expect served ross run --rm demo wget -qO- "http://$host:$port/"
    expect served ross exec web wget -qO- "http://$host:$port/"
fi
expect_fail 125 "published by another container" ross run --rm -p "$port:80" demo true
python3 -c 'import socket,sys,time; s=socket.socket(); s.bind(("0.0.0.0",0)); s.listen(); print(s.getsockname()[1],flush=True); time.sleep(1000)' >"$WORK/taken" &
PIDS+=($!)
wait_for 10 test -s "$WORK/taken"
expect_fail 125 "in use on this machine" ross run --rm -p "$(cat "$WORK/taken"):80" demo true
# a service of the host on 127.0.0.1 stays closed to containers, though ports on 127.0.0.1 lead in
[ "$(cat /proc/sys/net/ipv4/conf/"$(cat "$WORK/bridges")"/route_localnet)" = 1 ] || fail "route_localnet is not set"
rules | finds 'ROSS-IN.*127.0.0.0/8.*DROP' || fail "nothing guards the host's loopback"

# stop, start: address and ports are given back and come again
ross stop -t 0 web >/dev/null
rules | diff - "$WORK/rules-base" || fail "stop leaves rules"
[ -z "$(ls "$ROSS_STATE/netns")" ] || fail "stop leaves a namespace"
ls "$ROSS_STATE/net/ipam/bridge" | grep '^[0-9]' && fail "stop leaves an address"
expect "" ross port web
ross start web >/dev/null
port=$(ross port web 80 | sed 's/.*://')
wait_for 10 curl -fsm 2 "http://127.0.0.1:$port/" || fail "a restarted container is not reached"

# container:
expect served ross run --rm --network container:web demo wget -qO- http://127.0.0.1/
expect "$(ross exec web hostname)" ross run --rm --network container:web demo hostname
expect "$(ross exec web cat /etc/hosts)" ross run --rm --network container:web demo cat /etc/hosts
expect_fail 125 "-p, --ip" ross run --rm --network container:web -p 1:1 demo true
expect_fail 125 "no container has" ross run --rm --network container:nobody demo true
ross rm -f web >/dev/null
rules | diff - "$WORK/rules-base" || fail "rm leaves rules"

# ranges, -P, --ip, --mac-address
ross run -d --name many -P --expose 7000-7001 --expose 7000/udp --mac-address 02:11:22:33:44:55 demo sleep 1000 >/dev/null
[ "$(ross port many | wc -l)" = 3 ] || fail "-P publishes: $(ross port many)"
expect 02:11:22:33:44:55 ross exec many cat /sys/class/net/eth0/address
ross rm -f many >/dev/null
first=$(free_port)
ross run -d --name range -p "127.0.0.1:$first:90" demo sh -c 'while :; do echo udp | nc -l -p 90; done' >/dev/null
wait_for 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$first" || fail "a port on 127.0.0.1 is not reached"
[ -z "$host" ] || ! bash -c "exec 3<>/dev/tcp/$host/$first" 2>/dev/null || fail "a port of 127.0.0.1 is open on $host"
ross rm -f range >/dev/null

# networks of our own: names, and walls
ross network create --subnet 10.213.7.0/24 --gateway 10.213.7.9 --label team=red --opt mtu=1400 red >/dev/null
ross network create blue >/dev/null
bridges >"$WORK/bridges"
[ "$(ross network inspect red | jq -r '.[0].labels.team')" = red ] || fail "inspect red: $(ross network inspect red)"
ross run -d --name alpha --network red --ip 10.213.7.77 --network-alias first demo sleep 1000 >/dev/null
ross run -d --name beta --network blue demo sleep 1000 >/dev/null
expect 10.213.7.77 address_of red alpha
expect 1400 ross exec alpha cat /sys/class/net/eth0/mtu
ross exec alpha ip route | finds 'default via 10.213.7.9' || fail "the gateway is not the one asked for"
ross run --rm --network red demo ping -c 1 -W 20 alpha >/dev/null || fail "names of neighbours"
ross run --rm --network red demo ping -c 1 -W 20 first >/dev/null || fail "aliases of neighbours"
got=0; ross exec beta ping -c 1 -W 1 10.213.7.77 >/dev/null || got=$?
[ $got = 1 ] || fail "networks are not apart"
expect_fail 125 "no network 'green'" ross run --rm --network green demo true
expect_fail 125 "already" ross network create red
expect_fail 125 "overlaps that of network 'red'" ross network create --subnet 10.213.0.0/16 x
expect_fail 125 "is the address of a host" ross network create --subnet 10.214.0.1/24 x
expect_fail 125 "not in the subnet" ross run --rm --network red --ip 10.9.9.9 demo true
got=0; ross run --rm --network red --ip 10.213.7.77 demo true 2>"$WORK/err" || got=$?
[ $got = 125 ] && [ "$(wc -l <"$WORK/err")" = 1 ] || fail "an address taken: $got $(cat "$WORK/err")"
expect_fail 125 "in use by container 'alpha'" ross network rm red

# connect, disconnect while it runs; names appear in files that are mounted already
ross network connect --alias second blue alpha
ross exec beta ping -c 1 -W 20 second >/dev/null || fail "connect: no way to the alias"
ross exec alpha ip -o -4 addr show eth1 | finds inet || fail "connect: no eth1"
expect_fail 125 "already" ross network connect blue alpha
ross network disconnect blue alpha
ross exec alpha ip addr show eth1 2>/dev/null && fail "disconnect leaves eth1"
ross exec beta grep second /etc/hosts && fail "disconnect leaves the name"
ross stop -t 0 alpha >/dev/null
ross network connect blue alpha
ross start alpha >/dev/null
ross exec alpha ip -o -4 addr show eth1 | finds inet || fail "connect of a stopped one is not remembered"
ross run --rm --network red --network blue demo ip -o -4 addr | finds eth1 || fail "two --network"

# IPv6, internal
ross network create --ipv6 --internal inner >/dev/null
bridges >"$WORK/bridges"
ross run -d --name six --network inner demo sleep 1000 >/dev/null
ross run --rm --network inner demo ping -6 -c 1 -W 20 six >/dev/null || fail "no way by IPv6"
ross run --rm --network inner demo ip route | grep default && fail "an internal network has a way out"

# files inside
expect "nameserver 9.9.9.9" ross run --rm --dns 9.9.9.9 --dns-search '' demo grep nameserver /etc/resolv.conf
expect "$(printf 'search lan\nnameserver 9.9.9.9\noptions ndots:2')" ross run --rm --dns 9.9.9.9 --dns-search lan --dns-option ndots:2 demo cat /etc/resolv.conf
ross run --rm demo grep -q 'nameserver 127' /etc/resolv.conf && fail "a name server of the host's own loopback came in"
expect "1.2.3.4	other" ross run --rm --add-host other:1.2.3.4 demo grep other /etc/hosts
gateway=$(ross network inspect bridge | jq -r '.[0].ipv4.gateway')
expect "$gateway	host" ross run --rm --add-host host:host-gateway demo grep -w host /etc/hosts
expect "1.2.3.4	other" ross run --rm --network host --add-host other:1.2.3.4 demo grep other /etc/hosts

# the other modes
expect lo ross run --rm --network none demo sh -c 'ip -o link show up | cut -d: -f2 | tr -d " "'
expect "$(readlink /proc/self/ns/net)" ross run --rm --network host demo readlink /proc/self/ns/net
expect_fail 125 "stand alone" ross run --rm --network host --network red demo true
expect_fail 125 "need a network" ross run --rm --network none -p 1:1 demo true
for bad in "-p 0" "-p 80:80/sctp" "-p 70000:1" "-p 1-3:1-2" "--ip x" "--mac-address 01:02:03:04:05:06" "--add-host x" "--dns x" "--expose x"; do
    got=0; ross run --rm $bad demo true >"$WORK/out" 2>"$WORK/err" || got=$?
    [ $got = 125 ] && [ "$(wc -l <"$WORK/err")" = 1 ] || fail "'$bad' ends with $got: $(cat "$WORK/err")"
done
got=0; CNI_PATH=/nonexistent ross run --rm --network bridge demo true 2>"$WORK/err" || got=$?
[ $got = 125 ] && grep -q containernetworking-plugins "$WORK/err" || fail "missing plugins: $got $(cat "$WORK/err")"
CNI_PATH=/nonexistent ross run --rm demo true 2>"$WORK/err" || fail "missing plugins, not asked for: $(cat "$WORK/err")"
grep -q containernetworking-plugins "$WORK/err" || fail "nothing says that there is no network"
expect "" env CNI_PATH=/nonexistent "$BIN/ross-cli" run --rm demo true

# everything goes
ross rm -f alpha beta six >/dev/null
expect "0 left over" ross network check
ross network prune -f >/dev/null
expect "" rules
while read -r b; do ip link show "$b" >/dev/null 2>&1 && fail "the bridge $b is left"; done <"$WORK/bridges"
[ -z "$(ls "$ROSS_STATE/netns")" ] || fail "namespaces are left"
assert_clean
