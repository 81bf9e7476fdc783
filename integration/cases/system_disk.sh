#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# system df adds up to du, and knows what is shared; image prune and system prune remove what nobody needs, and say why beforehand.
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/layout.sh"
need skopeo jq umoci

# three images: demo; child, which has demo's layer and one more; alone, of another layer
demo_layout
ross load -q --input "$WORK/demo" >/dev/null
cp -a "$WORK/demo" "$WORK/child"
sed -i 's/demo:latest/demo/' "$WORK/child/index.json"
mkdir -p "$WORK/tree/extra"
dd if=/dev/urandom of="$WORK/tree/extra/data" bs=1M count=3 status=none
umoci insert --image "$WORK/child:demo" --tag child "$WORK/tree/extra" /extra
skopeo copy -q "oci:$WORK/child:child" "oci-archive:$WORK/child.tar:x/child:1"
ross load -q --input "$WORK/child.tar" >/dev/null
umoci init --layout "$WORK/alone"
umoci new --image "$WORK/alone:alone"
mkdir "$WORK/tree/other"
dd if=/dev/urandom of="$WORK/tree/other/data" bs=1M count=2 status=none
umoci insert --image "$WORK/alone:alone" "$WORK/tree/other" /other
skopeo copy -q "oci:$WORK/alone:alone" "oci-archive:$WORK/alone.tar:x/alone:1"
ross load -q --input "$WORK/alone.tar" >/dev/null

bytes_of() { ross system df --format json | jq ".[] | select(.type == \"$1\") | .$2"; }
# the databases are written to now and then: a few attempts
adds_up() {
    local df sum
    df=$(ross system df --format json)
    sum=$(jq '[.[] | select(.type != "Total") | .size] | add' <<<"$df")
    [ "$sum" = "$(jq '.[] | select(.type == "Total") | .size' <<<"$df")" ] || fail "the rows do not add up: $df"
    [ "$sum" = "$(du -sx --block-size=1 "$ROSS_ROOT" | cut -f1)" ]
}

# --- df
wait_for 10 adds_up || fail "not what du says: $(ross system df) $(du -sx --block-size=1 "$ROSS_ROOT")"
df=$(ross system df -v --format json)
expect "3 0" jq -r '.[0].summary[] | select(.type == "Images") | "\(.total) \(.active)"' <<<"$df"
image() { jq ".[0].images[] | select(.repository == \"$1\") | $2" <<<"$df"; }
[ "$(image demo .unique)" -lt 20000 ] || fail "all but config and manifest of demo is shared: $df"
[ "$(image demo .shared)" = "$(image x/child .shared)" ] || fail "demo and child share the same: $df"
[ "$(image x/child .unique)" -gt 6000000 ] || fail "child has a layer of its own: $df"
[ "$(image x/alone '.size == .unique')" = true ] || fail "alone shares nothing: $df"
rest=$(jq '.[0].summary[] | select(.type == "Databases, directories") | .size' <<<"$df")
[ "$rest" -ge 0 ] && [ "$rest" -lt 12000000 ] || fail "what is neither image nor container takes $rest bytes: $df"
ross system df | finds '^Total' || fail "df: $(ross system df)"
ross system df -v | finds '^x/alone' || fail "df -v: $(ross system df -v)"

# --- a container that has ended and one that runs
ross run -d --name runs demo sleep 1000 >/dev/null
ross run --name ended x/child:1 dd if=/dev/zero of=/big bs=1M count=5 2>/dev/null
wait_for 10 adds_up || fail "not what du says: $(ross system df) $(du -sx --block-size=1 "$ROSS_ROOT")"
[ "$(bytes_of Containers reclaimable)" -gt 5000000 ] || fail "a file in a container counts: $(ross system df -v)"
expect "2 1" bash -c "'$BIN/ross-cli' system df --format json | jq -r '.[] | select(.type == \"Containers\") | \"\(.total) \(.active)\"'"
expect "2" bash -c "'$BIN/ross-cli' system df --format json | jq -r '.[] | select(.type == \"Images\") | .active'"

# --- what would go, and why
ross system prune -a --dry-run >"$WORK/plan"
said() { grep -qE -- "$1" "$WORK/plan" || fail "'$1' is not in: $(cat "$WORK/plan")"; }
said '^keep container [0-9a-f]{12} runs: it runs$'
said '^remove container [0-9a-f]{12} ended: it does not run$'
said '^keep image docker.io/library/demo:latest: a container was made of it$'
said '^remove image docker.io/x/child:1: no container uses it$'
said '^remove image docker.io/x/alone:1: no container uses it$'
said '^reclaimable: [0-9.]+MB$'
ross image prune --dry-run >"$WORK/plan"
said '^keep docker.io/x/alone:1: it has a name'
[ "$(ross images -q | wc -l)" = 3 ] && [ "$(ross ps -aq | wc -l)" = 2 ] || fail "a dry run changes something"

