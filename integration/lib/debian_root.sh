# SPDX-License-Identifier: Apache-2.0
# Sourced after common.sh: the packages of this tree, and a small Debian to install them in: the host's own release, or the
# one that ROSS_SUITE names.
# shellcheck shell=bash
# shellcheck source=/dev/null
. "$HERE/lib/tries.sh"

host_suite() { (. /etc/os-release && echo "${VERSION_CODENAME:-}"); }
SUITE=${ROSS_SUITE:-$(host_suite)}

# debian_master: a minimal Debian of $SUITE in $LAB/root-SUITE, made once.
debian_master() {
    need debootstrap
    [ -n "$SUITE" ] || skip "this Debian has no codename to bootstrap"
    MASTER=$LAB/root-$SUITE
    mkdir -p "$LAB"
    (
        flock 9
        [ ! -e "$MASTER/.complete" ] || exit 0
        mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep debian | grep -v -e security -e updates | sort -u | head -1)
        export SUITE MASTER mirror
        tries bash -c 'rm -rf --one-file-system "$MASTER" && timeout -k 10 900 debootstrap --variant=minbase --include=ca-certificates "$SUITE" "$MASTER" "$mirror"' || exit 1
        # this host's own ways to its mirror, not what its packages configure
        for f in /etc/apt/apt.conf.d/*; do dpkg -S "$f" >/dev/null 2>&1 || cp "$f" "$MASTER/etc/apt/apt.conf.d/"; done
        touch "$MASTER/.complete"
    ) 9>"$LAB/root.lock" >"$WORK/debootstrap.log" 2>&1 || { tail -5 "$WORK/debootstrap.log"; skip "debootstrap of $SUITE did not work"; }
}

# build_packages: the .deb files of this tree, in $DEBS; one build for all runs on this machine, which take turns.
build_packages() {
    need dpkg-deb setpriv
    DEBS=$WORK/debs
    mkdir -p "$DEBS" "$LAB"
    if [ "$SUITE" = "$(host_suite)" ]; then build_here; else build_in_root; fi >"$WORK/build.log" 2>&1 ||
        { tail -40 "$WORK/build.log" >&2; fail "the packages do not build"; }
}

build_here() {
    (
        flock 9
        DEB_BUILD_OPTIONS="parallel=$(nproc) noautodbgsym" "$HERE/../packaging/deb/build.sh" "$LAB/packages" && cp "$LAB/packages"/*.deb "$DEBS/"
    ) 9>"$LAB/packages.lock"
}

# For another release: in a root of that release, which is kept with its compiler and what was built.
build_in_root() {
    local root=$LAB/build-$SUITE
    debian_master
    (
        flock 9
        [ -d "$root" ] || cp -a --reflink=auto "$MASTER" "$root"
        rm -rf --one-file-system "$root/ross"
        mkdir "$root/ross"
        git -C "$HERE/.." ls-files -z | tar -C "$HERE/.." --ignore-failed-read --no-recursion --null -T - -cf - | tar -C "$root/ross" -xf -
        cp /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
        unshare --mount --pid --fork --kill-child --propagation private sh -ec '
            mount -t proc proc "$1/proc"
            mount --rbind /dev "$1/dev"
            exec chroot "$1" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
                DEB_BUILD_OPTIONS="parallel=$2 noautodbgsym" /ross/packaging/deb/build.sh /packages' sh "$root" "$(nproc)" &&
            cp "$root/packages"/*.deb "$DEBS/"
    ) 9>"$LAB/build-$SUITE.lock"
}

# debian_root: a fresh copy of that Debian at $ROOTFS, in which no service is started by packages.
debian_root() {
    debian_master
    ROOTFS=$WORK/debian
    cp -a --reflink=auto "$MASTER" "$ROOTFS"
    printf '#!/bin/sh\nexit 101\n' >"$ROOTFS/usr/sbin/policy-rc.d"
    chmod +x "$ROOTFS/usr/sbin/policy-rc.d"
    cp /etc/resolv.conf "$ROOTFS/etc/resolv.conf" 2>/dev/null || true
}

# enter COMMAND…: in the root, in the mount namespace that enter_begin made.
enter() { nsenter --mount="/proc/$HOLDER/ns/mnt" chroot "$ROOTFS" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }

# enter_fetch PACKAGE…: the lists, and these with what they need into apt's cache.
enter_fetch() {
    tries enter apt-get update -qq -o "$WHOLE_LISTS"
    tries enter sh -c "apt-get install -y -qq --no-install-recommends --download-only $*" >"$WORK/fetch.log" 2>&1 ||
        { tail -20 "$WORK/fetch.log" >&2; fail "the mirror does not give: $*"; }
}

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
        exec sleep 3000' sh "$ROOTFS" "$WORK/ready" &
    HOLDER=$!
    PIDS+=("$HOLDER")
    timeout 20 cat "$WORK/ready" >/dev/null || fail "the mount namespace did not come up"
}

# packages_next FROM TO: the packages in FROM once more, with a version that is one higher, for an upgrade.
packages_next() {
    local deb
    for deb in "$1"/*.deb; do
        dpkg-deb -R "$deb" "$WORK/next-tree"
        sed -i 's/^Version: .*/&+next1/' "$WORK/next-tree/DEBIAN/control"
        dpkg-deb --root-owner-group -Zgzip -z1 -b "$WORK/next-tree" "$2/" >/dev/null
        rm -rf "$WORK/next-tree"
    done
}
