#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every verb with wrong values, unknown names, ambiguous prefixes, missing files and conflicts: one sentence, 125 or 2, and
# nothing has changed. Secrets are in no error, command line or file that others can read.
. "$(dirname "$0")/../lib/common.sh"
need jq
demo_layout
ross load -q --input "$WORK/demo" >/dev/null
cd "$WORK"
ross run -d --name here -e PASSWORD=hunter2 demo sh -c 'trap "exit 0" TERM; while :; do sleep 0.1; done' >/dev/null
ross create --name other demo true >/dev/null
# two ids that begin alike: 17 containers are sure to have them
for i in $(seq 17); do ross create --name "c$i" demo true >/dev/null; done
twice=$(ross ps -aq | cut -c1 | sort | uniq -d | head -1)
[ -n "$twice" ] || fail "no two ids begin alike"
printf '=x\n' >bad.env
printf 'not json' >bad.json
echo '{}' >taken.cid

everything() {
    ross ps -a --format json | jq -S 'map(del(.status))'
    ross images --format json | jq -S .
    find "$ROSS_ROOT/containers" "$ROSS_ROOT/snapshots" -maxdepth 3 \( -path '*/snapshots/*/fs' -o -path '*/snapshots/*/work' \) -prune -o -print | sort
    ls "$WORK" "$ROSS_STATE/tasks/default"
}
everything >"$WORK.before" # beside the folder that it lists
trap 'status=$?; rm -f "$WORK.before" "$WORK.after"; (exit $status); cleanup' EXIT

rows=0
# CODE | what the sentence must have | command line
while IFS='|' read -r code text words; do
    [ -n "$code" ] || continue
    eval "args=($words)"
    expect_fail "$code" "$text" ross "${args[@]}" </dev/null
    ! grep -q hunter2 "$WORK/err" || fail "a secret in: $(cat "$WORK/err")"
    rm -f "$WORK/out" "$WORK/err"
    rows=$((rows + 1))
