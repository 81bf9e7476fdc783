#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""oci_layers.py LAYOUT [TAG]: paths of the layers of an image in an OCI layout, base first; then its manifest's digest."""
import json
import sys

layout = sys.argv[1]
tag = sys.argv[2] if len(sys.argv) > 2 else None


def blob(digest):
    return layout + "/blobs/" + digest.replace(":", "/")


index = json.load(open(layout + "/index.json"))
found = [m for m in index["manifests"]
         if tag is None or m.get("annotations", {}).get("org.opencontainers.image.ref.name") == tag]
manifest = json.load(open(blob(found[0]["digest"])))
for layer in manifest["layers"]:
    print(blob(layer["digest"]))
print(found[0]["digest"])
