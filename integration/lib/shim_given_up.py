# SPDX-License-Identifier: Apache-2.0
# shim_given_up.py SHIM FAKE_RUNTIME DIR — see cases/shim_given_up.sh.
import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import time

from ttrpc import Client, answer, field, fields

SHIM, RUNTIME, DIR = sys.argv[1:]
OK, DEADLINE, NOT_FOUND, UNAVAILABLE = 0, 4, 5, 14
NS, STATE = "given-up", DIR + "/state"
POD = {"io.kubernetes.cri.sandbox-id": "pod"}
shims = []


def expect(what, got, want):
    if got != want:
        sys.exit(f"{what}: {got!r}, not {want!r}")


def until(what, condition):
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    sys.exit(f"in vain: {what}")


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def bundle(name, annotations):
    path = f"{DIR}/bundles/{name}"
    os.makedirs(path)
    with open(path + "/config.json", "w") as f:
        json.dump({"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "annotations": annotations}, f)
    return path


def run(name, action, env):
    path = f"{DIR}/bundles/{name}"
    r = subprocess.run([SHIM, "-namespace", NS, "-address", "", "-id", name, "-bundle", path, action], cwd=path, capture_output=True, stdin=subprocess.DEVNULL,
                       env={**os.environ, "ROSS_STATE": STATE, **env}, timeout=120)
    expect(f"{action} {name}: {r.stderr.decode()}", r.returncode, 0)
    return r.stdout, r.stderr.decode()


def request_of(name):
    options = field(1, "containerd.runc.v1.Options") + field(2, field(6, RUNTIME) + field(7, DIR + "/runtime"))
    return field(1, name) + field(2, f"{DIR}/bundles/{name}") + field(10, options)


def runtimes_of(name):
    """The processes of the runtime that work on that container."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read().split(b"\0")
        except OSError:
            continue
        if words[0] == RUNTIME.encode() and name.encode() in words:
            found.append(int(pid))
    return found


def creating(name, annotations):
    """A shim whose runtime hangs in create: (its connection, the Create's stream, address, pid)."""
    bundle(name, annotations)
    address = run(name, "start", {"FAKE_RUNTIME": "create:hang"})[0].decode()
    client = Client(address, 60)
    pid = dict(fields(client.call("Connect", field(1, name))[2]))[1]
    shims.append(pid)
    stream = client.begin("Create", request_of(name))
    until("the runtime of " + name, lambda: runtimes_of(name))
    return client, stream, address, pid


def holder(name):
    """The pid of the process that has the bundle's lock, 0 = nobody."""
    with open(f"{DIR}/bundles/{name}/lock", "r+") as f:
        lock = fcntl.fcntl(f, fcntl.F_GETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    kind, _, _, _, pid = struct.unpack("hhqqi4x", lock)
    return 0 if kind == fcntl.F_UNLCK else pid


def deleted():
    client, stream, address, pid = creating("deleted", {})
    expect("who has the bundle", holder("deleted"), pid)
    expect("Delete", Client(address).call("Delete", field(1, "deleted"))[0], NOT_FOUND)
    expect("the runtime after Delete", runtimes_of("deleted"), [])
    got = client.recv()
    expect("the Create", (got[0], answer(got[3])[0]), (stream, DEADLINE))
    expect("who has the bundle afterwards", holder("deleted"), 0)
    client.call("Shutdown", field(1, "deleted"))
    until("the end of the shim", lambda: gone(pid))


def left():
    _, _, address, pid = creating("left", {})
    expect("complaints", run("left", "delete", {})[1], "")
    until("the end of the shim", lambda: gone(pid))
    until("the end of its runtime", lambda: not runtimes_of("left"))
    expect("its socket is there", os.path.exists(address.removeprefix("unix://")), False)


def pod():
    _, _, address, pid = creating("pod-a", POD)
    other = Client(address)
    expect("complaint", "is still being made" in run("pod-a", "delete", {})[1], True)
    expect("the pod's shim", other.call("Connect", field(1, "pod-a"))[0], OK)
    other.call("Delete", field(1, "pod-a"))
    until("the end of the creation", lambda: not runtimes_of("pod-a"))
    # the reverse: what somebody ends is not made
    path = bundle("pod-b", POD)
    with open(path + "/lock", "w") as f:
        fcntl.lockf(f, fcntl.LOCK_EX)
        expect("Create", other.call("Create", request_of("pod-b"))[0], UNAVAILABLE)
        expect("State", other.call("State", field(1, "pod-b"))[0], NOT_FOUND)
        expect("runtimes", runtimes_of("pod-b"), [])
    other.call("Shutdown", field(1, "pod-a"))
    until("the end of the pod's shim", lambda: gone(pid))


os.makedirs(DIR + "/runtime/" + NS)
try:
    for step in (deleted, left, pod):
        print("-", step.__name__, flush=True)
        step()
finally:
    for pid in shims:
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if f"{STATE}\0".encode() in f.read():
                    os.kill(int(pid), signal.SIGKILL)
        except OSError:
            pass
