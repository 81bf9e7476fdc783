# SPDX-License-Identifier: Apache-2.0
# shim_same.py OURS STOCK DIR RUNTIME — the same calls in the same states to our shim and to containerd's own: every answer (code, message,
# fields of the reply) and every event must be the same. What may differ is in DIFFER, with the reason.
import json
import os
import re
import subprocess
import sys
import time

from shim_client import CGROUP, NS, Events, Shim, any_of, check, end_all, field, fields, make_rootfs, process, spec, wait_until
from ttrpc import Client

OURS, STOCK, DIR, RUNTIME = sys.argv[1:]
ROOT = DIR + "/rootfs"
LIMITS = '{"pids":{"limit":100}}'
NEVER_RAN = "a container that never ran is killed by its deletion: that exit has a status, and is told before the deletion"
NO_SUCCESS = "an exec that could not be started is no success, and does not stay created for ever"
KILLED = (0, "", {1: "PID", 2: 137, 3: "a time"})
# "script/call" as a pattern → (why our answer is another one, our answer or the topics of our events)
DIFFER = {
    "(created|wrong)/Delete": (NEVER_RAN, KILLED),
    "created/events": (NEVER_RAN, ["create", "exec-added", "exit", "delete"]),
    "wrong/events": (NEVER_RAN, ["create", "exit", "delete"]),
    "running/stopped: Pids": ("containerd 1.7 and later forget a task without processes when they restart, and its exit with it",
                              (0, "", {"processes": [{1: True}]})),
    "wrong/CloseIO, no such exec": ("as every other method says it", (5, "process does not exist none: not found", {})),
    "exec-fails/exec: State of nothing": (NO_SUCCESS, (0, "", {1: "n", 2: "BASE/bundles/exec-fails", 4: 3, 9: 255, 10: "never"})),
    "exec-fails/exec: Wait of nothing": (NO_SUCCESS, (0, "", {1: 255, 2: "never"})),
    "exec-fails/exec: Delete of nothing": (NO_SUCCESS, (0, "", {2: 255, 3: "never"})),
    "exec-fails/events": ("containerd's tells an exit twice when a running exec was started again",
                          ["create", "start", "exec-added", "exec-started", "exit", "exec-added"]),
    "ends/exec: Start after the end": ("1.6 asks the runtime, later ones answer as we do",
                                       (9, "container ends init process is not running: failed precondition", {})),
}


class Peer(Shim):
    """One of the two, with its own folder; the container's name is the same in both."""

    def __init__(self, which, binary, name):
        self.which, self.base, self.name, self.runtime = which, f"{DIR}/{which}", name, RUNTIME
        self.root = self.base + "/runtime"
        self.bundle = f"{self.base}/bundles/{name}"
        self.ends = []
        os.makedirs(self.bundle)
        for d in (self.base + "/io", self.root):
            os.makedirs(d, exist_ok=True)
        self.write_spec(spec(["true"]))
        os.mkfifo(self.bundle + "/log")
        self.log = os.open(self.bundle + "/log", os.O_RDWR | os.O_NONBLOCK)
        env = {**os.environ, "ROSS_STATE": self.base + "/state", "TTRPC_ADDRESS": f"{self.base}/events.sock", "GRPC_ADDRESS": f"{self.base}/c.sock", "NAMESPACE": NS}
        r = subprocess.run([binary, "-namespace", NS, "-address", self.base + "/c.sock", "-publish-binary", "/bin/true", "-id", name, "start"],
                           cwd=self.bundle, input=self.options(), capture_output=True, env=env, timeout=120)
        check(f"start of {which}: {r.stderr.decode()}{r.stdout.decode()}", r.returncode == 0)
        text = r.stdout.decode().strip()
        self.service = "containerd.task.v2.Task"
        if text.startswith("{"):
            answer = json.loads(text)
            text, self.service = answer["address"], f"containerd.task.v{answer['version']}.Task"
        self.address = text
        self.client = Client(self.address, 120)
        Shim.all.append(self)
        code, message, reply = self.client.call("Connect", field(1, name), self.service)
        check(f"Connect to {which}: {message}", code == 0)
        self.pid = dict(fields(reply))[1]

    def say(self, method, exec_id="", extra=b"", name=None):
        """(code, message, reply) in words that are the same for both."""
        name = self.name if name is None else name
        payload = field(1, name) + (field(2, exec_id) if exec_id else b"") + extra
        if method == "Create":
            payload = field(1, name) + extra
        try:
            code, message, reply = self.client.call(method, payload, self.service)
        except (OSError, EOFError) as e:
            raise SystemExit(f"FAIL: {self.which}: {self.name}: {method} {exec_id}: {e}") from e
        return code, self.plain(message), self.reply(method, reply)

    def plain(self, text):
        text = text.replace(self.base, "BASE")
        text = re.sub(r"runc-process\d+|runc-process\w{6}", "PROCESS", text)
        return re.sub(r"\b\d{3,}\b", "N", text)

    def reply(self, method, data):
        out = {}
        for n, v in fields(data):
            if method == "Stats":
                out[n] = dict(fields(v))[1].decode()
            elif method == "Pids":
                out.setdefault("processes", []).append({k: bool(x) for k, x in fields(v)})
            elif isinstance(v, int):
                out[n] = "PID" if v > 300 else v
            elif (method, n) in (("State", 10), ("Delete", 3), ("Wait", 2)):
                out[n] = "never" if dict(fields(v)).get(1, 0) > 2 ** 63 else "a time"
            else:
                out[n] = self.plain(v.decode(errors="replace"))
        # they come by their numbers, which begin anew now and then
        out.get("processes", []).sort(key=len)
        return out

    def shuts_down(self):
        """It may be gone before its answer is."""
        self.client.begin("Shutdown", field(1, self.name), self.service)
        try:
            while self.client.recv():
                pass
        except ConnectionResetError:
            pass
        except OSError:
            return False
        return True

    def gone(self):
        try:
            with open(f"/proc/{self.pid}/stat") as f:
                return f.read().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:
            return True


