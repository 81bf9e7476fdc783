#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# needs: tests
# Walks every fault point of the content store: the process dies there (kill -9), or the step fails with ENOSPC or EIO. After a
# restart everything that was acknowledged is there, nothing else but whole blobs is visible, and `check` finds nothing.
# limit: 900s
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/containerd.sh"
containerd_bin 1.6
CD_ADDRESS=$ROSS_STATE/contentd.sock
flags=(--root "$ROSS_ROOT" --state "$ROSS_STATE" --snapshotter-address "")

start() {
    rm -f "$CD_ADDRESS"
    "$BIN/ross-contentd" "${flags[@]}" 2>>"$WORK/contentd.log" &
    CONTENTD_PID=$!
    disown "$CONTENTD_PID"
    wait_for 5 eval 'test -S "$CD_ADDRESS" || ! kill -0 "$CONTENTD_PID"'
    [ -S "$CD_ADDRESS" ]
}
end() {
    kill "-${1:-TERM}" "$CONTENTD_PID" 2>/dev/null || true
    tail --pid "$CONTENTD_PID" -s 0.02 -f /dev/null
}
one=$WORK/one two=$WORK/two
printf 'the first blob' >"$one"
head -c 18000000 /dev/urandom >"$two"
d1=sha256:$(sha256sum <"$one" | cut -d' ' -f1) d2=sha256:$(sha256sum <"$two" | cut -d' ' -f1)
# A client of a dead server would try again and again: such a call fails here at once.
call() { kill -0 "$CONTENTD_PID" 2>/dev/null && timeout "${SECONDS_EACH:-5}" "$CD_BIN/ctr" --address "$CD_ADDRESS" --connect-timeout 2s "$@" >/dev/null 2>>"$WORK/ctr.log"; }
put() { call content ingest --expected-digest "$1" --expected-size "$(stat -c %s "$2")" "$3" <"$2"; }

# Everything that passes a fault point; remembers what was acknowledged.
workload() {
    acked1=no acked2=no gone1=no tried_rm=no labelled=no leased=no
    put "$d1" "$one" ref-one && acked1=yes
    put "$d2" "$two" ref-two && acked2=yes
    call content label "$d2" a=b && labelled=yes
    kill -0 "$CONTENTD_PID" 2>/dev/null && tried_rm=yes
    call content rm "$d1" && gone1=yes
    call leases create --id l && leased=yes
    return 0
}

verify() {
    local what=$1 list
    start || fail "$what: no restart: $(tail -3 "$WORK/contentd.log")"
    list=$(ctr content ls -q)
    [ $acked1 = no ] || [ $gone1 = yes ] || finds "$d1" <<<"$list" || [ "$tried_rm" = yes ] || fail "$what: the first blob is lost"
    [ $acked2 = no ] || finds "$d2" <<<"$list" || fail "$what: the second blob is lost"
    [ $gone1 = no ] || ! finds "$d1" <<<"$list" || fail "$what: the removed blob is back"
    [ $labelled = no ] || ctr content ls | finds "$d2.*a=b" || fail "$what: the label is lost"
    [ $leased = no ] || ctr leases ls -q | finds -x l || fail "$what: the lease is lost"
    for digest in $list; do
        [ "sha256:$(ctr content get "$digest" | sha256sum | cut -d' ' -f1)" = "$digest" ] || fail "$what: $digest is wrong"
    done
    end
    "$BIN/ross-contentd" check "${flags[@]}" --repair >"$WORK/check" || fail "$what: check: $(cat "$WORK/check")"
    grep -q ' 0 findings' "$WORK/check" || fail "$what: check: $(cat "$WORK/check")"
    # and a second try of everything succeeds
    start
    for pair in "$d1 $one ref-one" "$d2 $two ref-two"; do
        read -r digest file ref <<<"$pair"
        ctr content ls -q | finds "$digest" || SECONDS_EACH=60 put "$digest" "$file" "$ref" || fail "$what: a retry fails: $(tail -2 "$WORK/ctr.log")"
    done
    end
}

# Are fault points compiled in?
ROSS_FAULT_LIST=$WORK/points start || fail "ross-contentd does not start"
workload
end
[ -s "$WORK/points" ] || skip "this build has no fault points (use the dev preset)"
points=$(wc -l <"$WORK/points")
echo "$points points: $(sort "$WORK/points" | uniq -c | awk '{printf "%s %s, ", $2, $1}')"
runs=0
# once POINT:N NAME: each action at that point of the workload
once() {
    local action
    for action in kill ENOSPC EIO; do
        rm -rf "$ROSS_ROOT"
        export ROSS_FAULT="$1:$action"
        start || true
        unset ROSS_FAULT
        workload
        end KILL
        verify "$action at $1 ($2)"
        runs=$((runs + 1))
    done
}
for n in $(seq "$points"); do once "*:$n" "$(sed -n "${n}p" "$WORK/points")"; done
# a write is synced in between after 128 MiB only
head -c 135000000 /dev/urandom >"$two"
d2=sha256:$(sha256sum <"$two" | cut -d' ' -f1)
once content.sync:1 content.sync
echo "$runs runs"
