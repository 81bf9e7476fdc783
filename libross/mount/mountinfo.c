/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is mounted where. A line of /proc/self/mountinfo:
 *
 *   36 35 98:0 /mnt1 /mnt2 rw,noatime shared:1 master:2 - ext3 /dev/root rw,errors=continue
 *   id parent dev root target options (any number of tags) - type source super-options
 *
 * Blank, tab, newline and backslash in a name are \ooo. A source may be empty.
 */
#include "mountinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libross/base/buf.h"
#include "libross/base/fd.h"
#include "libross/base/parse.h"

#define READ_STEP 8192

static bool
is_octal(const char *p)
{
    return p[0] >= '0' && p[0] <= '3' && p[1] >= '0' && p[1] <= '7' && p[2] >= '0' && p[2] <= '7';
}

/* In place; what is no escape stays. */
static void
unescape(char *s)
{
    char *to = s;
    int c;

    for (; *s; s++) {
        c = *s == '\\' && is_octal(s + 1) ? (s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0')
                                          : 0;
        if (c)
            s += 3;
        *to++ = c ? (char) c : *s;
    }
    *to = '\0';
}

static int
parse_int(const char *s, int *ret)
{
    uint32_t v;

    if (!s || parse_u32(s, &v, NULL) < 0 || v > INT_MAX)
        return -CODE_INVALID_ARGUMENT;
    *ret = (int) v;
    return 0;
}

static int
parse_dev(char *s, struct mountinfo *m)
{
    char *minor = s ? strchr(s, ':') : NULL;

    if (!minor)
        return -CODE_INVALID_ARGUMENT;
    *minor++ = '\0';
    if (parse_u32(s, &m->dev_major, NULL) < 0)
        return -CODE_INVALID_ARGUMENT;
    return parse_u32(minor, &m->dev_minor, NULL);
}

int
mountinfo_parse_line(char *line, struct mountinfo *ret, struct err *err)
{
    struct mountinfo m = {0};
    char *tag, *root, *target, *source;

    if (parse_int(strsep(&line, " "), &m.id) < 0 ||
        parse_int(strsep(&line, " "), &m.parent_id) < 0 || parse_dev(strsep(&line, " "), &m) < 0)
        goto bad;
    m.root = root = strsep(&line, " ");
    m.target = target = strsep(&line, " ");
    m.options = strsep(&line, " ");
    if (!m.options || !*m.root || !*m.target)
        goto bad;
    while ((tag = strsep(&line, " ")) && strcmp(tag, "-") != 0)
        if (strncmp(tag, "shared:", 7) == 0)
            m.shared = true;
    m.type = strsep(&line, " ");
    m.source = source = strsep(&line, " ");
    m.super_options = line; /* some filesystems show blanks there */
    if (!tag || !m.super_options || !*m.type)
        goto bad;
    unescape(root);
    unescape(target);
    unescape(source);
    *ret = m;
    return 0;
bad:
    return err_set(err, CODE_INVALID_ARGUMENT, "a line of mountinfo that is none");
}

/* Every whole line at the front of b, which keeps the rest. 0, or what fn returned, or an error. */
static int
take_lines(struct buf *b, int (*fn)(const struct mountinfo *m, void *arg), void *arg,
           struct err *err)
{
    char *start = b->data, *end;
    struct mountinfo m;
    int r = 0;

    while (r == 0 && (end = memchr(start, '\n', b->len - (size_t) (start - b->data)))) {
        *end = '\0';
        r = mountinfo_parse_line(start, &m, err);
        if (r == 0)
            r = fn(&m, arg);
        start = end + 1;
    }
    buf_consume(b, (size_t) (start - b->data));
    return r;
}

int
mountinfo_each(int (*fn)(const struct mountinfo *m, void *arg), void *arg, struct err *err)
{
    AUTO(buf) b = BUF_INIT(MOUNTINFO_LINE_MAX);
    auto_close int fd = -1;
    ssize_t n;
    int r;

    fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, errno, "open /proc/self/mountinfo");
    for (;;) {
        r = buf_reserve(&b, READ_STEP, err);
        if (r < 0)
            return err_wrap(err, r, "a line of mountinfo");
        n = read(fd, b.data + b.len, READ_STEP);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, errno, "read /proc/self/mountinfo");
        if (n == 0)
            return 0;
        buf_added(&b, (size_t) n);
        r = take_lines(&b, fn, arg, err);
        if (r != 0)
            return r;
    }
}

struct below {
    const char *path;
    size_t len;
    struct strv *found;
};

static int
add_when_below(const struct mountinfo *m, void *arg)
{
    struct below *b = arg;

    if (strncmp(m->target, b->path, b->len) == 0 &&
        (m->target[b->len] == '\0' || m->target[b->len] == '/'))
        strv_add(b->found, m->target);
    return 0;
}

/* A mount below another one has the longer name. */
static int
longest_first(const void *a, const void *b)
{
    size_t len_a = strlen(*(char *const *) a), len_b = strlen(*(char *const *) b);

    return (len_a < len_b) - (len_a > len_b);
}

int
mountinfo_below(const char *path, struct strv *ret, struct err *err)
{
    AUTO(strv) found = {0};
    struct below b = {.path = path, .len = strlen(path), .found = &found};
    int r;

    while (b.len && path[b.len - 1] == '/')
        b.len--;
    r = mountinfo_each(add_when_below, &b, err);
    if (r < 0)
        return r;
    if (found.n)
        qsort(found.items, found.n, sizeof *found.items, longest_first);
    strv_add_all(ret, &found);
    return 0;
}
