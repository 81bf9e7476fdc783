# SPDX-License-Identifier: Apache-2.0
# shim_hostile.py SHIM FAKE_RUNTIME DIR — see cases/shim_hostile.sh.
import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import time

from shim_client import Events
from ttrpc import Client, field, fields, frame, request

SHIM, RUNTIME, DIR = sys.argv[1:]
OK, INVALID, DEADLINE, NOT_FOUND, EXISTS, EXHAUSTED, PRECONDITION, UNIMPLEMENTED, INTERNAL, UNKNOWN = 0, 3, 4, 5, 6, 8, 9, 12, 13, 2
STATE = DIR + "/state"
shims = []


def expect(what, got, want):
    if got != want:
        sys.exit(f"{what}: {got!r}, not {want!r}")


def bundle(name, annotations=None):
    path = f"{DIR}/bundles/{name}"
    os.makedirs(path)
    with open(path + "/config.json", "w") as f:
        json.dump({"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "annotations": annotations or {},
                   "linux": {"namespaces": [{"type": "pid"}]}}, f)
    return path


def options():
    return field(1, "containerd.runc.v1.Options") + field(2, field(6, RUNTIME) + field(7, DIR + "/runtime"))


def start(name, stdin=b"", env=None, path=None, args=()):
    path = path or bundle(name)
    return subprocess.run([SHIM, "-namespace", "hostile", "-address", "", "-id", name, *args, "start"], cwd=path, input=stdin,
                          capture_output=True, env={**os.environ, "ROSS_STATE": STATE, **(env or {})}, timeout=120)


def create(client, name, path=None, extra=b""):
    return client.call("Create", field(1, name) + field(2, path or f"{DIR}/bundles/{name}") + field(10, options()) + extra)


def up(name, env=None):
    """A shim with a running container."""
    r = start(name, options(), env)
    expect("start " + r.stderr.decode(), r.returncode, 0)
    address = r.stdout.decode()
    client = Client(address, 60)
    code, message, reply = create(client, name)
    expect("create " + message, code, OK)
    expect("start", client.call("Start", field(1, name))[0], OK)
    pid = dict(fields(client.call("Connect", field(1, name))[2]))[1]
    shims.append(pid)
    return client, address, pid


def alive(client, name):
    code, message, reply = client.call("State", field(1, name))
    expect("state of " + name + " " + message, code, OK)
    expect("status of " + name, dict(fields(reply))[4], 2)


