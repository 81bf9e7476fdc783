# SPDX-License-Identifier: Apache-2.0
# shim_tasks.py SHIM RUNTIME DIR — the Task API as a client sees it, with a real runtime: streams of every kind, terminals,
# signals, limits, events, mounts. One function is one property; each makes and ends its own container.
import json
import os
import shutil
import subprocess
import sys
import threading
import time

from shim_client import CGROUP, NS, PAUSED, RUNNING, STOPPED, CREATED, UNKNOWN, INVALID, NOT_FOUND, EXISTS, PRECONDITION, Events, Reader, Shim, any_of, check, \
    end_all, expect, field, fields, make_rootfs, process, spec, wait_until
from ttrpc import Client, answer

BINARY, RUNTIME, DIR = sys.argv[1:]
ROOT = DIR + "/rootfs"
MEMORY = "/sys/fs/cgroup/memory" if os.path.isdir("/sys/fs/cgroup/memory") else "/sys/fs/cgroup"
V2 = MEMORY == "/sys/fs/cgroup"
events = Events(DIR + "/events.sock")
skipped = []


def shim_of(name, **env):
    return Shim(BINARY, DIR, name, RUNTIME, {"TTRPC_ADDRESS": DIR + "/events.sock", **env})


def box(name, args=("sleep", "100000"), shim=None, start=True, stdin="", stdout="", stderr="", terminal=False, rootfs=(), **more):
    """A running container on the common rootfs."""
    shim = shim or shim_of(name)
    shim.create(spec(list(args), root=more.pop("root", ROOT), cgroup=f"{CGROUP}/{name}", terminal=terminal, **more), stdin, stdout, stderr, terminal, rootfs)
    if start:
        shim.start()
    return shim


def read_file(path):
    with open(path) as f:
        return f.read()


def logger_script(name, body):
    path = f"{DIR}/{name}.sh"
    with open(path, "w") as f:
        f.write("#!/bin/sh\n" + body)
    os.chmod(path, 0o755)
    return path


def loggers():
    out = DIR + "/logger"
    os.mkdir(out)
    os.mkfifo(out + "/gate")
    # ready only when the gate opens; Create waits for it, and other calls are answered meanwhile
    path = logger_script("logger", 'PATH=/usr/bin:/bin\nenv >$2/env\necho "$@" >$2/args\nread gate <$2/gate\ncat <&4 >$2/err 5>&- &\nexec 5>&-\ncat <&3 >$2/out\nwait\necho ended >$2/end\n')
    s = shim_of("logged")
    done = threading.Event()

    def make():
        box("logged", ["sh", "-c", "echo to out; echo to err >&2"], s, start=False, stdout=f"binary://{path}?dir={out}")
        done.set()
    t = threading.Thread(target=make)
    t.start()
    wait_until("the logger has not been started", lambda: os.path.exists(out + "/args"))
    second = Client(s.address)
    expect("Connect while the logger is not ready", second.call("Connect", field(1, "logged"))[0], 0)
    check("Create does not wait for the logger", not done.wait(0.2))
    with open(out + "/gate", "w") as f:
        f.write("go\n")
    check("Create goes on when the logger is ready", done.wait(60))
    s.start()
    expect("exit", s.wait(), 0)
    s.down(kill=False)
    wait_until("the logger has not ended", lambda: os.path.exists(out + "/end"))
    expect("stdout in the log", read_file(out + "/out"), "to out\n")
    expect("stderr in the log", read_file(out + "/err"), "to err\n")
    expect("arguments of the logger", read_file(out + "/args"), f"dir {out}\n")
    names = {line.split("=")[0] for line in read_file(out + "/env").splitlines()} - {"PWD", "PATH", "SHLVL", "_", "OLDPWD"}
    expect("environment of the logger", names, {"CONTAINER_ID", "CONTAINER_NAMESPACE"})
    # one that ends without a word: EOF is ready for binary, failure for binary-v2
    dumb = logger_script("dumb", "exit 0\n")
    s = shim_of("dumb")
    s.create(spec(["true"], root=ROOT, cgroup=CGROUP + "/dumb"), stdout=f"binary-v2://{dumb}", want=UNKNOWN)
    box("dumb", ["true"], s, stdout=f"binary://{dumb}")
    s.wait()
    s.down(kill=False)


