/* SPDX-License-Identifier: Apache-2.0 */
/* What happened to containers, images, networks and volumes, as those who did it wrote it down. */
#include "event_log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "container_dir.h"
#include "container_status.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/log.h"
#include "libross/base/path.h"
#include "libross/json/json.h"
#include "libross/oci/oci_ref.h"
#include "ross-cli/net/net_request.h"
#include "ross-cli/volume/volume.h"

#define WATCH_BYTES 4096

static char *
dir_path(const struct session *s)
{
    return path_join(s->root, "events");
}

/* ---- writing ---- */

static int
open_log(const struct session *s, struct err *err)
{
    auto_free char *dir = dir_path(s), *path = xasprintf("%s/%s.jsonl", dir, s->ctx.ns);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 && errno == ENOENT && path_mkdirs_at(AT_FDCWD, dir, 0700, err) == 0)
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    return fd < 0 ? err_sys(err, errno, "open '%s'", path) : fd;
}

/* Who finds the file full moves it away; the lock is on the file itself, so nobody moves its successor. */
static void
rotate_when_full(const struct session *s, int fd)
{
    auto_free char *dir = dir_path(s), *path = xasprintf("%s/%s.jsonl", dir, s->ctx.ns);
    auto_free char *old = xasprintf("%s.1", path);
    struct stat ours, there;

    if (fstat(fd, &ours) < 0 || ours.st_size < EVENT_LOG_MAX || flock(fd, LOCK_EX) < 0)
        return;
    if (stat(path, &there) == 0 && there.st_ino == ours.st_ino)
        (void) rename(path, old);
}

static void
write_event(const struct session *s, struct json *o)
{
    auto_close int fd = -1;
    struct err err = {0};
    size_t len;
    char *text;

    fd = open_log(s, &err);
    text = json_dump(o, &len);
    text = xrealloc(text, len + 2);
    memcpy(text + len, "\n", 2);
    /* one write: lines of several processes do not mix */
    if (fd >= 0 && write(fd, text, len + 1) != (ssize_t) len + 1)
        (void) err_sys(&err, errno, "write an event");
    if (fd >= 0)
        rotate_when_full(s, fd);
    if (err.code)
        log_debug("an event is not recorded", KV_ERR(&err));
    free(text);
}

static struct json *
new_event(const char *type, const char *action)
{
    struct json *o = json_new_object();
    char now[CLOCK_STR_MAX];

    json_set(o, "time", json_new_str(clock_format(clock_now_ns(), now)));
    json_set(o, "type", json_new_str(type));
    json_set(o, "action", json_new_str(action));
    return o;
}

static struct json *
new_container_event(const struct container *c, const char *action)
{
    struct json *o = new_event("container", action);

    json_set(o, "id", json_new_str(c->id));
    json_set(o, "name", json_new_str(container_name(c)));
    json_set(o, "image", json_new_str(c->image));
    return o;
}

void
event_container(const struct session *s, const struct container *c, const char *action,
                const char *key, uint32_t value)
{
    AUTO_PTR(json) o = new_container_event(c, action);
    struct json *attributes = json_new_object();

    if (key)
        json_set(attributes, key, json_new_int(value));
    json_set(o, "attributes", attributes);
    write_event(s, o);
}

void
event_exec(const struct session *s, const struct container *c, const char *action,
           const char *exec_id, const uint32_t *exit_code)
{
    AUTO_PTR(json) o = new_container_event(c, action);
    struct json *attributes = json_new_object();

    json_set(attributes, "execID", json_new_str(exec_id));
    if (exit_code)
        json_set(attributes, "exitCode", json_new_int(*exit_code));
    json_set(o, "attributes", attributes);
    write_event(s, o);
}

void
event_image(const struct session *s, const char *name, const struct digest *target,
            const char *action)
{
    AUTO_PTR(json) o = new_event("image", action);
    char digest[DIGEST_STR_MAX];

    json_set(o, "id", json_new_str(target ? digest_format(target, digest) : name));
    json_set(o, "name", json_new_str(name));
    json_set(o, "image", json_new_str(name));
    json_set(o, "attributes", json_new_object());
    write_event(s, o);
}

/* attributes: taken */
static void
write_object(const struct session *s, const char *type, const char *id, const char *name,
             const char *action, struct json *attributes)
{
    AUTO_PTR(json) o = new_event(type, action);

    json_set(o, "id", json_new_str(id));
    json_set(o, "name", json_new_str(name));
    json_set(o, "image", json_new_str(""));
    json_set(o, "attributes", attributes);
    write_event(s, o);
}

