/* SPDX-License-Identifier: Apache-2.0 */
/* The log: one line per event, a constant message and facts as key=value. */
#include "log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"

#define LINE_MAX_BYTES 4096

static const char *log_program = "ross";
static _Atomic enum log_level log_level_now = LOG_INFO;
static _Atomic int log_fd = STDERR_FILENO;
static bool log_to_journal;   /* which adds time and program itself */
static const char *log_areas; /* ROSS_TRACE, borrowed from the environment */

static const char *const level_names[] = {"trace", "debug", "info", "warn", "error"};
static const char level_digits[] = "77643"; /* as syslog(3) counts */

int
log_level_parse(const char *s, enum log_level *ret, struct err *err)
{
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++)
        if (strcmp(s, level_names[i]) == 0) {
            *ret = (enum log_level) i;
            return 0;
        }
    if (strcmp(s, "warning") == 0) {
        *ret = LOG_WARN;
        return 0;
    }
    return err_set(err, CODE_INVALID_ARGUMENT,
                   "unknown log level '%.32s', use trace, debug, info, warn or error", s);
}

void
log_set_level(enum log_level level)
{
    log_level_now = level;
}

enum log_level
log_get_level(void)
{
    return log_level_now;
}

/* systemd.exec(5): JOURNAL_STREAM is the DEVICE:INODE of the stream to the journal, if that is still our stderr. */
static bool
stderr_is_journal(void)
{
    const char *said = getenv("JOURNAL_STREAM");
    char is[64];
    struct stat st;

    if (!said || fstat(STDERR_FILENO, &st) < 0)
        return false;
    (void) snprintf(is, sizeof is, "%llu:%llu", (unsigned long long) st.st_dev,
                    (unsigned long long) st.st_ino);
    return strcmp(said, is) == 0;
}

void
log_init(const char *program)
{
    log_program = program;
    log_areas = getenv("ROSS_TRACE");
    log_to_journal = stderr_is_journal();
}

void
log_set_fd(int fd)
{
    log_fd = fd;
}

bool
log_area_on(const char *area)
{
    const char *p = log_areas;
    size_t len = strlen(area), n;

    while (p && *p) {
        n = strcspn(p, ",");
        if ((n == len && strncmp(p, area, n) == 0) || (n == 3 && strncmp(p, "all", 3) == 0))
            return true;
        p += n + (p[n] == ',');
    }
    return false;
}

struct line {
    size_t len;
    char text[LINE_MAX_BYTES];
};

static void
put(struct line *l, const char *s, size_t n)
{
    size_t room = sizeof l->text - 1 - l->len;

    if (n > room)
        n = room;
    memcpy(l->text + l->len, s, n);
    l->len += n;
}

static void
put_quoted(struct line *l, const char *s)
{
    char esc[5];
    unsigned char c;

    put(l, "\"", 1);
    for (; s && *s; s++) {
        c = (unsigned char) *s;
        if (c == '"' || c == '\\')
            put(l, (char[]){'\\', (char) c}, 2);
        else if (c == '\n')
            put(l, "\\n", 2);
        else if (c < 0x20 || c == 0x7f) {
            (void) snprintf(esc, sizeof esc, "\\x%02x", c);
            put(l, esc, 4);
        } else
            put(l, s, 1);
    }
    put(l, "\"", 1);
}

static void
put_kv(struct line *l, const struct log_kv *kv)
{
    char num[64];

    put(l, " ", 1);
    put(l, kv->key, strlen(kv->key));
    put(l, "=", 1);
    switch (kv->kind) {
    case LOG_KV_STR:
        put_quoted(l, kv->str);
        break;
    case LOG_KV_INT:
        put(l, num, (size_t) snprintf(num, sizeof num, "%lld", (long long) kv->num));
        break;
    case LOG_KV_MS:
        put(l, num,
            (size_t) snprintf(num, sizeof num, "%lld.%03lldms", (long long) (kv->num / NS_PER_MS),
                              (long long) (kv->num % NS_PER_MS / NS_PER_US)));
        break;
    case LOG_KV_ERR:
        put_quoted(l, kv->str);
        put(l, " code=", 6);
        put(l, code_name((int) kv->num), strlen(code_name((int) kv->num)));
        break;
    }
}

void
log_line(enum log_level level, const char *msg, const struct log_kv *kvs, unsigned n)
{
    char when[CLOCK_STR_MAX];
    struct line l = {0};
    int saved = errno, fd = log_fd;

    if (fd < 0)
        return;
    if (log_to_journal && fd == STDERR_FILENO)
        l.len = (size_t) snprintf(l.text, sizeof l.text, "<%c>level=%s msg=", level_digits[level],
                                  level_names[level]);
    else
        l.len =
            (size_t) snprintf(l.text, sizeof l.text,
                              "time=%s level=%s prog=%s msg=", clock_format(clock_now_ns(), when),
                              level_names[level], log_program);
    put_quoted(&l, msg);
    for (unsigned i = 0; i < n; i++)
        put_kv(&l, &kvs[i]);
    l.text[l.len++] = '\n';
    (void) !write(fd, l.text, l.len);
    errno = saved;
}
