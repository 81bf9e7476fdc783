#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Pods by crictl, with our snapshotter, our shim and the bridge of CNI, as `ross-cli containerd enable` sets CRI up: three containers
# in one shim, exec, logs, stats, exit codes, a restart of containerd, stop, remove.
# variants: 1.6 1.7 2.1
# limit: 1200s
# bridges, firewall rules and the records of CNI plugins end with these namespaces
[ -n "${CASE_NETNS:-}" ] || exec env CASE_NETNS=1 unshare --net --mount --propagation private bash "$0" "$@"
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/containerd.sh"
. "$(dirname "$0")/../lib/shim.sh"
. "$(dirname "$0")/../lib/go_tools.sh"
need runc python3 skopeo curl ip iptables
[ -x /usr/lib/cni/bridge ] || skip "the CNI plugins are not installed"
need_go_tool crictl
version=$1
NS=k8s.io
ip link set lo up
mkdir -p /var/lib/cni "$WORK/cni"
mount -t tmpfs tmpfs /var/lib/cni
cat >"$WORK/cni/10-pods.conflist" <<J
{"cniVersion":"0.4.0","name":"pods","plugins":[
 {"type":"bridge","bridge":"pods0","isGateway":true,"ipMasq":false,"ipam":{"type":"host-local","subnet":"10.239.7.0/24"}},
 {"type":"portmap","capabilities":{"portMappings":true}}]}
J

# not everybody may lower oom_score_adj (containers in containers)
CD_DIR=$WORK/containerd-$version
mkdir -p "$CD_DIR"
if [ "${version%%.*}" = 1 ]; then
    cat >"$CD_DIR/config.toml" <<T
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  sandbox_image = "docker.io/library/stay:1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$WORK/cni"
T
else
    cat >"$CD_DIR/config.toml" <<T
version = 3
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "docker.io/library/stay:1"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$WORK/cni"
T
fi
CD_ADDRESS=$CD_DIR/c.sock
sed -i "1a root = \"$CD_DIR/root\"\nstate = \"$CD_DIR/state\"\n[grpc]\n  address = \"$CD_ADDRESS\"\n[ttrpc]\n  address = \"$CD_ADDRESS.ttrpc\"" "$CD_DIR/config.toml"
containerd_bin "$version"
ross containerd enable --config "$CD_DIR/config.toml" --containerd "$CD_BIN/containerd" --default-runtime --default-snapshotter >"$WORK/out" || fail "enable"
"$BIN/ross-snapshotter" --root "$ROSS_ROOT" --state "$ROSS_STATE" >>"$WORK/snapshotter.log" 2>&1 &
PIDS+=($!)
wait_for 10 test -S "$ROSS_STATE/snapshotter.sock" || fail "ross-snapshotter does not start: $(tail -3 "$WORK/snapshotter.log")"
launch_containerd
load_demo
demo=$IMAGE
python3 - "$WORK/demo" "$WORK/stay" <<'P'
import hashlib, json, shutil, sys
src, dst = sys.argv[1:]
shutil.copytree(src, dst)
def blob(d): return f"{dst}/blobs/sha256/{d.split(':')[1]}"
def put(v):
    b = json.dumps(v).encode()
    d = "sha256:" + hashlib.sha256(b).hexdigest()
    open(blob(d), "wb").write(b)
    return d, len(b)
index = json.load(open(dst + "/index.json"))
manifest = json.load(open(blob(index["manifests"][0]["digest"])))
config = json.load(open(blob(manifest["config"]["digest"])))
config["config"]["Cmd"] = ["/bin/sleep", "1000000"]
manifest["config"]["digest"], manifest["config"]["size"] = put(config)
index["manifests"][0]["digest"], index["manifests"][0]["size"] = put(manifest)
json.dump(index, open(dst + "/index.json", "w"))
P
skopeo copy -q "oci:$WORK/stay:demo:latest" "oci-archive:$WORK/stay.tar:docker.io/library/stay:1"
c images import --base-name docker.io/library/stay "$WORK/stay.tar" >/dev/null
stay=$(c images ls -q | awk '/stay/ && !seen++')
[ "$stay" = docker.io/library/stay:1 ] || c images tag --force "$stay" docker.io/library/stay:1 >/dev/null
printf 'timeout: 30\n' >"$WORK/crictl.yaml"
crictl() { timeout 60 "$WORK/tools/crictl" --config "$WORK/crictl.yaml" --runtime-endpoint "unix://$CD_ADDRESS" --image-endpoint "unix://$CD_ADDRESS" --timeout 30s "$@"; }
wait_for 20 crictl info || { grep -i cri "$CD_DIR/log" | grep -iE "error|warn|fail" | tail -8 >&2; crictl info 2>&1 | tail -3; fail "CRI does not answer"; }
cat >"$WORK/pod.json" <<J
{"metadata":{"name":"pod","namespace":"default","uid":"pod-$$"},"log_directory":"$WORK/podlogs","port_mappings":[{"host_port":18080,"container_port":8080}],"linux":{}}
J
pod=$(crictl runp --runtime ross "$WORK/pod.json") || fail "runp: $(tail -3 "$CD_DIR/log")"
ids=()
for i in 1 2 3; do
    cat >"$WORK/c$i.json" <<J
{"metadata":{"name":"c$i"},"image":{"image":"$demo"},"command":["sh","-c","echo from c$i; echo error of c$i >&2; trap 'exit 4' TERM; while :; do sleep 0.1; done"],"log_path":"c$i.log","linux":{}}
J
    id=$(crictl create "$pod" "$WORK/c$i.json" "$WORK/pod.json") || fail "create $i"
    crictl start "$id" >/dev/null || fail "start $i"
    ids+=("$id")
