/* SPDX-License-Identifier: Apache-2.0 */
/* The 512 bytes before an entry of a tar archive, and the numbers in them. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libross/archive/tar_read.h"

#define TAR_BLOCK 512

/*
 *   0 name 100 | 100 mode 8 | 108 uid 8 | 116 gid 8 | 124 size 12 | 136 mtime 12 | 148 checksum 8 | 156 type 1 |
 * 157 link 100 | 257 magic 6 | 263 version 2 | 265 user 32 | 297 group 32 | 329 major 8 | 337 minor 8 | then
 *   ustar:  345 prefix 155
 *   star:   345 prefix 131 | 476 atime 12 | 488 ctime 12 | 508 "tar\0"
 *   GNU:    345 atime 12 | 357 ctime 12 | 386 four sparse pieces of 24 | 482 more 1 | 483 real size 12
 */
enum tar_format { TAR_FORMAT_V7, TAR_FORMAT_USTAR, TAR_FORMAT_STAR, TAR_FORMAT_GNU };

struct tar_header {
    enum tar_format format;
    char type;
    char name[155 + 1 + 100 + 1];
    char link[100 + 1];
    int64_t mode, uid, gid, size, mtime_sec, dev_major, dev_minor;
    int64_t atime_sec;
    bool has_atime;
};

/* 0, or -1 when the checksum or a number is wrong. */
int tar_header_parse(const unsigned char block[static TAR_BLOCK], struct tar_header *ret);
bool tar_block_is_zero(const unsigned char block[static TAR_BLOCK]);

/* A numeric field: octal with blanks and NULs around it, or base-256. 0, or -1. May be negative. */
int tar_number_parse(const unsigned char *p, size_t n, int64_t *ret);
/* The decimal numbers of PAX records: a sign is fine, anything else around the digits is not. 0, or -1. */
int tar_decimal_parse(const char *p, size_t n, int64_t *ret);
/* "[-]SECONDS[.FRACTION]" of PAX; digits beyond nanoseconds are dropped. 0, or -1. */
int tar_time_parse(const char *p, size_t n, struct tar_time *ret);