void
event_network(const struct session *s, const char *network, const char *action,
              const struct container *c)
{
    struct json *attributes = json_new_object();

    if (c)
        json_set(attributes, "container", json_new_str(c->id));
    write_object(s, "network", network, network, action, attributes);
}

void
event_volume(const struct session *s, const char *volume, const char *action)
{
    write_object(s, "volume", volume, volume, action, json_new_object());
}

static void
events_of_volumes(const struct session *s, const struct container *c, const char *action)
{
    auto_free char *prefix = path_join(s->root, "volumes/");
    AUTO_PTR(json) spec = NULL;
    const struct json *mounts;

    /* most have none, and the spec is long */
    if (!c->spec.value || !memmem(c->spec.value, c->spec.n, prefix, strlen(prefix)) ||
        json_parse(c->spec.value, c->spec.n, &spec, NULL) < 0)
        return;
    mounts = json_find(spec, "mounts");
    for (size_t i = 0; i < json_len(mounts); i++) {
        const char *source = json_str(json_find(json_at(mounts, i), "source"));
        auto_free char *name = source ? volume_name_of_path(s->root, source) : NULL;
        struct json *attributes = json_new_object();

        json_set(attributes, "container", json_new_str(c->id));
        if (name)
            write_object(s, "volume", name, name, action, attributes);
        else
            json_free(attributes);
    }
}

static void
events_of_networks(const struct session *s, const struct container *c, const char *action)
{
    auto_free char *dir = container_dir_path(s->root, s->ctx.ns, c->id);
    AUTO(net_request) q = {0};

    if (net_request_read(dir, &q, NULL) < 0 || q.mode != NET_NETWORKS)
        return;
    for (size_t i = 0; i < q.n_wishes; i++)
        event_network(s, q.wishes[i].network, action, c);
}

void
event_container_start(const struct session *s, const struct container *c)
{
    events_of_networks(s, c, "connect");
    events_of_volumes(s, c, "mount");
    event_container(s, c, "start", NULL, 0);
}

void
event_container_die(const struct session *s, const struct container *c, uint32_t exit_code)
{
    event_container(s, c, "die", "exitCode", exit_code);
    events_of_networks(s, c, "disconnect");
    events_of_volumes(s, c, "unmount");
}

/* ---- reading ---- */

static const struct filter_key {
    const char *word, *field, *other; /* other: a second field that may fit, or begin so */
    const char *type;                 /* only of events of this type; NULL = of all */
} filter_keys[] = {
    {"type", "type", NULL, NULL},
    {"event", "action", NULL, NULL},
    {"container", "name", "id", "container"},
    {"image", "image", NULL, NULL},
    {"network", "name", NULL, "network"},
    {"volume", "name", NULL, "volume"},
};

static const struct filter_key *
find_key(const char *filter)
{
    size_t n = strcspn(filter, "=");

    for (size_t i = 0; filter[n] && i < ARRAY_LEN(filter_keys); i++)
        if (strlen(filter_keys[i].word) == n && strncmp(filter_keys[i].word, filter, n) == 0)
            return &filter_keys[i];
    return NULL;
}

/* As it is, or as the short form of an image's name. */
static bool
is_named(const char *name, const char *wanted, bool image)
{
    AUTO(oci_ref) ref = {0};
    auto_free char *whole = NULL;

    if (!name || strcmp(name, wanted) == 0 || !image || oci_ref_parse(wanted, &ref, NULL) < 0)
        return name && strcmp(name, wanted) == 0;
    whole = oci_ref_format(&ref);
    return strcmp(name, whole) == 0;
}

static bool
fits(const struct json *event, const struct filter_key *key, const char *wanted)
{
    const char *a = json_str(json_find(event, key->field));
    const char *b = key->other ? json_str(json_find(event, key->other)) : NULL;
    const char *type = json_str(json_find(event, "type"));

    if (key->type && (!type || strcmp(type, key->type) != 0))
        return false;
    return is_named(a, wanted, strcmp(key->field, "image") == 0) ||
           (b && *wanted && strncmp(b, wanted, strlen(wanted)) == 0);
}

/* Of each key that has filters at least one must fit. */
static bool
is_wanted(const struct event_query *q, const struct json *event)
{
    for (size_t k = 0; k < ARRAY_LEN(filter_keys); k++) {
        bool asked = false, found = false;

        for (size_t i = 0; i < q->filters.n; i++) {
            if (find_key(q->filters.items[i]) != &filter_keys[k])
                continue;
            asked = true;
            found |= fits(event, &filter_keys[k], strchr(q->filters.items[i], '=') + 1);
        }
        if (asked && !found)
            return false;
    }
    return true;
}

