#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `ross-contentd check [--repair]`: flipped bits, missing files, strangers, a lost and a damaged database.
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/containerd.sh"
containerd_bin 1.6
CD_ADDRESS=$ROSS_STATE/contentd.sock
flags=(--root "$ROSS_ROOT" --state "$ROSS_STATE")
dir=$ROSS_ROOT/content/blobs/sha256
has() { finds "$@"; }

start() {
    "$BIN/ross-contentd" "${flags[@]}" 2>>"$WORK/contentd.log" &
    CONTENTD_PID=$!
    PIDS+=("$CONTENTD_PID")
    wait_for 10 test -S "$CD_ADDRESS" || fail "ross-contentd does not start: $(tail -3 "$WORK/contentd.log")"
}
stop() {
    kill -TERM "$CONTENTD_PID"
    wait "$CONTENTD_PID" || fail "ross-contentd ended with $?"
}
put() {
    local digest
    digest=sha256:$(printf %s "$1" | sha256sum | cut -d' ' -f1)
    printf %s "$1" | ctr content ingest --expected-digest "$digest" --expected-size ${#1} "ref-$1"
    echo "${digest#sha256:}"
}
check() { "$BIN/ross-contentd" check "${flags[@]}" "$@"; }
# summary FINDINGS MENDED CODE COMMAND…
summary() {
    local findings=$1 mended=$2 code=$3 got=0
    shift 3
    "$@" >"$WORK/out" || got=$?
    tail -1 "$WORK/out" | has ": $findings findings, $mended mended$" || fail "'$*': $(cat "$WORK/out")"
    [ "$got" = "$code" ] || fail "'$*' ended with $got"
}

start
good=$(put good) flipped=$(put flipped) missing=$(put missing) short=$(put shortened)
summary 0 0 0 check
got=0
check --repair >"$WORK/out" 2>&1 || got=$?
[ $got = 1 ] && has 'already running' "$WORK/out" || fail "repair beside a running service: $got $(cat "$WORK/out")"
stop

printf Flipped >"$WORK/flipped" && cat "$WORK/flipped" >"$dir/$flipped"
rm "$dir/$missing"
truncate -s 3 "$dir/$short"
touch "$dir/stranger" "$ROSS_ROOT/content/ingest/stranger" "$ROSS_ROOT/content/ingest/77"
printf nobodys >"$dir/$(printf nobodys | sha256sum | cut -d' ' -f1)"
summary 6 0 1 check
has "sha256:$flipped: the bytes are not" "$WORK/out" || fail "flipped bits are not found: $(cat "$WORK/out")"
has "sha256:$missing: the file is gone" "$WORK/out" || fail "the missing file is not found"
summary 7 7 0 check --repair
summary 0 0 0 check --rate 1g
expect "$good" ls "$dir"
start
expect "sha256:$good" ctr content ls -q
again=$(put flipped)
[ "$again" = "$flipped" ] || fail "a mended blob cannot be written again"
stop

# --- the database is gone: the blobs are taken in, and stay ---
rm "$ROSS_ROOT"/contentd.db*
summary 2 2 0 check --repair --namespace default
start
[ "$(ctr content ls -q | wc -l)" = 2 ] || fail "the rebuilt store has $(ctr content ls)"
"$BIN/ross-contentd" gc "${flags[@]}"
expect good ctr content get "sha256:$good"
[ "$(ctr content ls -q | wc -l)" = 2 ] || fail "a collection took rebuilt blobs"
stop

# --- the database is damaged ---
head -c 100000 /dev/urandom >"$ROSS_ROOT/contentd.db"
got=0
"$BIN/ross-contentd" "${flags[@]}" >"$WORK/out" 2>&1 || got=$?
[ $got = 1 ] && has contentd.db "$WORK/out" || fail "the service starts on rubbish: $got $(cat "$WORK/out")"
summary 3 3 0 check --repair
ls "$ROSS_ROOT" | has 'contentd.db.bad-' || fail "the damaged database was not put aside"
start
[ "$(ctr content ls -q | wc -l)" = 2 ] || fail "the rebuilt store has $(ctr content ls)"

# --- a start without a database leaves the blobs alone ---
stop
rm -f "$ROSS_ROOT"/contentd.db "$ROSS_ROOT"/contentd.db-*
start
[ "$(ls "$dir" | wc -l)" = 2 ] || fail "blobs went because the database was gone"