def deleted_early():
    """containerd gives a Create up: its Delete waits for what comes of that, and its Shutdown holds although it comes before."""
    out = DIR + "/early"
    os.mkdir(out)
    os.mkfifo(out + "/gate")
    path = logger_script("early", "PATH=/usr/bin:/bin\n: >$2/begun\nread gate <$2/gate\nexec 5>&-\ncat <&3 >/dev/null\n")
    s = shim_of("early")
    s.write_spec(spec(["sleep", "100000"], root=ROOT, cgroup=CGROUP + "/early"))
    payload = field(1, "early") + field(2, s.bundle) + field(6, f"binary://{path}?dir={out}") + field(10, s.options())
    create = s.client.begin("Create", payload)
    wait_until("the logger has not been started", lambda: os.path.exists(out + "/begun"))
    delete = s.client.begin("Delete", field(1, "early"))
    shutdown = s.client.begin("Shutdown", field(1, "early"))
    got = s.client.recv()
    expect("what is answered while the container is being made", (got[0], answer(got[3])[0]), (shutdown, 0))
    with open(out + "/gate", "w") as f:
        f.write("go\n")
    expect("Create, then Delete", [(n, answer(data)[0]) for n, _, _, data in (s.client.recv(), s.client.recv())], [(create, 0), (delete, 0)])
    wait_until("the shim does not leave", s.gone)
    events.wait("early", "/tasks/delete")
    expect("events", events.topics("early"), ["/tasks/create", "/tasks/exit", "/tasks/delete"])
    check("the runtime still knows it", not os.path.exists(f"{s.root}/{NS}/early"))


def deleted_behind():
    """Somebody, as `delete` after containerd has lost the shim, has made the runtime forget the container."""
    s = box("behind")
    subprocess.run([RUNTIME, "--root", f"{s.root}/{NS}", "delete", "--force", "behind"], check=True, timeout=120)
    expect("exit of a container that was deleted behind our back", s.wait(), 137)
    s.down(kill=False)


def deleted_twice():
    """A client dies in the middle of its Delete: containerd runs `delete`, and tells the exit again as that says it."""
    s = box("twice", ["sh", "-c", "exit 13"])
    expect("exit", s.wait(), 13)
    s.down(kill=False)
    r = subprocess.run([BINARY, "-namespace", NS, "-address", "", "-id", "twice", "-bundle", s.bundle, "delete"], cwd=s.bundle, capture_output=True,
                       env={**os.environ, "ROSS_STATE": DIR + "/state"}, timeout=120, check=True)
    expect("what delete says of a container that was deleted", dict(fields(r.stdout)).get(2), 13)


def files():
    log = DIR + "/logs/deep/a.log"
    s = box("filelog", ["sh", "-c", "echo one; echo two >&2"], stdout=f"file://{log}", stderr=f"file://{log}")
    s.wait()
    s.down(kill=False)
    expect("file:// log", sorted(read_file(log).split()), ["one", "two"])
    plain = DIR + "/plain"
    with open(plain, "w") as f:
        f.write("before\n")
    s = box("plain", ["sh", "-c", "echo one; echo two >&2"], stdout=plain, stderr=plain)
    s.wait()
    s.down(kill=False)
    expect("a plain file is appended to", sorted(read_file(plain).split()), ["before", "one", "two"])
    s = box("null", ["sh", "-c", "echo x; echo y >&2; read z || exit 3"])
    expect("no streams at all: stdin ends at once", s.wait(), 3)
    s.down(kill=False)
    s = shim_of("nofile")
    s.create(spec(["true"], root=ROOT, cgroup=CGROUP + "/nofile"), stdout=DIR + "/no/such/fifo", want=NOT_FOUND)
    s.call("Shutdown")


