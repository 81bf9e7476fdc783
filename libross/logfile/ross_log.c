/* SPDX-License-Identifier: Apache-2.0 */
/* Writes and rotates log files. */
#include "libross/logfile/ross_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/log.h"
#include "libross/base/parse.h"
#include "libross/base/path.h"

#define OUT_SIZE 4096 /* gathered before a write */

enum format { FORMAT_CRI, FORMAT_JSON, FORMAT_RAW };

struct ross_log_stream {
    struct ross_log *log;
    const char *name;
    bool open_line; /* the last record was not the end of its line */
};

struct ross_log {
    char *path;
    int fd;
    enum format format;
    int64_t size_max, size;
    unsigned files_max;
    bool block;
    uint64_t dropped, dropped_told;
    struct ross_log_stream streams[2];
};

/* Bytes on their way into the file; `failed` is the errno of the first write that did not work. */
struct out {
    struct ross_log *log;
    size_t n;
    int failed;
    int64_t written;
    char bytes[OUT_SIZE];
};

static void
out_flush(struct out *o)
{
    if (!o->failed && o->n && fd_write_all(o->log->fd, o->bytes, o->n) < 0)
        o->failed = errno;
    o->written += (int64_t) o->n;
    o->n = 0;
}

static void
out_put(struct out *o, const char *p, size_t n)
{
    while (n > 0) {
        size_t part = OUT_SIZE - o->n < n ? OUT_SIZE - o->n : n;

        memcpy(o->bytes + o->n, p, part);
        o->n += part;
        p += part;
        n -= part;
        if (o->n == OUT_SIZE)
            out_flush(o);
    }
}

static void
out_str(struct out *o, const char *s)
{
    out_put(o, s, strlen(s));
}

/* The length of the UTF-8 sequence at p, 0 when it is none. */
static size_t
utf8_len(const unsigned char *p, size_t n)
{
    size_t len = p[0] < 0x80                   ? 1
                 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
                 : (p[0] & 0xf0) == 0xe0       ? 3
                 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
                                               : 0;

    if (len == 0 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90))
        return 0;
    return len;
}

static void
out_json(struct out *o, const char *s, size_t n)
{
    char escape[8];

    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char) s[i];
        size_t len = utf8_len((const unsigned char *) s + i, n - i);

        if (len == 0) {
            out_str(o, "\\ufffd");
            i++;
        } else if (c == '"' || c == '\\') {
            escape[0] = '\\';
            escape[1] = (char) c;
            out_put(o, escape, 2);
            i++;
        } else if (c < 0x20) {
            (void) snprintf(escape, sizeof escape, "\\u%04x", c);
            out_str(o, c == '\n' ? "\\n" : c == '\t' ? "\\t" : c == '\r' ? "\\r" : escape);
            i++;
        } else {
            out_put(o, s + i, len);
            i += len;
        }
    }
}

static void
record_format(struct out *o, const struct ross_log_stream *s, const char *text, size_t n,
              bool whole)
{
    char time[CLOCK_STR_MAX];

    clock_format(clock_now_ns(), time);
    switch (o->log->format) {
    case FORMAT_CRI:
        out_str(o, time);
        out_str(o, " ");
        out_str(o, s->name);
        out_str(o, whole ? " F " : " P ");
        out_put(o, text, n);
        out_str(o, "\n");
        break;
    case FORMAT_JSON:
        out_str(o, "{\"log\":\"");
        out_json(o, text, n);
        out_str(o, whole ? "\\n\",\"stream\":\"" : "\",\"stream\":\"");
        out_str(o, s->name);
        out_str(o, "\",\"time\":\"");
        out_str(o, time);
        out_str(o, "\"}\n");
        break;
    case FORMAT_RAW:
        out_put(o, text, n);
        if (whole)
            out_str(o, "\n");
        break;
    }
}

/* ---- files ---- */