def fifos(s, exec_id="init"):
    """Of a terminal: [(name, our end)], open in both directions so that nobody waits."""
    for n in ("in", "out"):
        path = f"{s.base}/io/{s.name}-{exec_id}.{n}"
        os.mkfifo(path)
        s.ends.append(os.open(path, os.O_RDWR | os.O_NONBLOCK))
        yield path


def bundle_create(s, args=("sleep", "100000"), name=None, terminal=False, checkpoint="", root=ROOT, bundle=None, **more):
    io = b"".join(field(n, v) for n, v in zip((5, 6), fifos(s))) if terminal else b""
    s.write_spec(spec(list(args), root=root, cgroup=f"{CGROUP}/{s.which}-{s.name}", terminal=terminal, **more))
    return s.say("Create", "", field(2, bundle or s.bundle) + (field(4, 1) if terminal else b"") + io + (field(8, checkpoint) if checkpoint else b"") +
                 field(10, s.options()), name)


def exec_add(s, exec_id, args=("sleep", "100000"), document=None, more=b""):
    text = document if document is not None else json.dumps(process(list(args)))
    return s.say("Exec", exec_id, more + (field(7, any_of("types.containerd.io/opencontainers/runtime-spec/1/Process", text)) if text else b""))


def kill(s, exec_id="", signo=9, every=False):
    return s.say("Kill", exec_id, field(3, signo) + (field(4, 1) if every else b""))


def update(s):
    return s.say("Update", extra=field(2, any_of("types.containerd.io/opencontainers/runtime-spec/1/LinuxResources", LIMITS)))


def resize(s, exec_id=""):
    return s.say("ResizePty", exec_id, field(3, 80) + field(4, 24))


def close_io(s, exec_id=""):
    return s.say("CloseIO", exec_id, field(3, 1))


def looks(s, exec_id="", shutdown=True):
    """All that does not change anything, in any state; `Wait` where it would not wait."""
    yield "State", s.say("State", exec_id)
    yield "ResizePty", resize(s, exec_id)
    yield "CloseIO", close_io(s, exec_id)
    if not exec_id:
        yield "Pids", s.say("Pids")
        yield "Stats", s.say("Stats")
    if shutdown and not exec_id:
        yield "Shutdown", s.say("Shutdown")


