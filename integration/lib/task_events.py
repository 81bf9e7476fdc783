# SPDX-License-Identifier: Apache-2.0
# task_events.py FILE… — each file is what `ctr events` printed in one life of a subscriber: the events of a container must come in
# order, and no exit twice. containerd itself tells exit and deletion once more when the client of a Delete died in the middle of it: then they
# must say the same.
import json
import re
import sys

RANK = {"/tasks/create": 0, "/tasks/start": 1, "/tasks/exit": 2, "/tasks/delete": 3}
exits = bad = again = 0
for path in sys.argv[1:]:
    seen, last, deleted = set(), {}, {}
    for line in open(path, errors="replace"):
        m = re.search(r" (/tasks/[a-z-]+) (\{.*\})", line)
        if not m:
            continue
        topic, body = m.group(1), json.loads(m.group(2))
        container, what, pid = body.get("container_id", ""), body.get("id", ""), body.get("pid", 0)
        end = (body.get("exit_status", 0), str(body.get("exited_at")))
        if topic in ("/tasks/exit", "/tasks/delete") and deleted.get((container, pid)) == end and what in ("", container):
            again += topic == "/tasks/exit"
            continue
        if topic == "/tasks/delete" and not what:
            deleted[container, pid] = end
        if topic == "/tasks/exit":
            exits += 1
            if (container, what, pid) in seen:
                bad += 1
                print("twice:", path, line.strip())
            seen.add((container, what, pid))
        if topic in RANK and what in ("", container):
            if RANK[topic] < last.get((container, pid), 0):
                bad += 1
                print("out of order:", path, line.strip())
            last[container, pid] = RANK[topic]
print(f"{exits} exits heard in {len(sys.argv) - 1} lives of a subscriber, {again} told again by containerd, {bad} wrong")
sys.exit(bad > 0)