static int
file_open(struct ross_log *l, struct err *err)
{
    struct stat st;

    l->fd = open(l->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (l->fd < 0 || fstat(l->fd, &st) < 0)
        return err_sys(err, errno, "open log file %s", l->path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, CODE_INVALID_ARGUMENT, "%s is no regular file", l->path);
    l->size = st.st_size;
    return 0;
}

/* Renames the files one up. When that fails the current one goes on growing: output matters more than its size. */
static void
rotate(struct ross_log *l)
{
    struct err err = {0};
    int fd = l->fd;

    for (unsigned i = l->files_max - 1; i > 0; i--) {
        auto_free char *from = i == 1 ? xstrdup(l->path) : xasprintf("%s.%u", l->path, i - 1);
        auto_free char *to = xasprintf("%s.%u", l->path, i);

        if (rename(from, to) < 0 && errno != ENOENT)
            log_warn("cannot rotate a log", KV_STR("from", from), KV_STR("why", strerror(errno)));
    }
    if (l->files_max == 1 && ftruncate(fd, 0) == 0) {
        l->size = 0;
        return;
    }
    if (file_open(l, &err) < 0) {
        log_warn("cannot reopen a log", KV_ERR(&err));
        l->fd = fd;
        return;
    }
    (void) fd_close(fd);
}

/* One record into one file, whole or not at all. */
static bool
record_write(struct ross_log_stream *s, const char *text, size_t n, bool whole)
{
    struct ross_log *l = s->log;
    struct out o = {.log = l};

    if (l->size_max && l->size > 0 && l->size + (int64_t) n > l->size_max)
        rotate(l);
    record_format(&o, s, text, n, whole);
    out_flush(&o);
    if (!o.failed) {
        l->size += o.written;
        return true;
    }
    if (ftruncate(l->fd, l->size) < 0)
        log_warn("a log has a torn record", KV_STR("path", l->path));
    return false;
}

/* The length of the next record's text, and whether its line ends there. */
static size_t
record_next(const char *data, size_t n, bool *ret_whole)
{
    size_t part = n < ROSS_LOG_RECORD_MAX ? n : ROSS_LOG_RECORD_MAX;
    const char *nl = memchr(data, '\n', part);

    *ret_whole = nl != NULL;
    return nl ? (size_t) (nl - data) : part;
}

/*
 * As many records as fit into this file, by few writes. How many of the n bytes they were: 0 when the next record needs
 * a new file, or when the disk refused any of them, and then the file is as before.
 */
static size_t
records_write(struct ross_log_stream *s, const char *data, size_t n)
{
    struct ross_log *l = s->log;
    struct out o = {.log = l};
    bool whole = !s->open_line;
    size_t done = 0;

    while (done < n) {
        int64_t size = l->size + o.written + (int64_t) o.n;
        bool ends;
        size_t part = record_next(data + done, n - done, &ends);

        if (l->size_max && size > 0 && size + (int64_t) part > l->size_max)
            break;
        record_format(&o, s, data + done, part, ends);
        done += part + ends;
        whole = ends;
    }
    out_flush(&o);
    if (o.failed) {
        if (ftruncate(l->fd, l->size) < 0)
            log_warn("a log has a torn record", KV_STR("path", l->path));
        return 0;
    }
    l->size += o.written;
    s->open_line = !whole;
    return done;
}

static void
dropped_tell(struct ross_log *l)
{
    char text[128];

    if (l->dropped == l->dropped_told || l->format == FORMAT_RAW)
        return;
    (void) snprintf(text, sizeof text, "[ross-log: %llu bytes were lost: the disk was full]",
                    (unsigned long long) (l->dropped - l->dropped_told));
    if (record_write(&l->streams[1], text, strlen(text), true))
        l->dropped_told = l->dropped;
}

/* ---- the outside ---- */

static int
number_option(const struct log_uri *uri, const char *key, int64_t max, bool size, int64_t *ret,
              struct err *err)
{
    const char *text = log_uri_find(uri, key);
    uint64_t n = 0;
    int r;

    if (!text)
        return 0;
    if (size) {
        r = parse_size(text, ret, err);
    } else {
        r = parse_u64(text, &n, err);
        if (r == 0)
            *ret = n > INT64_MAX ? INT64_MAX : (int64_t) n;
    }
    if (r == 0 && (*ret < 0 || *ret > max))
        r = err_set(err, CODE_INVALID_ARGUMENT, "%s is out of range", text);
    return r < 0 ? err_wrap(err, r, "ross-log option %s", key) : 0;
}

static int
word_option(const struct log_uri *uri, const char *key, const char *const *words, unsigned *ret,
            struct err *err)
{
    const char *text = log_uri_find(uri, key);

    if (!text)
        return 0;
    for (unsigned i = 0; words[i]; i++)
        if (strcmp(words[i], text) == 0) {
            *ret = i;
            return 0;
        }
    return err_set(err, CODE_INVALID_ARGUMENT, "ross-log option %s cannot be '%.64s'", key, text);
}

static int
options_read(const struct log_uri *uri, struct ross_log *l, struct err *err)
{
    static const char *const formats[] = {"cri", "json", "raw", NULL};
    static const char *const policies[] = {"drop", "block", NULL};
    static const char *const keys[] = {"format", "max-size", "max-file", "full"};
    int64_t files = ROSS_LOG_FILES_DEFAULT;
    unsigned format = FORMAT_CRI, policy = 0;
    int r;

    for (size_t i = 0; i + 1 < uri->query.n; i += 2) {
        bool known = false;

        for (size_t k = 0; k < ARRAY_LEN(keys); k++)
            known = known || strcmp(uri->query.items[i], keys[k]) == 0;
        if (!known)
            return err_set(err, CODE_INVALID_ARGUMENT, "ross-log has no option '%.64s'",
                           uri->query.items[i]);
    }
    l->size_max = ROSS_LOG_SIZE_DEFAULT;
    r = number_option(uri, "max-size", INT64_MAX, true, &l->size_max, err);
    if (r == 0)
        r = number_option(uri, "max-file", ROSS_LOG_FILES_MAX, false, &files, err);
    if (r == 0 && files < 1)
        r = err_set(err, CODE_INVALID_ARGUMENT, "ross-log option max-file must be at least 1");
    if (r == 0)
        r = word_option(uri, "format", formats, &format, err);
    if (r == 0)
        r = word_option(uri, "full", policies, &policy, err);
    l->format = format;
    l->files_max = (unsigned) files;
    l->block = policy == 1;
    return r;
}

int
ross_log_open(const struct log_uri *uri, struct ross_log **ret, struct err *err)
{
    static const char *const names[] = {"stdout", "stderr"};
    struct ross_log *l = xcalloc(1, sizeof *l);
    auto_free char *parent = xstrdup(uri->path);
    int r;

    l->fd = -1;
    l->path = xstrdup(uri->path);
    for (int i = 0; i < 2; i++)
        l->streams[i] = (struct ross_log_stream){.log = l, .name = names[i]};
    r = options_read(uri, l, err);
    *strrchr(parent, '/') = '\0';
    if (r == 0 && parent[0])
        r = path_mkdirs_at(AT_FDCWD, parent, 0755, err);
    if (r == 0)
        r = file_open(l, err);
    if (r < 0) {
        ross_log_close(l);
        return r;
    }
    *ret = l;
    return 0;
}

struct ross_log_stream *
ross_log_stream(struct ross_log *l, int which)
{
    return &l->streams[which];
}

size_t
ross_log_write(struct ross_log_stream *s, const char *data, size_t n)
{
    struct ross_log *l = s->log;
    size_t done = 0;

    dropped_tell(l);
    while (done < n) {
        size_t part = records_write(s, data + done, n - done);
        bool whole;

        done += part;
        if (part || done == n)
            continue;
        part = record_next(data + done, n - done, &whole);
        if (record_write(s, data + done, part, whole))
            s->open_line = !whole;
        else if (l->block)
            return done;
        else
            l->dropped += part + whole;
        done += part + whole;
    }
    return done;
}

void
ross_log_stream_end(struct ross_log_stream *s)
{
    if (s->open_line && s->log->format != FORMAT_RAW)
        (void) record_write(s, "", 0, true);
    s->open_line = false;
    dropped_tell(s->log);
}

uint64_t
ross_log_dropped(const struct ross_log *l)
{
    return l->dropped;
}

void
ross_log_close(struct ross_log *l)
{
    if (!l)
        return;
    (void) fd_close(l->fd);
    free(l->path);
    free(l);
}
