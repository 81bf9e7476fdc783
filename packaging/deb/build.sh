#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# build.sh [OUT]: Debian packages of this tree into OUT (default build/deb), checked by lintian.
# A copy of the tree below OUT is built by a user without rights; it stays, so that the next build does only what changed.
set -euo pipefail
top=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
# shellcheck source=/dev/null
. "$top/integration/lib/tries.sh"
out=${1:-$top/build/deb}
mkdir -p "$out"
out=$(cd "$out" && pwd)
log=$out/build.log
version=$(sed -n '1s/^ross (\(.*\)) .*/\1/p' "$top/packaging/deb/debian/changelog")
tree=$out/ross-$version

die() {
    echo "packaging/deb/build.sh: $*" >&2
    exit 1
}

# What debian/control asks for, and the tools around it.
install_needed() {
    local tools=() t
    for t in dpkg-dev debhelper lintian; do
        dpkg-query -W -f '${db:Status-Status}\n' "$t" 2>/dev/null | grep -qx installed || tools+=("$t")
    done
    (cd "$tree" && [ ${#tools[@]} = 0 ] && dpkg-checkbuilddeps >/dev/null 2>&1) && return 0
    [ "$(id -u)" = 0 ] || die "packages are missing (${tools[*]} and what dpkg-checkbuilddeps lists), install them as root"
    export DEBIAN_FRONTEND=noninteractive
    {
        { tries apt-get -o DPkg::Lock::Timeout=600 update -qq -o "$WHOLE_LISTS" || apt-get -o DPkg::Lock::Timeout=600 update -qq; } &&
            tries apt-get -o DPkg::Lock::Timeout=600 install -y -qq --no-install-recommends dpkg-dev debhelper lintian &&
            tries apt-get -o DPkg::Lock::Timeout=600 build-dep -y -qq --no-install-recommends "$tree"
    } >"$log" 2>&1 || { tail -20 "$log" >&2; die "installing build dependencies failed"; }
}

# The files that git tracks, as they are now, with their times, so that ninja sees what has changed.
copy_tree() {
    mkdir -p "$tree"
    local list=$out/files
    if git -C "$top" rev-parse --git-dir >/dev/null 2>&1; then
        git -c safe.directory="$top" -C "$top" ls-files -z
    else
        (cd "$top" && find . \( -path ./build -o -path ./.git \) -prune -o -type f -printf '%P\0')
    fi | (cd "$top" && while IFS= read -r -d '' f; do [ ! -f "$f" ] || printf '%s\0' "$f"; done) >"$list"
    # what is no longer in the tree goes from the copy, what dpkg and CMake have made there stays
    find "$tree" -mindepth 1 -maxdepth 1 ! -name 'obj-*' -exec rm -rf {} +
    tar -C "$top" --no-recursion --null -T "$list" -cf - | tar -C "$tree" --no-same-owner -xf -
    cp -r "$tree/packaging/deb/debian" "$tree/debian"
    rm -f "$list"
}

# As nobody when we are root and nobody can come here.
unprivileged() {
    if [ "$(id -u)" = 0 ]; then
        chown -R 65534:65534 "$out"
        if setpriv --reuid 65534 --regid 65534 --clear-groups test -w "$tree" 2>/dev/null; then
            HOME=$out setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs "$@"
            return
        fi
        chown -R 0:0 "$out"
    fi
    "$@"
}

# What was built from the same files in the same way is still good.
state_of() {
    echo "$DEB_BUILD_OPTIONS"
    (cd "$tree" && find . \( -name 'obj-*' -o -path ./debian \) -prune -o -type f -print0 | sort -z | xargs -0 sha256sum)
}

export DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-parallel=$(nproc)}" LC_ALL=C.UTF-8
copy_tree
state=$(state_of | sha256sum)
if [ "$(cat "$out/.built" 2>/dev/null)" = "$state" ]; then
    ls "$out"/*.deb
    exit 0
fi
rm -f "$out/.built"
install_needed
find "$out" -maxdepth 1 -type f ! -name build.log -delete
: >"$log"
unprivileged sh -c 'cd "$1" && exec dpkg-buildpackage -us -uc -b -nc' sh "$tree" >>"$log" 2>&1 || {
    tail -40 "$log" >&2
    die "dpkg-buildpackage failed, see $log"
}
unprivileged lintian --fail-on error,warning --tag-display-limit 0 "$out"/*.changes >"$out/lintian.log" 2>&1 || {
    cat "$out/lintian.log" >&2
    die "lintian has complaints"
}
echo "$state" >"$out/.built"
ls "$out"/*.deb
