# SPDX-License-Identifier: Apache-2.0
# Sourced by every case: a private place, ross with its own root and state, clean-up that ends only what was started here.
# shellcheck shell=bash
set -euo pipefail

: "${BIN:?BIN must name the folder of the binaries}"
LAB=${LAB:-/tmp/lab}
HERE=${ROSS_INTEGRATION:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
WORK=$(mktemp -d /tmp/ross-case-XXXXXX)
export ROSS_ROOT=$WORK/root ROSS_STATE=$WORK/state
# Most cases are about something else: no bridge, no rules. Cases about networks unset it.
export ROSS_NETWORK=none
PIDS=()

skip() {
    echo "$*"
    exit 77
}

fail() {
    trap - ERR
    echo "FAIL: $*" >&2
    exit 1
}
# a command that fails on its own, without a word of fail()
set -E
trap 'echo "FAIL: ${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND: $?" >&2' ERR

need() {
    local tool
    for tool in "$@"; do command -v "$tool" >/dev/null || skip "$tool is not installed"; done
}

[ "$(id -u)" = 0 ] || skip "needs root"

ross() { "$BIN/ross-cli" "$@"; }

# expect_fail CODE TEXT COMMAND…: fails with that exit code and one line on stderr that contains TEXT.
expect_fail() {
    local code=$1 text=$2 got=0
    shift 2
    "$@" >"$WORK/out" 2>"$WORK/err" || got=$?
    [ "$got" = "$code" ] || { cat "$WORK/out" "$WORK/err" >&2; fail "'$*' ended with $got, not $code"; }
    grep -qF -- "$text" "$WORK/err" || { cat "$WORK/err" >&2; fail "'$*' does not say '$text'"; }
    [ "$(wc -l <"$WORK/err")" = 1 ] || { cat "$WORK/err" >&2; fail "'$*' says more than one line"; }
}

expect() {
    local want=$1 got
    shift
    got=$("$@") || fail "'$*' ended with $?"
    [ "$got" = "$want" ] || fail "'$*' printed '$got', not '$want'"
}

# … | finds [FLAG…] PATTERN: grep -q that reads to the end: a writer that finds nobody reading would die of SIGPIPE, and the pipeline with it.
finds() { [ "$(grep -c "$@")" -gt 0 ]; }
# … | first: its first line, likewise.
first() { awk 'NR == 1'; }

# wait_for SECONDS COMMAND…: until it succeeds. The seconds are those of an idle machine; a busy one has six times as many.
wait_for() {
    local until=$(($(date +%s) + 6 * $1))
    shift
    while ! "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt "$until" ] || return 1
        sleep 0.05
    done
}

# A port that nobody has, TCP and UDP; below those that the kernel gives to outgoing connections, one of which could take it before it is used.
free_port() {
    python3 -c '
import random, socket
while True:
    port = random.randrange(20000, 32000)
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        try:
            tcp.bind(("", port))
            udp.bind(("", port))
        except OSError:
            continue
    print(port)
    break'
}

# start_registry: docker-registry with its data in $WORK/registry; sets REGISTRY=127.0.0.1:PORT.
start_registry() {
    need docker-registry curl
    local port
    port=$(free_port)
    REGISTRY=127.0.0.1:$port
    mkdir -p "$WORK/registry"
    cat >"$WORK/registry.yml" <<S
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $WORK/registry}, delete: {enabled: true}}
http: {addr: "$REGISTRY"}
S
    docker-registry serve "$WORK/registry.yml" >"$WORK/registry.log" 2>&1 &
    PIDS+=($!)
    wait_for 10 curl -fs "http://$REGISTRY/v2/" || fail "docker-registry does not answer: $(tail -3 "$WORK/registry.log")"
}

# demo_layout: an OCI layout with one busybox image at $WORK/demo; its tag is demo:latest.
demo_layout() { "$HERE/lib/demo_image.sh" "$WORK/demo" demo:latest; }

# push_demo NAME: the demo image into the private registry.
push_demo() {
    [ -d "$WORK/demo" ] || demo_layout
    skopeo copy -q --dest-tls-verify=false "oci:$WORK/demo:demo:latest" "docker://$REGISTRY/$1"
}

# pids of processes whose command line names our private state (services and shims).
ours() { pgrep -f -- "$WORK" || true; }

# Nothing of a container is left: mounts, shims, bundles, cgroups, active snapshots.
assert_clean() {
    ! grep -q "$WORK/state" /proc/self/mountinfo || fail "mounts are left: $(grep "$WORK/state" /proc/self/mountinfo)"
    ! pgrep -f "containerd-shim-ross-v2.*$WORK" >/dev/null || fail "a shim is left"
    [ -z "$(find "$ROSS_STATE/tasks" -mindepth 2 -maxdepth 2 2>/dev/null || true)" ] || fail "bundles are left: $(find "$ROSS_STATE/tasks")"
}

all_ended() { [ -z "$(ours | grep -vx "$$")" ]; }

cleanup() {
    local status=$? pid child m running
    set +e
    trap - ERR
    # what a failed case left running would outlive its shim
    for pid in $(pgrep -f -- "containerd-shim-ross-v2.*$WORK"); do for child in $(pgrep -P "$pid"); do kill -KILL "$child" 2>/dev/null; done; done
    # shims first: they are found by the address in their bundles
    for pid in $(ours); do [ "$pid" = $$ ] || [ "$pid" = $BASHPID ] || kill -TERM "$pid" 2>/dev/null; done
    # only what still runs: the number of one that has ended may be a stranger's by now
    running=" $(jobs -pr | tr '\n' ' ')"
    for pid in "${PIDS[@]}"; do case $running in *" $pid "*) kill -TERM "$pid" 2>/dev/null ;; esac; done
    for pid in "${PIDS[@]}"; do wait "$pid" 2>/dev/null; done
    wait_for 5 all_ended || for pid in $(ours); do [ "$pid" = $$ ] || kill -KILL "$pid" 2>/dev/null; done
    for m in $(awk -v work="$WORK" 'index($5, work) == 1 { print $5 }' /proc/self/mountinfo | sort -r); do umount -l "$m" 2>/dev/null; done
    # what a sanitizer says when a service ends counts, whatever the case looked at
    if [ $status = 0 ] && grep -l -s -e 'ERROR: AddressSanitizer' -e 'ERROR: LeakSanitizer' -e 'runtime error:' "$ROSS_STATE"/*.log; then
        echo "FAIL: a sanitizer complains" >&2
        status=1
    fi
    if [ $status != 0 ] && [ $status != 77 ]; then
        for m in "$ROSS_STATE"/*.log; do [ -s "$m" ] && { echo "--- $m"; tail -30 "$m"; }; done
    fi
    rm -rf --one-file-system "$WORK"
    exit $status
}
trap cleanup EXIT
