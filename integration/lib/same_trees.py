#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""same_trees.py A B LAYER: says every difference between two directories that LAYER (a tar, gzip or not) was applied to.

Compared: names, types, modes, owners, devices, sizes, contents, link targets, hard links, extended attributes, times. Times
only of what the layer has an entry for: those of whiteouts and of directories that it merely passes through are nobody's.
"""
import hashlib
import os
import stat
import sys
import tarfile


def content(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        for piece in iter(lambda: f.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def describe(root, timed):
    result, inodes = {}, {}
    for folder, dirs, files in os.walk(os.fsencode(root)):
        for name in dirs + files:
            path = os.path.join(folder, name)
            rel = os.path.relpath(path, os.fsencode(root))
            st = os.lstat(path)
            d = {"mode": oct(st.st_mode), "owner": (st.st_uid, st.st_gid), "device": st.st_rdev}
            if stat.S_ISREG(st.st_mode):
                d["content"] = (st.st_size, content(path))
            if stat.S_ISLNK(st.st_mode):
                d["target"] = os.readlink(path)
            if not stat.S_ISDIR(st.st_mode):
                d["links"] = st.st_nlink
                inodes.setdefault(st.st_ino, []).append(rel)
            if rel in timed:
                d["mtime"] = st.st_mtime_ns
            d["xattrs"] = {k: os.getxattr(path, k, follow_symlinks=False)
                           for k in sorted(os.listxattr(path, follow_symlinks=False))}
            result[rel] = d
    for names in inodes.values():
        for name in names:
            result[name]["same as"] = sorted(names)
    return result


def names_in(layer):
    names = set()
    with tarfile.open(layer, "r:*", errors="surrogateescape") as tar:
        try:
            for member in tar:
                names.add(os.path.normpath(os.fsencode(member.name)).lstrip(b"/"))
        except tarfile.ReadError as e:
            # Behind the last entry of a layer without padding, which umoci writes and this module does not take.
            if "unexpected end of data" not in str(e):
                raise
    return names


timed = names_in(sys.argv[3])
a, b = describe(sys.argv[1], timed), describe(sys.argv[2], timed)
bad = 0
for name in sorted(a.keys() | b.keys()):
    if a.get(name) != b.get(name):
        bad += 1
        print(f"{name!r}:\n  {a.get(name)}\n  {b.get(name)}")
print(f"{len(a)} names, {bad} differ")
sys.exit(bad != 0 or not a)