def nothing(s):
    """No container at all."""
    yield from looks(s, shutdown=False)
    for m in ("Start", "Delete", "Pause", "Resume", "Wait"):
        yield m, s.say(m)
    yield "Connect", (0, "", {k: bool(v) for k, v in s.say("Connect")[2].items()})
    yield "Kill", kill(s)
    yield "Exec", exec_add(s, "e")
    yield "Update", update(s)
    yield "Checkpoint", s.say("Checkpoint", extra=field(2, s.base + "/image"))
    yield "Start of an exec", s.say("Start", "e")
    yield "no such method", s.client.call("Nonsense", b"", s.service)[:1]
    yield "no such service", s.client.call("State", b"", "containerd.task.v9.Task")[:1]


def created(s):
    yield "Create", bundle_create(s)
    yield "Connect", s.say("Connect")
    yield from looks(s)
    for m in ("Pause", "Resume"):
        yield m, s.say(m)
    yield "Checkpoint", s.say("Checkpoint", extra=field(2, s.base + "/image"))
    yield "Update", update(s)
    yield "Exec", exec_add(s, "e")
    yield "Exec again", exec_add(s, "e")
    for what, answer in looks(s, "e"):
        yield "exec: " + what, answer
    yield "exec: Kill", kill(s, "e")
    yield "exec: Delete", s.say("Delete", "e")
    yield "exec: State, deleted", s.say("State", "e")
    yield "Delete", s.say("Delete")
    yield "State, deleted", s.say("State")
    yield "Delete, deleted", s.say("Delete")


def created_killed(s):
    yield "Create", bundle_create(s)
    yield "Kill", kill(s)
    yield "Wait", s.say("Wait")
    yield "State", s.say("State")
    yield "Start", s.say("Start")
    yield "Delete", s.say("Delete")


def running(s):
    yield "Create", bundle_create(s)
    yield "Start", s.say("Start")
    yield from looks(s)
    yield "Start again", s.say("Start")
    yield "Resume", s.say("Resume")
    yield "Delete", s.say("Delete")
    yield "Update", update(s)
    yield "Kill 0", kill(s, signo=0)
    yield "Kill 999", (kill(s, signo=999)[0] != 0)
    yield "Kill URG", kill(s, signo=23)
    yield "Exec", exec_add(s, "e")
    yield "exec: Delete, created", s.say("Delete", "e")
    yield "Exec, same id", exec_add(s, "e")
    yield "exec: Start", s.say("Start", "e")
    for what, answer in looks(s, "e"):
        yield "exec: " + what, answer
    yield "Pids with an exec", s.say("Pids")
    yield "Exec again", exec_add(s, "e")
    yield "exec: Delete", s.say("Delete", "e")
    yield "exec: Kill URG", kill(s, "e", 23)
    yield "exec: Kill", kill(s, "e")
    yield "exec: Wait", s.say("Wait", "e")
    yield "exec: Kill again", kill(s, "e")
    for what, answer in looks(s, "e"):
        yield "stopped exec: " + what, answer
    yield "Exec, id of a stopped one", exec_add(s, "e")
    yield "exec: Delete, stopped", s.say("Delete", "e")
    yield "exec: Delete, deleted", s.say("Delete", "e")
    yield "exec: Kill, deleted", kill(s, "e")
    yield "exec: Wait, deleted", s.say("Wait", "e")
    yield "Exec, exit 7", exec_add(s, "f", ["sh", "-c", "exit 7"])
    yield "exec: Start, exit 7", s.say("Start", "f")
    yield "exec: Wait, exit 7", s.say("Wait", "f")
    yield "exec: State, exit 7", s.say("State", "f")
    yield "exec: Delete, exit 7", s.say("Delete", "f")
    yield "Kill all", kill(s, every=True)
    yield "Wait", s.say("Wait")
    for what, answer in looks(s):
        yield "stopped: " + what, answer
    for m in ("Start", "Pause", "Resume"):
        yield m + ", stopped", s.say(m)
    yield "Kill, stopped", kill(s)
    yield "Kill all, stopped", kill(s, every=True)
    yield "Exec, stopped", exec_add(s, "g")
    yield "Update, stopped", update(s)
    yield "Checkpoint, stopped", s.say("Checkpoint", extra=field(2, s.base + "/image"))
    yield "Wait again", s.say("Wait")
    yield "Delete, stopped", s.say("Delete")
    yield "Kill, deleted", kill(s)


