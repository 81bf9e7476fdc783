/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces of another container. */
#include "container_join.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container_dir.h"
#include "container_status.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "ross-cli/net/net_request.h"

#define CONTAINER_WORD "container:"
#define NOTE_PREFIX    "ross.join."
#define SHM            "/dev/shm"

static const struct {
    const char *option, *type, *note;
    size_t word, ns; /* in run_options, in spec_options */
} kinds[] = {
    {"--pid", "pid", NOTE_PREFIX "pid", offsetof(struct run_options, pid),
     offsetof(struct spec_options, pid)},
    {"--ipc", "ipc", NOTE_PREFIX "ipc", offsetof(struct run_options, ipc),
     offsetof(struct spec_options, ipc)},
    {"--uts", "uts", NOTE_PREFIX "uts", offsetof(struct run_options, uts),
     offsetof(struct spec_options, uts)},
};

const char *
container_join_word(const char *word)
{
    size_t n = strlen(CONTAINER_WORD);

    return word && strncmp(word, CONTAINER_WORD, n) == 0 ? word + n : NULL;
}

/* ---- when it is made ---- */

static int
take_hostname(const struct session *s, const char *id, const char *own, struct spec_options *o,
              struct arena *arena, struct err *err)
{
    auto_free char *dir = container_dir_path(s->root, s->ctx.ns, id);
    AUTO(net_request) other = {0};
    int r;

    if (own)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "with --uts container: the host name is that container's; leave --hostname "
                       "out");
    r = net_request_read(dir, &other, err);
    if (r == 0 && other.hostname)
        o->hostname = arena_strdup(arena, other.hostname);
    return r;
}

int
container_join_note(struct session *s, const struct run_options *opt, struct spec_options *o,
                    struct arena *arena, struct err *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_LEN(kinds); i++) {
        const char *word = *(const char *const *) ((const char *) opt + kinds[i].word);
        struct spec_ns *ns = (struct spec_ns *) ((char *) o + kinds[i].ns);
        AUTO(container) c = {0};

        if (!container_join_word(word))
            continue;
        r = container_find(s, container_join_word(word), &c, err);
        if (r < 0)
            return err_wrap(err, r, "%s", kinds[i].option);
        labels_set_raw(&o->annotations, kinds[i].note, c.id);
        /* until the bundle is made */
        *ns =
            (struct spec_ns){SPEC_NS_PATH, arena_printf(arena, "/proc/self/ns/%s", kinds[i].type)};
        if (strcmp(kinds[i].type, "uts") == 0)
            r = take_hostname(s, c.id, opt->hostname, o, arena, err);
    }
    return r;
}

/* ---- when it starts ---- */

bool
container_join_noted(const char *spec, size_t len)
{
    return memmem(spec, len, "\"" NOTE_PREFIX, strlen("\"" NOTE_PREFIX)) != NULL;
}

static int
pid_of(const struct session *s, const char *id, const char *option, uint32_t *ret, struct err *err)
{
    AUTO(container_status) st = {0};
    int r = container_status_get(s, id, &st, err);

    if (r < 0)
        return err_wrap(err, r, "%s", option);
    if (st.kind != CONTAINER_RUNNING && st.kind != CONTAINER_PAUSED)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "%s: container %.12s, whose namespace it joins, does not run; start that "
                       "first",
                       option, id);
    *ret = st.pid;
    return 0;
}

struct taking {
    uint32_t pid;
    int fd, sys_errno;
};

/* In a thread of its own, which ends among the other's mounts while the process stays where it is. */
static void *
take_shm(void *arg)
{
    struct taking *t = arg;
    auto_free char *path = xasprintf("/proc/%u/ns/mnt", t->pid);
    auto_close int ns_fd = open(path, O_RDONLY | O_CLOEXEC);

    if (ns_fd >= 0 && unshare(CLONE_FS) == 0 && setns(ns_fd, CLONE_NEWNS) == 0)
        t->fd = open_tree(AT_FDCWD, SHM, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
    t->sys_errno = errno;
    return NULL;
}

static int
mount_shm(uint32_t pid, const char *at, struct err *err)
{
    struct taking t = {.pid = pid, .fd = -1};
    auto_close int fd = -1;
    pthread_t thread;
    int r;

    r = pthread_create(&thread, NULL, take_shm, &t);
    if (r != 0)
        return err_sys(err, r, "start a thread");
    (void) pthread_join(thread, NULL);
    fd = t.fd;
    if (fd < 0)
        return err_sys(err, t.sys_errno, "take %s of process %u", SHM, pid);
    r = path_mkdirs_at(AT_FDCWD, at, 0711, err);
    if (r == 0 && move_mount(fd, "", AT_FDCWD, at, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        r = err_sys(err, errno, "mount on '%s'", at);
    return r;
}

/* In the place of a /dev/shm of its own; where the person has put something else, that stays. */
static int
join_shm(uint32_t pid, const char *bundle, struct json *spec, struct err *err)
{
    const struct json *mounts = json_find(spec, "mounts");
    auto_free char *at = path_join(bundle, "shm");
    AUTO(strv) options = strv_split("bind,nosuid,noexec,nodev", ',');

    for (size_t i = 0; i < json_len(mounts); i++) {
        struct json *m = json_at(mounts, i);
        const char *target = json_str(json_find(m, "destination"));
        const char *type = json_str(json_find(m, "type")), *from = json_str(json_find(m, "source"));

        if (!target || strcmp(target, SHM) != 0 || !type || strcmp(type, "tmpfs") != 0 || !from ||
            strcmp(from, "shm") != 0)
            continue;
        json_set(m, "type", json_new_str("bind"));
        json_set(m, "source", json_new_str(at));
        json_set(m, "options", json_new_strv(&options));
        return mount_shm(pid, at, err);
    }
    return 0;
}

static void
set_path(const struct json *spec, const char *type, uint32_t pid)
{
    const struct json *list = json_find(json_find(spec, "linux"), "namespaces");
    auto_free char *path = xasprintf("/proc/%u/ns/%s", pid, type);

    for (size_t i = 0; i < json_len(list); i++) {
        const char *found = json_str(json_find(json_at(list, i), "type"));

        if (found && strcmp(found, type) == 0)
            json_set(json_at(list, i), "path", json_new_str(path));
    }
}

int
container_join_apply(const struct session *s, const char *bundle, struct json *spec,
                     struct err *err)
{
    const struct json *annotations = json_find(spec, "annotations");
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_LEN(kinds); i++) {
        const char *id = json_str(json_find(annotations, kinds[i].note));
        uint32_t pid = 0;

        if (!id)
            continue;
        r = pid_of(s, id, kinds[i].option, &pid, err);
        if (r < 0)
            return r;
        set_path(spec, kinds[i].type, pid);
        if (strcmp(kinds[i].type, "ipc") == 0)
            r = join_shm(pid, bundle, spec, err);
    }
    return r;
}
