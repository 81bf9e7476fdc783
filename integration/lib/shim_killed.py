# SPDX-License-Identifier: Apache-2.0
# shim_killed.py SHIM RUNTIME DIR ROUNDS SEED — a shim killed with -9 at a random moment of create, start, exec, pause, kill or delete, and
# then `delete`, as containerd runs it: no process, mount, cgroup, socket or runtime state is left, and an exit that was told is the
# exit that delete reports.
import os
import random
import shutil
import subprocess
import sys
import threading
import time

from shim_client import CGROUP, NS, Shim, check, end_all, expect, field, fields, make_rootfs, process, spec, wait_until
from ttrpc import Client

BINARY, RUNTIME, DIR, ROUNDS, SEED = sys.argv[1:4] + [int(a) for a in sys.argv[4:]]
ROOT = DIR + "/rootfs"
HIERARCHIES = [line.split()[1] for line in open("/proc/mounts") if line.split()[2].startswith("cgroup")]


def members(name):
    """Processes of the container's cgroup, wherever it has one."""
    found = set()
    for h in HIERARCHIES:
        try:
            with open(f"{h}{CGROUP}/{name}/cgroup.procs") as f:
                found.update(f.read().split())
        except OSError:
            pass
    return found


def life(shim, told):
    """Everything that a container can go through; ends with the connection."""
    try:
        mount = field(1, "bind") + field(2, ROOT) + field(4, "rbind") + field(4, "rw")
        shim.create(spec(["sh", "-c", "sleep 0.05; exit 9"], root="rootfs", cgroup=f"{CGROUP}/{shim.name}"), rootfs=(mount,))
        shim.start()
        shim.exec("e", process(["sleep", "100"]))
        shim.client.call("Start", field(1, shim.name) + field(2, "e"))
        told["exit"] = shim.wait()
        shim.delete()
        told["deleted"] = True
    except (OSError, EOFError, SystemExit) as e:
        told["why"] = e


def one(number, delay):
    shim = Shim(BINARY, DIR, f"k{number}", RUNTIME)
    told = {}
    beside = Client(shim.address)
    t = threading.Thread(target=life, args=(shim, told))
    t.start()
    time.sleep(delay)  # the moment of the kill is the input of this test
    os.kill(shim.pid, 9)
    try:
        said = beside.recv()
    except ConnectionResetError:  # it had not been accepted yet
        said = None
    expect("what a closed connection says", said, None)  # containerd runs delete when it sees this
    t.join(120)
    check("the client hangs", not t.is_alive())
    r = subprocess.run([BINARY, "-namespace", NS, "-address", "", "-id", shim.name, "-bundle", shim.bundle, "delete"], cwd=shim.bundle, capture_output=True,
                       env={**os.environ, "ROSS_STATE": DIR + "/state"}, timeout=120)
    expect(f"delete after a kill at {delay * 1000:.0f} ms: {r.stderr.decode()}", r.returncode, 0)
    status = dict(fields(r.stdout)).get(2, 0)
    if "deleted" not in told:
        expect(f"status after {told}", status, told.get("exit", status))
    where = f"after a kill at {delay * 1000:.0f} ms ({told})"
    wait_until(f"processes live on {where}: {members(shim.name)}", lambda: not members(shim.name))
    with open("/proc/self/mountinfo") as f:
        check(f"mounts are left {where}", shim.bundle not in f.read())
    left = [h for h in HIERARCHIES if os.path.isdir(f"{h}{CGROUP}/{shim.name}")]
    expect(f"cgroups left {where}", left, [])
    check(f"the runtime knows it {where}", not os.path.exists(f"{shim.root}/{NS}/{shim.name}"))
    check(f"the socket is left {where}", not os.path.exists(shim.address.removeprefix("unix://")))
    beside.close()
    shutil.rmtree(shim.bundle)
    Shim.all.remove(shim)
    return "told" if "exit" in told else "untold"


random.seed(SEED)
make_rootfs(ROOT)
counts = {"told": 0, "untold": 0}
try:
    for i in range(ROUNDS):
        counts[one(i, random.random() * 0.25)] += 1
    print(f"{ROUNDS} shims killed, exits {counts}: nothing is left (SEED={SEED})")
finally:
    end_all()