def paused(s):
    yield "Create", bundle_create(s)
    yield "Start", s.say("Start")
    yield "Exec", exec_add(s, "e")
    yield "exec: Start", s.say("Start", "e")
    yield "Pause", s.say("Pause")
    yield from looks(s)
    for what, answer in looks(s, "e"):
        yield "exec: " + what, answer
    for m in ("Pause", "Start", "Delete"):
        yield m + ", paused", s.say(m)
    yield "Exec, paused", exec_add(s, "x")
    yield "Update, paused", update(s)
    yield "Resume", s.say("Resume")
    yield "State, resumed", s.say("State")
    yield "Pause again", s.say("Pause")
    if RUNTIME == "crun":  # with it containerd's leaves the killed process frozen for ever
        yield "Resume again", s.say("Resume")
    yield "Kill, paused", kill(s)
    yield "Wait", s.say("Wait")
    yield "State, stopped", s.say("State")
    yield "exec: Wait", s.say("Wait", "e")
    yield "Delete", s.say("Delete")
    yield "exec: State after the container", s.say("State", "e")


def ends(s):
    """Ends by itself, with a code; an exec is alive at that moment, another waits to be started."""
    yield "Create", bundle_create(s, ["sh", "-c", "while [ ! -e /tmp/go ]; do sleep 0.05; done; exit 7"], root=s.base + "/own")
    yield "Start", s.say("Start")
    yield "Exec", exec_add(s, "e")
    yield "exec: Start", s.say("Start", "e")
    yield "Exec, not started", exec_add(s, "late")
    open(s.base + "/own/tmp/go", "w").close()
    yield "Wait", s.say("Wait")
    yield "exec: Wait", s.say("Wait", "e")
    yield "exec: State", s.say("State", "e")
    yield "exec: Start after the end", s.say("Start", "late")
    yield "State", s.say("State")
    yield "exec: Delete", s.say("Delete", "e")
    yield "Delete", s.say("Delete")


def terminal(s):
    yield "Create", bundle_create(s, terminal=True)
    yield "State", s.say("State")
    yield "ResizePty", resize(s)
    yield "Start", s.say("Start")
    yield "ResizePty", resize(s)
    yield "Exec", exec_add(s, "t", more=field(3, 1) + b"".join(field(n, v) for n, v in zip((4, 5), fifos(s, "t"))))
    yield "exec: ResizePty", resize(s, "t")
    yield "exec: Start", s.say("Start", "t")
    yield "exec: State", s.say("State", "t")
    yield "exec: ResizePty, running", resize(s, "t")
    yield "exec: Kill", kill(s, "t")
    yield "exec: Wait", s.say("Wait", "t")
    yield "exec: ResizePty, stopped", resize(s, "t")
    yield "Kill", kill(s)
    yield "Wait", s.say("Wait")
    yield "ResizePty, stopped", resize(s)
    yield "Delete", s.say("Delete")


def exec_fails(s):
    """The last: after an exec that could not be started containerd's shim of 1.7 dies when the container ends, and its exit with it."""
    yield "Create", bundle_create(s)
    yield "Start", s.say("Start")
    yield "Exec", exec_add(s, "e")
    yield "exec: Start", s.say("Start", "e")
    yield "exec: Start again", s.say("Start", "e")
    yield "exec: Kill", kill(s, "e")
    yield "exec: Wait", s.say("Wait", "e")
    yield "exec: Start, stopped", s.say("Start", "e")
    yield "Exec of nothing", exec_add(s, "n", ["no-such-command"])
    yield "exec: Start of nothing", s.say("Start", "n")
    yield "exec: State of nothing", s.say("State", "n")
    yield "exec: Wait of nothing", s.say("Wait", "n")
    yield "exec: Delete of nothing", s.say("Delete", "n")


def wrong(s):
    """Requests that cannot succeed."""
    yield "Create of nothing", bundle_create(s, ["no-such-command"])
    yield "State after it", s.say("State")
    yield "Create, no such rootfs", bundle_create(s, root=s.base + "/none")
    yield "State after that", s.say("State")
    yield "Create", bundle_create(s)
    yield "Exec, not JSON", exec_add(s, "a", document="nonsense")[0] != 0 or s.say("Start", "a")[0] != 0
    yield "Wait, no such exec", s.say("Wait", "none")
    yield "Delete, no such exec", s.say("Delete", "none")
    yield "ResizePty, no such exec", resize(s, "none")
    yield "CloseIO, no such exec", close_io(s, "none")
    yield "State, another container", s.say("State", name="another")
    yield "Delete", s.say("Delete")


