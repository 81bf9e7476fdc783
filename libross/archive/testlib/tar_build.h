/* SPDX-License-Identifier: Apache-2.0 */
/* Tests make their archives with this, header by header, so that they can be wrong on purpose. */
#pragma once

#include <stdio.h>
#include <string.h>

#include "libross/base/buf.h"
#include "libross/base/test.h"

#define TAR_BUILD_MAX (64 << 20)

struct tar_build_entry {
    char type; /* 0 = '0' */
    const char *name, *link, *content;
    unsigned mode; /* 0 = 0644, 0755 for directories */
    unsigned uid, gid;
    long long mtime;
    const char *pax; /* "key=value" records, one a line, before the entry */
    unsigned major, minor;
};

static inline void
tar_build_bytes(struct buf *b, const void *p, size_t n)
{
    assert_int_equal(buf_append(b, p, n, NULL), 0);
}

static inline void
tar_build_zeros(struct buf *b, size_t n)
{
    static const char zeros[512];

    for (; n > sizeof zeros; n -= sizeof zeros)
        tar_build_bytes(b, zeros, sizeof zeros);
    tar_build_bytes(b, zeros, n);
}

static inline void
tar_build_pad(struct buf *b)
{
    tar_build_zeros(b, -b->len & 511);
}

static inline void
tar_build_header(struct buf *b, const struct tar_build_entry *e, size_t size)
{
    static const char magic[8] = {'u', 's', 't', 'a', 'r', '\0', '0', '0'}; /* and version */
    char type = e->type ? e->type : '0';
    unsigned mode = e->mode ? e->mode : type == '5' ? 0755 : 0644, sum = 0;
    unsigned char h[512 + 1] = {0};
    char *s = (char *) h;

    assert_true(strlen(e->name) <= 100);
    snprintf(s, 101, "%s", e->name);
    snprintf(s + 100, 8, "%07o", mode & 07777777);
    snprintf(s + 108, 8, "%07o", e->uid & 07777777);
    snprintf(s + 116, 8, "%07o", e->gid & 07777777);
    snprintf(s + 124, 12, "%011zo", size & 077777777777);
    snprintf(s + 136, 12, "%011llo", (unsigned long long) e->mtime & 077777777777);
    memset(s + 148, ' ', 8);
    s[156] = type;
    if (e->link)
        snprintf(s + 157, 101, "%s", e->link);
    memcpy(s + 257, magic, sizeof magic);
    snprintf(s + 329, 8, "%07o", e->major & 07777777);
    snprintf(s + 337, 8, "%07o", e->minor & 07777777);
    for (size_t i = 0; i < 512; i++)
        sum += h[i];
    snprintf(s + 148, 7, "%06o", sum & 0777777);
    s[155] = ' ';
    tar_build_bytes(b, h, 512);
}

/* "key=value" lines as records of an extended header. */
static inline void
tar_build_pax(struct buf *b, const char *lines)
{
    const struct tar_build_entry x = {.type = 'x', .name = "pax"};
    AUTO(buf) text = BUF_INIT(TAR_BUILD_MAX);
    const char *end;

    for (; *lines; lines = *end ? end + 1 : end) {
        int n, total;

        end = strchrnul(lines, '\n');
        n = (int) (end - lines);
        for (total = n + 3; snprintf(NULL, 0, "%d %.*s\n", total, n, lines) != total; total++)
            ;
        assert_int_equal(buf_printf(&text, NULL, "%d %.*s\n", total, n, lines), 0);
    }
    tar_build_header(b, &x, text.len);
    tar_build_bytes(b, text.data, text.len);
    tar_build_pad(b);
}

static inline void
tar_build_add(struct buf *b, const struct tar_build_entry *e)
{
    size_t n = e->content ? strlen(e->content) : 0;

    if (e->pax)
        tar_build_pax(b, e->pax);
    tar_build_header(b, e, n);
    if (n)
        tar_build_bytes(b, e->content, n);
    tar_build_pad(b);
}

static inline void
tar_build_end(struct buf *b)
{
    tar_build_zeros(b, 1024);
}
