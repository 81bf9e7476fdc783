/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container wrote.
 *
 * To follow, a second thread blocks in Wait and tells by an eventfd; this one reads what inotify announces for the
 * container's directory, and goes over to the new file when the log was rotated.
 */
#include "container_logs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container_dir.h"
#include "container_labels.h"
#include "container_reap.h"
#include "container_status.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"

#define FILES_MAX      1001 /* the newest and its 1000 predecessors */
#define EVENTS_SIZE    4096
#define ROTATION_TRIES 100 /* looks at a log that is rotated while we look */

struct reader {
    const struct container_logs *how;
    char *path;
    FILE *files[FILES_MAX]; /* the newest first */
    size_t n_files;
    char *line;
    size_t line_size;
    bool inside[2]; /* stdout, stderr: the last record was not the end of its line */
};

static void
reader_done(struct reader *r)
{
    for (size_t i = 0; i < r->n_files; i++)
        (void) fclose(r->files[i]);
    free(r->path);
    free(r->line);
}

struct record {
    int stream; /* 0 stdout, 1 stderr */
    bool whole;
    const char *time, *text;
    size_t n_text;
};

/* "TIME STREAM F|P TEXT\n"; false for anything else. Cuts `line` into pieces. */
static bool
record_parse(char *line, size_t n, struct record *ret)
{
    char *stream = strchr(line, ' '), *tag = stream ? strchr(stream + 1, ' ') : NULL;

    if (!tag || (tag[1] != 'F' && tag[1] != 'P') || tag[2] != ' ' || line[n - 1] != '\n')
        return false;
    *stream++ = '\0';
    *ret = (struct record){
        .stream = strncmp(stream, "stderr ", 7) == 0,
        .whole = tag[1] == 'F',
        .time = line,
        .text = tag + 3,
        .n_text = n - 1 - (size_t) (tag + 3 - line),
    };
    return true;
}

static bool
is_wanted(const struct reader *r, const struct record *rec)
{
    int64_t at_ns;

    if (!r->how->since_ns && !r->how->until_ns)
        return true;
    return clock_parse(rec->time, &at_ns, NULL) == 0 && at_ns >= r->how->since_ns &&
           (!r->how->until_ns || at_ns < r->how->until_ns);
}

static void
record_print(struct reader *r, const struct record *rec)
{
    FILE *to = rec->stream ? stderr : stdout;

    if (r->how->times && !r->inside[rec->stream])
        fprintf(to, "%s ", rec->time);
    (void) fwrite(rec->text, 1, rec->n_text, to);
    if (rec->whole)
        (void) fputc('\n', to);
    r->inside[rec->stream] = !rec->whole;
}

/* Every wanted record that is there from here on; a record still being written is left for the next time. */
static void
read_on(struct reader *r, FILE *f, int64_t *skip, bool print, int64_t *count)
{
    struct record rec;
    long at = ftell(f);
    ssize_t n;

    clearerr(f);
    while ((n = getline(&r->line, &r->line_size, f)) > 0) {
        if (r->line[n - 1] != '\n') {
            (void) fseek(f, at, SEEK_SET);
            break;
        }
        at += n;
        if (!record_parse(r->line, (size_t) n, &rec) || !is_wanted(r, &rec))
            continue;
        if (*skip > 0)
            *skip -= rec.whole;
        else if (print)
            record_print(r, &rec);
        *count += rec.whole;
    }
}

static char *
log_name(const struct reader *r, unsigned age)
{
    return age ? xasprintf("%s.%u", r->path, age) : xstrdup(r->path);
}

static int
open_each(struct reader *r, struct err *err)
{
    for (unsigned i = 0; i < FILES_MAX; i++) {
        auto_free char *name = log_name(r, i);
        FILE *f = fopen(name, "re");

        if (!f && errno == ENOENT)
            break;
        if (!f)
            return err_sys(err, errno, "open '%s'", name);
        r->files[r->n_files++] = f;
    }
    return 0;
}

/* All files of one moment: a rotation while they are opened would show one twice. */
static int
open_all(struct reader *r, struct err *err)
{
    struct stat first, now;
    int code;

    for (int i = 0; i < ROTATION_TRIES; i++) {
        code = open_each(r, err);
        if (code < 0)
            return code;
        if (r->n_files && fstat(fileno(r->files[0]), &first) == 0 && stat(r->path, &now) == 0 &&
            first.st_ino == now.st_ino)
            return 0;
        while (r->n_files)
            (void) fclose(r->files[--r->n_files]);
    }
    return open_each(r, err);
}

static void
print_all(struct reader *r)
{
    int64_t skip = 0, lines = 0, ignored = 0;

    if (r->how->tail >= 0) {
        for (size_t i = r->n_files; i-- > 0;) {
            read_on(r, r->files[i], &skip, false, &lines);
            rewind(r->files[i]);
        }
        skip = lines > r->how->tail ? lines - r->how->tail : 0;
    }
    for (size_t i = r->n_files; i-- > 0;)
        read_on(r, r->files[i], &skip, true, &ignored);
    (void) fflush(stdout);
}

/* ---- follow ---- */

struct follow {
    const struct session *s;
    const char *id;
    int done_fd;
};

