#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nerdctl with our snapshotter and our shim: foreground, detached and terminal runs, logs, exec, ports, stop and start, commit, a
# restart of containerd, removal.
# variants: 1.6 1.7 2.1
# limit: 1200s
# bridges, firewall rules and the records of CNI plugins end with these namespaces
# sanitizers: no, it is about nerdctl, and long
[ -n "${CASE_NETNS:-}" ] || exec env CASE_NETNS=1 unshare --net --mount --propagation private bash "$0" "$@"
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/containerd.sh"
. "$(dirname "$0")/../lib/go_tools.sh"
need skopeo runc curl ip iptables script
[ -x /usr/lib/cni/bridge ] && [ -x /usr/lib/cni/portmap ] || skip "the CNI plugins are not installed"
need_go_tool nerdctl
version=$1
ip link set lo up
mkdir -p /var/lib/cni
mount -t tmpfs tmpfs /var/lib/cni
start_registry
push_demo demo:1
image=$REGISTRY/demo:1

cat >"$WORK/proxy.toml" <<T
[proxy_plugins]
  [proxy_plugins.ross]
    type = "snapshot"
    address = "$ROSS_STATE/snapshotter.sock"
T
"$BIN/ross-snapshotter" --root "$ROSS_ROOT" --state "$ROSS_STATE" --content-address "$WORK/containerd-$version/c.sock" >>"$WORK/snapshotter.log" 2>&1 &
PIDS+=($!)
wait_for 10 test -S "$ROSS_STATE/snapshotter.sock" || fail "ross-snapshotter does not start: $(tail -3 "$WORK/snapshotter.log")"
start_containerd "$version" "$WORK/proxy.toml"
cat >"$WORK/nerdctl.toml" <<T
address = "$CD_ADDRESS"
namespace = "nerdctl-$$"
snapshotter = "ross"
data_root = "$WORK/nerdctl"
cni_path = "/usr/lib/cni"
cni_netconfpath = "$WORK/cni"
cgroup_manager = "cgroupfs"
T
export NERDCTL_TOML=$WORK/nerdctl.toml PATH=$WORK/tools:$PATH
NS=nerdctl-$$
n() { timeout 60 nerdctl "$@"; }
RUN=(run --runtime io.containerd.ross.v2)
is() { [ "$(n inspect --format '{{.State.Status}}' "$1" 2>/dev/null)" = "$2" ]; }
# what a command prints on a terminal
on_terminal() { script -qec "exec timeout --foreground 60 nerdctl $*" /dev/null </dev/null | tr -d '\r'; }
remove_places() {
    rmdir "/run/containerd/runc/$NS" 2>/dev/null || true
    find /sys/fs/cgroup -maxdepth 2 -name "$NS" -type d -exec rmdir {} + 2>/dev/null || true
}
trap 'status=$?; set +e; n ps -aq | xargs -r timeout 60 nerdctl rm -f >/dev/null 2>&1; remove_places; (exit $status); cleanup' EXIT

echo "- pull, foreground"
n pull -q "$image" >/dev/null || fail "pull"
expect hello n "${RUN[@]}" --rm "$image" echo hello
got=0; n "${RUN[@]}" --rm "$image" sh -c 'echo out; echo err >&2; exit 7' >"$WORK/1" 2>"$WORK/2" || got=$?
[ $got = 7 ] || fail "exit code $got, not 7: $(cat "$WORK/2")"
[ "$(cat "$WORK/1")" = out ] && grep -qx err "$WORK/2" || fail "the streams: $(cat "$WORK/1" "$WORK/2")"
[ "$(echo in | n "${RUN[@]}" --rm -i "$image" cat)" = in ] || fail "stdin"
[ "$(n "${RUN[@]}" --rm "$image" head -c 1048577 /dev/zero | wc -c)" = 1048577 ] || fail "output is lost"
got=0; n "${RUN[@]}" --rm "$image" no-such-command >"$WORK/1" 2>&1 || got=$?
[ $got != 0 ] && grep -q 'executable file not found' "$WORK/1" || fail "a missing command: $got $(cat "$WORK/1")"

echo "- a terminal"
on_terminal "${RUN[*]} --rm -it $image tty" >"$WORK/1"
grep -q /dev/pts/0 "$WORK/1" || fail "run -it: $(cat "$WORK/1")"