# --- volumes: without a name and without a container they go when asked for
ross run --rm -v kept:/v demo sh -c 'head -c 500000 /dev/urandom >/v/f'
ross run --name scratch -v /v demo sh -c 'head -c 700000 /dev/urandom >/v/f'
[ "$(bytes_of Volumes size)" -gt 1200000 ] || fail "volumes: $(ross system df -v)"
[ "$(bytes_of Volumes total)" = 2 ] && [ "$(bytes_of Volumes active)" = 1 ] || fail "volumes: $(ross system df -v)"
ross system prune --volumes --dry-run >"$WORK/plan"
said '^keep volume kept: it has a name$'
said '^remove volume [0-9a-f]{64}: no container has it, and it has no name$'
wait_for 10 adds_up || fail "not what du says: $(ross system df) $(du -sx --block-size=1 "$ROSS_ROOT")"
ross system prune -f --volumes --filter label=nothing >"$WORK/plan"
[ "$(bytes_of Volumes total)" = 2 ] || fail "a volume of a container that stays is gone"
ross rm scratch >/dev/null

# --- asked, and not answered with yes
expect_fail 125 "nobody said yes" ross image prune -a
[ "$(ross images -q | wc -l)" = 3 ] || fail "pruned without a yes"
no() { echo n | ross system prune -a; }
expect_fail 125 "nothing was removed" no
expect_fail 125 "is no filter of this command" ross image prune -f --filter dangling=true
expect_fail 125 "is no time" ross image prune -f --filter until=sometime

# --- images: by filter, without a name, all
ross image prune -af --filter label=nobody.has=this >"$WORK/out"
expect "reclaimed: 0B" cat "$WORK/out"
ross image prune -f >"$WORK/out"
expect "reclaimed: 0B" cat "$WORK/out"
echo yes | ross image prune -a >"$WORK/out" 2>"$WORK/err"
grep -qx 'removed docker.io/x/alone:1' "$WORK/out" || fail "image prune -a: $(cat "$WORK/out")"
[ "$(ross images -q | wc -l)" = 2 ] || fail "image prune -a takes only what no container was made of: $(ross images)"

# --- leftovers: a blob that nobody refers to, an interrupted write
before=$(bytes_of Leftovers total)
head -c 1000000 /dev/urandom >"$WORK/blob"
if command -v ctr >/dev/null; then
    ctr --address "$ROSS_STATE/contentd.sock" -n default content ingest lost <"$WORK/blob"
    [ "$(bytes_of Leftovers total)" -gt "$before" ] || fail "a lost blob is no leftover: $(ross system df -v)"
    wait_for 10 adds_up || fail "not what du says: $(ross system df)"
fi

# --- all of it
ross system prune -af --volumes >"$WORK/plan"
said '^removed volume [0-9a-f]{64}$'
said '^removed container [0-9a-f]{12} ended$'
said '^removed image docker.io/x/child:1$'
said '^reclaimed: [0-9.]+MB$'
expect "docker.io/library/demo:latest" ross images --format '{{.name}}'
expect runs ross ps -a --format '{{.name}}'
expect 0 bash -c "'$BIN/ross-cli' system df -v --format json | jq '.[0].leftovers | length'"
ross system prune -a --dry-run >"$WORK/plan"
[ "$(grep -c '^remove' "$WORK/plan")" = 0 ] || fail "something is left to go: $(cat "$WORK/plan")"
ross rm -f runs >/dev/null
ross system prune -af >/dev/null
[ "$(ross images -q | wc -l)" = 0 ] || fail "images are left: $(ross images)"
[ -z "$(find "$ROSS_ROOT/content/blobs" -type f)" ] || fail "blobs are left"
[ "$(bytes_of Leftovers total)" = 0 ] || fail "something is left: $(ross system df -v)"
no_snapshots() { [ -z "$(find "$ROSS_ROOT/snapshots" -mindepth 1 -type d)" ]; }
wait_for 10 no_snapshots || fail "snapshots are left: $(find "$ROSS_ROOT/snapshots" -maxdepth 2)"
wait_for 10 adds_up || fail "not what du says: $(ross system df) $(du -sx --block-size=1 "$ROSS_ROOT")"

# --- rmi frees what it can at once, and what a killed command held goes with the next prune
ross load -q --input "$WORK/alone.tar" >/dev/null
ross rmi x/alone:1 >/dev/null
wait_for 10 no_snapshots || fail "rmi leaves snapshots: $(find "$ROSS_ROOT/snapshots" -maxdepth 2)"
if command -v ctr >/dev/null; then
    ctr() { command ctr --address "$ROSS_STATE/contentd.sock" -n default "$@"; }
    sleep 0 &
    wait $!
    ctr leases create --id lost "ross/owner=$(cat /proc/sys/kernel/random/boot_id) $(readlink /proc/self/ns/pid) $! 1" >/dev/null
    ctr leases create --id held "ross/owner=$(cat /proc/sys/kernel/random/boot_id) $(readlink /proc/self/ns/pid) $$ $(awk '{print $22}' /proc/$$/stat)" >/dev/null
    ctr leases create --id others -x 0 >/dev/null
    ctr leases create --id later >/dev/null
    ross system prune --dry-run >"$WORK/plan"
    said '^remove lease lost: the process that made it has ended$'
    said '^keep lease held: the process that made it may still run$'
    said '^keep lease others: whoever made it has to delete it$'
    said '^keep lease later: it is wanted until 20[0-9TZ:.+-]*$'
    expect 4 bash -c "grep -c ' lease ' '$WORK/plan'"
    expect 4 bash -c "ctr --address '$ROSS_STATE/contentd.sock' -n default leases ls -q | wc -l"
    ctr leases rm others later >/dev/null
    ross system prune -f >/dev/null
    expect held ctr leases ls -q
    ctr leases rm held >/dev/null
fi
assert_clean
