# SPDX-License-Identifier: Apache-2.0
# Sourced after common.sh: private containerds of several versions. 1.6 is Debian 12's package (on a newer Debian, whatever is installed); the
# others are unpacked from Debian's newer suites into $LAB/cd-VERSION, once.
# shellcheck shell=bash
. "$HERE/lib/newer_suites.sh"

# containerd_bin 1.6|1.7|2.1 → sets CD_BIN, or skips the case.
containerd_bin() {
    local want=$1 dir
    if [ "$want" = 1.6 ] && command -v containerd >/dev/null; then
        CD_BIN=$(dirname "$(command -v containerd)")
        return 0
    fi
    dir=$(find "$LAB" -maxdepth 1 -name "cd-$want*" 2>/dev/null | sort | tail -1)
    if [ -z "$dir" ]; then
        fetch_containerds || skip "containerd $want cannot be fetched from Debian's newer suites"
        dir=$(find "$LAB" -maxdepth 1 -name "cd-$want*" | sort | tail -1)
    fi
    [ -n "$dir" ] && [ -x "$dir/usr/bin/containerd" ] || skip "containerd $want is not to be had here"
    CD_BIN=$dir/usr/bin
}

# Unpacks the containerd packages of trixie and sid.
fetch_containerds() {
    local v up
    mkdir -p "$LAB"
    (
        flock 9
        newer_suites_update || exit 1
        for v in $(apt-cache "${NEWER_SUITES[@]}" madison containerd | awk '{print $3}' | sort -u); do
            up=${v%%[~+-]*}
            [ -x "$LAB/cd-$up/usr/bin/containerd" ] || newer_suites_unpack "containerd=$v" "$LAB/cd-$up"
        done
    ) 9>"$LAB/lock"
}

# prints WANT COMMAND…: a client of containerd that runs a container to its end, which prints WANT. The ctr of 1.6 closes its ends of the
# streams when the task has ended, whether it has read them or not: from that one, nothing at all is asked for again.
prints() {
    local want=$1 got="" tries=1
    shift
    case $("$CD_BIN/ctr" --version) in *' 1.6.'*) tries=5 ;; esac
    while [ -z "$got" ] && [ $tries -gt 0 ]; do
        got=$("$@") || return
        tries=$((tries - 1))
    done
    [ "$got" = "$want" ] || { echo "printed '$got', not '$want'" >&2; return 1; }
}
# fed TEXT COMMAND…: with TEXT as its input
fed() {
    local text=$1
    shift
    echo "$text" | "$@"
}

# start_containerd VERSION [EXTRA_TOML_FILE]: sets CD_BIN, CD_ADDRESS; `ctr` below talks to it. Our shim is on its PATH.
start_containerd() {
    containerd_bin "$1"
    CD_DIR=$WORK/containerd-$1
    CD_ADDRESS=$CD_DIR/c.sock
    mkdir -p "$CD_DIR"
    {
        printf 'version = 2\nroot = "%s/root"\nstate = "%s/state"\n' "$CD_DIR" "$CD_DIR"
        printf '[grpc]\n  address = "%s"\n[ttrpc]\n  address = "%s.ttrpc"\n' "$CD_ADDRESS" "$CD_ADDRESS"
        [ $# -lt 2 ] || cat "$2"
    } >"$CD_DIR/config.toml"
    launch_containerd
}

# (Re)starts it with the config that is there.
launch_containerd() {
    PATH=$BIN:$CD_BIN:$PATH "$CD_BIN/containerd" --config "$CD_DIR/config.toml" >>"$CD_DIR/log" 2>&1 &
    CD_PID=$!
    PIDS+=("$CD_PID")
    wait_for 20 "$CD_BIN/ctr" --address "$CD_ADDRESS" version || fail "containerd does not answer: $(tail -5 "$CD_DIR/log")"
}

ctr() { "$CD_BIN/ctr" --address "$CD_ADDRESS" "$@"; }
