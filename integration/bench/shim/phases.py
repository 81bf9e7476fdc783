# SPDX-License-Identifier: Apache-2.0
# phases.py SHIM RUNTIME DIR ROUNDS — see phases.sh.
import ctypes
import json
import os
import subprocess
import sys
import time

from shim_client import CGROUP, NS, Shim, end_all, make_rootfs, process, spec, wait_until

BINARY, RUNTIME, DIR, ROUNDS = sys.argv[1:4] + [int(sys.argv[4])]
ROOT = DIR + "/rootfs"
took = {}


def phase(name, fn, *args):
    began = time.monotonic()
    result = fn(*args)
    took.setdefault(name, []).append((time.monotonic() - began) * 1000)
    return result


def median(name):
    v = sorted(took[name])
    return v[len(v) // 2]


def run(command):
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def life(number):
    s = phase("start helper", Shim, BINARY, DIR, f"p{number}", RUNTIME)
    phase("Create", s.create, spec(["sleep", "1000"], root=ROOT, cgroup=f"{CGROUP}/p{number}"))
    phase("Start", s.start)
    for i in range(3):
        phase("Exec", s.exec, f"e{i}", process(["true"]))
        phase("Start of an exec", s.start, f"e{i}")
        phase("Wait of an exec", s.wait, f"e{i}")
        phase("Delete of an exec", s.delete, f"e{i}")
    phase("Kill, Wait", lambda: (s.kill(), s.wait()))
    phase("Delete", s.delete)
    phase("Shutdown, to the end", lambda: (s.call("Shutdown"), wait_until("it stays", s.gone)))
    phase("delete helper", run, [BINARY, "-namespace", NS, "-address", "", "-id", s.name, "-bundle", s.bundle, "delete"])


def bare(number):
    bundle = f"{DIR}/bare{number}"
    os.mkdir(bundle)
    with open(bundle + "/config.json", "w") as f:
        json.dump(spec(["sleep", "1000"], root=ROOT, cgroup=f"{CGROUP}/b{number}"), f)
    with open(bundle + "/process.json", "w") as f:
        json.dump(process(["true"]), f)

    def runtime(*args):
        with subprocess.Popen([RUNTIME, "--root", DIR + "/bare", *args], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p:
            if p.wait():
                sys.exit(f"{RUNTIME} {args[0]} fails")
    phase("bare create", runtime, "create", "--bundle", bundle, "--pid-file", bundle + "/pid", f"b{number}")
    phase("bare start", runtime, "start", f"b{number}")
    for _ in range(3):
        phase("bare exec", runtime, "exec", "--process", bundle + "/process.json", "--detach", "--pid-file", bundle + "/exec.pid", f"b{number}")
        os.waitpid(int(open(bundle + "/exec.pid").read()), 0)
    pid = int(open(bundle + "/pid").read())
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    phase("bare delete", runtime, "delete", f"b{number}")


ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # subreaper: what the runtime leaves behind is ours to wait for
make_rootfs(ROOT)
try:
    for n in range(ROUNDS):
        life(n)
        bare(n)
    pairs = {"Create": "bare create", "Start": "bare start", "Start of an exec": "bare exec", "Delete": "bare delete"}
    print(f"{'medians of ' + str(ROUNDS) + ' lives, ' + RUNTIME:28} {'ms':>8} {'runtime':>8} {'ours':>8}")
    for name in took:
        if not name.startswith("bare"):
            of = median(pairs[name]) if name in pairs else 0
            print(f"{name:28} {median(name):8.2f} {of:8.2f} {median(name) - of:8.2f}")
finally:
    end_all()