def checkpointed(s):
    """Made from a checkpoint: nothing is run before Start. (What Pids says is the runtime's text there.)"""
    yield "Create", bundle_create(s, checkpoint=s.base + "/image")
    for what, answer in looks(s):
        yield what, answer[0] if what == "Pids" else answer
    yield "Exec", exec_add(s, "e")
    for m in ("Pause", "Resume"):
        yield m, s.say(m)
    yield "Start", s.say("Start")[0]
    yield "Delete", s.say("Delete")


SCRIPTS = (nothing, created, created_killed, running, paused, ends, terminal, wrong, checkpointed, exec_fails)
if RUNTIME == "crun":  # deleting what it does not know fails in words that containerd's shim does not understand
    SCRIPTS = tuple(script for script in SCRIPTS if script is not checkpointed)


def told(events, peer, name):
    """What was published of a container, in order."""
    out = []
    with events.lock:
        for topic, body in events.got:
            if body.get(1) == name.encode():
                out.append((topic, {k: "PID" if isinstance(v, int) and v > 300 else v if isinstance(v, int) else "bytes" if k != 2 and b"\n" in v else peer.plain(v.decode(errors="replace"))
                                    for k, v in body.items() if (topic, k) not in (("/tasks/exit", 5), ("/tasks/delete", 4), ("/tasks/create", 3), ("/tasks/create", 4))}))
    return out


def is_known(what, answer):
    return any(re.fullmatch(pattern, what) and answer == ours for pattern, (_, ours) in DIFFER.items())


def end(p):
    os.kill(p.pid, 9)
    wait_until(f"{p.which} does not die", p.gone)
    r = subprocess.run([RUNTIME, "--root", f"{p.root}/{NS}", "delete", "--force", p.name], capture_output=True, timeout=120)
    check(f"end the container of {p.which}: {r.stderr.decode()}", r.returncode == 0)
    os.close(p.log)
    if os.path.exists(p.address.removeprefix("unix://")):
        os.unlink(p.address.removeprefix("unix://"))


def main():
    make_rootfs(ROOT)
    events, different, same, known = {}, 0, 0, 0
    binaries = {"stock": STOCK, "ours": OURS}
    for which in binaries:
        os.makedirs(f"{DIR}/{which}")
        make_rootfs(f"{DIR}/{which}/own")
        events[which] = Events(f"{DIR}/{which}/events.sock")
    for script in SCRIPTS:
        name = script.__name__.replace("_", "-")
        peers = {w: Peer(w, b, name) for w, b in binaries.items()}
        answers = {w: list(script(p)) for w, p in peers.items()}
        for w, p in peers.items():
            if script is exec_fails:
                end(p)
                continue
            answers[w].append(("leaves when told to", p.shuts_down()))
            wait_until(f"{w} does not leave after {name}", p.gone, 60)
            answers[w].append(("socket removed", not os.path.exists(p.address.removeprefix("unix://"))))
            for fd in (p.log, *p.ends):
                os.close(fd)
        for (what, stock), (_, ours) in zip(answers["stock"], answers["ours"], strict=True):
            if stock == ours:
                same += 1
                continue
            if is_known(f"{name}/{what}", ours):
                known += 1
                continue
            different += 1
            print(f"{name}/{what}:\n  stock {stock}\n  ours  {ours}")
        until = time.monotonic() + 10  # what was sent last may not have been read yet
        while True:
            stock, ours = (told(events[w], peers[w], name) for w in ("stock", "ours"))
            expected = is_known(f"{name}/events", [topic.removeprefix("/tasks/") for topic, _ in ours])
            if stock == ours or expected or time.monotonic() > until:
                break
            time.sleep(0.05)
        if stock == ours:
            same += 1
        elif expected:
            known += 1
        else:
            different += 1
            print(f"{name}/events:")
            for w, got in (("stock", stock), ("ours ", ours)):
                print(f"  {w} " + "\n        ".join(map(str, got)))
    print(f"{same} answers are the same, {known} differ for a reason, {different} differ")
    return different


try:
    bad = main()
except BaseException:
    end_all()
    raise
sys.exit(1 if bad else 0)
