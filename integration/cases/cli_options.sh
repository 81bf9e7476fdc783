#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The options of run, each seen from inside the container or from its cgroup.
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
expect "ro rw" in_demo --read-only --tmpfs /w 'echo $(touch /x 2>/dev/null || echo ro) $(touch /w/x && echo rw)'

# fences
expect "no" in_demo 'chown 1 /tmp/x 2>/dev/null; mount -t tmpfs t /tmp 2>/dev/null && echo yes || echo no'
expect "no" in_demo --cap-drop CHOWN 'touch /tmp/x; chown 1 /tmp/x 2>/dev/null && echo yes || echo no'
expect "yes" in_demo --cap-drop ALL --cap-add CHOWN 'touch /tmp/x; chown 1 /tmp/x && echo yes'
expect "0000000000000000" in_demo --cap-drop ALL 'sed -n "s/^CapEff:.//p" /proc/self/status'
expect "1" in_demo --security-opt no-new-privileges 'sed -n "s/^NoNewPrivs:.//p" /proc/self/status'
expect 2 in_demo 'sed -n "s/^Seccomp:.//p" /proc/self/status'
expect 0 in_demo --security-opt seccomp=unconfined 'sed -n "s/^Seccomp:.//p" /proc/self/status'
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
expect 0 number cpuset cpuset.cpus cpuset.cpus
case $(number cpu cpu.cfs_quota_us cpu.max) in 50000 | "50000 100000") ;; *) fail "cpus: $(number cpu cpu.cfs_quota_us cpu.max)" ;; esac
ross rm -f lim >/dev/null

# namespaces
expect "$(readlink /proc/self/ns/pid)" in_demo --pid host 'readlink /proc/self/ns/pid'
expect "$(readlink /proc/self/ns/ipc)" in_demo --ipc host 'readlink /proc/self/ns/ipc'
expect "$(readlink /proc/self/ns/uts)" in_demo --uts host 'readlink /proc/self/ns/uts'
expect "private private private" in_demo "echo \$([ \$(readlink /proc/self/ns/pid) = '$(readlink /proc/self/ns/pid)' ] || echo private) \$([ \$(readlink /proc/self/ns/ipc) = '$(readlink /proc/self/ns/ipc)' ] || echo private) \$([ \$(readlink /proc/self/ns/uts) = '$(readlink /proc/self/ns/uts)' ] || echo private)"

# the command itself
if command -v catatonit tini tini-static docker-init >/dev/null 2>&1; then
    [ "$(in_demo --init 'cat /proc/1/comm')" != sh ] || fail "--init: process 1 is the command"
else
    expect_fail 125 "install catatonit or tini" ross run --init demo true
fi
rm -f "$WORK/cid"
ross create --cidfile "$WORK/cid" --name withid demo true >/dev/null
expect "$(ross inspect -f '{{.Id}}' withid)" cat "$WORK/cid"
ross rm withid >/dev/null
ross run --rm --network none --timing demo true 2>"$WORK/timing"
grep -q start "$WORK/timing" || fail "--timing: $(cat "$WORK/timing")"
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
