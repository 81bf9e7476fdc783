# SPDX-License-Identifier: Apache-2.0
# Sourced after common.sh: the packages of this tree, and a small Debian of the host's own release to install them in.
# shellcheck shell=bash

# build_packages: the .deb files of this tree, in $DEBS.
build_packages() {
    need dpkg-deb setpriv
    DEBS=$WORK/debs
    mkdir -p "$DEBS" "$LAB"
    # one build for all runs on this machine, which take turns
    (
        flock 9
        DEB_BUILD_OPTIONS="parallel=$(nproc) noautodbgsym" "$HERE/../packaging/deb/build.sh" "$LAB/packages" && cp "$LAB/packages"/*.deb "$DEBS/"
    ) 9>"$LAB/packages.lock" >"$WORK/build.log" 2>&1 || { tail -40 "$WORK/build.log" >&2; fail "the packages do not build"; }
}

# debian_root: a fresh copy at $ROOTFS of a minimal Debian with what the packages depend on. Made once, kept in $LAB.
debian_root() {
    need debootstrap
    local suite mirror master
    # shellcheck source=/dev/null
    suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    [ -n "$suite" ] || skip "this Debian has no codename to bootstrap"
    master=$LAB/root-$suite
    mkdir -p "$LAB"
    (
        flock 9
        [ ! -e "$master/.complete" ] || exit 0
        mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep debian | grep -v -e security -e updates | sort -u | head -1)
        rm -rf --one-file-system "$master"
        debootstrap --variant=minbase --include=ca-certificates "$suite" "$master" "$mirror" || exit 1
        cp -r /etc/apt/apt.conf.d/. "$master/etc/apt/apt.conf.d/"
        touch "$master/.complete"
    ) 9>"$LAB/root.lock" >"$WORK/debootstrap.log" 2>&1 || { tail -5 "$WORK/debootstrap.log"; skip "debootstrap of $suite did not work"; }
    ROOTFS=$WORK/debian
    cp -a --reflink=auto "$master" "$ROOTFS"
    printf '#!/bin/sh\nexit 101\n' >"$ROOTFS/usr/sbin/policy-rc.d"
    chmod +x "$ROOTFS/usr/sbin/policy-rc.d"
    cp /etc/resolv.conf "$ROOTFS/etc/resolv.conf" 2>/dev/null || true
}

# enter COMMAND…: in the root, in the mount namespace that enter_begin made.
enter() { nsenter --mount="/proc/$HOLDER/ns/mnt" chroot "$ROOTFS" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }

# enter_begin: /proc, /sys, cgroups, /dev and tmpfs on /run and /tmp in a private mount namespace; the root is a mount of its own.
enter_begin() {
    mkfifo "$WORK/ready"
    unshare --mount --propagation private sh -ec '
        root=$1
        mount --bind "$root" "$root"
        mount -t proc proc "$root/proc"
        mount --rbind /sys "$root/sys"
        mount --rbind /dev "$root/dev"
        mount -t tmpfs -o mode=755 tmpfs "$root/run"
        mount -t tmpfs tmpfs "$root/tmp"
        echo ready >"$2"
        exec sleep 1000' sh "$ROOTFS" "$WORK/ready" &
    HOLDER=$!
    PIDS+=("$HOLDER")
    timeout 20 cat "$WORK/ready" >/dev/null || fail "the mount namespace did not come up"
}
