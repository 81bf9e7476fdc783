# SPDX-License-Identifier: Apache-2.0
# shim_stress.py ADDRESS NAMESPACE FOLDER CONTAINERS WORKERS SEED [SECONDS] — WORKERS clients of a containerd (which somebody else kills and starts again)
# make CONTAINERS short containers and as many execs with our shim, over gRPC and without any program between. A client is killed with
# SIGKILL every few seconds; the next one goes on where its journal says. The exit code of every process must be the one it ended with, from
# Wait and from Delete. Prints the counts; what is wrong is in FOLDER/wrong. After SECONDS no new container begins.
import json
import os
import random
import signal
import sys
import time

os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
import grpc  # noqa: E402
from shim_client import any_of, make_rootfs, process, spec  # noqa: E402
from ttrpc import field, fields  # noqa: E402

TASKS, CONTAINERS = "containerd.services.tasks.v1.Tasks", "containerd.services.containers.v1.Containers"
OK, EXISTS, NOT_FOUND = grpc.StatusCode.OK, grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.NOT_FOUND
CUT = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.INTERNAL}
NEW, CREATED, STARTING, VERIFIED = range(4)
RUNC_EVERY = int(os.environ.get("RUNC_EVERY", "10"))  # every how many processes are made by runc; the others by crun


def runtime_of(i):
    return "runc" if i % RUNC_EVERY == 0 else "crun"


def code_of(i):
    return i % 120 + 2


