#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A container in the foreground: others attach to it, keys detach from it, and when its ross-cli is killed somebody else looks after its end.
. "$(dirname "$0")/../lib/common.sh"
need python3
demo_layout
ross load -q --input "$WORK/demo" >/dev/null
cat >"$WORK/session.py" <<'P'
import os, pty, select, subprocess, sys, time
class Session:
    def __init__(self, *words):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(sys.argv[1], [sys.argv[1], *words])
        self.seen = b""
    def see(self, wanted):
        until = time.time() + 60
        while wanted not in self.seen:
            if time.time() > until: sys.exit(f"no {wanted!r} in {self.seen!r}")
            if select.select([self.fd], [], [], 0.1)[0]:
                try: self.seen += os.read(self.fd, 4096)
                except OSError: sys.exit(f"the end, and no {wanted!r} in {self.seen!r}")
        self.seen = self.seen[self.seen.index(wanted) + len(wanted):]
    def type(self, text): os.write(self.fd, text)
    def end(self):
        while True:
            try:
                if not os.read(self.fd, 4096): break
            except OSError: break
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
def attached(n):
    until = time.time() + 60
    log = os.environ["ROSS_ROOT"] + "/events/default.jsonl"
    while open(log).read().count('"action":"attach"') < n:
        if time.time() > until: sys.exit("attach does not attach")
        time.sleep(0.05)
shell = 'echo ready; while read line; do echo "<$line>"; [ "$line" != end ] || exit 6; done'
# two terminals see the same; keys detach the second, its end is told to both
one = Session("run", "--rm", "-it", "--name", "fg", "demo", "sh", "-c", shell)
one.see(b"ready")
two = Session("attach", "fg")
attached(1)
two.type(b"hello\n"); two.see(b"<hello>"); one.see(b"<hello>")
one.type(b"world\n"); two.see(b"<world>"); one.see(b"<world>")
two.type(b"\x10\x11"); two.see(b"detached")
assert two.end() == 0
one.type(b"still\n"); one.see(b"<still>")
three = Session("attach", "fg")
attached(2)
one.type(b"end\n"); three.see(b"<end>")
assert three.end() == 6
assert one.end() == 6
# keys detach the first; what it writes then waits for whoever attaches
one = Session("run", "--rm", "-it", "--name", "fg", "demo", "sh", "-c", shell)
one.see(b"ready")
one.type(b"\x10\x11"); one.see(b"detached")
assert one.end() == 0
two = Session("attach", "fg")
attached(3)
two.type(b"again\n"); two.see(b"<again>")
refused = subprocess.run([sys.argv[1], "attach", "--no-stdin", "fg"], capture_output=True)
assert refused.returncode == 125 and b"another 'ross-cli attach'" in refused.stderr, refused
two.type(b"end\n"); two.see(b"<end>")
assert two.end() == 6
P
gone() { [ -z "$(ross ps -aq)" ] && [ -z "$(find "$ROSS_STATE/tasks" -mindepth 2 -maxdepth 2 2>/dev/null || true)" ]; }
python3 "$WORK/session.py" "$BIN/ross-cli" || fail "terminals"
wait_for 30 gone || fail "the one that was detached from stays"
assert_clean

# no terminal: stdout and stderr stay apart for those who attach
"$BIN/ross-cli" run --rm --name apart demo sh -c 'trap "exit 3" TERM; while :; do echo out; echo err >&2; sleep 0.1; done' >/dev/null 2>&1 &
first=$!
PIDS+=($first)
running() { [ "$(ross inspect -f '{{.State.Status}}' "$1")" = running ]; }
wait_for 30 running apart || fail "apart does not run"
"$BIN/ross-cli" attach --no-stdin apart >"$WORK/out" 2>"$WORK/err" &
second=$!
PIDS+=($second)
both() { grep -q out "$WORK/out" && grep -q err "$WORK/err"; }
wait_for 30 both || fail "attach shows nothing"
kill -TERM $first
got=0; wait $second || got=$?
[ $got = 3 ] || fail "attach ends with $got"
got=0; wait $first || got=$?
[ $got = 3 ] || fail "run ends with $got"
! grep -q err "$WORK/out" && ! grep -q out "$WORK/err" || fail "the streams are mixed"
assert_clean

# its ross-cli is killed: the container goes on, and at its end nothing stays of it with --rm, and a note without
mkfifo "$WORK/typed"
exec 9<>"$WORK/typed"
for rm in --rm ""; do
    rm -f "$WORK/out"
    # shellcheck disable=SC2086
    "$BIN/ross-cli" run $rm -i --name orphan demo sh -c 'echo ready; while read line; do echo "<$line>"; done; exit 4' >"$WORK/out" <"$WORK/typed" &
    first=$!
    wait_for 30 grep -q ready "$WORK/out" || fail "orphan does not start"
    kill -9 $first
    wait $first 2>/dev/null || true
    running orphan || fail "the container ended with its ross-cli"
    got=0; echo word | timeout 60 "$BIN/ross-cli" attach orphan >"$WORK/out" 2>"$WORK/err" &
    second=$!
    PIDS+=($second)
    wait_for 30 grep -q '<word>' "$WORK/out" || fail "attach does not take over: $(cat "$WORK/out" "$WORK/err")"
    ross kill -s KILL orphan >/dev/null
    got=0; wait $second || got=$?
    [ $got = 137 ] || fail "attach to the orphan ends with $got"
    [ -n "$rm" ] || break
    wait_for 30 gone || fail "run --rm leaves a container: $(ross ps -a)"
done
noted() { [ "$(ross inspect -f '{{.State.Status}} {{.State.ExitCode}}' orphan)" = "exited 137" ]; }
wait_for 30 noted || fail "the end of the orphan is not noted"
ross rm orphan >/dev/null
assert_clean