def reader_returns():
    """A client that goes away neither ends nor blocks the container, and misses nothing that fits into the fifo; nor does one
    that closes its end of stdin end the input."""
    s = shim_of("returns")
    paths = {n: s.io() + "." + n for n in ("in", "out", "err")}
    for p in paths.values():
        os.mkfifo(p)
    first = os.open(paths["out"], os.O_RDONLY | os.O_NONBLOCK)
    into = os.open(paths["in"], os.O_RDWR)
    box("returns", ["cat"], s, stdin=paths["in"], stdout=paths["out"], stderr=paths["err"])

    def gets(fd, want):
        got = b""
        os.set_blocking(fd, True)
        while len(got) < len(want):
            got += os.read(fd, 100)
        expect("what the reader gets", got, want)
    os.write(into, b"one\n")
    gets(first, b"one\n")
    os.close(first)
    os.close(into)
    into = os.open(paths["in"], os.O_WRONLY)
    os.write(into, b"two\n")
    second = os.open(paths["out"], os.O_RDONLY)
    gets(second, b"two\n")
    third = os.open(paths["out"], os.O_RDONLY)  # somebody attaches beside
    os.close(second)
    os.write(into, b"three\n")
    gets(third, b"three\n")
    expect("status", s.status(), RUNNING)
    # the end of the input only with CloseIO and the last writer
    s.call("CloseIO", extra=field(3, 1))
    os.write(into, b"four\n")
    gets(third, b"four\n")
    os.close(into)
    expect("cat ends at the end of its input", s.wait(), 0)
    expect("end of the output", os.read(third, 10), b"")
    os.close(third)
    s.down(kill=False)


def half_close():
    """CloseIO while data is still on its way."""
    s = box("halfclose")
    src, n = s.io("cat") + ".in", 3000001
    os.mkfifo(src)
    out = Reader(s.io("cat") + ".out")
    s.exec("cat", process(["cat"]), stdin=src, stdout=out.path)

    def feed():
        with open(src, "wb") as f:
            f.write(b"y" * n)
    feeder = threading.Thread(target=feed)
    feeder.start()
    s.start("cat")
    s.call("CloseIO", "cat", field(3, 1))
    expect("exit of cat", s.wait("cat"), 0)
    expect("bytes through cat", len(out.text()), n)
    feeder.join()
    s.delete("cat")
    s.down()


def terminals():
    s = shim_of("tty")
    src = s.io() + ".in"
    os.mkfifo(src)
    into = os.open(src, os.O_RDWR)
    out = Reader(s.io() + ".out")
    box("tty", ["sh", "-c", "read a; stty size; read b; stty size; tty; exit 4"], s, terminal=True, stdin=src, stdout=out.path,
        stderr="/never/opened/with/a/terminal")
    s.call("ResizePty", extra=field(3, 100) + field(4, 50))
    os.write(into, b"x\n")
    wait_until("no size", lambda: b"50 100" in b"".join(out.data))
    s.call("ResizePty", extra=field(3, 81) + field(4, 25))
    os.write(into, b"x\n")
    expect("exit", s.wait(), 4)
    text = out.text().decode()
    check(f"resized: {text!r}", "25 81" in text and "/dev/pts/0" in text)
    os.close(into)
    s.down(kill=False)
    # an exec with a terminal in a container without; the end of a pipe's input is ^D for a program that reads lines
    s = box("ttyexec")
    src = s.io("t") + ".in"
    os.mkfifo(src)
    into = os.open(src, os.O_RDWR)
    out = Reader(s.io("t") + ".out")
    s.exec("t", process(["cat"], terminal=False), stdin=src, stdout=out.path, terminal=True)
    s.start("t")
    os.write(into, b"typed\n")
    wait_until("no echo", lambda: b"".join(out.data).count(b"typed") == 2)
    os.close(into)
    s.call("CloseIO", "t", field(3, 1))
    expect("exit of cat", s.wait("t"), 0)
    out.text()
    s.delete("t")
    s.call("ResizePty", extra=field(3, 10) + field(4, 10))  # no console: nothing happens
    s.down()