echo "- detached: logs, ports, exec"
port=$(free_port)
n "${RUN[@]}" -d --name web -p "127.0.0.1:$port:8080" "$image" sh -c 'echo serving; echo oops >&2; exec httpd -f -p 8080 -h /etc' >"$WORK/id" || fail "run -d"
is web running || fail "not running: $(n ps -a)"
expect "io.containerd.ross.v2 ross" sh -c "timeout 60 $CD_BIN/ctr -a $CD_ADDRESS -n $NS containers info $(cat "$WORK/id") | python3 -c 'import json, sys; c = json.load(sys.stdin); print(c[\"Runtime\"][\"Name\"], c[\"Snapshotter\"])'"
wait_for 10 curl -fs "http://127.0.0.1:$port/motd" || fail "the published port does not answer"
[ "$(curl -fs "http://127.0.0.1:$port/motd")" = 'Hello from a container run by Ross.' ] || fail "what the port answers"
expect "8080/tcp -> 127.0.0.1:$port" n port web
wait_for 10 sh -c "[ \"\$(timeout 60 nerdctl logs web 2>/dev/null)\" = serving ]" || fail "logs: $(n logs web 2>&1)"
[ "$(n logs web 2>&1 >/dev/null)" = oops ] || fail "logs on stderr"
expect inside n exec web echo inside
! n exec web sh -c 'exit 9' 2>"$WORK/2" && grep -q 'exit code 9' "$WORK/2" || fail "exec: exit code: $(cat "$WORK/2")"
[ "$(echo x | n exec -i web cat)" = x ] || fail "exec: stdin"
on_terminal exec -it web tty >"$WORK/1"
grep -q '/dev/pts/' "$WORK/1" || fail "exec -it: $(cat "$WORK/1")"
n top web | finds httpd || fail "top"
n pause web >/dev/null && is web paused && n unpause web >/dev/null && is web running || fail "pause and unpause"
n stats --no-stream web >"$WORK/1" && grep -q web "$WORK/1" || fail "stats: $(cat "$WORK/1")"

echo "- commit, and run what came of it"
n exec web sh -c 'echo kept >/root/note; rm /etc/group'
n commit web committed:1 >/dev/null || fail "commit"
expect kept n "${RUN[@]}" --rm committed:1 cat /root/note
expect gone n "${RUN[@]}" --rm committed:1 sh -c '[ -e /etc/group ] || echo gone'

echo "- containerd is killed and comes back; an exit meanwhile is told"
n "${RUN[@]}" -d --name short "$image" sh -c 'while [ ! -e /stop ]; do usleep 50000; done; exit 5' >/dev/null
pid=$(n inspect --format '{{.State.Pid}}' short)
kill -9 "$CD_PID"; wait "$CD_PID" 2>/dev/null || true
touch "/proc/$pid/root/stop"
wait_for 10 sh -c "! kill -0 $pid" || fail "the container did not end"
launch_containerd
# containerd asks its proxies again with a delay
wait_for 15 n exec web true || fail "exec after a restart"
expect again n exec web echo again
wait_for 10 is short exited || fail "the exit is lost: $(n ps -a)"
[ "$(n inspect --format '{{.State.ExitCode}}' short)" = 5 ] || fail "the exit code is lost: $(n inspect --format '{{.State.ExitCode}}' short)"
[ "$(curl -fs "http://127.0.0.1:$port/motd")" = 'Hello from a container run by Ross.' ] || fail "the port after a restart"
expect new n "${RUN[@]}" --rm "$image" echo new

echo "- stop, start, remove"
n stop -t 1 web >/dev/null || fail "stop"
is web exited || fail "not stopped: $(n ps -a)"
! curl -fs -m 2 "http://127.0.0.1:$port/motd" >/dev/null || fail "the port answers after stop"
n start web >/dev/null || fail "start"
is web running || fail "not started"
wait_for 10 curl -fs "http://127.0.0.1:$port/motd" || fail "the port does not come back with start"
n kill web >/dev/null || fail "kill"
wait_for 10 is web exited || fail "not killed"
n rm web short >/dev/null || fail "rm"
[ -z "$(n ps -aq)" ] || fail "containers are left: $(n ps -a)"
n rmi "$image" committed:1 >/dev/null || fail "rmi"
[ -z "$(n images -q)" ] || fail "images are left"

no_shims() { ! pgrep -f "containerd-shim-ross-v2 -namespace $NS " >/dev/null; }
wait_for 10 no_shims || fail "a shim is left: $(pgrep -fa "containerd-shim-ross-v2 -namespace $NS ")"
[ -z "$(ls "$CD_DIR/state/io.containerd.runtime.v2.task/$NS" 2>/dev/null)" ] || fail "bundles are left"
! grep "$CD_DIR" /proc/self/mountinfo || fail "mounts are left"
[ -z "$(find /sys/fs/cgroup -maxdepth 3 -path "*/$NS/*" -type d 2>/dev/null)" ] || fail "cgroups are left"
remove_places
[ ! -d "/run/containerd/runc/$NS" ] || fail "the runtime still knows: $(ls "/run/containerd/runc/$NS")"
"$CD_BIN/ctr" -a "$CD_ADDRESS" -n "$NS" images ls -q | xargs -r "$CD_BIN/ctr" -a "$CD_ADDRESS" -n "$NS" images rm --sync >/dev/null
wait_for 20 sh -c "[ -z \"\$(ls $ROSS_ROOT/snapshots)\" ]" || fail "snapshots are left: $(ls "$ROSS_ROOT/snapshots")"
