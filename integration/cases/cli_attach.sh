#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# attach: typing to a container that runs detached, seeing what it writes, detach keys, signals; commit; filters of ps.
. "$(dirname "$0")/../lib/common.sh"
need jq python3
demo_layout
ross load -q --input "$WORK/demo" >/dev/null

# with a terminal: what is typed arrives, the keys detach, the container goes on, its end is ours
ross run -dit --name tty demo sh -c 'while read line; do echo "<$line>"; [ "$line" != end ] || exit 6; done' >/dev/null
cat >"$WORK/type.py" <<'P'
import os, pty, select, sys, time
def session(argv, steps):
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(argv[0], argv)
    seen, until = b"", time.time() + 120
    for text, wanted in steps:
        os.write(fd, text)
        while wanted not in seen:
            if time.time() > until: sys.exit(f"no {wanted!r} in {seen!r}")
            if select.select([fd], [], [], 0.1)[0]:
                try: seen += os.read(fd, 4096)
                except OSError: break
    while True:
        try:
            if not os.read(fd, 4096): break
        except OSError: break
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen
ross = [sys.argv[1], "attach"]
code, seen = session(ross + ["tty"], [(b"one\n", b"<one>"), (b"\x10", b""), (b"two\n", b"two>"), (b"\x10\x11", b"detached")])
assert code == 0, (code, seen)
code, seen = session(ross + ["--detach-keys", "a,ctrl-x", "tty"], [(b"b\n", b"<b>"), (b"a\x18", b"detached")])
assert code == 0, (code, seen)
code, seen = session(ross + ["tty"], [(b"end\n", b"<end>")])
assert code == 6, (code, seen)
P
python3 "$WORK/type.py" "$BIN/ross-cli" || fail "a terminal and attach"
expect 6 ross wait tty

# without one: output from now on, input from a pipe, signals
ross run -d -i --name plain demo sh -c 'trap "echo caught" USR1; echo before; while :; do if read -t 1 l; then echo "got $l"; fi; [ "$l" != quit ] || exit 5; done' >/dev/null
wait_for 10 bash -c "$BIN/ross-cli logs plain | grep before" || fail "no output"
got=0; echo quit | ross attach plain >"$WORK/seen" || got=$?
[ $got = 5 ] && [ "$(cat "$WORK/seen")" = "got quit" ] || fail "attach in a pipe: $got $(cat "$WORK/seen")"
ross start plain >/dev/null
"$BIN/ross-cli" attach --no-stdin plain >"$WORK/seen" &
attached=$!
PIDS+=($attached)
attached_times() { [ "$(grep -c '"action":"attach"' "$ROSS_ROOT/events/default.jsonl")" = "$1" ]; }
wait_for 10 attached_times 5 || fail "attach does not attach"
signalled() { kill -USR1 $attached && grep -q caught "$WORK/seen"; }
wait_for 10 signalled || fail "signals do not arrive"
ross stop -t 0 plain >/dev/null
got=0; wait $attached || got=$?
[ $got = 137 ] || fail "attach ends with $got"
ross start plain >/dev/null
"$BIN/ross-cli" attach --sig-proxy=false plain >"$WORK/seen" </dev/null &
attached=$!
PIDS+=($attached)
wait_for 10 attached_times 6 || fail "attach does not attach"
left() { kill -TERM $attached 2>/dev/null; ! kill -0 $attached 2>/dev/null; }
wait_for 10 left || fail "a signal does not end the attachment"
expect running ross inspect -f '{{.State.Status}}' plain
expect_fail 125 "--detach-keys" ross attach --detach-keys ctrl-1 plain
expect_fail 125 "no container has the name" ross attach nobody
ross stop -t 0 plain >/dev/null
expect_fail 125 "does not run" ross attach plain

# commit: a new image that runs, with changes of its config
ross run -d --name work -e A=1 demo sh -c 'echo made >/made; rm /etc/motd; trap "exit 0" TERM; touch /ready; while :; do sleep 0.1; done' >/dev/null
wait_for 10 ross exec work test -e /ready || fail "the container is not ready"
id=$(ross commit -a "Some One" -m "a note" -c 'CMD ["cat","/made"]' -c 'ENV B="two words"' -c 'WORKDIR /tmp' -c 'LABEL k=v' work made:1)
case $id in sha256:*) ;; *) fail "commit printed '$id'" ;; esac
expect running ross inspect -f '{{.State.Status}}' work
expect made ross run --rm made:1
expect "two words /tmp" ross run --rm made:1 sh -c 'echo $B $(pwd); [ ! -e /etc/motd ]'
ross inspect made:1 >"$WORK/i.json"
expect "Some One" jq -r '.[0].Author' "$WORK/i.json"
expect v jq -r '.[0].Config.Labels.k' "$WORK/i.json"
expect 2 jq -r '.[0].RootFS.Layers | length' "$WORK/i.json"
ross stop work >/dev/null
ross commit work made:2 >/dev/null
expect made ross run --rm made:2 cat /made
ross run -d --name second made:1 sh -c 'echo more >/more; sleep 1000' >/dev/null
wait_for 10 ross exec second test -e /more || fail "the container is not ready"
ross commit -p=false second made:3 >/dev/null
expect "made more" ross run --rm made:3 sh -c 'echo $(cat /made) $(cat /more)'
before=$(ross images -q | wc -l)
expect_fail 125 "--change 'RUN x'" ross commit -c 'RUN x' work made:4
expect_fail 125 "Upper" ross commit work Upper/Case
expect_fail 125 "no container has the name" ross commit nobody made:4
expect "$before" bash -c "$BIN/ross-cli images -q | wc -l"
! find "$ROSS_ROOT/snapshots" -name 'commit*' | grep . || fail "a view stays"

# ps: filters, order, columns
names() { ross ps --format '{{.name}}' "$@" | tr '\n' ' '; }
ross create --name last -l team=red -v vol:/data demo true >/dev/null
expect "second " names
expect "last second work plain tty " names -a
expect "last " names -l
expect "last second " names -n 2
expect "plain tty work " bash -c "$BIN/ross-cli ps --format '{{.name}}' -f status=exited | sort | tr '\n' ' '"
expect "tty " names -f exited=6
expect "last " names -a -f label=team=red
expect "last " names -a -f label=team
expect "" names -a -f label=team=blue
expect "second " names -a -f ancestor=made:1
id=$(ross image inspect made:1 | jq -r '.[0].Id')
expect "second " names -a -f ancestor="$id"
expect "second " names -a -f ancestor="${id:7:12}"
expect "last " names -a -f volume=vol
expect "last " names -a -f volume=/data
expect "tty " names -a -f before=plain
expect "last " names -a -f since=second
expect "work " names -a -f name=wor
expect "work second " bash -c "$BIN/ross-cli ps -a --format '{{.name}}' -f name=work -f name=second | sort -r | tr '\n' ' '"
expect "" names -a -f name=work -f status=running
expect "$(ross inspect -f '{{.Id}}' tty)" ross ps -aq --no-trunc -f name=tty
expect "last" ross ps -a --format '{{.Name}}' -f 'labels.team==red'
[ "$(ross ps -as --format '{{.size}}' -f name=work)" -gt 0 ] || fail "ps -s"
ross ps -as | finds SIZE || fail "ps -s has no column"
expect_fail 125 "status='gone'" ross ps -f status=gone
expect_fail 125 "exited=" ross ps -f exited=x
expect_fail 125 "no container has the name" ross ps -f before=nobody
expect_fail 125 "--last" ross ps -n -1
ross rm -f $(ross ps -aq) >/dev/null
assert_clean
