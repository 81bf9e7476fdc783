# SPDX-License-Identifier: Apache-2.0
# Clients of containerd that Debian has no package of, built from their modules with the checksums that Go's database vouches for: a
# program that only requires the module is made, and built. Kept in $LAB/tools; a failure is remembered for ten minutes.
# shellcheck shell=bash
LAB=${LAB:-/tmp/lab}
# shellcheck source=/dev/null
. "$(dirname "${BASH_SOURCE[0]}")/newer_suites.sh"

# go_tool_row NAME → module, version, folder of its main package, Go that it needs
go_tool_row() {
    case $1 in
    crictl) echo sigs.k8s.io/cri-tools v1.36.0 cmd/crictl 1.26.2 ;;
    nerdctl) echo github.com/containerd/nerdctl/v2 v2.0.4 cmd/nerdctl 1.23.0 ;;
    *) return 1 ;;
    esac
}

# at_least WANTED VERSION
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -1)" = "$1" ]; }

# newest_go: prints the newest toolchain of this machine, ours from newer suites included
newest_go() {
    local go
    for go in "$(command -v go || true)" /usr/local/go/bin/go /usr/lib/go-*/bin/go "$LAB"/go/usr/lib/go-*/bin/go; do
        [ -x "$go" ] && echo "$(GOTOOLCHAIN=local "$go" env GOVERSION | sed 's/^go//') $go"
    done | sort -V | tail -1
}

# fetch_go: the newest Go of Debian's newer suites, unpacked and not installed
fetch_go() {
    local package
    newer_suites_update || return 1
    package=$(apt-cache "${NEWER_SUITES[@]}" pkgnames golang-1. | grep -E '^golang-1\.[0-9]+-go$' | sort -V | tail -1)
    [ -n "$package" ] || return 1
    newer_suites_unpack "$package" "$LAB/go" && newer_suites_unpack "${package%-go}-src" "$LAB/go"
}

# go_tool_build NAME TO LOG
go_tool_build() {
    local module version package need go have work
    read -r module version package need <<<"$(go_tool_row "$1")"
    read -r have go <<<"$(newest_go)"
    if [ -z "$have" ] || ! at_least "$need" "$have"; then
        fetch_go || { echo "$1 needs Go $need, and there is only ${have:-none}"; return 1; }
        read -r have go <<<"$(newest_go)"
    fi
    work=$(mktemp -d)
    printf 'module tool\n\ngo %s\n\nrequire %s %s\n' "${need%.*}" "$module" "$version" >"$work/go.mod"
    # no other toolchain is fetched, and a build that does not end is ended
    if (
        cd "$work" || exit 1
        export HOME=${HOME:-$LAB} GOTOOLCHAIN=local GOFLAGS='-mod=mod -buildvcs=false'
        timeout -k 10 600 "$go" build -trimpath -ldflags "-s -w -X $module/pkg/version.Version=$version" -o "$2.new" "$module/$package"
    ) >"$3" 2>&1; then
        mv "$2.new" "$2"
    else
        echo "$1 $version does not build with Go $have: $(grep -v '^go: downloading' "$3" | tail -1)"
    fi
    rm -rf "$work"
    [ -x "$2" ]
}

# go_tool NAME: its path, built when it is not there yet; 1 and the reason on standard output when it cannot be had.
go_tool() {
    local version file
    read -r _ version _ <<<"$(go_tool_row "$1")"
    file=$LAB/tools/$1-$version
    mkdir -p "$LAB/tools"
    (
        flock 9
        [ ! -x "$file" ] || exit 0
        [ -z "$(find "$file.failed" -mmin -10 2>/dev/null)" ] || exit 1
        rm -f "$file.failed"
        if go_tool_build "$1" "$file" "$file.log" >"$file.why"; then rm -f "$file.why"; else mv "$file.why" "$file.failed"; exit 1; fi
    ) 9>"$LAB/tools/lock" || { tail -1 "$file.failed"; return 1; }
    echo "$file"
}

# need_go_tool NAME: $WORK/tools/NAME is it; the case is skipped when it cannot be had.
need_go_tool() {
    local file
    file=$(go_tool "$1") || skip "$file"
    mkdir -p "$WORK/tools"
    ln -sf "$file" "$WORK/tools/$1"
}
