#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The fields that people of docker and podman ask inspect and ps for: addresses, ports and networks, how a container ended, templates.
. "$(dirname "$0")/../lib/common.sh"
need jq iptables
unset ROSS_NETWORK
[ -x /usr/lib/cni/bridge ] || [ -x /opt/cni/bin/bridge ] || skip "the package containernetworking-plugins is not installed"
trap 'status=$?; set +e; ross rm -f $(ross ps -aq 2>/dev/null) >/dev/null 2>&1; ross network prune -f >/dev/null 2>&1; (exit $status); cleanup' EXIT
demo_layout
ross load -q --input "$WORK/demo" >/dev/null
look() { ross inspect -f "$@"; }

# --- a network of its own and a published port, on loopback
ross network create --subnet 10.213.7.0/24 lan >/dev/null
port=$(free_port)
id=$(ross run -d --name web --network lan --ip 10.213.7.9 --network-alias www -p "127.0.0.1:$port:80" -p 9/udp -v data:/data demo sleep 1000)
expect "10.213.7.9 10.213.7.9/24 10.213.7.1" look '{{(index .NetworkSettings.Networks "lan").IPAddress}} {{.NetworkSettings.IPAddress}}/{{.NetworkSettings.IPPrefixLen}} {{.NetworkSettings.Gateway}}' web
expect "10.213.7.9" look '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' web
expect "$(ross exec web cat /sys/class/net/eth0/address)" look '{{.NetworkSettings.MacAddress}}' web
expect "$(ross network inspect lan | jq -r '.[0].Id // .[0].id')" look '{{.NetworkSettings.Networks.lan.NetworkID}}' web
image=$(ross image inspect demo | jq -r '.[0].Id')
case $image in sha256:*) ;; *) fail "the image's id is '$image'" ;; esac
expect "$image docker.io/library/demo:latest docker.io/library/demo:latest" look '{{.Image}} {{.Config.Image}} {{.ImageName}}' web
expect "127.0.0.1:$port" look '{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostIp}}:{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}' web
expect "$port" look '{{(index .HostConfig.PortBindings "80/tcp" 0).HostPort}}' web
expect www look '{{index .NetworkSettings.Networks.lan.Aliases 0}}' web
[ -e "$(look '{{.NetworkSettings.SandboxKey}}' web)" ] || fail "SandboxKey: $(look '{{json .NetworkSettings}}' web)"
expect "running true false 0" look '{{.State.Status}} {{.State.Running}} {{.State.OOMKilled}} {{.RestartCount}}' web
udp=$(ross port web 9/udp | first)
expect "Up 1" bash -c "'$BIN/ross-cli' ps --format '{{.Status}}' | sed -E 's/less than a second/1/; s/ (second|minute).*//; s/[0-9]+/1/'"
expect "web ${id:0:12} running lan data" ross ps --format '{{.Names}} {{.ID}} {{.State}} {{.Networks}} {{.Mounts}}'
expect "127.0.0.1:$port->80/tcp, $udp->9/udp" ross ps --format '{{.Ports}}'
ross ps | finds -F "127.0.0.1:$port->80/tcp" || fail "ps shows no ports: $(ross ps)"
expect "NAMES  STATE    PORTS
web    running  127.0.0.1:$port->80/tcp, $udp->9/udp" bash -c "'$BIN/ross-cli' ps --format 'table {{.Names}}\t{{.State}}\t{{.Ports}}' | sed 's/ *$//'"
expect "$id" jq -r '.[0].id' <(ross ps --format json)
ross stop -t 0 web >/dev/null
expect "exited 137 " look '{{.State.Status}} {{.State.ExitCode}} {{.NetworkSettings.IPAddress}}' web
expect "lan" look '{{range .NetworkSettings.Networks}}{{if .NetworkID}}lan{{end}}{{end}}' web
[[ $(look '{{.State.StartedAt}}' web) < $(look '{{.State.FinishedAt}}' web) ]] || fail "times: $(look '{{json .State}}' web)"
ross ps -a --format '{{.Status}}' | finds -E '^Exited \(137\) .* ago$' || fail "status: $(ross ps -a --format '{{.Status}}')"
expect "" ross ps -a --format '{{.Ports}}'

# a network is a phase of its own
ross run --rm --timing --network lan demo true 2>"$WORK/timing"
expect 1 grep -c '^network ' "$WORK/timing"

# --- a container that takes more memory than it may have
if [ -d /sys/fs/cgroup/memory ] || grep -qw memory /sys/fs/cgroup/cgroup.controllers 2>/dev/null; then
    ross run --name greedy --network none --memory 8m --memory-swap 8m demo sh -c 'a=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; while :; do a=$a$a; done' >/dev/null 2>&1 && fail "the greedy one lives"
    expect "true exited" look '{{.State.OOMKilled}} {{.State.Status}}' greedy
    ross run -d --name greedy2 --network none --memory 8m --memory-swap 8m demo sh -c 'a=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; while :; do a=$a$a; done' >/dev/null
    killed() { [ "$(look '{{.State.OOMKilled}}' greedy2)" = true ]; }
    wait_for 30 killed || fail "OOMKilled of a detached one: $(look '{{json .State}}' greedy2)"
    ross rm -f greedy greedy2 >/dev/null
fi

# --- restarts are counted
ross run -d --name again --network none --restart on-failure:2 demo false >/dev/null
counted() { [ "$(look '{{.RestartCount}} {{.State.Status}}' again)" = "2 exited" ]; }
wait_for 30 counted || fail "RestartCount: $(look '{{.RestartCount}} {{json .State}}' again)"
ross rm -f web again >/dev/null
ross volume rm data >/dev/null
ross network rm lan >/dev/null
assert_clean