done <<R
2|argument is missing|run
2|--no-such|run --no-such demo
2|--memory|run --memory lots demo
2|--pids-limit|run --pids-limit many demo
2|--shm-size|run --shm-size x demo
2|unknown command|explode
125|Upper/Case|run Upper/Case
125|is no container name|run --name "a b" demo
125|in use|run --name here demo
125|in use|create --name here demo
125|is not|run -v a:b:c:d demo
125|/no/such|run -v /no/such:/x demo
125|unknown option|run -v /tmp:/x:sideways demo
125|unknown word|run --mount type=bind,colour=blue demo
125|needs|run --mount type=bind,src=/tmp demo
125|--tmpfs|run --tmpfs relative demo
125|bad.env|run --env-file bad.env demo
125|--env-file|run --env-file /no/such demo
125|--workdir|exec -w relative here true
125|nosuchuser|run -u nosuchuser demo
125|nosuchgroup|run --group-add nosuchgroup demo
125|nosuchuser|exec -u nosuchuser here true
125|capability|run --cap-add NONSENSE demo
125|--security-opt|run --security-opt colour=blue demo
125|seccomp|run --security-opt seccomp=/no/such demo
125|seccomp|run --security-opt seccomp=bad.json demo
125|/no/such|run --device /no/such demo
125|is no device|run --device /etc/passwd demo
125|not made of r, w and m|run --device /dev/null:/dev/x:q demo
125|ulimit|run --ulimit nofile=x demo
125|--sysctl|run --sysctl novalue demo
125|--pid|run --pid somewhere demo
125|--ipc|run --ipc somewhere demo
125|--uts|run --uts somewhere demo
125|--network|run --network no-such-network demo
125|memory must be at least|run --memory 1k demo
125|--cpus|run --cpus many demo
125|--stop-signal|run --stop-signal NONSENSE demo
125|--stop-timeout|run --stop-timeout soon demo
125|--restart|run -d --restart sometimes demo
125|needs -d|run --restart always demo
125|cannot both be|run -d --rm --restart always demo
125|--log-opt|run -d --log-opt colour=blue demo
125|--pull|run --pull sometimes demo
125|platform|run --platform a/b/c/d demo
125|taken.cid|run --cidfile taken.cid demo
125|no-such-runtime|run --runtime no-such-runtime demo
125|--label|run -l =x demo
125|--annotation|run --annotation x demo
125|needs a terminal|run -it demo
125|there is no image|run --pull never nobody
125|means nothing here|create -d demo
127|no-such-command|run --rm -e PASSWORD=hunter2 demo no-such-command
126|ermission denied|run --rm demo /etc/passwd
125|no container has the name|start nobody
125|no container has the name|stop nobody
125|no container has the name|restart nobody
125|no container has the name|kill nobody
125|no container has the name|wait nobody
125|no container has the name|pause nobody
125|no container has the name|unpause nobody
125|no container has the name|logs nobody
125|no container has the name|exec nobody true
125|no container has the name|attach nobody
125|no container has the name|rm nobody
125|no container has the name|top nobody
125|no container has the name|stats --no-stream nobody
125|no container has the name|diff nobody
125|no container has the name|export nobody
125|no container has the name|commit nobody x
125|no container has the name|update --memory 64m nobody
125|no container has the name|rename nobody x
125|no container has the name|port nobody
125|no container has the name|cp nobody:/x .
125|no container and no image|inspect nobody
125|have ids that begin with|stop $twice
125|have ids that begin with|rm $twice
125|have ids that begin with|exec $twice true
125|have ids that begin with|cp $twice:/x .
125|have ids that begin with|rename $twice x
125|empty word|stop ""
125|is no signal|kill -s NONSENSE here
2|stop|stop -t soon here
2|restart|restart -t soon here
125|does not run|kill other
125|does not run|exec other true
125|does not run|pause other
125|does not run|attach other
125|does not run|top other
125|stop it first|rm here
125|runs already|start -a here
125|only one container|start -a here other
125|nobody who could write|exec -di here cat
125|needs a terminal|exec -it here sh
127|no-such-command|exec here no-such-command
125|--tail|logs --tail some here
125|--since|events --since yesterday
125|--filter|events -f colour=red
125|status='gone'|ps -f status=gone
125|exited=|ps -f exited=x
125|unknown format|ps --format xml
125|no field|ps -a --format '{{.nothing}}'
125|closing|inspect -f '{{.Id' here
125|no field|inspect -f '{{.Nothing}}' here
125|--type|inspect --type table here
125|nothing to change|update here
125|memory must be at least|update --memory 1k here
125|--restart|update --restart sometimes here
125|in use|rename here other
125|is no container name|rename here 'a b'
125|has that name already|rename here here
125|--change|commit -c 'RUN x' other x
125|Upper|commit other Upper/Case
125|does not exist in the container|cp here:/nosuch .
125|does not exist on this machine|cp /nosuch here:/
125|no directory|cp bad.env here:/nodir/
125|between containers|cp here:/x other:/y
125|CONTAINER:PATH|cp a b
125|nodir|export -o /nodir/x other
125|--detach-keys|attach --detach-keys ctrl-1 here
R
[ $rows -gt 110 ] || fail "only $rows rows were read"
everything >"$WORK.after"
diff "$WORK.before" "$WORK.after" || fail "something has changed"

# nobody else can read what a container was told
! find "$ROSS_ROOT" "$ROSS_STATE" -type f -perm /044 -print0 | xargs -0r grep -l hunter2 2>/dev/null | while read -r f; do
    # a directory on the way that only root enters keeps others out as well
    su -s /bin/sh nobody -c "cat '$f'" >/dev/null 2>&1 && echo "$f"
done | grep . || fail "others can read a secret"
! grep -rsl hunter2 "$ROSS_ROOT/events" "$ROSS_STATE"/*.log || fail "a secret in events or logs"
for pid in $(pgrep -x 'ross-cli|containerd-shim|ross-contentd|ross-snapshot|runc|crun'); do
    ! tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep hunter2 || fail "a secret on a command line"
done
ross rm -f $(ross ps -aq) >/dev/null
assert_clean