def down(client, name, pid):
    client.call("Kill", field(1, name) + field(3, 9))
    expect("wait", client.call("Wait", field(1, name))[0], OK)
    expect("delete", client.call("Delete", field(1, name))[0], OK)
    client.call("Shutdown", field(1, name))
    for _ in range(1200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    sys.exit(f"the shim of {name} does not leave")


def bootstrap():
    r = subprocess.run([SHIM, "-v"], capture_output=True)
    expect("-v", (r.returncode, b"Version:" in r.stdout), (0, True))
    r = subprocess.run([SHIM, "-info"], input=options(), capture_output=True)
    expect("-info", (r.returncode, dict(fields(r.stdout))[1]), (0, b"containerd-shim-ross-v2"))
    # 2.3's parameters are answered in kind; parameters of another task are not believed
    params = field(1, "boot") + field(2, "hostile") + field(8, field(1, options())) + field(9, DIR + "/s")
    r = start("boot", params)
    result = dict(fields(r.stdout))
    expect("protobuf answer", (result[1], result[3]), (3, b"ttrpc"))
    expect("socket dir", result[2].decode().startswith(f"unix://{DIR}/s/"), True)
    expect("address file", open(f"{DIR}/bundles/boot/address").read(), result[2].decode())
    client = Client(result[2].decode())
    shims.append(dict(fields(client.call("Connect", field(1, "boot"))[2]))[1])
    expect("v3", client.call("Connect", field(1, "boot"), "containerd.task.v3.Task")[0], OK)
    client.call("Shutdown", field(1, "boot"))
    r = start("other", field(1, "someone-else") + field(2, "hostile"))
    expect("foreign parameters", r.stdout[:7], b"unix://") if r.returncode == 0 else None
    if r.returncode == 0:
        client = Client(r.stdout.decode())
        client.call("Shutdown", field(1, "other"))
    # JSON when the environment asks for it, also from one who finds a shim
    for form, version in (("json2", 2), ("json3", 3), ("json3", 3)):
        at = f"{DIR}/bundles/{form}"
        r = start(form, path=at if os.path.exists(at) else bundle(form), env={"ROSS_SHIM_BOOTSTRAP": form})
        result = json.loads(r.stdout)
        expect("JSON answer", (result["version"], result["protocol"], result["address"]), (version, "ttrpc", open(f"{DIR}/bundles/{form}/address").read()))
    for form in ("json2", "json3"):
        Client(open(f"{DIR}/bundles/{form}/address").read()).call("Shutdown", b"")
    r = start("yaml", path=bundle("yaml"), env={"ROSS_SHIM_BOOTSTRAP": "yaml"})
    expect("unknown form", (r.returncode != 0, r.stdout, r.stderr.count(b"\n")), (True, b"", 1))
    # a pod: the second start finds the first one's shim
    pod = {"io.kubernetes.cri.sandbox-id": "pod"}
    one = start("pod-a", path=bundle("pod-a", pod)).stdout
    two = start("pod-b", path=bundle("pod-b", pod)).stdout
    expect("group", one, two)
    client = Client(one.decode())
    client.call("Shutdown", b"")
    # bad starts say one sentence and leave no socket
    before = os.listdir(STATE + "/s")
    for name, stdin, path in (("none", b"", DIR), ("../x", b"", bundle("x")), ("junk", b"\xff" * 40, bundle("junk"))):
        r = start(name, stdin, path=path)
        expect(f"start of {name}", (r.returncode != 0, r.stdout, r.stderr.count(b"\n")), (True, b"", 1))
    expect("sockets after bad starts", os.listdir(STATE + "/s"), before)


def frames():
    client, address, pid = up("frames")
    # a frame beyond the limit is skipped and its stream fails; the connection stays in step
    peer = Client(address)
    big = 4 * 1024 * 1024 + 1
    peer.send(frame(1, 1, b"", length=big))
    for _ in range(big // 65536):
        peer.send(b"x" * 65536)
    peer.send(b"x" * (big % 65536))
    stream, kind, flags, payload = peer.recv()
    expect("oversized", (stream, dict(fields(dict(fields(payload))[1]))[1]), (1, EXHAUSTED))
    peer.stream = 3
    expect("after oversized", peer.call("State", field(1, "frames"))[0], OK)
    # even and falling stream ids
    peer.send(frame(8, 1, request("containerd.task.v2.Task", "State")))
    expect("even id", dict(fields(dict(fields(peer.recv()[3]))[1]))[1], INVALID)
    expect("unknown method", peer.call("Nothing")[0], UNIMPLEMENTED)
    expect("unknown service", peer.call("State", b"", "no.such.Service")[0], UNIMPLEMENTED)
    expect("malformed payload", peer.call("State", b"\xff\xff\xff")[0] != OK, True)
    peer.close()
    # half a header, then silence; half a payload, then gone; garbage
    quiet = [Client(address) for _ in range(200)]
    for i, q in enumerate(quiet):
        q.send((b"\0\0\0", frame(1, 1, b"xy", length=1000), os.urandom(100))[i % 3])
    alive(client, "frames")
    for q in quiet:
        q.close()
    # a client that asks and never reads
    deaf = Client(address, 2)
    deaf.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    try:
        for i in range(200000):
            deaf.begin("State", field(1, "frames"))
    except OSError:
        pass
    alive(client, "frames")
    deaf.close()
    # many who wait and vanish
    waiting = [Client(address) for _ in range(300)]
    for w in waiting:
        w.begin("Wait", field(1, "frames"))
    for w in waiting:
        w.close()
    alive(client, "frames")
    with open(f"/proc/{pid}/status") as f:
        rss = [int(l.split()[1]) for l in f if l.startswith("RssAnon")][0]
    if rss > 3000 and not os.environ.get("SANITIZED"):
        sys.exit(f"hostile peers cost {rss} KiB")
    down(client, "frames", pid)


def requests():
    client, address, pid = up("req")
    for bad in ("../etc", "a/b", "", ".", "x" * 100, "a..b"):
        expect(f"create {bad!r}", create(client, bad, f"{DIR}/bundles/req")[0], INVALID)
        expect(f"exec {bad!r}", client.call("Exec", field(1, "req") + field(2, bad) + field(7, field(1, "x") + field(2, "{}")))[0], INVALID)
    expect("create again", create(client, "req")[0], EXISTS)
    expect("relative bundle", create(client, "rel", "relative")[0], INVALID)
    expect("missing bundle", create(client, "gone", DIR + "/none")[0], PRECONDITION)
    expect("unknown stdio", create(client, "uri", bundle("uri"), field(6, "http://x/"))[0], UNKNOWN)
    expect("missing fifo", create(client, "fifo", bundle("fifo"), field(6, DIR + "/none"))[0], NOT_FOUND)
    expect("bad mount", create(client, "mnt", bundle("mnt"), field(3, field(1, "no-such-fs") + field(2, "x")))[0] != OK, True)
    expect("exec without process", client.call("Exec", field(1, "req") + field(2, "e"))[0], INVALID)
    many = b"".join(field(3, field(1, "bind") + field(2, "/x")) for _ in range(200))
    expect("200 mounts", create(client, "mnt", bundle("mnt2"), many)[0], INVALID)
    expect("options without end", create(client, "mnt", bundle("mnt3"), field(3, field(1, "bind") + field(2, "/x") + field(4, "o" * 500000)))[0], INVALID)
    expect("options of a runtime without end", create(client, "mnt", bundle("mnt4"), field(10, field(1, "containerd.runc.v1.Options") + field(2, "o" * 500000)))[0], INVALID)
    expect("an option of a runtime that is no path", create(client, "mnt", bundle("mnt5"), field(10, field(1, "containerd.runc.v1.Options") + field(2, field(6, "o" * 5000))))[0], INVALID)
    long = field(1, "req") + field(2, "/" + "c" * 9000)
    expect("checkpoint path without end", client.call("Checkpoint", long)[0], INVALID)
    for bad in (field(9, "/" + "w" * 9000), field(8, "/" + "i" * 9000), b"".join(field(6, "net") for _ in range(100))):
        expect("checkpoint options without end", client.call("Checkpoint", field(1, "req") + field(2, "/c") + field(3, field(1, "x") + field(2, bad)))[0], INVALID)
    expect("exec junk", client.call("Exec", field(1, "req") + field(2, "junk") + field(7, field(1, "x") + field(2, "junk")))[0], INVALID)
    expect("exec", client.call("Exec", field(1, "req") + field(2, "junk") + field(7, field(1, "x") + field(2, "{}")))[0], OK)
    expect("exec twice", client.call("Exec", field(1, "req") + field(2, "junk") + field(7, field(1, "x") + field(2, "{}")))[0], EXISTS)
    expect("kill before start", client.call("Kill", field(1, "req") + field(2, "junk") + field(3, 9))[0], PRECONDITION)
    expect("delete junk", client.call("Delete", field(1, "req") + field(2, "junk"))[0], OK)
    expect("unknown exec", client.call("State", field(1, "req") + field(2, "nobody"))[0], NOT_FOUND)
    expect("delete running", client.call("Delete", field(1, "req"))[0], UNKNOWN)
    expect("signal 200", client.call("Kill", field(1, "req") + field(3, 200))[0], UNKNOWN)
    expect("checkpoint path", client.call("Checkpoint", field(1, "req") + field(2, "relative"))[0], INVALID)
    expect("update nothing", client.call("Update", field(1, "req"))[0], INVALID)
    alive(client, "req")
    # the bundle vanishes under a running container
    os.rename(f"{DIR}/bundles/req", f"{DIR}/bundles/moved")
    alive(client, "req")
    expect("exec without bundle", client.call("Exec", field(1, "req") + field(2, "e2") + field(7, field(1, "x") + field(2, "{}")))[0], OK)
    expect("start without bundle", client.call("Start", field(1, "req") + field(2, "e2"))[0] != OK, True)
    alive(client, "req")
    os.rename(f"{DIR}/bundles/moved", f"{DIR}/bundles/req")
    down(client, "req", pid)


def runtimes():
    for how, code in (("fail", UNKNOWN), ("nopid", UNKNOWN)):
        name = "rt-" + how
        r = start(name, options(), {"FAKE_RUNTIME": "create:" + how})
        client = Client(r.stdout.decode(), 30)
        got, message, _ = create(client, name)
        if got == OK:
            sys.exit(f"create with a runtime that does '{how}' succeeds")
        if how == "fail":
            expect("message", message, "OCI runtime create failed: told to fail")
        expect("state after " + how, client.call("State", field(1, name))[0], NOT_FOUND)
        client.call("Shutdown", field(1, name))
    # prints without end where the output is captured: bounded, and fails
    client, address, pid = up("noise", {"FAKE_RUNTIME": "pause:noise"})
    expect("noisy pause", client.call("Pause", field(1, "noise"))[0] != OK, True)
    alive(client, "noise")
    down(client, "noise", pid)
    # hangs: others are answered meanwhile
    client, address, pid = up("hang", {"FAKE_RUNTIME": "pause:hang"})
    client.begin("Pause", field(1, "hang"))
    other = Client(address)
    code, _, reply = other.call("State", field(1, "hang"))
    expect("pausing", (code, dict(fields(reply))[4]), (OK, 5))
    expect("kill while the runtime hangs", other.call("Kill", field(1, "hang") + field(3, 9))[0], OK)
    expect("exit while the runtime hangs", other.call("Wait", field(1, "hang"))[0], OK)
    os.kill(pid, signal.SIGKILL)
    # hangs while it ends what the first process left: the exit is told late, not never
    client, address, pid = up("linger", {"FAKE_RUNTIME": "kill:hang"})
    down(client, "linger", pid)


def descriptors():
    client, address, pid = up("fds")
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (40, hard))
    crowd = []
    for _ in range(60):
        try:
            crowd.append(Client(address, 1))
        except OSError:
            break
    code, message, _ = client.call("Exec", field(1, "fds") + field(2, "e") + field(7, field(1, "x") + field(2, "{}")))
    expect("exec " + message, code, OK)
    client.call("Start", field(1, "fds") + field(2, "e"))  # may fail, must answer
    for c in crowd:
        c.close()
    alive(client, "fds")
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
    down(client, "fds", pid)


def memory():
    """The N-th allocation of a size that comes from outside fails, for every N of a container's life: one call may fail or its connection may
    close, the shim lives on, and the same call repeated goes through. Its events arrive, each once, in their order. Requests, answers and events
    are longer than what is packed without an allocation."""
    n = failed = never_ran = lives = 0
    hit = None
    events = Events(DIR + "/events.sock")
    while True:
        n += 7 if hit == "Stats" else 1  # which reads some fifty files alike
        lives += 1
        hit = None
        name = f"mem{n}"
        path = bundle(name)
        log = path + "/log"
        open(log, "w").close()
        env = {"ROSS_FAULT_ALLOC": str(n), "ROSS_FAULT_ALLOC_TOLD": path + "/told", "TTRPC_ADDRESS": DIR + "/events.sock"}
        r = start(name, options(), env, path)
        if r.returncode:  # the helper has the same limit, and says one sentence
            expect("start without memory", (r.stdout, r.stderr.count(b"\n") >= 1), (b"", True))
            failed += 1
            with open(f"{path}/log", "w"):
                pass
            continue
        address = r.stdout.decode()
        client = Client(address, 120)
        box = field(1, name)
        e = box + field(2, "e")
        big = json.dumps({"args": ["true"], "env": ["X=" + "y" * 100000]})
        out = f"{path}/{'x' * 250}/{'y' * 250}/{'z' * 250}"
        os.makedirs(out)
        io = field(6, out + "/out") + field(7, out + "/out")
        open(out + "/out", "w").close()
        io += field(3, field(1, "tmpfs") + field(2, "tmpfs") + b"".join(field(4, "size=" + str(i).zfill(200) + "k") for i in range(100, 107)))
        for method, payload in (("Create", box + field(2, path) + field(10, options()) + io), ("Start", box), ("Connect", box),
                                ("Exec", e + field(7, field(1, "x") + field(2, big))), ("Start", e), ("Wait", e), ("State", e), ("Pids", box),
                                ("Update", box + field(2, field(1, "x") + field(2, json.dumps({"pids": {"limit": 10}})))), ("Pause", box), ("Resume", box),
                                ("Delete", e), ("Kill", box + field(3, 9)), ("Wait", box), ("Stats", box), ("Delete", box), ("Shutdown", box)):
            for attempt in range(3):
                try:
                    code, message, reply = client.call(method, payload)
                except (EOFError, OSError):
                    code, message = None, "closed"
                    client = Client(address, 120)
                # what has been done, although the answer was lost, says so when it is asked for again
                if code == OK or (attempt and code in (EXISTS, UNKNOWN, NOT_FOUND)):
                    break
                failed += 1
                hit = method
            else:
                sys.exit(f"{method} with allocation {n} missing: {code} {message}")
            if method == "Connect":
                shims.append(dict(fields(reply))[1])
            if (method, payload) == ("Start", e):
                ran = code == OK
            if method == "State":
                expect(f"state with allocation {n} missing", dict(fields(reply))[4], 3)
        events.wait(name, "/tasks/delete")
        # an exec that could not be started is over, and was never said to have begun
        expect(f"events with allocation {n} missing", [t for t in events.topics(name) if t != "/tasks/exec-added"],
               ["/tasks/" + t for t in ("create", "start", *(("exec-started", "exit") if ran else ()), "paused", "resumed", "exit", "delete")])
        never_ran += not ran
        if not os.path.exists(path + "/told"):  # the life was over before
            break
    if lives < 50:
        sys.exit(f"only {lives} allocations were walked")
    expect("execs that could not be started are few", never_ran * 4 < lives, True)
    print(f"  {lives} lives, in each one of {n} allocations less; {failed} calls failed and went through when repeated")


def little_memory():
    """What is asked for needs more memory than there is: a call fails or its connection closes, and the small ones go on."""
    client, address, pid = up("little")
    with open(f"/proc/{pid}/status") as f:
        size = [int(l.split()[1]) for l in f if l.startswith("VmSize")][0] * 1024
    resource.prlimit(pid, resource.RLIMIT_AS, (size + 300 * 1024, resource.RLIM_INFINITY))
    box = field(1, "little")
    text = json.dumps({"args": ["true"], "env": ["X=" + "y" * 900000]})
    options = b"".join(field(4, "o" * 4000) for _ in range(60))
    mounts = b"".join(field(3, field(1, "tmpfs") + field(2, "tmpfs") + field(4, "o" * 100)) for _ in range(128))
    failed = 0
    for method, payload in (("Exec", box + field(2, "big") + field(7, field(1, "x") + field(2, text))), ("Update", box + field(2, field(1, "x") + field(2, text))),
                            ("State", box + field(2, "s" * (4 * 1024 * 1024 - 200))), ("Create", field(1, "two") + field(2, bundle("two")) + field(3, field(1, "tmpfs") + options)),
                            ("Create", field(1, "three") + field(2, bundle("three")) + mounts)):
        try:
            code = Client(address, 60).call(method, payload)[0]
            expect(f"{method} without memory succeeds", code == OK, False)
        except EOFError:
            code = None
        failed += code in (EXHAUSTED, None)
        alive(client, "little")
    if failed < 3:
        sys.exit(f"only {failed} calls met the limit")
    e = box + field(2, "small")
    expect("a small exec", client.call("Exec", e + field(7, field(1, "x") + field(2, "{}")))[0], OK)
    resource.prlimit(pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    expect("start of the small exec", client.call("Start", e)[0], OK)
    down(client, "little", pid)


def requests_after_close():
    """Half a connection is closed, or a task deleted: what was asked before is answered, what is asked after it says what is missing."""
    client, address, pid = up("after")
    peer = Client(address)
    peer.begin("Wait", field(1, "after"))
    peer.begin("State", field(1, "after"))
    peer.s.shutdown(socket.SHUT_WR)
    expect("State on a half-closed connection", peer.recv()[0], 3)
    e = field(1, "after") + field(2, "e")
    expect("exec", client.call("Exec", e + field(7, field(1, "x") + field(2, "{}")))[0], OK)
    expect("start", client.call("Start", e)[0], OK)
    expect("wait", client.call("Wait", e)[0], OK)
    expect("close", client.call("CloseIO", e + field(3, 1))[0], OK)
    expect("close again", client.call("CloseIO", e + field(3, 1))[0], OK)
    expect("delete", client.call("Delete", e)[0], OK)
    for method in ("Start", "Delete", "Kill", "State", "Wait", "CloseIO", "ResizePty"):
        expect(method + " of a deleted exec", client.call(method, e)[0], NOT_FOUND)
    expect("kill", client.call("Kill", field(1, "after") + field(3, 9))[0], OK)
    expect("Wait on a half-closed connection", peer.recv()[0], 1)
    expect("delete", client.call("Delete", field(1, "after"))[0], OK)
    for method in ("Start", "Delete", "Pause", "Resume", "Kill", "State", "Wait", "CloseIO", "ResizePty", "Pids", "Stats", "Update", "Exec"):
        expect(method + " of a deleted task", client.call(method, field(1, "after") + field(2, "e" if method == "Exec" else ""))[0], NOT_FOUND)
    client.call("Shutdown", field(1, "after"))


def walk_here():
    """Fault points are in test builds only."""
    with open(SHIM, "rb") as f:
        return b"ROSS_FAULT_ALLOC" in f.read()


os.makedirs(DIR + "/runtime/hostile", exist_ok=True)
try:
    for step in (bootstrap, frames, requests, requests_after_close, runtimes, descriptors, *(() if os.environ.get("SANITIZED") else (little_memory,)), *((memory,) if walk_here() else ())):
        print("-", step.__name__, flush=True)
        step()
finally:
    # numbers of processes that have ended may be a stranger's by now: only what is ours by its command line
    left = [(pid, f"{STATE}\0".encode()) for pid in shims]
    for name in os.listdir(DIR + "/runtime/hostile"):
        with open(f"{DIR}/runtime/hostile/{name}") as f:
            left.append((f.read(), RUNTIME.encode()))
    for pid, mark in left:
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if mark in f.read():
                    os.kill(int(pid), signal.SIGKILL)
        except (OSError, ValueError):
            pass