done
[ "$(pgrep -fc "containerd-shim-ross-v2 -namespace k8s.io -id $pod ")" = 1 ] || fail "the pod has not one shim of its own"
for id in "${ids[@]}"; do ! pgrep -f "containerd-shim-ross-v2 -namespace k8s.io -id $id " >/dev/null || fail "a container has a shim of its own"; done
[ "$(c containers info "${ids[0]}" | python3 -c 'import json, sys; c = json.load(sys.stdin); print(c["Runtime"]["Name"], c["Snapshotter"])')" = "io.containerd.ross.v2 ross" ] || fail "not our parts: $(c containers info "${ids[0]}" | head -20)"
[ "$(crictl exec -s "${ids[1]}" echo inside)" = inside ] || fail "exec"
[ "$(crictl exec "${ids[1]}" echo streamed)" = streamed ] || fail "exec by the streaming server"
[ "$(echo x | crictl exec -i "${ids[1]}" cat)" = x ] || fail "exec: stdin"
crictl exec -s "${ids[0]}" sh -c 'echo served >/tmp/page; httpd -p 8080 -h /tmp' || fail "a server in the pod"
address=$(crictl inspectp "$pod" | python3 -c 'import json, sys; print(json.load(sys.stdin)["status"]["network"]["ip"])')
[ "$(curl -fs -m 30 "http://$address:8080/page")" = served ] || fail "the pod's address '$address' does not answer"
[ "$(curl -fs -m 30 "http://$(ip -4 -o addr show pods0 | awk '{sub("/.*", "", $4); print $4}'):18080/page")" = served ] || fail "the pod's host port does not answer"
[ "$(crictl exec -s "${ids[2]}" wget -qO- http://127.0.0.1:8080/page)" = served ] || fail "the containers do not share their network"
got=0; crictl exec -s "${ids[1]}" sh -c 'exit 6' >/dev/null 2>"$WORK/err" || got=$?
grep -q 'exited with 6\|exit code 6' "$WORK/err" || [ $got = 6 ] || fail "exec exit code: $got $(cat "$WORK/err")"
wait_for 10 grep -q 'stdout F from c3' "$WORK/podlogs/c3.log" || fail "logs: $(cat "$WORK/podlogs/c3.log")"
crictl logs "${ids[0]}" >"$WORK/1" 2>"$WORK/2"
grep -q 'from c1' "$WORK/1" && grep -q 'error of c1' "$WORK/2" || fail "crictl logs: $(cat "$WORK/1" "$WORK/2")"
crictl stats -o json >"$WORK/stats" && grep -q "${ids[2]}" "$WORK/stats" || fail "stats: $(cat "$WORK/stats")"
kill -9 "$CD_PID"; wait "$CD_PID" 2>/dev/null || true
launch_containerd
wait_for 20 crictl info || { grep -i cri "$CD_DIR/log" | grep -iE "error|warn|fail" | tail -8 >&2; crictl info 2>&1 | tail -3; fail "CRI does not answer"; }
[ "$(crictl ps -q | wc -l)" = 3 ] || fail "containers are lost over a restart: $(crictl ps)"
[ "$(crictl exec -s "${ids[2]}" echo again)" = again ] || fail "exec after a restart"
crictl stop -t 30 "${ids[0]}" >/dev/null || fail "stop"
crictl inspect "${ids[0]}" >"$WORK/inspect"
python3 -c 'import json,sys; s=json.load(open(sys.argv[1]))["status"]; sys.exit(0 if s["exitCode"] == 4 and s["state"] == "CONTAINER_EXITED" else str(s))' "$WORK/inspect" || fail "exit code after stop"
crictl rm "${ids[0]}" >/dev/null || fail "rm"
[ "$(crictl ps -aq | wc -l)" = 2 ] || fail "rm: $(crictl ps -a)"
crictl stopp "$pod" >/dev/null || fail "stopp"
wait_for 10 sh -c "[ -z \"\$(ls /var/lib/cni/networks/pods | grep '^10')\" ]" || fail "the pod's address is not given back: $(ls /var/lib/cni/networks/pods)"
crictl rmp "$pod" >/dev/null || fail "rmp"
[ -z "$(crictl pods -q)" ] || fail "a pod is left"
assert_nothing_left
crictl rmi -a >/dev/null 2>&1 || fail "rmi"
c images ls -q | while read -r image; do c images rm --sync "$image" >/dev/null; done
wait_for 20 sh -c "[ -z \"\$(ls $ROSS_ROOT/snapshots)\" ]" || fail "snapshots are left: $(c snapshots --snapshotter ross ls)"
