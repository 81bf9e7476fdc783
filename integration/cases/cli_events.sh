#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# events: every kind under the name that docker has for it, with filters, times, and the fields that people of docker and podman ask for.
. "$(dirname "$0")/../lib/common.sh"
need jq
unset ROSS_NETWORK
trap 'status=$?; set +e; ross rm -f $(ross ps -aq 2>/dev/null) >/dev/null 2>&1; ross network prune -f >/dev/null 2>&1; (exit $status); cleanup' EXIT
demo_layout
started=$(date -u +%Y-%m-%dT%H:%M:%SZ)
all() { ross events --since "$started" --until 0s "$@"; }
actions() { all --format '{{.action}}' "$@" | tr '\n' ' '; }

# --- images
ross load -q --input "$WORK/demo" >/dev/null
ross tag demo demo:two
ross save -o "$WORK/demo.tar" demo
ross rmi demo:two >/dev/null
expect "load tag save untag " actions -f type=image
expect "load save " actions -f image=demo
tar -C "$WORK" -cf "$WORK/tree.tar" demo/oci-layout
ross import -q "$WORK/tree.tar" tree >/dev/null
ross rmi tree >/dev/null
expect "import untag delete " actions -f image=tree
if command -v docker-registry >/dev/null && command -v curl >/dev/null; then
    start_registry
    ross push -q demo "$REGISTRY/demo:1" >/dev/null
    ross pull -q "$REGISTRY/demo:1" >/dev/null
    expect "push pull " actions -f "image=$REGISTRY/demo:1"
    digest=$(ross images --format '{{.name}} {{.digest}}' | sed -n "s,^$REGISTRY/demo:1 ,,p")
    expect "$digest" all -f event=pull --format '{{.Actor.ID}}'
fi

# --- a container's life, on a network where that is possible
network=none
if ross network create lan >"$WORK/out" 2>"$WORK/err"; then network=lan; else cat "$WORK/err"; fi
ross volume create data >/dev/null
id=$(ross run -d --name life --network $network -v data:/data -l team=red demo sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done')
ross pause life >/dev/null
ross unpause life >/dev/null
[ "$(ross exec life sh -c 'exit 5' || echo $?)" = 5 ] || fail "exec"
ross exec -d life true
exec_ends() { [ "$(actions -f container=life -f event=exec_die)" = "exec_die exec_die " ]; }
wait_for 20 exec_ends || fail "the detached exec does not end: $(actions -f container=life)"
ross stop life >/dev/null
ross start life >/dev/null
ross restart life >/dev/null
ross rename life lived
ross kill lived >/dev/null
gone() { [ "$(ross inspect -f '{{.State.Status}}' lived)" = exited ]; }
wait_for 20 gone || fail "the killed container stays"
ross rm lived >/dev/null
expect "create start pause unpause exec_create exec_start exec_die exec_create exec_start exec_die die stop start die stop start restart rename kill die destroy " \
    bash -c "'$BIN/ross-cli' events --since '$started' --until 0s --format '{{.action}}' -f type=container -f container=${id:0:12} | tr '\n' ' '"
expect "5" bash -c "'$BIN/ross-cli' events --since '$started' --until 0s -f event=exec_die --format '{{.Actor.Attributes.exitCode}}' | head -1"
expect "life docker.io/library/demo:latest" all -f event=create -f type=container --format '{{.Actor.Attributes.name}} {{.Actor.Attributes.image}}'
expect "$id create container" all -f event=create -f type=container --format '{{.ID}} {{.Status}} {{.Type}}'
expect "create mount unmount mount unmount mount unmount " actions -f volume=data
ross volume rm data >/dev/null
expect "destroy" all -f volume=data -f event=destroy --format '{{.action}}'
if [ $network = lan ]; then
    expect "create connect disconnect connect disconnect connect disconnect " actions -f network=lan
    ross create --name member --network lan demo true >/dev/null
    ross network disconnect lan member
    ross network connect lan member
    ross rm member >/dev/null
    ross network rm lan >/dev/null
    expect "disconnect connect destroy " bash -c "'$BIN/ross-cli' events --since '$started' --until 0s --format '{{.action}}' -f network=lan | tail -3 | tr '\n' ' '"
fi

# --- json, times, what is wrong
all --format json >"$WORK/events"
jq -es 'all(.[]; .Actor.ID == .id and .status == .action and .timeNano > 0 and (.time | type) == "string")' "$WORK/events" >/dev/null || fail "events as JSON: $(head -3 "$WORK/events")"
expect "" ross events --since 2001-01-01T00:00:00Z --until 2001-01-02T00:00:00Z
expect "" ross events --since "$(($(date +%s) + 1000))" --until 0s
all >"$WORK/lines"
grep -qE '^[0-9-]+T[0-9:.]+Z container create '"$id"' \(name=life, image=docker.io/library/demo:latest' "$WORK/lines" || fail "a line: $(head -3 "$WORK/lines")"
expect_fail 125 "--filter" ross events -f colour=red
expect_fail 125 "no field" ross events --since "$started" --until 0s --format '{{.Nothing}}'
ross rmi demo >/dev/null
assert_clean
