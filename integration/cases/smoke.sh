#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The short way through every program, fit for the sanitizer build: load, run, registry pull, kill -9 of a service, remove.
. "$(dirname "$0")/../lib/common.sh"
need skopeo jq
demo_layout
ross load -q --input "$WORK/demo" >/dev/null
expect hello ross run --rm demo echo hello
got=0; ross run --rm demo sh -c 'exit 9' || got=$?
[ $got = 9 ] || fail "exit code $got"
[ "$(echo in | ross run --rm -i demo cat)" = in ] || fail "stdin"
start_registry
push_demo demo:1
ross image pull -q "$REGISTRY/demo:1" >/dev/null
ross run --name kept "$REGISTRY/demo:1" true
ross health --format json | jq -e 'all(.[]; .healthy)' >/dev/null || fail "health: $(ross health)"
for service in ross-contentd ross-snapshotter; do
    pid=$(pgrep -f -- "$service .*$WORK/root" | head -1)
    kill -9 "$pid"
done
ross ps -a --format json | jq -e '.[0].name == "kept" and .[0].state == "exited"' >/dev/null || fail "ps after kill -9: $(ross ps -a --format json)"
expect again ross run --rm "$REGISTRY/demo:1" echo again
ross rm kept >/dev/null
assert_clean
! grep -l -e 'ERROR: AddressSanitizer' -e 'runtime error:' -e 'ERROR: LeakSanitizer' "$ROSS_STATE"/*.log || fail "a sanitizer complains"
