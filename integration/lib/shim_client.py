# SPDX-License-Identifier: Apache-2.0
# A shim driven from outside over ttrpc: bundles with a busybox rootfs, fifos with readers of our own, and containerd's side
# of the events. A test that sees a byte or an event missing here knows that the shim lost it.
import json
import os
import select
import shutil
import socket
import struct
import subprocess
import threading
import time

from ttrpc import Client, answer, field, fields, frame

OK, UNKNOWN, INVALID, NOT_FOUND, EXISTS, EXHAUSTED, PRECONDITION = 0, 2, 3, 5, 6, 8, 9
CREATED, RUNNING, STOPPED, PAUSED = 1, 2, 3, 4
NS = "shimtest"
CGROUP = os.environ.get("SHIM_CGROUP", "/shimtest")  # below which all containers are


def any_of(type_url, value):
    return field(1, type_url) + field(2, value)


def expect(what, got, want):
    if got != want:
        raise SystemExit(f"FAIL: {what}: {got!r}, not {want!r}")


def check(what, condition):
    if not condition:
        raise SystemExit(f"FAIL: {what}")


def wait_until(what, condition, seconds=60):
    until = time.monotonic() + seconds
    while not condition():
        check(what, time.monotonic() < until)
        time.sleep(0.01)


def make_rootfs(path):
    """A root of busybox alone."""
    busybox = shutil.which("busybox")
    for d in ("bin", "proc", "sys", "dev", "tmp", "etc"):
        os.makedirs(f"{path}/{d}", exist_ok=True)
    shutil.copy(busybox, f"{path}/bin/busybox")
    for name in subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split():
        if name != "busybox":
            os.symlink("busybox", f"{path}/bin/{name}")


def process(args, terminal=False, **more):
    return {"terminal": terminal, "user": {"uid": 0, "gid": 0}, "args": args, "env": ["PATH=/bin"], "cwd": "/", **more}


