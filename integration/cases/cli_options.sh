#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The options of run, each seen from inside the container or from its cgroup.
# limit: 600s
. "$(dirname "$0")/../lib/common.sh"
need jq
demo_layout
ross load -q --input "$WORK/demo" >/dev/null
in_demo() { ross run --rm --network none "${@:1:$#-1}" demo sh -c "${*: -1}"; }

# environment, user, place
printf '# a comment\nA=from file\n\nB=2\n' >"$WORK/env"
export PASSED=ours
expect "ours" in_demo -e PASSED 'echo $PASSED'
expect "from file 3" in_demo --env-file "$WORK/env" -e B=3 'echo $A $B'
expect "65534 65534" in_demo -u nobody 'echo $(id -u) $(id -g)'
expect "12 34 34 56" in_demo -u 12:34 --group-add 56 'echo $(id -u) $(id -g) $(id -G)'
expect "/tmp" in_demo -w /tmp pwd
expect "/made/up" in_demo -w /made/up pwd
expect "entry a b" ross run --rm --network none --entrypoint /bin/echo demo entry a b
expect "looker looker" in_demo --hostname looker 'echo $(hostname) $(cat /etc/hostname)'
ross create --name labelled -l team=red demo true >/dev/null
expect red ross inspect -f '{{.Config.Labels.team}}' labelled
ross rm labelled >/dev/null

# mounts
mkdir "$WORK/src"
echo text >"$WORK/src/f"
expect text in_demo -v "$WORK/src:/data" 'cat /data/f'
expect "text ro" in_demo -v "$WORK/src/f:/f:ro" 'echo $(cat /f) $(echo x 2>/dev/null >/f || echo ro)'
expect "text ro" in_demo --mount "type=bind,src=$WORK/src,dst=/data,readonly" 'echo $(cat /data/f) $(touch /data/x 2>/dev/null || echo ro)'
expect "tmpfs 1024" in_demo --tmpfs /scratch:size=1m 'echo $(stat -f -c %T /scratch) $(df -k /scratch | tail -1 | tr -s " " | cut -d" " -f2)'
expect 2048 in_demo --mount type=tmpfs,dst=/scratch,tmpfs-size=2m 'df -k /scratch | tail -1 | tr -s " " | cut -d" " -f2'
expect 32768 in_demo --shm-size 32m 'df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2'
in_demo -v keep:/v 'echo kept >/v/f'
expect kept in_demo -v keep:/v 'cat /v/f'
expect "tmpfs 1755 sticky" in_demo --mount type=tmpfs,dst=/scratch,tmpfs-mode=1755 'echo $(stat -f -c %T /scratch) $(stat -c %a /scratch) $([ -k /scratch ] && echo sticky)'
expect "kept ro" in_demo --mount type=volume,src=keep,dst=/v,readonly 'echo $(cat /v/f) $(touch /v/x 2>/dev/null || echo ro)'
expect "0" in_demo --mount type=volume,src=bare,dst=/etc,volume-nocopy 'ls /etc | grep -cv -e hosts -e hostname -e resolv.conf || true'
expect "exec" in_demo --tmpfs /scratch:exec 'cp /bin/busybox /scratch/echo && /scratch/echo exec'
expect "no" in_demo --tmpfs /scratch 'cp /bin/busybox /scratch/echo && /scratch/echo exec 2>/dev/null || echo no'
expect "ro rw" in_demo --read-only --tmpfs /w 'echo $(touch /x 2>/dev/null || echo ro) $(touch /w/x && echo rw)'

