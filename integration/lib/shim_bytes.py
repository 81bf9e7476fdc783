# SPDX-License-Identifier: Apache-2.0
# shim_bytes.py SHIM RUNTIME DIR ROUNDS SEED — every byte that a process writes before it ends reaches the reader of its fifo.
# A round is 2^n-1, 2^n and 2^n+1 bytes for n up to 16 and for one larger n in turn up to 24 (16 MiB), each from a process of
# its own whose reader is prompt, or stalls at random, or opens its end only after the exit was told. RUNTIME is a
# fake_runtime (thousands of rounds) or the name of a real one.
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

from shim_client import CGROUP, NS, Reader, Shim, check, end_all, expect, make_rootfs, process, spec, wait_until

BINARY, RUNTIME, DIR, ROUNDS, SEED = sys.argv[1:4] + [int(a) for a in sys.argv[4:]]
FAKE = RUNTIME.startswith("/")
SMALL, LARGE = range(17), range(17, 25)
counts = {"prompt": 0, "stalling": 0, "late": 0}


def command(n):
    return ["bytes", str(n)] if FAKE else ["head", "-c", str(n), "/dev/zero"]


def one(shim, exec_id, n, manner):
    path = shim.io(exec_id)
    os.mkfifo(path)
    pause = (lambda got: time.sleep(random.random() / 500)) if manner == "stalling" else None
    late = manner == "late" and n <= 65536  # more than a fifo holds waits for its reader
    reader = None if late else Reader(path, pause)
    shim.exec(exec_id, process(command(n)), stdout=path)
    shim.start(exec_id)
    expect(f"exit of {exec_id}", shim.wait(exec_id), 0)
    if late:
        reader = Reader(path)
    # as containerd's clients do: the end of the stream first, then Delete
    reader.join(60)
    check(f"{n} bytes, reader {manner}: no end of the stream after {reader.n}", not reader.is_alive())
    expect(f"bytes that arrived, reader {manner}", reader.n, n)
    shim.delete(exec_id)
    os.unlink(path)
    counts[manner] += 1


def sizes(round_number):
    large = LARGE[round_number % len(LARGE)]
    return [n for e in (*SMALL, large) for n in (2 ** e - 1, 2 ** e, 2 ** e + 1)]


def one_container(n, manner, number):
    """The same for the process of a container, with a shim of its own."""
    shim = Shim(BINARY, DIR, f"c{number}", RUNTIME)
    path = shim.io()
    os.mkfifo(path)
    pause = (lambda got: time.sleep(random.random() / 500)) if manner == "stalling" else None
    reader = Reader(path, pause)
    shim.create(spec(command(n), root=f"{DIR}/rootfs", cgroup=f"{CGROUP}/c{number}", namespaces=random.choice((("pid", "uts", "mount"), ("uts", "mount")))), stdout=path)
    shim.start()
    expect("exit", shim.wait(), 0)
    reader.join(60)
    check(f"{n} bytes of a container, reader {manner}: no end of the stream after {reader.n}", not reader.is_alive())
    expect(f"bytes of a container that arrived, reader {manner}", reader.n, n)
    shim.down(kill=False)
    shutil.rmtree(shim.bundle)
    os.unlink(path)
    Shim.all.remove(shim)


def one_terminated():
    """The shim is told to leave after the exit, with the tail of the output still in its pipe: the tail is delivered."""
    n = 120000  # more than the fifo holds, less than fifo and pipe
    shim = Shim(BINARY, DIR, "term", RUNTIME)
    path = shim.io()
    os.mkfifo(path)
    go = threading.Event()
    reader = Reader(path, lambda got: go.wait(60))
    shim.create(spec(command(n), root=f"{DIR}/rootfs", cgroup=f"{CGROUP}/term"), stdout=path)
    shim.start()
    expect("exit", shim.wait(), 0)
    os.kill(shim.pid, signal.SIGTERM)
    wait_until("the shim does not begin to leave", lambda: not os.path.exists(shim.address.removeprefix("unix://")))
    go.set()
    reader.join(60)
    expect("bytes that arrived from a shim that is told to leave", reader.n, n)
    wait_until("the shim does not leave", shim.gone)
    subprocess.run([BINARY, "-namespace", NS, "-address", "", "-id", "term", "-bundle", shim.bundle, "delete"], check=True, capture_output=True,
                   env={**os.environ, "ROSS_STATE": DIR + "/state"})


random.seed(SEED)
make_rootfs(DIR + "/rootfs")
shim = Shim(BINARY, DIR, "bytes", RUNTIME)
try:
    shim.create(spec(["sleep", "1000000"], root=f"{DIR}/rootfs", cgroup=f"{CGROUP}/box"))
    shim.start()
    one_terminated()
    for r in range(ROUNDS):
        for n in sizes(r):
            one(shim, f"e{r}-{n}", n, random.choice(list(counts)))
        for i, n in enumerate(sizes(r)[-9:]):
            one_container(n, random.choice(("prompt", "stalling")), r * 9 + i)
    shim.down()
    print(f"{ROUNDS} rounds, {sum(counts.values())} streams of execs: {counts}, {ROUNDS * 9} of containers; none lost a byte (SEED={SEED})")
finally:
    end_all()
