# SPDX-License-Identifier: Apache-2.0
# Packages of Debian's newer suites, unpacked beside the system and never installed.
# shellcheck shell=bash
# shellcheck source=/dev/null
. "$(dirname "${BASH_SOURCE[0]}")/tries.sh"
NEWER_SUITES=(-o "Dir::Etc::sourcelist=$LAB/apt/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$LAB/apt/lists" -o APT::Sandbox::User=root)

# The lists of trixie and sid, from the mirror of this machine.
newer_suites_update() {
    local mirror
    mkdir -p "$LAB"/{debs,apt/lists/partial}
    mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v -e security -e updates | grep debian | sort -u | head -1)
    printf 'deb %s trixie main\ndeb %s sid main\n' "$mirror" "$mirror" >"$LAB/apt/sources.list"
    (flock 8 && tries apt-get -qq -o "$WHOLE_LISTS" "${NEWER_SUITES[@]}" update) 8>"$LAB/apt/lock"
}

# newer_suites_unpack PACKAGE[=VERSION] DIR
newer_suites_unpack() {
    local work status=0
    work=$(mktemp -d "$LAB/debs/XXXXXX")
    (cd "$work" && tries apt-get -qq "${NEWER_SUITES[@]}" download "$1" && dpkg -x ./*.deb "$2") || status=1
    rm -rf "$work"
    return $status
}