# fences
expect "no" in_demo 'chown 1 /tmp/x 2>/dev/null; mount -t tmpfs t /tmp 2>/dev/null && echo yes || echo no'
expect "no" in_demo --cap-drop CHOWN 'touch /tmp/x; chown 1 /tmp/x 2>/dev/null && echo yes || echo no'
expect "yes" in_demo --cap-drop ALL --cap-add CHOWN 'touch /tmp/x; chown 1 /tmp/x && echo yes'
expect "0000000000000000" in_demo --cap-drop ALL 'sed -n "s/^CapEff:.//p" /proc/self/status'
expect "1" in_demo --security-opt no-new-privileges 'sed -n "s/^NoNewPrivs:.//p" /proc/self/status'
expect 2 in_demo 'sed -n "s/^Seccomp:.//p" /proc/self/status'
expect 0 in_demo --security-opt seccomp=unconfined 'sed -n "s/^Seccomp:.//p" /proc/self/status'
cat >"$WORK/seccomp.json" <<'S'
{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]}
S
expect "Operation not supported" in_demo --security-opt "seccomp=$WORK/seccomp.json" 'touch /f && mkdir /x 2>&1 | sed "s/.*: //"'
expect "w not r" in_demo --cap-add SYSLOG --device /dev/kmsg:/dev/k:w 'echo $(: >/dev/k && echo w) $( (: </dev/k) 2>/dev/null || echo "not r")'
expect "r not w" in_demo --cap-add SYSLOG --device-cgroup-rule "c 1:11 r" 'mknod /dev/k c 1 11; echo $( (: </dev/k) && echo r) $( (: >/dev/k) 2>/dev/null || echo "not w")'
expect "c yes" in_demo --device /dev/kmsg:/dev/log1 'echo $([ -c /dev/log1 ] && echo c) $([ -e /dev/kmsg ] || echo yes)'
expect "yes" in_demo --privileged '[ -c /dev/kmsg ] && echo yes'
expect "0" in_demo --privileged 'sed -n "s/^Seccomp:.//p" /proc/self/status'
host=$(find /dev \( -path /dev/pts -o -path /dev/shm -o -path /dev/mqueue \) -prune -o \( -type b -o -type c \) ! -name console ! -name ptmx -print | sort)
got=$(in_demo --privileged 'find /dev \( -path /dev/pts -o -path /dev/shm -o -path /dev/mqueue \) -prune -o \( -type b -o -type c \) ! -name console ! -name ptmx -print | sort')
missing=$(comm -23 <(echo "$host") <(echo "$got"))
[ -z "$missing" ] || fail "a privileged container lacks devices: $missing"

# limits
expect "100 200" in_demo --ulimit nofile=100:200 'echo $(ulimit -Sn) $(ulimit -Hn)'
expect 7 in_demo --sysctl net.ipv4.ip_default_ttl=7 'cat /proc/sys/net/ipv4/ip_default_ttl'
id=$(ross run -d --name lim --network none --memory 64m --memory-swap 128m --cpus 0.5 --cpu-shares 512 --cpuset-cpus 0 --pids-limit 20 demo sleep 1000)
ross inspect lim >"$WORK/i.json"
for pair in Memory=67108864 MemorySwap=134217728 NanoCpus=500000000 CpuShares=512 CpusetCpus=0 PidsLimit=20; do
    expect "${pair#*=}" jq -r ".[0].HostConfig.${pair%%=*}" "$WORK/i.json"
done
number() { cat /sys/fs/cgroup/"$1"/ross/"$id/$2" 2>/dev/null || cat "/sys/fs/cgroup/ross/$id/$3"; }
expect 67108864 number memory memory.limit_in_bytes memory.max
expect 20 number pids pids.max pids.max
[ ! -e "/sys/fs/cgroup/memory/ross/$id/memory.memsw.limit_in_bytes" ] || expect 134217728 number memory memory.memsw.limit_in_bytes memory.swap.max
expect 0 number cpuset cpuset.cpus cpuset.cpus
case $(number cpu cpu.cfs_quota_us cpu.max) in 50000 | "50000 100000") ;; *) fail "cpus: $(number cpu cpu.cfs_quota_us cpu.max)" ;; esac
ross rm -f lim >/dev/null

# namespaces
expect "$(readlink /proc/self/ns/pid)" in_demo --pid host 'readlink /proc/self/ns/pid'
expect "$(readlink /proc/self/ns/ipc)" in_demo --ipc host 'readlink /proc/self/ns/ipc'
expect "$(readlink /proc/self/ns/uts)" in_demo --uts host 'readlink /proc/self/ns/uts'
expect "1 0" in_demo --pid private --ipc private --uts private 'echo $$ $(ls /dev/shm | wc -l)'
expect "private private private" in_demo "echo \$([ \$(readlink /proc/self/ns/pid) = '$(readlink /proc/self/ns/pid)' ] || echo private) \$([ \$(readlink /proc/self/ns/ipc) = '$(readlink /proc/self/ns/ipc)' ] || echo private) \$([ \$(readlink /proc/self/ns/uts) = '$(readlink /proc/self/ns/uts)' ] || echo private)"

