#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run --userns: root inside is nobody outside; files, volumes, copies and commits have the ids of the inside. Namespaces of another container.
# variants: crun runc
# limit: 600s
. "$(dirname "$0")/../lib/common.sh"
runtime=${1:-crun}
need jq "$runtime"
demo_layout
# the container's root, a stranger to the host, goes to its files below the state directory
expect_fail 125 "could not get through '$WORK'" bash -c "$BIN/ross-cli load -q --input '$WORK/demo' >/dev/null; $BIN/ross-cli run --userns auto demo true"
chmod 711 "$WORK"
in_demo() { ross run --rm --runtime "$runtime" --network none "${@:1:$#-1}" demo sh -c "${*: -1}"; }

# maps
expect "0 1879048192 65536" in_demo --userns auto 'echo $(cat /proc/self/uid_map)'
expect "0 1879048192 10" in_demo --userns auto:size=10 'echo $(cat /proc/self/gid_map)'
expect "0 100000 1000 0 200000 1000" in_demo --userns 100000:200000:1000 'echo $(cat /proc/self/uid_map /proc/self/gid_map)'
expect "0 0 4294967295" in_demo --userns host 'echo $(cat /proc/self/uid_map)'
expect "0 0 0 0" in_demo --userns auto 'echo $(id -u) $(stat -c %u / /bin /etc/passwd)'
expect "65534 65534" in_demo --userns auto -u nobody --tmpfs /t 'touch /t/x; echo $(id -u) $(stat -c %u /t/x)'
expect "999:998 no" in_demo --userns 100000:200000:1000 'touch /f; chown 999:998 /f; echo $(stat -c %u:%g /f) $(chown 1000 /f 2>/dev/null || echo no)'

# two at once have different ids; what one leaves the next one gets
for n in a b; do ross run -d --name "u$n" --runtime "$runtime" --network none --userns auto demo sh -c 'touch /made; chown 5:6 /made; touch /ready; sleep 1000' >/dev/null; done
for n in a b; do wait_for 20 ross exec "u$n" test -e /ready || fail "u$n is not ready"; done
first_id() { awk '{print $2}' "/proc/$(ross inspect -f '{{.State.Pid}}' "$1")/uid_map"; }
[ "$(first_id ua)" = 1879048192 ] && [ "$(first_id ub)" = 1879113728 ] || fail "ids: $(first_id ua) $(first_id ub)"
expect "$(first_id ub)" stat -c %u "/proc/$(ross inspect -f '{{.State.Pid}}' ub)"

# copies, differences, archives and images have the ids of the inside
echo text >"$WORK/text"
ross cp "$WORK/text" ua:/in
expect "0:0 text" ross exec ua sh -c 'echo $(stat -c %u:%g /in) $(cat /in)'
ross cp -a ua:/made "$WORK/made"
expect 5:6 stat -c %u:%g "$WORK/made"
owners() { ross export ua | tar --numeric-owner -tvf - | awk '$6 == "made" || $6 == "etc/passwd" {print $2}' | tr '\n' ' '; }
expect "0/0 5/6 " owners
expect "A /in A /made A /ready " bash -c "$BIN/ross-cli diff ua | tr '\n' ' '"
ross stop -t 0 ua >/dev/null
expect "0/0 5/6 " owners
ross commit ua un:1 >/dev/null
expect "0:0 5:6" ross run --rm --network none un:1 sh -c 'echo $(stat -c %u:%g /in /made)'
expect 1 jq '.[0].RootFS.Layers | length - 1' <(ross inspect un:1)
ross start ua >/dev/null
expect "0:0" ross exec ua stat -c %u:%g /in
ross rm -f ua ub >/dev/null
expect "0 1879048192 65536" in_demo --userns auto 'echo $(cat /proc/self/uid_map)'

# a volume is the same with and without; a directory of the host when asked
mkdir "$WORK/dir"
if [ "$runtime" = crun ]; then
    in_demo --userns auto -v vol:/v 'touch /v/f; chown 3:4 /v/f'
    expect 3:4 in_demo -v vol:/v 'stat -c %u:%g /v/f'
    expect "3:4 nobody" in_demo --userns auto -v vol:/v -v "$WORK/dir:/d" 'echo $(stat -c %u:%g /v/f) $(stat -c %U /d)'
    expect root in_demo --userns auto -v "$WORK/dir:/d:idmap" 'stat -c %U /d'
    expect root in_demo --userns auto --mount "type=bind,src=$WORK/dir,dst=/d,idmap" 'stat -c %U /d'
    expect root in_demo --userns auto 'stat -c %U /etc/hosts'
elif ! runc features | jq -e '.linux.mountExtensions.idmap.enabled' >/dev/null 2>&1; then
    expect_fail 125 "use crun, or runc from 1.2 on" in_demo --userns auto -v vol:/v true
    expect nobody in_demo --userns auto -v "$WORK/dir:/d" 'stat -c %U /d'
fi

# the runtime gives its standard streams to its root; the host's null device is none of them
null_owner() { stat -c %u:%g /dev/null; }
owner=$(null_owner)
expect done in_demo --userns auto 'echo done'
ross run -d --name null --runtime "$runtime" --network none --userns auto demo sleep 1000 >/dev/null
ross exec null true
ross exec -d null true
ross rm -f null >/dev/null
expect "$owner" null_owner

# a network of its own belongs to it
if [ -d /usr/lib/cni ]; then
    expect "eth0 down" ross run --rm --runtime "$runtime" --network bridge --cap-add NET_ADMIN --userns auto demo sh -c 'echo $(ls /sys/class/net | grep eth) $(ip link set eth0 down && echo down)'
    ross network prune -f >/dev/null
    [ -z "$(ls "$ROSS_STATE/userns" "$ROSS_STATE/netns" | grep -v :)" ] || fail "namespaces are left"
fi

# what cannot be
for words in "--userns keep-id" "--userns 1:2" "--userns auto:size=0" "--userns 1:2:0" "--userns auto --pid host" "--userns auto --pid container:x"; do
    # shellcheck disable=SC2086
    expect_fail 125 "user" ross run --rm $words demo true
done
expect_fail 125 "cannot be idmap without --userns" ross run --rm -v vol:/v:idmap demo true

# namespaces of another container
ross run -d --name base --runtime "$runtime" --network none --hostname basehost demo sh -c 'echo data >/dev/shm/f; sleep 1001' >/dev/null
wait_for 20 ross exec base test -s /dev/shm/f || fail "base is not ready"
expect "yes data basehost" in_demo --pid container:base --ipc container:base --uts container:base 'echo $(ps | grep -q "[s]leep 1001" && echo yes) $(cat /dev/shm/f) $(hostname); echo back >/dev/shm/g'
expect back ross exec base cat /dev/shm/g
ross create --name join --runtime "$runtime" --network none --ipc container:base demo cat /dev/shm/f >/dev/null
expect data ross start -a join
ross stop -t 0 base >/dev/null
expect_fail 125 "does not run; start that first" ross start -a join
ross start base >/dev/null
wait_for 20 ross exec base test -s /dev/shm/f || fail "base is not ready again"
expect data ross start -a join
ross rm join >/dev/null
ross rm -f base >/dev/null
expect_fail 125 "no container has the name" ross run --rm --pid container:nobody demo true
expect_fail 125 "use host, private or container:NAME" ross run --rm --ipc other demo true
expect 0 bash -c "$BIN/ross-cli ps -aq | wc -l"
assert_clean
