#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A pod of three containers by crictl: one shim, exec, logs, stats, exit codes, stop, remove; and again over a restart of
# containerd.
# variants: 1.6 1.7 2.1
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/containerd.sh"
. "$(dirname "$0")/../lib/shim.sh"
export PATH=$PATH:$(go env GOPATH 2>/dev/null || echo /root/go)/bin
need runc python3 crictl skopeo
version=$1
NS=k8s.io
case $version in 2.*) cri='io.containerd.cri.v1.runtime' images='io.containerd.cri.v1.images' config=3 ;; *) cri='io.containerd.grpc.v1.cri' images=$cri config=2 ;; esac
# not everybody may lower oom_score_adj (containers in containers)
cat >"$WORK/cri.toml" <<T
[plugins."$cri"]
  restrict_oom_score_adj = true
[plugins."$cri".containerd]
  default_runtime_name = "ross"
[plugins."$cri".containerd.runtimes.ross]
  runtime_type = "io.containerd.ross.v2"
T
# the sandbox's image is the demo image too, with a command that stays
if [ "$config" = 3 ]; then
    printf '[plugins."%s".pinned_images]\n  sandbox = "docker.io/library/stay:1"\n' "$images" >>"$WORK/cri.toml"
else
    sed -i 's|^  restrict_oom|  sandbox_image = "docker.io/library/stay:1"\n&|' "$WORK/cri.toml"
fi
start_containerd_config() { sed -i "1s/.*/version = $config/" "$CD_DIR/config.toml"; kill "$CD_PID"; wait "$CD_PID" 2>/dev/null || true; launch_containerd; }
start_containerd "$version" "$WORK/cri.toml"
[ "$config" = 2 ] || start_containerd_config
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
crictl() { timeout 60 "$(type -P crictl)" --runtime-endpoint "unix://$CD_ADDRESS" --image-endpoint "unix://$CD_ADDRESS" --timeout 30s "$@"; }
wait_for 20 crictl info || { grep -i cri "$CD_DIR/log" | grep -iE "error|warn|fail" | tail -8 >&2; crictl info 2>&1 | tail -3; fail "CRI does not answer"; }
cat >"$WORK/pod.json" <<J
{"metadata":{"name":"pod","namespace":"default","uid":"pod-$$"},"log_directory":"$WORK/podlogs","linux":{"security_context":{"namespace_options":{"network":2}}}}
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
[ "$(crictl exec -s "${ids[1]}" echo inside)" = inside ] || fail "exec"
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
crictl stop -t 10 "${ids[0]}" >/dev/null || fail "stop"
crictl inspect "${ids[0]}" >"$WORK/inspect"
python3 -c 'import json,sys; s=json.load(open(sys.argv[1]))["status"]; sys.exit(0 if s["exitCode"] == 4 and s["state"] == "CONTAINER_EXITED" else str(s))' "$WORK/inspect" || fail "exit code after stop"
crictl stopp "$pod" >/dev/null || fail "stopp"
crictl rmp "$pod" >/dev/null || fail "rmp"
assert_nothing_left