static void *
wait_for_end(void *arg)
{
    const struct follow *f = arg;
    uint64_t one = 1;
    uint32_t status;

    (void) container_wait(f->s, f->id, &status, NULL);
    (void) !write(f->done_fd, &one, sizeof one);
    return NULL;
}

/* How many rotations ago the file was the log: 0 = it is now; -1 = it is gone, *ret_kept is then what is left. */
static int
age_of(const struct reader *r, ino_t ino, int *ret_kept)
{
    struct stat st;
    int i;

    for (i = 0; i < FILES_MAX; i++) {
        auto_free char *name = log_name(r, (unsigned) i);

        if (stat(name, &st) < 0)
            break;
        if (st.st_ino == ino)
            return i;
    }
    *ret_kept = i;
    return -1;
}

/* The file after the one that we read, NULL when that is the newest. Several rotations may have passed since. */
static FILE *
open_newer(const struct reader *r)
{
    struct stat ours;
    int age, kept;
    FILE *f;

    if (!r->n_files)
        return fopen(r->path, "re");
    if (fstat(fileno(r->files[0]), &ours) < 0)
        return NULL;
    for (int i = 0; i < ROTATION_TRIES; i++) {
        auto_free char *name = NULL;

        age = age_of(r, ours.st_ino, &kept);
        if (age == 0 || (age < 0 && kept == 0))
            return NULL;
        name = log_name(r, (unsigned) (age < 0 ? kept : age) - 1);
        f = fopen(name, "re");
        /* a rotation in between would have moved the names on by one */
        if (f && (age < 0 || age_of(r, ours.st_ino, &kept) == age))
            return f;
        if (f)
            (void) fclose(f);
    }
    return NULL;
}

static void
print_new(struct reader *r)
{
    int64_t none = 0, ignored = 0;
    FILE *newer;

    if (r->n_files)
        read_on(r, r->files[0], &none, true, &ignored);
    while ((newer = open_newer(r))) {
        if (r->n_files) {
            /* what came between the last read and the rotation */
            read_on(r, r->files[0], &none, true, &ignored);
            (void) fclose(r->files[0]);
        }
        r->files[0] = newer;
        r->n_files += r->n_files == 0;
        read_on(r, newer, &none, true, &ignored);
    }
    (void) fflush(stdout);
}

/* Until nothing is wanted any more; -1 = for ever. */
static int
left_ms(const struct reader *r)
{
    int64_t left = r->how->until_ns - clock_now_ns();

    if (!r->how->until_ns)
        return -1;
    return left <= 0 ? 0 : left / NS_PER_MS >= INT_MAX ? INT_MAX : (int) (left / NS_PER_MS) + 1;
}

static int
follow(struct reader *r, const char *dir, int done_fd, struct err *err)
{
    auto_close int watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    char events[EVENTS_SIZE];
    struct pollfd p[2];
    bool over = false;

    if (watch_fd < 0 || inotify_add_watch(watch_fd, dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
        return err_sys(err, errno, "watch '%s'", dir);
    do {
        print_new(r);
        if (ferror(stdout))
            return 0; /* nobody reads any more */
        p[0] = (struct pollfd){.fd = watch_fd, .events = POLLIN};
        p[1] = (struct pollfd){.fd = done_fd, .events = POLLIN};
        over = r->how->until_ns && clock_now_ns() >= r->how->until_ns;
        if (poll(p, 2, over ? 0 : left_ms(r)) < 0 && errno != EINTR)
            return err_sys(err, errno, "poll");
        while (read(watch_fd, events, sizeof events) > 0)
            ;
    } while (!p[1].revents && !over);
    print_new(r);
    return 0;
}

/* The second thread may be blocked for as long as the container runs: it ends with the process. */
static int
follow_to_end(const struct session *s, const struct container *c, struct reader *r, const char *dir,
              struct err *err)
{
    static struct follow f;
    pthread_t waiter;
    int e;

    /* the thread may outlive the caller's container */
    f = (struct follow){.s = s, .id = xstrdup(c->id), .done_fd = eventfd(0, EFD_CLOEXEC)};
    if (f.done_fd < 0)
        return err_sys(err, errno, "eventfd");
    e = pthread_create(&waiter, NULL, wait_for_end, &f);
    if (e != 0)
        return err_sys(err, e, "start a thread");
    e = follow(r, dir, f.done_fd, err);
    if (e == 0 && !ferror(stdout) && !r->how->until_ns)
        (void) pthread_join(waiter, NULL);
    else {
        (void) pthread_detach(waiter);
        session_keep();
    }
    return e;
}

int
container_logs(const struct session *s, const struct container *c, const struct container_logs *how,
               struct err *err)
{
    auto_free char *dir = container_dir_path(s->root, s->ctx.ns, c->id);
    struct reader reader = {.how = how, .path = container_log_path(dir)};
    int r;

    r = open_all(&reader, err);
    if (r == 0 && !reader.n_files && labels_find(&c->labels, LABEL_AUTO_REMOVE))
        r = err_set(err, CODE_NOT_FOUND,
                    "container '%s' has no log: with --rm only what runs detached writes one; "
                    "'ross-cli attach' shows what it writes from now on",
                    container_name(c));
    if (r == 0)
        print_all(&reader);
    if (r == 0 && how->on_end)
        how->on_end(how->arg);
    if (r == 0 && how->follow)
        r = follow_to_end(s, c, &reader, dir, err);
    reader_done(&reader);
    return r;
}
