#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run and create --pull always|missing|never against a registry whose tag moves to another image.
. "$(dirname "$0")/../lib/common.sh"
need jq skopeo
start_registry
demo_layout
ross load -q --input "$WORK/demo" >/dev/null
ref=$REGISTRY/moving:1
# publish WORD: the tag is an image whose /word is WORD
publish() {
    ross run --name maker demo sh -c "echo $1 >/word" >/dev/null
    ross commit maker "127.0.0.1:1/made:$1" >/dev/null
    ross rm maker >/dev/null
    ross save -o "$WORK/$1.tar" "127.0.0.1:1/made:$1"
    skopeo copy -q --dest-tls-verify=false "oci-archive:$WORK/$1.tar" "docker://$ref"
    ross rmi "127.0.0.1:1/made:$1" >/dev/null
}
word() { ross run --rm -q "$@" "$ref" cat /word; }

publish first
expect_fail 125 "there is no image" ross run --rm --pull never "$ref" cat /word
expect_fail 125 "there is no image" ross create --pull never "$ref" cat /word
expect "" ross ps -aq
expect_fail 125 "--pull 'sometimes'" ross run --rm --pull sometimes "$ref" true
expect first word
publish second
expect first word
expect first word --pull missing
expect first word --pull never
expect second word --pull always
expect second word --pull never
expect second word
publish third
id=$(ross create -q --pull always "$ref" cat /word)
expect third ross start -a "$id"
ross rm "$id" >/dev/null
expect third word --pull never

# always means that the registry must answer; the others do without it
kill "${PIDS[0]}"
wait "${PIDS[0]}" || true
expect third word --pull missing
expect third word --pull never
expect_fail 125 "$REGISTRY" ross run --rm -q --pull always "$ref" cat /word
expect third word
expect "" ross ps -aq
assert_clean
