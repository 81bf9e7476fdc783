#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the hostile layers of this folder and EXPECT.tsv; each file breaks the one rule that it is named after.

EXPECT.tsv: file, form (plain or overlay), settings (NAME=N,… of struct tar_limits and struct decompress_limits, or -),
expected code. OK means that the layer is taken and that nothing outside the root may change by it.
"""
import gzip
import os
import struct
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
END = b"\0" * 1024
rows = []


def pad(data):
    return data + b"\0" * (-len(data) % 512)


def checksum(block):
    block = bytearray(block)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def entry(name, type=b"0", link=b"", data=b"", mode=0o644, size=None, major=0, minor=0, mtime=b"%011o\0" % 0):
    size = len(data) if size is None else size
    block = bytearray(512)
    block[0:len(name)] = name
    block[100:108] = b"%07o\0" % mode
    block[108:116] = block[116:124] = b"%07o\0" % 0
    block[124:136] = size if isinstance(size, bytes) else b"%011o\0" % size
    block[136:148] = mtime
    block[156:157] = type
    block[157:157 + len(link)] = link
    block[257:265] = b"ustar\00000"
    block[329:337] = b"%07o\0" % major
    block[337:345] = b"%07o\0" % minor
    return checksum(block) + pad(data)


def records(*pairs):
    out = b""
    for key, value in pairs:
        body = b" " + key + b"=" + value + b"\n"
        n = len(body)
        while n != len(body) + len(b"%d" % n):
            n = len(body) + len(b"%d" % n)
        out += b"%d" % n + body
    return out


def pax(*pairs, raw=None, type=b"x"):
    return entry(b"pax", type, data=records(*pairs) if raw is None else raw)


def directory(name):
    return entry(name, b"5", mode=0o755)


def symlink(name, to):
    return entry(name, b"2", link=to)


def hardlink(name, to):
    return entry(name, b"1", link=to)


def old_sparse(pieces, real_size, data=b"", extended=False):
    block = bytearray(entry(b"s", b"S", size=len(data)))
    block[257:265] = b"ustar  \0"
    for i, (offset, length) in enumerate(pieces):
        block[386 + 24 * i:410 + 24 * i] = b"%011o\0%011o\0" % (offset, length)
    block[482:483] = b"\1" if extended else b"\0"
    block[483:495] = b"%011o\0" % real_size
    return checksum(block) + pad(data)


def zstd_frame(blocks, window=0x58):
    return b"\x28\xb5\x2f\xfd\0" + bytes([window]) + b"".join(blocks)


def zstd_raw(data, last):
    return struct.pack("<I", len(data) << 3 | last)[:3] + data


def zstd_rle(byte, n, last):
    return struct.pack("<I", n << 3 | 1 << 1 | last)[:3] + byte


def case(name, data, code, form="plain", settings="-"):
    with open(os.path.join(HERE, name), "wb") as f:
        f.write(data)
    rows.append((name, form, settings, code))


BAD, FULL, LOST = "InvalidArgument", "ResourceExhausted", "DataLoss"
OUT = b"../outside"

# Out of the root by name.
case("name_dotdot.tar", entry(b"../outside/canary") + END, BAD)
case("name_dotdot_inside.tar", entry(b"a/../../outside/canary") + END, BAD)
case("name_dotdot_dir.tar", directory(b"../outside/") + END, BAD)
case("name_dotdot_pax.tar", pax((b"path", b"../outside/canary")) + entry(b"x") + END, BAD)
case("name_dotdot_gnu.tar", entry(b"l", b"L", data=b"../outside/canary\0") + entry(b"x") + END, BAD)
case("name_dotdot_prefix.tar", pax((b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"),
     (b"GNU.sparse.name", b"../outside/canary"), (b"GNU.sparse.realsize", b"0")) + entry(b"x", data=b"0\n") + END, BAD)
case("name_absolute.tar", entry(b"/etc/ross-reject-canary") + entry(b"/../ross-reject-canary") + END, "OK")
case("name_part_too_long.tar", pax((b"path", b"a/" + b"x" * 256)) + entry(b"x") + END, BAD)
case("name_too_long.tar", pax((b"path", b"a/" * 2049)) + entry(b"x") + END, FULL)
case("name_too_deep.tar", pax((b"path", b"a/" * 1024 + b"x")) + entry(b"x") + END, FULL)
case("name_below_file.tar", entry(b"a") + entry(b"a/b") + END, BAD)

# Out of the root by symlink.
for form in "plain", "overlay":
    p = "" if form == "plain" else "_overlay"
    case(f"symlink_parent_dotdot{p}.tar", symlink(b"l", OUT) + entry(b"l/ross-reject-canary") + END, "OK", form)
    case(f"symlink_parent_absolute{p}.tar", symlink(b"l", b"/") + entry(b"l/ross-reject-canary") + END, "OK", form)
    case(f"symlink_parent_chain{p}.tar", symlink(b"a", b"..") + symlink(b"b", b"a/..") + symlink(b"c", b"b/" + OUT)
         + entry(b"c/canary", data=b"owned") + END, "OK", form)
    case(f"symlink_overwritten{p}.tar", symlink(b"l", OUT + b"/canary") + entry(b"l", data=b"owned") + END, "OK", form)
    case(f"symlink_becomes_dir{p}.tar", symlink(b"l", OUT) + directory(b"l/") + entry(b"l/canary", data=b"owned") + END,
         "OK", form)
    case(f"symlink_swapped_in{p}.tar", directory(b"d/") + entry(b"d/a") + symlink(b"d", OUT)
         + entry(b"d/canary", data=b"owned") + END, "OK", form)
    case(f"symlink_swapped_in_below{p}.tar", entry(b"d/e/a") + symlink(b"d/e", b"../../outside")
         + entry(b"d/e/canary", data=b"owned") + END, "OK", form)
    case(f"symlink_gets_dir_times{p}.tar", directory(b"d/") + symlink(b"d", OUT) + END, "OK", form)
    case(f"symlink_whiteout{p}.tar", symlink(b"l", OUT) + entry(b"l/.wh.canary") + END, "OK", form)
    case(f"symlink_opaque{p}.tar", symlink(b"l", OUT) + entry(b"l/.wh..wh..opq") + END, "OK", form)
    case(f"symlink_proc{p}.tar", symlink(b"l", b"/proc/self/root") + symlink(b"m", b"/proc/self/cwd")
         + entry(b"l/ross-reject-canary") + entry(b"m/ross-reject-canary") + END, "OK", form)
    case(f"symlink_dev{p}.tar", symlink(b"dev", b"/dev") + entry(b"dev/null", data=b"x") + END, BAD, form)
    case(f"symlink_loop{p}.tar", symlink(b"a", b"b") + symlink(b"b", b"a") + entry(b"a/x") + END, BAD, form)
    case(f"symlink_longest{p}.tar.gz", gzip.compress(b"".join(symlink(b"l%d" % i, b"l%d" % (i + 1)) for i in range(300))
         + entry(b"l0/x") + END, 9, mtime=0), BAD, form)
case("symlink_empty.tar", entry(b"l", b"2") + END, BAD)

# Out of the root by hard link.
case("hardlink_dotdot.tar", hardlink(b"h", OUT + b"/canary") + END, BAD)
case("hardlink_absolute.tar", hardlink(b"h", b"/etc/passwd") + END, BAD)
case("hardlink_symlink_parent.tar", symlink(b"l", OUT) + hardlink(b"h", b"l/canary") + END, BAD)
case("hardlink_to_symlink_out.tar", symlink(b"l", OUT + b"/canary") + hardlink(b"h", b"l")
     + entry(b"x") + hardlink(b"x", b"h") + END, "OK")
case("hardlink_to_later.tar", hardlink(b"h", b"f") + entry(b"f") + END, BAD)
case("hardlink_to_directory.tar", directory(b"d/") + hardlink(b"h", b"d") + END, BAD)
case("hardlink_to_itself.tar", entry(b"h") + hardlink(b"h", b"h") + END, BAD)
case("hardlink_to_root.tar", hardlink(b"h", b"/") + END, BAD)
case("hardlink_to_nothing.tar", hardlink(b"h", b"") + END, BAD)
case("hardlink_to_whiteout.tar", entry(b".wh.a") + hardlink(b"h", b"a") + END, BAD, "overlay")

# Whiteouts that name nothing.
for name, bad in (("empty", b""), ("dot", b"."), ("dotdot", b"..")):
    case(f"whiteout_{name}.tar", entry(b"d/.wh." + bad) + END, BAD)
    case(f"whiteout_{name}_overlay.tar", entry(b"d/.wh." + bad) + END, BAD, "overlay")

# Bombs.
case("bomb_ratio.tar.gz", gzip.compress(entry(b"z", data=b"\0" * (4 << 20)) + END, 9, mtime=0), FULL,
     settings="ratio_max=100,ratio_floor_bytes=1000000")
case("bomb_ratio.tar.zst", zstd_frame([zstd_raw(entry(b"z", size=64 << 17), 0)]
     + [zstd_rle(b"\0", 1 << 17, 0)] * 64 + [zstd_raw(END, 1)]), FULL, settings="ratio_max=1200,ratio_floor_bytes=1000000")
case("bomb_output.tar.gz", gzip.compress(entry(b"z", data=b"\0" * (2 << 20)) + END, 9, mtime=0), FULL,
     settings="output_bytes_max=1000000")
case("bomb_stream.tar", entry(b"z", data=b"\0" * 10000) + END, FULL, settings="stream_bytes_max=9000")
case("bomb_size.tar", entry(b"z", size=b"\x80" + b"\0" * 4 + (1 << 41).to_bytes(7, "big")) + END, FULL)
case("bomb_sparse.tar", pax((b"GNU.sparse.major", b"0"), (b"GNU.sparse.minor", b"1"), (b"GNU.sparse.numblocks", b"0"),
     (b"GNU.sparse.map", b""), (b"GNU.sparse.size", b"9000000000000000000")) + entry(b"z") + END, FULL)
case("bomb_entries.tar.gz", gzip.compress(b"".join(entry(b"f%d" % i) for i in range(101)) + END, 9, mtime=0), FULL,
     settings="entries_max=100")
case("bomb_xattrs.tar.gz", gzip.compress(pax(*((b"SCHILY.xattr.user.%d" % i, b"") for i in range(1025)))
     + entry(b"x") + END, 9, mtime=0), FULL)
case("bomb_xattr_bytes.tar.gz", gzip.compress(pax((b"SCHILY.xattr.user.a", b"v" * 70000)) + entry(b"x") + END, 9, mtime=0),
     FULL, settings="xattr_bytes_max=65536")
case("bomb_pax_headers.tar.gz", gzip.compress(pax((b"a", b"b")) * 65 + entry(b"x") + END, 9, mtime=0), FULL)
case("bomb_global_headers.tar.gz", gzip.compress(pax((b"a", b"b"), type=b"g") * 65 + entry(b"x") + END, 9, mtime=0), FULL)
case("bomb_pax_length.tar", entry(b"p", b"x", size=(1 << 20) + 1) + END, FULL)
case("bomb_gnu_name_length.tar", entry(b"p", b"L", size=(1 << 20) + 1) + END, FULL)
case("bomb_sparse_map.tar.gz", gzip.compress(old_sparse([], 0, extended=True)
     + (b"\0" * 504 + b"\1" + b"\0" * 7) * 2049 + END, 9, mtime=0), FULL)
case("bomb_zstd_window.tar.zst", zstd_frame([zstd_raw(entry(b"x") + END, 1)], window=0xa8), FULL)

# Numbers.
case("size_negative.tar", entry(b"x", size=b"\xff" * 12) + END, BAD)
case("size_overflow.tar", entry(b"x", size=b"\x80" + b"\xff" * 11) + END, BAD)
case("size_not_octal.tar", entry(b"x", size=b"00000000008\0") + END, BAD)
case("size_negative_pax.tar", pax((b"size", b"-1")) + entry(b"x") + END, BAD)
case("size_overflow_pax.tar", pax((b"size", b"9223372036854775808")) + entry(b"x") + END, BAD)
case("uid_overflow_pax.tar", pax((b"uid", b"4294967296")) + entry(b"x") + END, BAD)
case("gid_negative_pax.tar", pax((b"gid", b"-9999999999")) + entry(b"x") + END, BAD)
case("mtime_overflow_pax.tar", pax((b"mtime", b"99999999999999999999")) + entry(b"x") + END, BAD)
case("mtime_malformed_pax.tar", pax((b"mtime", b"1.5x")) + entry(b"x") + END, BAD)
case("device_major.tar", entry(b"c", b"3", major=4096) + END, BAD)
case("device_minor.tar", entry(b"c", b"4", minor=1 << 20) + END, BAD)

# Sparse maps.
for name, pieces in (("overlap", b"0,4,2,4"), ("beyond", b"0,4,98,4"), ("negative", b"-1,4,8,4"), ("order", b"8,4,0,4"),
                     ("overflow", b"9223372036854775807,4,0,4"), ("odd", b"0,4,8"), ("letters", b"0,4,8,x")):
    case(f"sparse_{name}.tar", pax((b"GNU.sparse.major", b"0"), (b"GNU.sparse.minor", b"1"),
         (b"GNU.sparse.numblocks", b"2"), (b"GNU.sparse.map", pieces), (b"GNU.sparse.size", b"100"))
         + entry(b"x", data=b"12345678") + END, BAD)
case("sparse_less_data.tar", old_sparse([(0, 4), (8, 8)], 100, b"12345678") + END, BAD)
case("sparse_more_data.tar", old_sparse([(0, 4)], 100, b"12345678") + END, BAD)
case("sparse_directory.tar", pax((b"GNU.sparse.major", b"0"), (b"GNU.sparse.minor", b"1"), (b"GNU.sparse.numblocks", b"0"),
     (b"GNU.sparse.size", b"0")) + directory(b"d/") + END, BAD)
case("sparse_count_1_0.tar", pax((b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.realsize", b"9"))
     + entry(b"x", data=pad(b"99999999999\n")) + END, BAD)

# The form of the archive.
case("header_checksum.tar", entry(b"x")[:148] + b"000000\0 " + entry(b"x")[156:] + END, BAD)
case("header_garbage.tar", b"this is no archive at all" * 100, BAD)
case("header_cut.tar", entry(b"x") + entry(b"y")[:300], LOST)
case("header_zero_block.tar", entry(b"x") + b"\0" * 512 + entry(b"y") + END, BAD)
case("data_cut.tar", entry(b"x", data=b"d" * 5000)[:4000], LOST)
case("pax_cut.tar", pax((b"comment", b"c" * 5000))[:4000], LOST)
case("pax_length.tar", pax(raw=b"99 path=x\n") + entry(b"x") + END, BAD)
case("pax_no_newline.tar", pax(raw=b"10 path=xx") + entry(b"x") + END, BAD)
case("pax_no_equals.tar", pax(raw=b"9 path x\n") + entry(b"x") + END, BAD)
case("pax_no_key.tar", pax(raw=b"6 =xx\n") + entry(b"x") + END, BAD)
case("pax_nul_in_path.tar", pax((b"path", b"a\0b")) + entry(b"x") + END, BAD)
case("pax_nul_in_key.tar", pax((b"a\0b", b"c")) + entry(b"x") + END, BAD)
case("pax_xattr_without_name.tar", pax((b"SCHILY.xattr.", b"c")) + entry(b"x") + END, BAD)
case("pax_capability_malformed.tar", pax((b"SCHILY.xattr.security.capability", b"c")) + entry(b"x") + END, BAD)
case("type_unknown.tar", entry(b"x", b"Q") + END, BAD)
case("type_contiguous.tar", entry(b"x", b"7") + END, BAD)

# The form of the compression.
good = gzip.compress(entry(b"x", data=b"hello") + END, 9, mtime=0)
case("gzip_cut.tar.gz", good[:-9], LOST)
case("gzip_cut_trailer.tar.gz", good[:-1], LOST)
case("gzip_checksum.tar.gz", good[:-8] + struct.pack("<I", zlib.crc32(b"other")) + good[-4:], LOST)
case("gzip_length.tar.gz", good[:-4] + b"\1\0\0\0", LOST)
case("gzip_block.tar.gz", good[:10] + b"\xff" * 20, BAD)
case("gzip_garbage_behind.tar.gz", good + b"garbage, and more of it", BAD)
case("gzip_zeros_behind.tar.gz", good + b"\0" * 100, BAD)
zgood = zstd_frame([zstd_raw(entry(b"x") + END, 1)])
case("zstd_cut.tar.zst", zgood[:-1], LOST)
case("zstd_garbage_behind.tar.zst", zgood + b"garbage, and more of it", BAD)
case("zstd_block.tar.zst", zstd_frame([b"\x07\0\0"]), BAD)

with open(os.path.join(HERE, "EXPECT.tsv"), "w") as f:
    f.write("# file\tform\tsettings\tcode\n")
    for row in rows:
        f.write("\t".join(row) + "\n")
