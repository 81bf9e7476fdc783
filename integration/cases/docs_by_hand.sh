#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docs/containerd.md, "By hand": the blocks of that page, put into a configuration as they stand there, are understood by containerd, name what
# `enable` writes, and work: content store, snapshotter, differ and shim at once.
# variants: 1.6 1.7 2.1
. "$(dirname "$0")/../lib/common.sh"
. "$(dirname "$0")/../lib/containerd.sh"
need skopeo runc python3
version=$1
containerd_bin "$version"
CD_DIR=$WORK/containerd
CD_ADDRESS=$CD_DIR/c.sock
mkdir -p "$CD_DIR"
start_registry
push_demo demo:1

# the blocks of the section, each in a file of its own; our places instead of the usual ones
python3 - "$HERE/../docs/containerd.md" "$WORK" <<'P'
import sys
section = open(sys.argv[1]).read().split("\n## By hand\n")[1]
blocks, now = [], []
for line in section.split("\n"):
    if line.startswith("    "):
        now.append(line[4:])
    elif now:
        blocks.append("\n".join(now) + "\n")
        now = []
if now:
    blocks.append("\n".join(now) + "\n")
names = {"[proxy_plugins.ross]": "snapshotter", "  platform": "more", "[proxy_plugins.ross-diff]": "differ", "[plugins.\"io.containerd.service": "order",
         "[[plugins": "transfer", "disabled_plugins": "content", "[plugins.\"io.containerd.grpc.v1.cri": "cri2", "[plugins.\"io.containerd.cri.v1": "cri3"}
for b in blocks:
    name = next(n for start, n in names.items() if b.startswith(start))
    with open(f"{sys.argv[2]}/block.{name}", "a") as f:
        f.write(b)
P
for b in snapshotter more differ order transfer content cri2 cri3; do [ -s "$WORK/block.$b" ] || fail "the page has no block '$b'"; done
arch=$(dpkg --print-architecture)
sed -i -e "s|/run/ross/|$ROSS_STATE/|" -e "s|/var/lib/ross/|$ROSS_ROOT/|" -e "s|linux/amd64|linux/$arch|" "$WORK"/block.*

case $version in
1.6) number=2 blocks="snapshotter cri2" ;;
1.7) number=2 blocks="snapshotter more differ order cri2" ;;
*) number=3 blocks="snapshotter more differ order transfer cri3" ;;
esac
{
    printf 'version = %s\nroot = "%s/root"\nstate = "%s/state"\n' $number "$CD_DIR" "$CD_DIR"
    cat "$WORK/block.content"
    for b in $blocks; do cat "$WORK/block.$b"; done
    printf '[grpc]\n  address = "%s"\n[ttrpc]\n  address = "%s.ttrpc"\n' "$CD_ADDRESS" "$CD_ADDRESS"
} >"$CD_DIR/config.toml"

# --- containerd understands each line
"$CD_BIN/containerd" --config "$CD_DIR/config.toml" config dump >"$WORK/dump" 2>"$WORK/err" || fail "containerd refuses the page's blocks: $(cat "$WORK/err") $(cat "$CD_DIR/config.toml")"
python3 - "$CD_DIR/config.toml" "$WORK/dump" <<'P' || fail "containerd drops what the page says"
import sys, tomllib
want, have = (tomllib.load(open(p, "rb")) for p in sys.argv[1:])
def missing(w, h, path):
    if isinstance(w, dict):
        return [m for k, v in w.items() for m in ([path + [k]] if not isinstance(h, dict) or k not in h else missing(v, h[k], path + [k]))]
    if isinstance(w, list):
        return [m for i, v in enumerate(w) for m in ([path + [i]] if i >= len(h) else missing(v, h[i], path + [i]))]
    return [] if w == h else [path + [w, h]]
lost = [m for m in missing(want, have, []) if m[0] != "version"]
print(lost, file=sys.stderr) if lost else None
sys.exit(bool(lost))
P

# --- and all of it works
for program in ross-contentd ross-snapshotter; do
    more=()
    [ $program = ross-contentd ] || more=(--content-address "$CD_ADDRESS")
    "$BIN/$program" --root "$ROSS_ROOT" --state "$ROSS_STATE" "${more[@]}" 2>>"$WORK/$program.log" &
    PIDS+=($!)
    wait_for 10 test -S "$ROSS_STATE/${program#ross-}.sock" || fail "$program does not start: $(tail -3 "$WORK/$program.log")"
done
wait_for 10 test -S "$ROSS_STATE/contentd-plugin.sock" || fail "ross-contentd has no socket for containerd"
launch_containerd
plugins=$(ctr plugins ls)
for plugin in "io.containerd.snapshotter.v1 +ross" "io.containerd.content.v1 +ross-content" $([ "$version" = 1.6 ] || echo differ); do
    [ "$plugin" != differ ] || plugin="io.containerd.differ.v1 +ross-diff"
    finds -E "^$plugin .* ok *\$" <<<"$plugins" || fail "'$plugin' is not ok: $plugins"
done
! finds -E "^io.containerd.content.v1 +content .* ok" <<<"$plugins" || fail "the built-in content store runs beside ours: $plugins"
ctr images pull --plain-http --snapshotter ross "$REGISTRY/demo:1" >/dev/null 2>"$WORK/err" || fail "ctr images pull: $(cat "$WORK/err")"
[ -n "$(ls "$ROSS_ROOT/content/blobs/sha256")" ] && [ -n "$(ls "$ROSS_ROOT/snapshots")" ] || fail "what was pulled is not ours"
prints hello ctr run --rm --snapshotter ross --runtime io.containerd.ross.v2 "$REGISTRY/demo:1" "hand-$$" echo hello || fail "run: $(tail -5 "$CD_DIR/log")"
ctr images rm --sync "$REGISTRY/demo:1" >/dev/null
kill "$CD_PID"
wait "$CD_PID" 2>/dev/null || true