def limits_change():
    s = box("update", linux={"resources": {"memory": {"limit": 1 << 27}, "pids": {"limit": 50}}})

    def update(document, want=0):
        s.call("Update", extra=field(2, any_of("types.containerd.io/opencontainers/runtime-spec/1/LinuxResources", json.dumps(document))), want=want)
    update({"memory": {"limit": 1 << 26}, "cpu": {"shares": 512, "quota": 20000, "period": 100000}, "pids": {"limit": 33}})
    at = f"{CGROUP}/update/"
    if V2:
        rows = (("memory.max", str(1 << 26)), ("cpu.max", "20000 100000"), ("pids.max", "33"))
        rows = [(MEMORY + at + f, v) for f, v in rows]
    else:
        rows = (("memory/", "memory.limit_in_bytes", str(1 << 26)), ("cpu/", "cpu.shares", "512"), ("cpu/", "cpu.cfs_quota_us", "20000"), ("pids/", "pids.max", "33"))
        rows = [(f"/sys/fs/cgroup/{c}{at}{f}", v) for c, f, v in rows]
    for path, value in rows:
        expect(path, read_file(path).strip(), value)
    update({"memory": {"limit": 1}}, UNKNOWN)
    # the limit is felt: a fork bomb of 60 in 33
    status, text = s.output_of(["sh", "-c", "i=0; while [ $i -lt 60 ]; do sleep 100 >/dev/null 2>&1 & i=$((i+1)); done; echo made"], "bomb")
    check(f"60 processes within a limit of 33: {status} {text}", status != 0)
    any_stats = dict(fields(s.call("Stats")[1]))
    expect("type of stats", any_stats[1], b"io.containerd.cgroups.v2.Metrics" if V2 else b"io.containerd.cgroups.v1.Metrics")
    s.down()


def unlimited_rlimits():
    most = 18446744073709551615
    mine = {"rlimits": [{"type": "RLIMIT_CORE", "hard": most, "soft": most}]}
    out = Reader(DIR + "/rlimit.out")
    s = box("rlimit", ["sh", "-c", "ulimit -c; exec sleep 1000"], stdout=out.path, process=mine)
    wait_until("no rlimit", lambda: b"".join(out.data) == b"unlimited\n")
    expect("rlimit of an exec", s.output_of(["sh", "-c", "ulimit -c"], **mine), (0, "unlimited\n"))
    s.down()


def processes():
    s = box("procs")
    for i in range(5):
        s.exec(f"e{i}", process(["sleep", "1000"]))
        s.start(f"e{i}")
    pids = {e: s.call("State", e)[3] for e in ("", "e0", "e1", "e2", "e3", "e4")}
    code, _, reply = s.client.call("Pids", field(1, "procs"))
    named = {}
    for _, info in fields(reply):
        info = dict(fields(info))
        details = dict(fields(dict(fields(info[2]))[2])) if 2 in info else {}
        named[info[1]] = details.get(1, b"").decode()
    expect("pids with exec ids", named, {pid: e for e, pid in pids.items()})
    # delete of what runs, ids twice, unknown ones
    s.delete("e0", want=UNKNOWN)
    s.delete(want=UNKNOWN)
    s.exec("e0", process(["true"]), want=EXISTS)
    s.call("State", "nobody", want=NOT_FOUND)
    s.start("e0", want=UNKNOWN)
    s.start(want=UNKNOWN)
    # a signal to one, then to all
    s.kill(15, "e0")
    expect("exit of the signalled", s.wait("e0"), 143)
    s.kill(15, "e0", want=NOT_FOUND)
    expect("status of the ended", s.status("e0"), STOPPED)
    waiting = Client(s.address)
    waited = []
    t = threading.Thread(target=lambda: waited.append(s.wait("e1", client=waiting)))
    t.start()
    s.kill(9, every=True)
    expect("exit of init", s.wait(), 137)
    t.join(60)
    expect("Wait of an exec that dies with the others", waited, [137])
    for i in range(1, 5):
        expect(f"exit of e{i}", s.wait(f"e{i}"), 137)
    s.exec("late", process(["true"]), want=UNKNOWN)
    s.kill(9, want=NOT_FOUND)
    wait_until("six exits are not told", lambda: events.topics("procs").count("/tasks/exit") == 6)
    topics = events.topics("procs")
    check(f"the exit of init is the last: {topics}", topics.count("/tasks/exit") == 6 and topics[-1] == "/tasks/exit")
    s.down(kill=False)
    wait_until("no delete event", lambda: events.topics("procs")[-1] == "/tasks/delete")
    expect("order", [t for t in events.topics("procs") if "exec" not in t][:3], ["/tasks/create", "/tasks/start", "/tasks/exit"])


