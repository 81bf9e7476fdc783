#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Terminals in the foreground: size at first and when it changes, raw mode and back, keys that detach, for run, start and exec.
. "$(dirname "$0")/../lib/common.sh"
need python3
demo_layout
ross load -q --input "$WORK/demo" >/dev/null
cat >"$WORK/terminal.py" <<'P'
import fcntl, os, pty, select, struct, sys, termios, time
ROSS = sys.argv[1]
class Terminal:
    """A shell on a terminal of its own, and what is to be seen there."""
    def __init__(self, script, rows=24, columns=80):
        # the size must be there before the program looks
        begin, go = os.pipe()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.close(go)
            os.read(begin, 1)
            os.close(begin)
            os.execv("/bin/sh", ["sh", "-c", script])
        self.resize(rows, columns)
        os.close(begin); os.close(go)
        self.seen = b""
    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    def read(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]: return False
        try: data = os.read(self.fd, 4096)
        except OSError: data = b""
        self.seen += data
        return not data
    def see(self, wanted, typed=None):
        """Until it is there; typed is typed again and again."""
        until = time.time() + 120
        while wanted not in self.seen:
            if time.time() > until: sys.exit(f"no {wanted!r} in {self.seen!r}")
            if typed: os.write(self.fd, typed)
            if self.read(0.1) and wanted not in self.seen: sys.exit(f"the end, and no {wanted!r} in {self.seen!r}")
        before, _, self.seen = self.seen.partition(wanted)
        return before
    def type(self, text): os.write(self.fd, text)
    def end(self):
        while not self.read(120): pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
# every newline that is typed shows the size; "end" ends it
shell = "'echo ready; while read l; do stty size; [ \"$l\" != end ] || exit 7; done'"
def around(command):
    """The terminal's settings before and after, and the exit code."""
    return f"echo before $(stty -g); {command}; code=$?; echo after $(stty -g); exit $code"
def sizes_and_modes(command):
    t = Terminal(around(command), 31, 97)
    t.see(b"before "); before = t.see(b"\r\n")
    t.see(b"ready")
    t.see(b"31 97", b"\n")
    t.resize(12, 34)
    t.see(b"12 34", b"\n")
    t.resize(50, 200)
    t.see(b"50 200", b"\n")
    t.type(b"end\n")
    t.see(b"after "); after = t.see(b"\r\n")
    assert t.end() == 7
    assert before == after, (before, after)
sizes_and_modes(f"{ROSS} run --rm -it demo sh -c {shell}")
sizes_and_modes(f"{ROSS} run -it --name kept demo sh -c {shell}")
sizes_and_modes(f"{ROSS} start -i kept")
os.system(f"{ROSS} run -d --name host demo sleep 1000 >/dev/null")
sizes_and_modes(f"{ROSS} exec -it host sh -c {shell}")
# raw: nothing is echoed twice, and ^C is the container's
t = Terminal(around(f"{ROSS} run --rm -it demo sh -c 'trap \"echo caught\" INT; trap \"exit 3\" QUIT; echo ready; while :; do sleep 0.1; done'"))
t.see(b"ready")
t.see(b"caught", b"\x03")
t.type(b"\x1c")
t.see(b"after")
assert t.end() == 3
# an exec ends with the terminal as it was, also when its container is taken away
t = Terminal(around(f"{ROSS} exec -it host sh -c {shell}"))
t.see(b"before "); before = t.see(b"\r\n")
t.see(b"ready")
os.system(f"{ROSS} rm -f host >/dev/null")
t.see(b"after "); after = t.see(b"\r\n")
assert before == after, (before, after)
assert t.end() == 137
# keys: the default ones, others, none
def detach(command, keys):
    t = Terminal(around(command))
    t.see(b"before "); before = t.see(b"\r\n")
    t.see(b"ready")
    t.type(keys)
    t.see(b"detached")
    t.see(b"after "); after = t.see(b"\r\n")
    assert t.end() == 0
    assert before == after, (before, after)
def finish(name):
    t = Terminal(f"{ROSS} attach {name}")
    t.see(b"24 80", b"\n")
    t.type(b"end\n")
    assert t.end() == 7
detach(f"{ROSS} run -it --name keys demo sh -c {shell}", b"\x10\x11")
finish("keys")
detach(f"{ROSS} start -i keys", b"\x10\x11")
finish("keys")
detach(f"{ROSS} start -ai --detach-keys ctrl-x,q keys", b"\x18q")
finish("keys")
detach(f"{ROSS} run -it --detach-keys ctrl-^,x --name others demo sh -c {shell}", b"\x1ex")
finish("others")
t = Terminal(f"{ROSS} run --rm -it --detach-keys '' demo sh -c 'stty raw; echo ready; dd bs=1 count=2 2>/dev/null | od -An -tx1'")
t.see(b"ready")
t.type(b"\x10\x11")
t.see(b"10 11")
assert t.end() == 0
P
timeout 900 python3 "$WORK/terminal.py" "$BIN/ross-cli" || fail "terminals"
ross rm kept keys others >/dev/null
expect_fail 125 "--detach-keys" ross run --rm --detach-keys ctrl-1 demo true
expect_fail 125 "--detach-keys" ross start --detach-keys ctrl-x nobody
expect_fail 125 "--detach-keys" ross create --detach-keys ctrl-x demo true

# without a terminal there is nothing to be raw
expect_fail 125 "needs a terminal" ross run --rm -it demo true
expect "not a tty" ross run --rm -i demo sh -c 'tty || true' </dev/null
ross run --rm -t demo sh -c 'tty' | finds /dev/pts || fail "-t gives no terminal"
assert_clean
