#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a detached container wrote (logs), and more processes in it (exec).
. "$(dirname "$0")/../lib/common.sh"
need jq
demo_layout
ross load -q --input "$WORK/demo" >/dev/null

# ---- logs ----
ross run -d --name talk demo sh -c 'for i in 1 2 3; do echo line $i; done; echo wrong >&2; printf open; sleep 0.2; exit 7' >/dev/null
expect 7 ross wait talk
expect "$(printf 'line 1\nline 2\nline 3\nopen')" sh -c "'$BIN/ross-cli' logs talk 2>/dev/null"
expect wrong sh -c "'$BIN/ross-cli' logs talk 2>&1 >/dev/null"
[ "$(ross logs --tail 2 talk 2>&1 | wc -l)" = 2 ] || fail "--tail 2: $(ross logs --tail 2 talk 2>&1)"
[ -z "$(ross logs --tail 0 talk 2>&1)" ] || fail "--tail 0 prints something"
[ -z "$(ross logs --since 2200-01-01T00:00:00Z talk 2>&1)" ] || fail "--since prints what is older"
[ "$(ross logs --since 1h talk 2>&1 | wc -l)" = 5 ] || fail "--since 1h"
[ "$(ross logs --since "$(date -d yesterday +%F)" --until 2200-01-01 talk 2>&1 | wc -l)" = 5 ] || fail "--since a day"
[ "$(ross logs --since "$(($(date +%s) - 3600))" talk 2>&1 | wc -l)" = 5 ] || fail "--since seconds"
[ -z "$(ross logs --until 1h talk 2>&1)" ] || fail "--until prints what is newer"
expect_fail 125 "--until" ross logs --until yesterday talk
ross logs -t talk 2>/dev/null | sed -n 1p | finds -E '^20[0-9-]+T[0-9:.]+Z line 1$' || fail "-t: $(ross logs -t talk)"
expect_fail 125 "--tail" ross logs --tail few talk
expect_fail 125 "--since" ross logs --since yesterday talk
expect_fail 125 "no container" ross logs nobody
ross run --name silent demo true
expect "" ross logs silent
expect "" ross logs -f silent
ross create --name waiting demo true >/dev/null
expect "" ross logs waiting

# what ran in the foreground has a log as well, streams and all, also while it runs and when it starts again
ross run --name front demo sh -c 'echo out; echo err >&2; printf half' >"$WORK/o" 2>"$WORK/e"
expect "$(printf 'out\nhalf')" cat "$WORK/o"
ross logs front >"$WORK/o" 2>"$WORK/e"
expect "$(printf 'out\nhalf')" cat "$WORK/o"
expect err cat "$WORK/e"
ross start -a front >/dev/null 2>&1
expect "6" bash -c "$BIN/ross-cli logs front 2>&1 | wc -l"
ross run --name tty -t demo echo there >/dev/null
ross logs tty | finds there || fail "no log of a terminal"
mkfifo "$WORK/in"
exec 8<>"$WORK/in"
"$BIN/ross-cli" run -i --name live demo sh -c 'echo first; read line; echo "got $line"; exit 4' <"$WORK/in" >/dev/null 2>&1 8>&- &
live=$!
PIDS+=($live)
has_first() { ross logs live | finds first; }
wait_for 10 has_first || fail "no log while it runs"
timeout 300 "$BIN/ross-cli" logs -f live >"$WORK/o" 8>&- &
follower=$!
PIDS+=($follower)
wait_for 10 grep -q first "$WORK/o" || fail "logs -f shows nothing"
echo word >&8
got=0; wait $live || got=$?
[ $got = 4 ] || fail "run ended with $got"
wait $follower || fail "logs -f ended with $?"
expect "$(printf 'first\ngot word')" cat "$WORK/o"
exec 8>&-
ross run --name turned --log-opt max-size=10k --log-opt max-file=3 demo sh -c 'i=0; while [ $i -lt 1000 ]; do i=$((i+1)); echo number $i; done' >"$WORK/o"
expect 1000 bash -c "wc -l <$WORK/o"
ross logs turned >"$WORK/kept"
tail -n "$(wc -l <"$WORK/kept")" "$WORK/o" | cmp - "$WORK/kept" || fail "the kept part is not the end"
expect 3 bash -c "ls '$ROSS_ROOT/containers/default/$(ross inspect -f '{{.Id}}' turned)' | grep -c '^log'"
"$BIN/ross-cli" run --rm --name brief demo sleep 1000 &
brief=$!
PIDS+=($brief)
runs() { [ "$(ross inspect -f '{{.State.Status}}' "$1" 2>/dev/null)" = running ]; }
wait_for 10 runs brief || fail "brief does not run"
expect_fail 125 "has no log" ross logs brief
ross rm -f brief >/dev/null
wait $brief || true
ross rm front tty live turned waiting >/dev/null