def many_execs():
    s = box("many")

    def run(i):
        c = Client(s.address, 60)
        out = Reader(s.io(f"m{i}") + ".out")
        payload = field(1, "many") + field(2, f"m{i}")
        doc = field(7, any_of("x", json.dumps(process(["sh", "-c", f"echo {i}; exit {i}"]))))
        for method, more in (("Exec", field(5, out.path) + doc), ("Start", b"")):
            code, message, _ = c.call(method, payload + more)
            if code:
                bad.append((i, method, message))
                return
        status = dict(fields(c.call("Wait", payload)[2])).get(1, 0)
        if (status, out.text()) != (i, b"%d\n" % i):
            bad.append((i, status, out.data))
        c.call("Delete", payload)
    bad = []
    threads = [threading.Thread(target=run, args=(i,)) for i in range(1, 41)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    expect("40 execs at once", bad, [])
    s.down()


def states():
    s = box("states", start=False)
    expect("status", s.status(), CREATED)
    s.call("Pause", want=UNKNOWN)
    s.call("Resume", want=UNKNOWN)
    s.start()
    s.call("Pause")
    expect("status", s.status(), PAUSED)
    s.call("Pause", want=UNKNOWN)
    s.exec("p", process(["true"]), want=UNKNOWN)
    s.call("Resume")
    expect("status", s.status(), RUNNING)
    s.call("Pause")
    s.kill()
    expect("exit of a paused container", s.wait(), 137)
    s.down(kill=False)
    wait_until("no delete event", lambda: "/tasks/delete" in events.topics("states"))
    topics = events.topics("states")
    expect("events of pausing", [t for t in topics if t in ("/tasks/paused", "/tasks/resumed")], ["/tasks/paused", "/tasks/resumed", "/tasks/paused"])
    # never started
    s = box("unstarted", start=False)
    s.exec("e", process(["true"]))
    s.kill(9, "e", want=PRECONDITION)
    s.down(kill=False)


def out_of_memory():
    tight = {"resources": {"memory": {"limit": 16 << 20, "swap": 16 << 20}}}
    s = box("oom", ["tail", "/dev/zero"], linux=tight)
    expect("exit of a process without memory", s.wait(), 137)
    events.wait("oom", "/tasks/exit")
    topics = events.topics("oom")
    check(f"TaskOOM before TaskExit: {topics}", "/tasks/oom" in topics and topics.index("/tasks/oom") < topics.index("/tasks/exit"))
    s.down(kill=False)
    s = box("oomexec", linux=tight)
    s.exec("e", process(["tail", "/dev/zero"]))
    s.start("e")
    expect("exit of an exec without memory", s.wait("e"), 137)
    events.wait("oomexec", "/tasks/oom")
    expect("the container lives on", s.status(), RUNNING)
    s.down()


def mount(kind, source, *options):
    return field(1, kind) + field(2, source) + b"".join(field(4, o) for o in options)


def rootfs_mounts():
    # many lower directories with long names: more than a page of options
    lowers = []
    for i in range(70):
        d = f"{DIR}/lower/{i:03d}-{'x' * 80}"
        os.makedirs(d + "/etc")
        with open(f"{d}/etc/layer{i}", "w") as f:
            f.write(str(i))
        lowers.append(d)
    for d in ("upper", "work"):
        os.mkdir(f"{DIR}/lower/{d}")
    options = f"lowerdir={':'.join([*lowers, ROOT])}"
    check("the options are no longer than a page", len(options) > 4096)
    s = box("overlay", root="rootfs", rootfs=(mount("overlay", "overlay", "index=off", f"workdir={DIR}/lower/work", f"upperdir={DIR}/lower/upper", options),))
    expect("files of 70 layers", s.output_of(["sh", "-c", "cat /etc/layer0 /etc/layer69; ls /etc | wc -l"]), (0, "06970\n"))
    s.down()
    # id-mapped
    s = box("idmap", root="rootfs", rootfs=(mount("bind", ROOT, "rbind", "rw", "uidmap=0:100000:65536", "gidmap=0:200000:65536"),))
    expect("owner on an id-mapped rootfs", s.output_of(["stat", "-c", "%u %g", "/bin/busybox"]), (0, "100000 200000\n"))
    s.down()
    # a file system in a file
    image = DIR + "/fs.img"
    with open(image, "wb") as f:
        f.truncate(32 << 20)
    if subprocess.run(["mkfs.ext4", "-q", "-d", ROOT, image], capture_output=True).returncode:
        skipped.append("a loop-mounted rootfs: no mkfs.ext4")
        return
    s = shim_of("loop")
    try:
        box("loop", shim=s, root="rootfs", rootfs=(mount("ext4", image, "loop", "ro"),))
    except SystemExit as e:
        if "loop" not in str(e) or os.path.exists("/dev/loop-control"):
            raise
        skipped.append("a loop-mounted rootfs: this host has no loop devices")
        return
    expect("a file in a file", s.output_of(["ls", "-d", "/lost+found"]), (0, "/lost+found\n"))
    check("the image is attached", image in subprocess.run(["losetup", "-a"], capture_output=True, text=True).stdout)
    s.down()
    wait_until("the loop device stays attached", lambda: image not in subprocess.run(["losetup", "-a"], capture_output=True, text=True).stdout)


def idmapped_binds():
    """Id-mapped mounts of the spec are the runtime's work: crun knows them, runc from 1.2 on."""
    if RUNTIME == "runc" and b"idmap" not in subprocess.run(["runc", "features"], capture_output=True).stdout:
        skipped.append("id-mapped binds: this runc has no idmap mounts")
        return
    src = DIR + "/owned"
    os.mkdir(src)
    binds = [{"destination": "/mnt", "type": "none", "source": src, "options": ["bind", "idmap=uids=0-4000-10;gids=0-5000-10"]}]
    s = box("idbind", mounts=binds)
    expect("owner of an id-mapped bind", s.output_of(["stat", "-c", "%u %g", "/mnt"]), (0, "4000 5000\n"))
    s.down()


def systemd_paths():
    """A cgroups path SLICE:PREFIX:NAME makes the runtime use systemd."""
    s = shim_of("systemd")
    document = spec(["sleep", "1000"], root=ROOT, cgroup="system.slice:shimtest:systemd")
    if os.path.isdir("/run/systemd/system"):
        s.create(document)
        s.start()
        check("the scope", "shimtest-systemd.scope" in read_file(f"/proc/{s.call('Connect')[2]}/cgroup"))
        s.down()
        return
    s.create(document, want=UNKNOWN)
    check(f"the runtime was told to use systemd: {s.message}", "systemd" in s.message or "bus" in s.message)
    skipped.append("a container in a systemd scope: systemd does not run here")
    s.call("Shutdown")


def checkpoints():
    s = box("criu")
    tried = subprocess.run(["criu", "check"], capture_output=True, text=True) if shutil.which("criu") else None
    image = DIR + "/image"
    os.mkdir(image)
    s.call("Checkpoint", extra=field(2, "relative/path"), want=INVALID)
    if not tried or tried.returncode:
        why = (tried.stderr.strip().splitlines() or ["no reason given"])[-1] if tried else "criu is not installed"
        s.call("Checkpoint", extra=field(2, image), want=UNKNOWN)
        check(f"a failed checkpoint says so: {s.message}", "OCI runtime checkpoint failed" in s.message)
        expect("the container lives on", s.status(), RUNNING)
        skipped.append(f"checkpoint and restore: criu check says: {why}")
        s.down()
        return
    s.call("Checkpoint", extra=field(2, image) + field(3, any_of("containerd.runc.v1.CheckpointOptions", field(1, 1))))
    expect("exit of the checkpointed", s.wait(), 137)
    s.down(kill=False)
    s = shim_of("restored")
    s.create(spec(["sleep", "100000"], root=ROOT, cgroup=CGROUP + "/restored"), checkpoint=image)
    s.start()
    expect("status of the restored", s.status(), RUNNING)
    s.down()


def started():
    """What `start` and `-info` do beside serving: the shim's own cgroup and oom score, the address file, what the runtime can do."""
    at = f"{CGROUP}/shims"
    s = shim_of("started")
    expect("oom score", int(read_file(f"/proc/{s.pid}/oom_score_adj")), min(int(read_file("/proc/self/oom_score_adj")) + 1, 1000))
    expect("address file", read_file(s.bundle + "/address"), s.address)
    expect("its own process group", os.getpgid(s.pid), s.pid)
    s.call("Shutdown")
    wait_until("the shim does not leave", s.gone)
    bundle = f"{DIR}/bundles/grouped"
    os.mkdir(bundle)
    with open(bundle + "/config.json", "w") as f:
        json.dump(spec(["true"]), f)
    options = any_of("containerd.runc.v1.Options", field(3, at))
    r = subprocess.run([BINARY, "-namespace", NS, "-address", "", "-id", "grouped", "start"], cwd=bundle, input=options, capture_output=True,
                       env={**os.environ, "ROSS_STATE": DIR + "/state"}, timeout=120, check=True)
    client = Client(r.stdout.decode())
    pid = dict(fields(client.call("Connect", field(1, "grouped"))[2]))[1]
    check(f"the shim is not in its cgroup: {read_file(f'/proc/{pid}/cgroup')}", any(line.strip().endswith(":" + at) for line in open(f"/proc/{pid}/cgroup")))
    client.call("Shutdown", b"")
    wait_until("the shim does not leave", lambda: not os.path.exists(f"/proc/{pid}"))
    for place in [f"/sys/fs/cgroup{at}", *(f"/sys/fs/cgroup/{h}{at}" for h in os.listdir("/sys/fs/cgroup"))]:
        if os.path.isdir(place) and not os.path.islink(place.removesuffix(at)):
            os.rmdir(place)
    r = subprocess.run([BINARY, "-info"], input=any_of("containerd.runc.v1.Options", field(6, RUNTIME)), capture_output=True, check=True)
    info = dict(fields(r.stdout))
    expect("name", info[1], b"containerd-shim-ross-v2")
    check("no version", dict(fields(info[2])).get(1))
    has = subprocess.run([RUNTIME, "features"], capture_output=True)
    if has.returncode:
        check("features of a runtime that tells none", 4 not in info)
    else:
        features = dict(fields(info[4]))
        expect("type of features", features[1], b"types.containerd.io/opencontainers/runtime-spec/1/features/Features")
        expect("features", json.loads(features[2]), json.loads(has.stdout))


make_rootfs(ROOT)
try:
    for test in (started, loggers, deleted_early, deleted_behind, deleted_twice, files, reader_returns, half_close, terminals, limits_change, unlimited_rlimits, processes, many_execs, states, out_of_memory, rootfs_mounts,
                 idmapped_binds, systemd_paths, checkpoints):
        began = time.monotonic()
        test()
        print(f"- {test.__name__} ({time.monotonic() - began:.1f}s)", flush=True)
    for reason in skipped:
        print("not shown here:", reason)
finally:
    end_all()