def spec(args, root="rootfs", terminal=False, namespaces=("pid", "ipc", "uts", "mount"), cgroup=CGROUP + "/x", mounts=(), **more):
    linux = {"namespaces": [{"type": n} for n in namespaces], "cgroupsPath": cgroup}
    linux.update(more.pop("linux", {}))
    return {"ociVersion": "1.0.2", "process": process(args, terminal, **more.pop("process", {})), "root": {"path": root}, "hostname": "box",
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                       {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
                       {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666", "mode=0620"]},
                       *mounts], "linux": linux, **more}


class Events:
    """containerd's side of the events: what was forwarded, in order, as (topic, {field: value})."""

    def __init__(self, path):
        self.got, self.lock = [], threading.Condition()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            s, _ = self.listener.accept()
            threading.Thread(target=self._serve, args=(s,), daemon=True).start()

    def _serve(self, s):
        with s, s.makefile("rb") as f:
            while len(head := f.read(10)) == 10:
                length, stream, _, _ = struct.unpack(">IIBB", head)
                envelope = dict(fields(dict(fields(dict(fields(f.read(length)))[3]))[1]))
                body = dict(fields(dict(fields(envelope[4])).get(2, b"")))
                with self.lock:
                    self.got.append((envelope[3].decode(), body))
                    self.lock.notify_all()
                try:
                    s.sendall(frame(stream, 2, b""))
                except OSError:  # a shim that was killed
                    return

    def topics(self, container):
        with self.lock:
            return [t for t, body in self.got if body.get(1) == container.encode()]

    def wait(self, container, topic, seconds=60):
        with self.lock:
            check(f"no {topic} of {container}", self.lock.wait_for(
                lambda: any(t == topic and b.get(1) == container.encode() for t, b in self.got), seconds))


class Reader(threading.Thread):
    """Reads a fifo to its end, as a client does: opened before the task is made. `pause(n)` is called after each read."""

    def __init__(self, path, pause=None):
        super().__init__(daemon=True)
        self.path, self.pause, self.data, self.n, self.keep = path, pause, [], 0, True
        os.path.exists(path) or os.mkfifo(path)
        self.start()

    def run(self):
        fd = os.open(self.path, os.O_RDONLY)
        try:
            while part := os.read(fd, 32768):
                self.n += len(part)
                if self.keep:
                    self.data.append(part)
                if self.pause:
                    self.pause(self.n)
        finally:
            os.close(fd)

    def text(self, seconds=120):
        self.join(seconds)
        check(f"{self.path} has no end after {self.n} bytes", not self.is_alive())
        return b"".join(self.data)


class Shim:
    """A started shim process; containers are made in it by create()."""

    all = []

    def __init__(self, binary, base, name, runtime="", env=None, root=None):
        self.base, self.name, self.runtime = base, name, runtime
        self.root = root or base + "/runtime"
        self.bundle = f"{base}/bundles/{name}"
        os.makedirs(self.bundle)
        for d in (base + "/io", self.root):
            os.makedirs(d, exist_ok=True)
        with open(self.bundle + "/config.json", "w") as f:
            json.dump(spec(["true"]), f)
        r = subprocess.run([binary, "-namespace", NS, "-address", "", "-id", name, "start"], cwd=self.bundle, input=self.options(), capture_output=True,
                           env={**os.environ, "ROSS_STATE": base + "/state", **(env or {})}, timeout=120)
        expect("start " + r.stderr.decode(), r.returncode, 0)
        self.address = r.stdout.decode()
        self.client = Client(self.address, 120)
        self.pid = dict(fields(self.client.call("Connect", field(1, name))[2]))[1]
        Shim.all.append(self)

    def options(self):
        return any_of("containerd.runc.v1.Options", (field(6, self.runtime) if self.runtime else b"") + field(7, self.root))

    def write_spec(self, document):
        with open(self.bundle + "/config.json", "w") as f:
            json.dump(document, f)

    def io(self, exec_id=""):
        return f"{self.base}/io/{self.name}-{exec_id or 'init'}"

    def call(self, method, exec_id="", extra=b"", want=OK, client=None):
        payload = field(1, self.name) + (field(2, exec_id) if exec_id else b"") + extra
        code, message, reply = (client or self.client).call(method, payload)
        expect(f"{method} {self.name} {exec_id}: {message}", code, want)
        self.message = message
        return dict(fields(reply))

    def create(self, document, stdin="", stdout="", stderr="", terminal=False, rootfs=(), want=OK, checkpoint=""):
        self.write_spec(document)
        payload = field(2, self.bundle) + b"".join(field(3, m) for m in rootfs) + (field(4, 1) if terminal else b"") + \
            b"".join(field(n, v) for n, v in ((5, stdin), (6, stdout), (7, stderr), (8, checkpoint)) if v) + field(10, self.options())
        return self.call("Create", extra=payload, want=want)

    def exec(self, exec_id, document, stdin="", stdout="", stderr="", terminal=False, want=OK):
        payload = (field(3, 1) if terminal else b"") + b"".join(field(n, v) for n, v in ((4, stdin), (5, stdout), (6, stderr)) if v) + \
            field(7, any_of("types.containerd.io/opencontainers/runtime-spec/1/Process", json.dumps(document) if isinstance(document, dict) else document))
        return self.call("Exec", exec_id, payload, want)

    def start(self, exec_id="", want=OK):
        return self.call("Start", exec_id, want=want).get(1, 0)

    def status(self, exec_id=""):
        return self.call("State", exec_id)[4]

    def wait(self, exec_id="", client=None):
        return self.call("Wait", exec_id, client=client).get(1, 0)

    def kill(self, signo=9, exec_id="", every=False, want=OK):
        return self.call("Kill", exec_id, field(3, signo) + (field(4, 1) if every else b""), want)

    def delete(self, exec_id="", want=OK):
        return self.call("Delete", exec_id, want=want).get(2, 0)

    def output_of(self, args, exec_id="out", **more):
        """Runs an exec to its end: (exit status, stdout)."""
        out = Reader(self.io(exec_id) + ".out")
        self.exec(exec_id, process(args, **more), stdout=out.path)
        self.start(exec_id)
        status, text = self.wait(exec_id), out.text()
        self.delete(exec_id)
        os.unlink(out.path)
        return status, text.decode()

    def gone(self):
        try:
            with open(f"/proc/{self.pid}/cmdline", "rb") as f:
                return b"containerd-shim-ross-v2" not in f.read()
        except OSError:
            return True

    def down(self, kill=True):
        """Ends the container and the shim, and looks for what may be left."""
        if kill:
            self.kill()
            self.wait()
        self.delete()
        self.call("Shutdown")
        wait_until(f"the shim of {self.name} does not leave", self.gone)
        with open("/proc/self/mountinfo") as f:
            check("a mount of " + self.bundle + " is left", self.bundle + "/" not in f.read())
        check("the runtime still knows " + self.name, not os.path.exists(f"{self.root}/{NS}/{self.name}"))
        check("the socket is left", not os.path.exists(self.address.removeprefix("unix://")))


def end_all():
    """For a failed test: ends the shims, then what the runtime knows of their containers."""
    for shim in Shim.all:
        try:
            if not shim.gone():
                os.kill(shim.pid, 9)
            if os.path.exists(f"{shim.root}/{NS}/{shim.name}"):
                subprocess.run([shim.runtime or "runc", "--root", f"{shim.root}/{NS}", "delete", "--force", shim.name], capture_output=True, timeout=120)
        except (OSError, subprocess.SubprocessError):
            pass
