#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# boot_systemd.sh ROOT — boots the Debian in ROOT: its systemd becomes process 1 of new namespaces (pids, mounts, network,
# names, cgroups), with a /dev and /run of its own and every cgroup hierarchy of the host below a group made for it.
# Runs until that systemd powers off (or is killed), and leaves no cgroup.
set -euo pipefail
root=$(realpath "$1")
group=ross-boot-$$
mapfile -t hierarchies < <(awk '($3 == "cgroup" || $3 == "cgroup2") && !seen[$2]++ {print $2}' /proc/mounts)

groups_remove() {
    local h left
    for h in "${hierarchies[@]}"; do
        for left in {1..100}; do
            find "$h/$group" -depth -type d -exec rmdir {} \; 2>/dev/null || true
            [ -d "$h/$group" ] || break
            read -r -t 0.1 _ <><(:) || true
        done
    done
}
trap groups_remove EXIT

# Enters the group in every hierarchy; then the new cgroup namespace has it as its root.
join_groups() {
    local h
    for h in "${hierarchies[@]}"; do
        mkdir -p "$h/$group"
        # a cpuset takes nobody in before it has cores and memory
        for f in cpuset.cpus cpuset.mems; do [ ! -e "$h/$group/$f" ] || [ ! -w "$h/$group/$f" ] || cat "$h/$f" >"$h/$group/$f" 2>/dev/null || true; done
        echo "$BASHPID" >"$h/$group/cgroup.procs"
    done
}

(
    join_groups
    exec unshare --cgroup --mount --pid --ipc --uts --net --fork --kill-child --propagation private bash -euc '
        root=$1
        mount --bind "$root" "$root"
        mount -t proc proc "$root/proc"
        mount -t sysfs sysfs "$root/sys"
        awk "(\$3 == \"cgroup\" || \$3 == \"cgroup2\") && !seen[\$2]++" /proc/mounts >"$root/tmp/hierarchies"
        grep -q " /sys/fs/cgroup cgroup2 " "$root/tmp/hierarchies" || mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
        while read -r _ place type options _; do
            mkdir -p "$root$place"
            options=$(tr , "\n" <<<"$options" | grep -v -x -e rw -e ro -e relatime -e nosuid -e nodev -e noexec -e nsdelegate \
                -e memory_recursiveprot -e xattr | paste -sd, || true)
            case $options in name=*) options=none,$options ;; esac
            mount -t "$type" ${options:+-o "$options"} cgroup "$root$place"
        done <"$root/tmp/hierarchies"
        rm "$root/tmp/hierarchies"
        mount -t tmpfs -o mode=755 tmpfs "$root/dev"
        for n in null zero full random urandom tty; do
            touch "$root/dev/$n"
            mount --bind "/dev/$n" "$root/dev/$n"
        done
        mkdir "$root/dev/pts" "$root/dev/shm"
        mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
        mount -t tmpfs tmpfs "$root/dev/shm"
        ln -s pts/ptmx "$root/dev/ptmx"
        ln -s /proc/self/fd "$root/dev/fd"
        mount -t tmpfs -o mode=755 tmpfs "$root/run"
        ip link set lo up
        hostname ross-boot
        cd "$root"
        mkdir -p .host
        pivot_root . .host
        umount -l /.host
        rmdir /.host
        # newer ones take hierarchies of version 1 only when told so, in words of a kernel command line
        legacy=(systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1)
        [ ! -e /sys/fs/cgroup/cgroup.procs ] || legacy=()
        exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=ross \
            /sbin/init --log-target=console --show-status=0 systemd.unit=multi-user.target "${legacy[@]}"' bash "$root"
)
