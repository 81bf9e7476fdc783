#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Looking at containers and changing what is recorded of them: inspect, top, stats, rename, update.
. "$(dirname "$0")/../lib/common.sh"
need jq ps
demo_layout
ross load -q --input "$WORK/demo" >/dev/null
mkdir "$WORK/data"
id=$(ross run -d --name look -e COLOUR=blue -l team=red -v "$WORK/data:/data:ro" -v vol:/vol --memory 64m --cpus 0.5 --pids-limit 50 --stop-timeout 3 \
    --hostname looker -w /tmp demo sh -c 'echo up; trap "exit 4" TERM; while :; do sleep 0.1; done')

# inspect: docker's shape
ross inspect look >"$WORK/i.json"
field() { expect "$2" jq -r ".[0] | $1" "$WORK/i.json"; }
field .Id "$id"
field .Name /look
field .State.Status running
field .State.Running true
field .State.ExitCode 0
field '.State.Pid > 1' true
field .Path sh
field '.Args | length' 2
field '.Config.Env | index("COLOUR=blue") != null' true
field .Config.Labels.team red
field '.Config.Labels | keys | length' 1
field .Config.Hostname looker
field .Config.WorkingDir /tmp
field .Config.StopTimeout 3
field .HostConfig.Memory 67108864
field .HostConfig.NanoCpus 500000000
field .HostConfig.PidsLimit 50
field .HostConfig.RestartPolicy.Name no
field .HostConfig.AutoRemove false
field '.Mounts[] | select(.Destination == "/data") | "\(.Type) \(.Source) \(.RW)"' "bind $WORK/data false"
field '.Mounts[] | select(.Destination == "/vol") | "\(.Type) \(.Name) \(.RW)"' "volume vol true"
field '.Mounts | length' 2
field '.GraphDriver.Data.UpperDir | test("snapshots")' true
pid=$(ross inspect -f '{{.State.Pid}}' look)
grep -q "$id" "/proc/$pid/cgroup" || fail "the pid of inspect is another's"
expect "/look running" ross inspect --format '{{.Name}} {{.State.Status}}' "${id:0:12}"
expect "/data /vol " ross inspect -f '{{range .Mounts}}{{.Destination}} {{end}}' look
[ "$(ross inspect -s -f '{{.SizeRootFs}}' look)" -gt 100000 ] || fail "SizeRootFs"
expect 2 bash -c "$BIN/ross-cli inspect look '$id' | jq length"
[ "$(ross inspect --format json look | wc -l)" = 1 ] || fail "--format json is one line"
ross inspect demo >"$WORK/i.json"
field '.RepoTags[0]' demo:latest
field '.RootFS.Layers | length' 1
field .Os linux
expect 0 bash -c "$BIN/ross-cli inspect nobody look 2>/dev/null | jq 'length - 1'"
expect_fail 125 "no container and no image is called 'nobody'" ross inspect nobody
expect_fail 125 "no container has the name" ross inspect --type container demo
expect_fail 125 "no image" ross inspect --type image look
expect_fail 125 "--type" ross inspect --type table look
expect_fail 125 "no field 'Nothing'" ross inspect -f '{{.Nothing}}' look
expect_fail 125 "closing" ross inspect -f '{{.Id' look

# top
ross top look >"$WORK/top"
grep -q '^UID.*CMD' "$WORK/top" && grep -q "trap .exit 4." "$WORK/top" || fail "top: $(cat "$WORK/top")"
! grep -q "$$ " "$WORK/top" || fail "top shows processes of this machine"
ross top look -eo user,pid,args >"$WORK/top" && grep -q '^USER' "$WORK/top" && grep -q sleep "$WORK/top" || fail "top with options"
expect_fail 125 "PID" ross top look -eo user
expect_fail 125 "ps does not take" ross top look --no-such-option

# stats
ross run -d --name busy --network host demo sh -c 'while :; do :; done' >/dev/null
ross stats --no-stream --format json >"$WORK/s.json"
expect "busy look" jq -r '[.[].name] | sort | join(" ")' "$WORK/s.json"
looks_busy() { # others may want the processors just now
    ross stats --no-stream --format json >"$WORK/s.json"
    jq -e '.[] | select(.name == "busy") | (.cpuNs > 100000000) and (.cpu | rtrimstr("%") | tonumber > 0) and .pids == 1' "$WORK/s.json"
}
wait_for 60 looks_busy || fail "stats of busy: $(cat "$WORK/s.json")"
jq -e '.[] | select(.name == "look") | .memoryLimitBytes == 67108864 and .memoryBytes > 0 and .pids >= 1' "$WORK/s.json" >/dev/null || fail "stats of look: $(cat "$WORK/s.json")"
expect look ross stats --no-stream --format '{{.name}}' look
ross stats --no-stream --format '{{.Name}} {{.ID}} {{.CPUPerc}} {{.MemUsage}} {{.MemPerc}} {{.NetIO}} {{.BlockIO}} {{.PIDs}}' look |
    finds -E '^look [0-9a-f]{12} [0-9.]+% .+B / 67.1MB [0-9.]+% .+ / .+ .+ / .+ [0-9]+$' || fail "stats by docker's names"
ross stats --no-stream | finds 'CPU %' || fail "stats as a table"
ross rm -f busy >/dev/null
expect_fail 125 "no container has the name" ross stats --no-stream nobody

# update: at once, and kept for the next start
expect look ross update --memory 96m --pids-limit 70 --cpus 0.25 look
expect 100663296 ross inspect -f '{{.HostConfig.Memory}}' look
limit() { ross stats --no-stream --format '{{.memoryLimitBytes}}' look; }
expect 100663296 limit
expect 250000000 ross inspect -f '{{.HostConfig.NanoCpus}}' look
ross restart -t 1 look >/dev/null
expect 100663296 limit
expect look ross update --restart on-failure:3 look
expect "on-failure 3" ross inspect -f '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}' look
expect look ross update --restart no look
expect_fail 125 "nothing to change" ross update look
expect_fail 125 "--restart" ross update --restart sometimes look
expect_fail 125 "memory must be at least" ross update --memory 1k look
expect_fail 2 "--memory" ross update --memory lots look
expect_fail 125 "--cpus" ross update --cpus none look
expect 100663296 limit

# rename
expect "" ross rename look seen
expect /seen ross inspect -f '{{.Name}}' "$id"
expect_fail 125 "no container has the name" ross stop look
ross create --name look demo true >/dev/null && ross rm look >/dev/null || fail "the old name is not free"
ross create --name other demo true >/dev/null
expect_fail 125 "in use" ross rename seen other
expect_fail 125 "is no container name" ross rename seen 'a b'
expect_fail 125 "has that name already" ross rename seen seen
expect_fail 125 "no container has the name" ross rename nobody new
expect_fail 2 "argument is missing" ross rename seen
expect /seen ross inspect -f '{{.Name}}' seen
ross create --name new demo true >/dev/null # the names that failed are free
expect_fail 125 "in use" ross create --name seen demo true
ross stop -t 60 seen >/dev/null
expect 4 ross inspect -f '{{.State.ExitCode}}' seen
expect exited ross inspect -f '{{.State.Status}}' seen
expect created ross inspect -f '{{.State.Status}}' other
expect 0 ross inspect -f '{{.State.Pid}}' seen
expect_fail 125 "does not run" ross top seen
ross rm seen other new >/dev/null
assert_clean