# follow: from the beginning to the end, through rotations
ross run -d --name many --log-opt max-size=20k --log-opt max-file=500 demo sh -c 'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo number $i; [ $((i % 500)) != 0 ] || sleep 0.1; done' >/dev/null
timeout 300 "$BIN/ross-cli" logs -f many >"$WORK/followed" || fail "logs -f ended with $?"
for i in $(seq 3000); do echo "number $i"; done >"$WORK/want"
cmp "$WORK/want" <(ross logs many) || fail "logs of rotated files"
cmp "$WORK/want" "$WORK/followed" || fail "logs -f lost or doubled something"
expect "number 3000" ross logs --tail 1 many
got=0; timeout 300 "$BIN/ross-cli" logs -f many | head -1 >"$WORK/out" || got=$?
[ "$(cat "$WORK/out")" = "number 1" ] || fail "logs -f | head"

# ---- exec ----
ross run -d --name box -e KEPT=yes -w /tmp demo sleep 1000 >/dev/null
expect hello ross exec box echo hello
for code in 0 1 42 255; do
    got=0; ross exec box sh -c "exit $code" || got=$?
    [ $got = $code ] || fail "exec: exit $code came back as $got"
done
got=0; ross exec box no-such-command 2>"$WORK/err" || got=$?
[ $got = 127 ] && [ "$(wc -l <"$WORK/err")" = 1 ] || fail "exec of a missing command: $got $(cat "$WORK/err")"
got=0; ross exec box /etc 2>/dev/null || got=$?
[ $got = 126 ] || fail "exec of a directory: $got"
head -c 3000000 /dev/urandom >"$WORK/big"
ross exec -i box cat <"$WORK/big" | cmp - "$WORK/big" || fail "3 MB through exec differ"
ross exec box sh -c 'echo out; echo err >&2' >"$WORK/o" 2>"$WORK/e"
[ "$(cat "$WORK/o")" = out ] && [ "$(cat "$WORK/e")" = err ] || fail "exec mixes streams"
expect "yes new /tmp" ross exec -e ADDED=new box sh -c 'echo $KEPT $ADDED $PWD'
expect other ross exec -e KEPT=other box sh -c 'echo $KEPT'
expect /etc ross exec -w /etc box pwd
expect 65534 ross exec -u nobody box id -u
expect 7:8 ross exec -u 7:8 box sh -c 'echo $(id -u):$(id -g)'
caps() { ross exec "$@" grep CapEff /proc/self/status | tr -d '\t ' | cut -d: -f2; }
[ "$(caps -u nobody box)" = 0000000000000000 ] || fail "nobody has capabilities: $(caps -u nobody box)"
# all capabilities can only be given where the tests have them
all=$(printf '%016x' $(((1 << ($(cat /proc/sys/kernel/cap_last_cap) + 1)) - 1)))
if grep -q "CapBnd:.*$all" /proc/self/status; then
    [ "$(caps --privileged box)" = "$all" ] || fail "--privileged gives $(caps --privileged box)"
fi
[ "$(caps box)" != "$all" ] || fail "all capabilities without --privileged"
expect "terminal" ross exec -t box sh -c '[ -t 1 ] && printf terminal'
ross exec -d box sh -c 'echo done >/tmp/mark; exec sleep 1000'
wait_for 10 "$BIN/ross-cli" exec box test -s /tmp/mark || fail "exec -d did nothing"
expect_fail 125 "--user" ross exec -u no-such-user box true
expect_fail 125 "--workdir" ross exec -w relative box true
expect_fail 125 "leave -i out" ross exec -d -i box true
expect_fail 125 "does not run" ross exec silent true
ross pause box >/dev/null
expect_fail 125 "is paused" ross exec box true
ross unpause box >/dev/null
[ -z "$(find "$ROSS_STATE/tasks" -maxdepth 4 -name 'io-*')" ] || fail "fifos of execs are left"
# several at once
pids=()
for i in 1 2 3 4 5 6 7 8; do
    [ "$(ross exec box sh -c "sleep 0.1; echo $i")" = "$i" ] &
    pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid" || fail "one of eight execs at once went wrong"; done
ross rm -f talk silent many box >/dev/null
assert_clean