struct reader {
    const struct event_query *q;
    event_fn fn;
    void *arg;
    char *path;
    FILE *file; /* the newest; NULL = there is none yet */
    char *line;
    size_t size;
};

static int
take_line(struct reader *r, size_t n, struct err *err)
{
    AUTO_PTR(json) event = NULL;
    int64_t at_ns;

    r->line[n - 1] = '\0';
    /* what a crash tore is skipped */
    if (json_parse(r->line, n - 1, &event, NULL) < 0 || !json_str(json_find(event, "time")) ||
        clock_parse(json_str(json_find(event, "time")), &at_ns, NULL) < 0)
        return 0;
    if (at_ns < r->q->since_ns || (r->q->until_ns && at_ns > r->q->until_ns) ||
        !is_wanted(r->q, event))
        return 0;
    return r->fn(r->line, r->arg, err);
}

/* Whole lines that are there from here on. */
static int
read_on(struct reader *r, FILE *f, struct err *err)
{
    long at = ftell(f);
    ssize_t n;
    int code = 0;

    clearerr(f);
    while (code == 0 && (n = getline(&r->line, &r->size, f)) > 0) {
        if (r->line[n - 1] != '\n') {
            (void) fseek(f, at, SEEK_SET);
            break;
        }
        at += n;
        code = take_line(r, (size_t) n, err);
    }
    return code;
}

/* Ours to its end, and when it is no longer the newest, its successor. */
static int
read_new(struct reader *r, struct err *err)
{
    struct stat ours, there;
    int code = r->file ? read_on(r, r->file, err) : 0;

    if (code < 0 || stat(r->path, &there) < 0)
        return code;
    if (r->file && fstat(fileno(r->file), &ours) == 0 && ours.st_ino == there.st_ino)
        return 0;
    if (r->file) {
        code = read_on(r, r->file, err);
        (void) fclose(r->file);
    }
    r->file = fopen(r->path, "re");
    return code < 0 || !r->file ? code : read_on(r, r->file, err);
}

static int
read_past(struct reader *r, struct err *err)
{
    auto_free char *old = xasprintf("%s.1", r->path);
    FILE *f = fopen(old, "re");
    int code = 0;

    if (f) {
        code = read_on(r, f, err);
        (void) fclose(f);
    }
    return code < 0 ? code : read_new(r, err);
}

/* True while there is time left. */
static bool
wait_for_more(const struct event_query *q, int watch_fd)
{
    struct pollfd p = {.fd = watch_fd, .events = POLLIN};
    int64_t left = q->until_ns ? q->until_ns - clock_now_ns() : 0;
    const struct timespec ts = {.tv_sec = left / NS_PER_S, .tv_nsec = left % NS_PER_S};
    char events[WATCH_BYTES];

    if (q->until_ns && left <= 0)
        return false;
    (void) ppoll(&p, 1, q->until_ns ? &ts : NULL, NULL);
    while (read(watch_fd, events, sizeof events) > 0)
        ;
    return true;
}

int
event_read(const struct session *s, const struct event_query *q, event_fn fn, void *arg,
           struct err *err)
{
    auto_free char *dir = dir_path(s);
    auto_close int watch_fd = -1;
    struct reader reader = {.q = q, .fn = fn, .arg = arg};
    int r;

    for (size_t i = 0; i < q->filters.n; i++)
        if (!find_key(q->filters.items[i]))
            return err_set(err, CODE_INVALID_ARGUMENT,
                           "--filter '%.128s' is not known, use type=, event=, container=, image=, "
                           "network= or "
                           "volume=",
                           q->filters.items[i]);
    r = path_mkdirs_at(AT_FDCWD, dir, 0700, err);
    if (r < 0)
        return r;
    watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch_fd < 0 || inotify_add_watch(watch_fd, dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
        return err_sys(err, errno, "watch '%s'", dir);
    reader.path = xasprintf("%s/%s.jsonl", dir, s->ctx.ns);
    r = read_past(&reader, err);
    while (r == 0 && wait_for_more(q, watch_fd))
        r = read_new(&reader, err);
    if (r == 0)
        r = read_new(&reader, err);
    if (reader.file)
        (void) fclose(reader.file);
    free(reader.path);
    free(reader.line);
    return r;
}