# the command itself
if command -v catatonit || command -v tini || command -v tini-static || command -v docker-init; then
    in_demo --init 'cat /proc/1/comm' >"$WORK/comm"
    grep -qx -e catatonit -e tini -e tini-static -e docker-init -e init "$WORK/comm" || fail "--init: process 1 is $(cat "$WORK/comm")"
    # it passes the exit code and signals on, and takes orphans
    got=0; in_demo --init 'exit 9' || got=$?
    [ $got = 9 ] || fail "--init: exit code $got"
    ross run -d --name inited --network none --init demo sh -c 'trap "exit 8" TERM; (sleep 0.1 & exec true); touch /ready; while :; do sleep 0.1; done' >/dev/null
    wait_for 30 ross exec inited test -e /ready || fail "--init: not ready"
    no_zombies() { [ "$(ross exec inited sh -c 'grep -l "^State:.Z" /proc/[0-9]*/status 2>/dev/null | wc -l')" = 0 ]; }
    wait_for 30 no_zombies || fail "--init leaves zombies"
    ross stop -t 60 inited >/dev/null
    expect 8 ross wait inited
    ross rm inited >/dev/null
else
    expect_fail 125 "install catatonit or tini" ross run --init demo true
fi
rm -f "$WORK/cid"
ross create --cidfile "$WORK/cid" --name withid demo true >/dev/null
expect "$(ross inspect -f '{{.Id}}' withid)" cat "$WORK/cid"
ross rm withid >/dev/null
# every phase once, and together they are the total
phases() {
    local want=$1 got
    shift
    ross "$@" 2>"$WORK/timing" >/dev/null
    got=$(sed -E 's/ +[0-9.]+ ms$//' "$WORK/timing" | tr '\n' ',')
    [ "$got" = "$want" ] || fail "$*: phases '$got', not '$want'"
    awk '$NF != "ms" { exit 1 } /^total / { total = $(NF - 1); next } { sum += $(NF - 1); n++ }
        END { d = sum - total; exit !(total > 0 && d * d <= (n * 0.011) ^ 2) }' "$WORK/timing" || fail "$*: $(cat "$WORK/timing")"
}
phases "image,container record,shim,create,start,container,delete,remove,total," run --rm --network none --timing demo true
phases "image,container record,shim,create,start,container,delete,remove,total," run --name timed --network none --timing demo true
phases "image,container record,shim,create,start,left alone,total," run -d --name timed2 --network none --timing demo true
phases "image,container record,total," create --name timed3 --network none --timing demo true
ross rm -f timed timed2 timed3 >/dev/null
expect "$(readlink /proc/self/ns/net)" ross run --rm --net host demo readlink /proc/self/ns/net
expect "$(readlink /proc/self/ns/net)" ross run --rm --net=host demo readlink /proc/self/ns/net
for runtime in runc crun; do
    command -v $runtime >/dev/null || continue
    expect fine ross run --rm --network none --runtime $runtime demo echo fine
done
expect fine ross run --rm --network none --pull never --platform "linux/$(dpkg --print-architecture)" demo echo fine

# an exec in the background is taken away when it has ended
ross run -d --name bg --network none demo sleep 1000 >/dev/null
for _ in 1 2 3; do ross exec -d bg sh -c 'echo x >>/done'; done
wait_for 10 bash -c "[ \$($BIN/ross-cli exec bg wc -l /done | cut -d' ' -f1) = 3 ]" || fail "exec -d does not run"
id=$(ross inspect -f '{{.Id}}' bg)
no_hooks() { ! compgen -G "$ROSS_STATE/tasks/default/$id/on-exit.*"; }
wait_for 10 no_hooks || fail "ended execs stay"
ross rm -f bg >/dev/null
assert_clean