class Worker:
    def __init__(self, number, address, namespace, folder):
        self.folder, self.namespace, self.number = folder, namespace, number
        self.journal = os.open(f"{folder}/journal.{number}", os.O_RDWR | os.O_CREAT)
        self.done = os.open(f"{folder}/done", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.wrong = os.open(f"{folder}/wrong", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.channel = grpc.insecure_channel("unix://" + address, options=[("grpc.max_reconnect_backoff_ms", 500), ("grpc.initial_reconnect_backoff_ms", 100)])
        self.metadata = (("containerd-namespace", namespace),)
        self.methods = {}
        self.cuts = 0
        self.message = ""

    def once(self, service, method, payload, seconds):
        key = f"/{service}/{method}"
        if key not in self.methods:
            self.methods[key] = self.channel.unary_unary(key)
        try:
            return OK, "", self.methods[key](payload, timeout=seconds, metadata=self.metadata)
        except grpc.RpcError as e:
            return e.code(), e.details(), b""

    def call(self, service, method, payload, allowed=(), seconds=60):
        """(code, fields of the reply); what a killed containerd cut off has code None."""
        code, message, reply = self.once(service, method, payload, seconds)
        self.message = message
        if code is OK:
            return code, dict(fields(reply))
        if code in allowed:
            return code, {}
        if code not in CUT and "closed" not in message:
            self.note("noise", f"{method}: {code}: {message}")
        self.cuts += 1
        time.sleep(0.2)
        return None, {}

    def note(self, name, text):
        with open(f"{self.folder}/{name}.{self.number}", "a") as f:
            f.write(text + "\n")

    def write(self, kind, i, step, turn=0):
        os.pwrite(self.journal, f"{kind} {i:8} {step} {turn:4}\n".encode(), 0)

    def verify(self, what, where, got, want):
        if got != want:
            os.write(self.wrong, f"{what}: {where} says {got}, not {want}\n".encode())

    def lost(self, what, text):
        os.write(self.wrong, f"{what}: {text}\n".encode())

    def waited(self, name, which, want):
        """What Wait says of its end is checked. False: this was cut off."""
        code, reply = self.call(TASKS, "Wait", which, (NOT_FOUND,))
        if code is NOT_FOUND:
            self.lost(name, "not found in Wait")
        elif code is OK:
            self.verify(name, "Wait", reply.get(1, 0), want)
        return code is not None

    def delete(self, name, method, which, want):
        """Until it is gone, by this Delete or by one whose answer was cut off."""
        code = None
        while code is None:
            code, reply = self.call(TASKS, method, which, (NOT_FOUND,))
        if code is OK:
            self.verify(name, method, reply.get(3, 0), want)

    def rootfs(self, name, i):
        if i % 4:
            return field(1, "bind") + field(2, f"{self.folder}/rootfs") + field(4, "rbind") + field(4, "ro")
        for d in ("upper", "work"):
            os.makedirs(f"{self.folder}/{d}/{name}", exist_ok=True)
        return field(1, "overlay") + field(2, "overlay") + b"".join(field(4, o) for o in (
            f"lowerdir={self.folder}/rootfs", f"upperdir={self.folder}/upper/{name}", f"workdir={self.folder}/work/{name}"))

    def make(self, name, i, args):
        """The record of a container and its task, started. False: this was cut off, and must be looked at again."""
        document = spec(args, cgroup=f"/{self.namespace}/{name}")
        container = field(1, name) + field(4, field(1, "io.containerd.ross.v2")) + \
            field(5, any_of("types.containerd.io/opencontainers/runtime-spec/1/Spec", json.dumps(document)))
        code, _ = self.call(CONTAINERS, "Create", field(1, container), (EXISTS,))
        if code is None:
            return False
        options = any_of("containerd.runc.v1.Options", field(6, runtime_of(i)))
        code, _ = self.call(TASKS, "Create", field(1, name) + field(3, self.rootfs(name, i)) + field(9, options), (EXISTS,))
        return code is not None

    def abandon(self, name):
        """A container whose Create was cut off by the death of its client: containerd ends it, but takes its time, and would take the next of the
        same name along."""
        self.note("abandoned", name)
        # as often as it takes: a containerd that is away just now will find the task again
        while self.call(TASKS, "Delete", field(1, name), (NOT_FOUND,))[0] is None:
            pass
        while self.call(CONTAINERS, "Delete", field(1, name), (NOT_FOUND,))[0] is None:
            pass

    def container(self, i, step=NEW, turn=0, resumed=False):
        if resumed and step == NEW:
            self.abandon(f"s{i}.{turn}")
            turn += 1
        name, want, again = f"s{i}.{turn}", code_of(i), step != NEW
        while step < VERIFIED:
            if step == NEW:
                self.write("c", i, NEW, turn)
                if not self.make(name, i, ["sh", "-c", f"exit {want}"]):
                    continue
                step = CREATED
                self.write("c", i, CREATED, turn)
            code, reply = self.call(TASKS, "Get", field(1, name), (NOT_FOUND,)) if again else (OK, {})
            if code is NOT_FOUND:
                # a cut-off Create that left an old task behind answers AlreadyExists, and containerd may take that task away
                self.note("missing", name)
                step, again = NEW, False
                continue
            if code is None:
                continue
            status = dict(fields(reply[1])).get(4, 0) if again else 1
            if status == 3 and step < STARTING:
                # what a Create left that was cut off: containerd ended it, and it has never run
                self.note("remnants", name)
                if self.call(TASKS, "Delete", field(1, name), (NOT_FOUND,))[0] is not None:
                    step, again = NEW, False
                continue
            if status == 1:
                again, step = True, STARTING
                self.write("c", i, STARTING, turn)
                if self.call(TASKS, "Start", field(1, name))[0] is None:
                    continue
            if self.waited(name, field(1, name), want):
                step = VERIFIED
        self.write("c", i, VERIFIED, turn)
        self.delete(name, "Delete", field(1, name), want)
        while self.call(CONTAINERS, "Delete", field(1, name), (NOT_FOUND,))[0] is None:
            pass
        os.write(self.done, f"c {i} {self.cuts}\n".encode())

    def exec(self, i, step=NEW, runtime=None):
        name, want, again = f"x{i}", code_of(i), step != NEW
        box = field(1, "box-" + (runtime or runtime_of(i)))
        which = box + field(2, name)
        if step == NEW:
            self.write("x", i, NEW)
        document = json.dumps(process(["sh", "-c", f"exit {want}"]))
        started = False
        while step < VERIFIED:
            if step == NEW:
                body = box + field(6, any_of("types.containerd.io/opencontainers/runtime-spec/1/Process", document)) + field(7, name)
                if self.call(TASKS, "Exec", body, (EXISTS,))[0] is None:
                    continue
                step = CREATED
                self.write("x", i, CREATED)
            code, reply = self.call(TASKS, "Get", which, (NOT_FOUND,)) if again else (OK, {})
            if code is NOT_FOUND:
                self.lost(name, "no such exec" + (", and it was started" if started else ""))
                break
            if code is None:
                continue
            if not again or dict(fields(reply[1])).get(4, 0) == 1:
                again = True
                if self.call(TASKS, "Start", which)[0] is None:
                    if "OCI runtime exec failed" in self.message and not runtime:
                        # the host took a hierarchy of cgroups away from under the box: no process was there, the other box is asked
                        self.note("refused", name)
                        while self.call(TASKS, "DeleteProcess", which, (NOT_FOUND,))[0] is None:
                            pass
                        self.exec(i, NEW, "crun")
                        return
                    continue
                started = True
            if self.waited(name, which, want):
                step = VERIFIED
        self.write("x", i, VERIFIED)
        self.delete(name, "DeleteProcess", which, want)
        os.write(self.done, f"x {i} {self.cuts}\n".encode())

    def go(self, total, workers, until):
        line = os.pread(self.journal, 64, 0).split()
        first = self.number
        if line:
            kind, i, step = line[0].decode(), int(line[1]), int(line[2])
            if kind == "c":
                self.container(i, step, int(line[3]), True)
                self.exec(i)
            else:
                self.exec(i, step)
            first = i + workers
        for i in range(first, total, workers):
            if until and time.monotonic() > until:
                break
            self.container(i)
            self.exec(i)


def fork(number, address, namespace, folder, total, workers, until):
    pid = os.fork()
    if pid == 0:
        try:
            Worker(number, address, namespace, folder).go(total, workers, until)
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
    return pid


def boxes(address, namespace, folder):
    """In a process of its own: the channel must not be there when workers are forked."""
    pid = os.fork()
    if pid == 0:
        w = Worker(0, address, namespace, folder)
        for i, runtime in ((RUNC_EVERY, "runc"), (RUNC_EVERY + 1, "crun")):
            name = "box-" + runtime
            while not w.make(name, i, ["sleep", "1000000"]) or w.call(TASKS, "Start", field(1, name))[0] is None:
                pass
        os.unlink(f"{folder}/journal.0")
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0


def main():
    address, namespace, folder, total, workers, seed = sys.argv[1:7]
    total, workers = int(total), int(workers)
    until = time.monotonic() + float(sys.argv[7]) if len(sys.argv) > 7 and sys.argv[7] else 0
    random.seed(int(seed))
    os.makedirs(folder, exist_ok=True)
    make_rootfs(folder + "/rootfs")
    boxes(address, namespace, folder)
    running = {fork(n, address, namespace, folder, total, workers, until): n for n in range(workers)}
    kills = failed = 0
    while running:
        time.sleep(random.uniform(0.5, 6))
        for pid in list(running):
            got, status = os.waitpid(pid, os.WNOHANG)
            if got:
                failed += status != 0
                del running[pid]
        if running:
            pid = random.choice(list(running))
            os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            number = running.pop(pid)
            if not os.WIFEXITED(status):
                kills += 1
                running[fork(number, address, namespace, folder, total, workers, until)] = number
            else:
                failed += status != 0
    done = {tuple(line.split()[:2]) for line in open(folder + "/done")}
    for kind, what in (("c", "containers"), ("x", "execs")):
        print(f"{sum(k == kind for k, _ in done)} {what}", end=", ")
    print(f"clients killed {kills} times")
    if failed or not until and len(done) != 2 * total:
        raise SystemExit(f"FAIL: {failed} workers failed")


if __name__ == "__main__":
    main()
