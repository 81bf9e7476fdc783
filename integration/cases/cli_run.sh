#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ross-cli run: exit codes, streams, options; with the runtime chosen by itself, and with runc and crun by name.
# variants: auto runc crun
. "$(dirname "$0")/../lib/common.sh"
RUNTIME=()
case ${1:-auto} in
runc) need runc; RUNTIME=(--runtime runc) ;;
crun)
    need crun
    if [ -s /sys/fs/cgroup/unified/cgroup.controllers ] && [ -n "$(tr -d '[:space:]' </sys/fs/cgroup/unified/cgroup.controllers)" ]; then
        skip "crun refuses this host: controllers are left on the v2 mount"
    fi
    RUNTIME=(--runtime crun)
    ;;
esac
run() { ross run --rm "${RUNTIME[@]}" "$@"; }

demo_layout
ross load -q --input "$WORK/demo" >/dev/null

expect hello run demo echo hello
expect "$(printf 'a b\nc')" run demo printf 'a b\nc\n'

# exit codes
for code in 0 1 3 42 255; do
    got=0
    run demo sh -c "exit $code" || got=$?
    [ "$got" = "$code" ] || fail "exit $code came back as $got"
done
got=0; run demo sh -c 'sh -c "kill -9 \$\$"; exit $?' || got=$?
[ "$got" = 137 ] || fail "a child killed by SIGKILL came back as $got"
got=0; run demo no-such-command 2>"$WORK/err" || got=$?
[ "$got" = 127 ] || fail "a missing command gives $got, not 127"
[ "$(wc -l <"$WORK/err")" = 1 ] || fail "a missing command says more than one line: $(cat "$WORK/err")"
got=0; run demo /etc 2>"$WORK/err" || got=$?
[ "$got" = 126 ] || fail "a directory as command gives $got, not 126: $(cat "$WORK/err")"

# streams
run demo sh -c 'echo out; echo err >&2' >"$WORK/o" 2>"$WORK/e"
[ "$(cat "$WORK/o")" = out ] && [ "$(cat "$WORK/e")" = err ] || fail "streams are mixed: $(cat "$WORK/o") / $(cat "$WORK/e")"
[ "$(echo text | run -i demo cat)" = text ] || fail "stdin does not arrive with -i"
[ "$(echo text | run demo cat)" = "" ] || fail "stdin arrives without -i"
head -c 5000000 /dev/urandom >"$WORK/big"
run -i demo cat <"$WORK/big" | cmp - "$WORK/big" || fail "5 MB through stdin and stdout differ"
[ "$(run demo sh -c 'dd if=/dev/zero bs=65536 count=64 2>/dev/null; printf end' | tail -c 3)" = end ] || fail "the last bytes are lost"
got=0; run demo yes 2>/dev/null | head -1 >"$WORK/o" || got=$?
[ "$(cat "$WORK/o")" = y ] || fail "yes | head"

# options
expect bar run -e FOO=bar demo sh -c 'echo $FOO'
printf '# comment\nONE=1\nTWO=2 words\nHOST_VALUE\n' >"$WORK/env"
[ "$(HOST_VALUE=h run --env-file "$WORK/env" demo sh -c 'echo $ONE-$TWO-$HOST_VALUE')" = "1-2 words-h" ] || fail "--env-file"
expect /tmp run -w /tmp demo pwd
expect 65534 run -u nobody demo id -u
expect 1234:5678 run -u 1234:5678 demo sh -c 'echo $(id -u):$(id -g)'
expect "/root" run demo sh -c 'echo $HOME'
expect box run --hostname box demo hostname
expect "x y" run --entrypoint /bin/echo demo x y
got=0; run --read-only demo touch /file 2>/dev/null || got=$?
[ "$got" = 1 ] || fail "--read-only lets touch end with $got"
mkdir "$WORK/vol"; echo shared >"$WORK/vol/file"
expect shared run -v "$WORK/vol:/data" demo cat /data/file
run -v "$WORK/vol:/data" demo sh -c 'echo new >/data/made'
[ "$(cat "$WORK/vol/made")" = new ] || fail "a volume is not writable"
got=0; run -v "$WORK/vol:/data:ro" demo touch /data/no 2>/dev/null || got=$?
[ "$got" = 1 ] || fail "a volume with :ro is writable"
expect "lo" run --network none demo sh -c 'ls /sys/class/net | grep -v -e sit -e tunl -e ip6 -e gre -e erspan | tr "\n" " " | sed "s/ $//"'
expect "$(readlink /proc/self/ns/net)" run --network host demo readlink /proc/self/ns/net
expect 1 run demo sh -c 'echo $$'

# default safety
[ "$(run demo sh -c 'grep CapEff /proc/self/status | cut -f2')" = 00000000a80425fb ] || fail "capabilities are not docker's"
[ "$(run demo sh -c 'grep ^Seccomp: /proc/self/status | cut -f2')" = 2 ] || fail "no seccomp filter"
run demo sh -c 'echo 1 >/proc/sysrq-trigger' 2>/dev/null && fail "/proc/sysrq-trigger is writable"

# names
ross run --name one "${RUNTIME[@]}" demo true
expect_fail 125 "'one' is in use" ross run --name one "${RUNTIME[@]}" demo true
ross ps -a --format json | jq -e '.[0] | .name == "one" and .state == "exited" and .exitCode == 0' >/dev/null || fail "ps -a: $(ross ps -a --format json)"
[ "$(ross ps --format json | jq length)" = 0 ] || fail "ps shows what has exited"
ross container rm one >/dev/null
[ "$(ross ps -a --format json | jq length)" = 0 ] || fail "rm leaves the container in the list"
ross run --name one --rm "${RUNTIME[@]}" demo true
assert_clean
