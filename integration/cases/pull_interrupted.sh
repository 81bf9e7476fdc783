#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A pull that is killed or interrupted in the middle of a layer: the next one goes on where it stopped. Two pulls at once share the work.
. "$(dirname "$0")/../lib/common.sh"
need python3 jq
demo_layout
digest=$(jq -r '.manifests[0].digest' "$WORK/demo/index.json")
layer=$(jq -r '.layers[0].digest' "$WORK/demo/blobs/${digest/://}")

# fake NAME: a fresh server and a fresh store; sets REF, DIR
fake() {
    DIR=$WORK/fake-$1
    export ROSS_ROOT=$WORK/root-$1 ROSS_STATE=$WORK/state-$1
    python3 "$HERE/fakes/registry.py" "$WORK/demo" latest "$HERE/fakes/registry_hold.json" "$DIR" 2>"$WORK/fake-$1.log" &
    PIDS+=($!)
    wait_for 10 test -s "$DIR/port" || fail "the fake registry does not start: $(cat "$WORK/fake-$1.log")"
    REF=127.0.0.1:$(cat "$DIR/port")/img:latest
    ross images >/dev/null # starts the services
}
requests() { grep -c "^GET /v2/img/blobs/$layer" "$DIR/requests" || true; }
# what the ingest on disk holds: more than nothing
ingest_grew() { [ "$(find "$ROSS_ROOT/content/ingest" -type f -size +100k 2>/dev/null | wc -l)" -gt 0 ]; }

# the layer is unpacked while it still comes
fake grow
"$BIN/ross-cli" image pull -q --plain-http "$REF" >"$WORK/out" 2>&1 &
client=$!
wait_for 10 test -e "$DIR/held" || fail "the download does not start: $(cat "$WORK/out")"
unpacking() { [ -n "$(find "$ROSS_ROOT/snapshots" -name busybox -size +0 2>/dev/null)" ]; }
wait_for 10 unpacking || fail "nothing is unpacked before the layer is whole"
ross system prune -af >/dev/null || fail "prune beside a pull"
touch "$DIR/go"
wait $client || fail "pull: $(cat "$WORK/out")"
expect "$digest" cat "$WORK/out"
[ -z "$(ls "$ROSS_ROOT/content/growing")" ] || fail "growing: $(ls "$ROSS_ROOT/content/growing")"
expect hi ross run --rm "$REF" echo hi

# kill -9 in the middle
fake kill
"$BIN/ross-cli" image pull -q --plain-http "$REF" >"$WORK/out" 2>&1 &
client=$!
wait_for 10 test -e "$DIR/held" || fail "the download does not start: $(cat "$WORK/out")"
wait_for 10 ingest_grew || fail "nothing arrives in the store"
kill -KILL $client
wait $client || true
touch "$DIR/go"
expect "$digest" ross image pull -q --plain-http "$REF"
tail -1 "$DIR/requests" | finds "blobs/$layer.*Range: bytes=[1-9]" || fail "not resumed: $(cat "$DIR/requests")"
[ "$(requests)" = 2 ] || fail "requests: $(cat "$DIR/requests")"
one_snapshot() { [ "$(find "$ROSS_ROOT/snapshots" -mindepth 1 -maxdepth 1 -type d | wc -l)" = 1 ]; }
wait_for 5 one_snapshot || fail "the killed pull's snapshot is left: $(ls "$ROSS_ROOT/snapshots")"

# SIGINT: said in one line, nothing half-made left, and resumed as well
fake int
"$BIN/ross-cli" image pull -q --plain-http "$REF" >"$WORK/out" 2>"$WORK/err" &
client=$!
wait_for 10 test -e "$DIR/held" || fail "the download does not start: $(cat "$WORK/err")"
wait_for 10 ingest_grew || fail "nothing arrives in the store"
kill -INT $client
got=0
wait $client || got=$?
[ $got != 0 ] || fail "an interrupted pull succeeded"
grep -q "canceled" "$WORK/err" || fail "says: $(cat "$WORK/err")"
[ "$(ross images --format json)" = "[]" ] || fail "a record is left"
no_snapshot() { [ -z "$(find "$ROSS_ROOT/snapshots" -mindepth 1 -maxdepth 1 -type d)" ]; }
wait_for 5 no_snapshot || fail "a snapshot is left: $(ls "$ROSS_ROOT/snapshots")"
touch "$DIR/go"
expect "$digest" ross image pull -q --plain-http "$REF"
tail -1 "$DIR/requests" | finds "blobs/$layer.*Range: bytes=[1-9]" || fail "not resumed: $(cat "$DIR/requests")"

# two at once: the layer is asked for once, and unpacked once
fake share
for i in 1 2; do "$BIN/ross-cli" image pull -q --plain-http "$REF" >"$WORK/out$i" 2>"$WORK/err$i" & clients[i]=$!; done
wait_for 10 test -e "$DIR/held" || fail "the download does not start"
wait_for 10 bash -c "[ \$(grep -c '^HEAD' '$DIR/requests') = 2 ]" || fail "the second pull does not start"
touch "$DIR/go"
for i in 1 2; do wait "${clients[i]}" || fail "pull $i: $(cat "$WORK/err$i")"; expect "$digest" cat "$WORK/out$i"; done
[ "$(requests)" = 1 ] || fail "the layer was fetched more than once: $(cat "$DIR/requests")"
wait_for 5 one_snapshot || fail "snapshots: $(ls "$ROSS_ROOT/snapshots")"

# the one that fetches is killed: the other takes over
fake takeover
"$BIN/ross-cli" image pull -q --plain-http "$REF" >"$WORK/out1" 2>"$WORK/err1" &
first=$!
wait_for 10 test -e "$DIR/held" || fail "the download does not start"
wait_for 10 ingest_grew || fail "nothing arrives in the store"
"$BIN/ross-cli" image pull -q --plain-http "$REF" >"$WORK/out2" 2>"$WORK/err2" &
second=$!
wait_for 10 bash -c "[ \$(grep -c '^HEAD' '$DIR/requests') = 2 ]" || fail "the second pull does not start"
kill -KILL $first
wait $first || true
touch "$DIR/go"
wait $second || fail "the second pull: $(cat "$WORK/err2")"
expect "$digest" cat "$WORK/out2"
