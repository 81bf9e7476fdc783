#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The README is right: its first session is typed again, line by line, and says what it says there; what its table names are commands and
# options that exist, and the commands are all named; so are those of the other pages.
if [ -z "${README_NET:-}" ]; then
    # a network of its own: the session takes port 8080, and its bridge and rules end with it
    [ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
    README_NET=1 exec unshare --net bash "$0" "$@"
fi
. "$(dirname "$0")/../lib/common.sh"
need iptables-save ip curl python3
[ -x /usr/lib/cni/bridge ] || [ -x /opt/cni/bin/bridge ] || skip "the package containernetworking-plugins is not installed"
unset ROSS_NETWORK
ip link set lo up
PROJECT=$HERE/..
export PATH=$BIN:$PATH
demo_layout
ross load -q --input "$WORK/demo" >/dev/null
trap 'status=$?; set +e; trap - ERR; for c in $(ross ps -aq 2>/dev/null); do ross rm -f "$c" >/dev/null 2>&1; done; (exit $status); cleanup' EXIT

# --- the session: cmd.N and want.N
mkdir "$WORK/session"
python3 - "$PROJECT/README.md" "$WORK/session" <<'P'
import sys
section = open(sys.argv[1]).read().split("\n## A first session\n")[1].split("\n## ")[0]
n, more = 0, False
for line in section.split("\n"):
    if not line.startswith("    "):
        continue
    line = line[4:]
    if line.startswith("# ") or more:
        n += not more
        more = line.endswith("\\")
        open(f"{sys.argv[2]}/cmd.{n}", "a").write(line.removeprefix("# ") + "\n")
        open(f"{sys.argv[2]}/want.{n}", "a")
    else:
        open(f"{sys.argv[2]}/want.{n}", "a").write(line + "\n")
P
# what differs from day to day: ids, ages, numbers and their units, the width of columns
same_every_day() { sed -E -e 's/\b[0-9a-f]{12}([0-9a-f]{52}|…)?/ID/g' -e 's/(second|minute)s?/second/g' -e 's/less than a second/1 second/gI' -e 's/[0-9]+(\.[0-9]+)?( ?[kMGT]?B)?/N/g' -e 's/ +/ /g' -e 's/^ | $//g'; }
[ "$(ls "$WORK/session" | grep -c cmd)" -ge 7 ] || fail "the README has no session: $(ls "$WORK/session")"
for n in $(seq "$(ls "$WORK/session" | grep -c cmd)"); do
    cmd=$(cat "$WORK/session/cmd.$n")
    # what a person does not do: ask the server before it listens
    case $cmd in curl*) wait_for 20 bash -c "$cmd" || fail "$cmd" ;; esac
    bash -c "$cmd" >"$WORK/out" 2>"$WORK/err" </dev/null || fail "'$cmd': $(cat "$WORK/err")"
    same_every_day <"$WORK/out" >"$WORK/got"
    same_every_day <"$WORK/session/want.$n" | diff - "$WORK/got" || fail "'$cmd' says something else than in the README: $(cat "$WORK/out")"
done
[ -z "$(ross ps -aq)" ] || fail "the session leaves a container"

# --- the table: `run create …` of the rows about containers and images are commands, and what is said to be there is
row() { grep -E "^\| $1 \|" "$PROJECT/README.md" | cut -d'|' -f"$2"; }
help_of() { ross "$@" --help >"$WORK/help" 2>&1 || fail "the README names '$*', which is no command"; }
for word in $(row containers 3) $(row images 3); do ross "image" "$word" --help >/dev/null 2>&1 || help_of "$word"; done
for command in "image tags" "image referrers" "container reap" "network create" "system df" "system prune" health check; do
    grep -qF -- "$command" "$PROJECT/README.md" || fail "the README does not name '$command'"
    # shellcheck disable=SC2086
    help_of $command
done
help_of run
for option in --userns $(row 'options of `run`' 4 | grep -oE -- '--[a-z-]+') -it; do
    case $option in -it) ;; *) grep -q -- "$option " "$WORK/help" || fail "run has no option $option" ;; esac
done
ross network create --help | finds -- --plugins || fail "network create --plugins"
ross system prune --help | finds -- --dry-run || fail "system prune --dry-run"
ross check --help | finds -- --repair || fail "check --repair"
for word in build compose pod checkpoint; do ! ross "$word" --help >/dev/null 2>&1 || fail "the README says that there is no $word"; done
# and the other way round: every command of ross-cli that docker, podman and nerdctl have too is named
for word in $(ross help | sed -n 's/^  \([a-z]*\)  .*/\1/p'); do
    case $word in help | version | completion | docs) continue ;; esac
    grep -qwF -- "$word" "$PROJECT/README.md" || fail "the README does not name the command $word"
done

# --- every page: whatever follows ross-cli in a line of code is a command, with the options that it has
sed -n -e 's/^    \(# \)*\(ross-cli .*\)/\2/p' "$PROJECT"/docs/*.md "$PROJECT"/docs/man/*.md "$PROJECT"/README.md >"$WORK/lines"
grep -ohE '`ross-cli [a-z][^`]*`' "$PROJECT"/docs/*.md "$PROJECT"/docs/internals/*.md "$PROJECT"/docs/man/*.md "$PROJECT"/README.md | tr -d '`' >>"$WORK/lines"
[ "$(wc -l <"$WORK/lines")" -ge 15 ] || fail "the pages name no commands: $(cat "$WORK/lines")"
while read -r line; do
    read -r -a words <<<"${line%%#*}"
    first=("${words[1]}")
    [[ ${words[1]} =~ ^[a-z]+$ ]] || continue
    # two words when that is a command
    if [[ ${words[2]:-} =~ ^[a-z]+$ ]] && ross "${words[1]}" "${words[2]}" --help >"$WORK/help" 2>&1; then
        first+=("${words[2]}")
    else
        help_of "${words[1]}"
    fi
    for word in "${words[@]:${#first[@]}+1}"; do
        case $word in
        -- | demo | IMAGE) break ;;
        --[a-z]*) word=${word%%[=\]]*}; grep -qE -- "(^| )$word( |\$)" "$WORK/help" || fail "'$line': ${first[*]} has no $word" ;;
        esac
    done
done <"$WORK/lines"
assert_clean
