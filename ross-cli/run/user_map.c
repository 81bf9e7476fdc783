/* SPDX-License-Identifier: Apache-2.0 */
/* The ids of a container with a user namespace of its own. */
#include "user_map.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "libross/base/fd.h"
#include "libross/base/mem.h"
#include "libross/base/parse.h"
#include "libross/base/path.h"
#include "libross/base/strv.h"
#include "libross/base/tmpfile.h"

#define MAP_FILE     "userns" /* UID:GID:COUNT */
#define MAP_SIZE_MAX 64
#define NOTE_LEN_MAX 40
#define AUTO_SIZE    "auto:size="
#define KNOWN_USERNS "use host, auto, auto:size=N or UID:GID:COUNT"

static int
parse_explicit(const char *text, struct user_map *ret, struct err *err)
{
    struct user_map m = {.any = true};
    uint32_t *const into[] = {&m.uid, &m.gid, &m.size};
    AUTO(strv) parts = strv_split(text, ':');

    if (parts.n != ARRAY_LEN(into))
        return err_set(err, CODE_INVALID_ARGUMENT, "--userns '%.64s' is not known, " KNOWN_USERNS,
                       text);
    for (size_t i = 0; i < parts.n; i++)
        if (parse_u32(parts.items[i], into[i], NULL) < 0)
            return err_set(err, CODE_INVALID_ARGUMENT,
                           "--userns '%.64s': '%.32s' is no id or number of ids, " KNOWN_USERNS,
                           text, parts.items[i]);
    /* the last number means "no id" */
    if (!m.size || m.uid > UINT32_MAX - m.size || m.gid > UINT32_MAX - m.size)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "--userns '%.64s': so many ids are not there from that one on", text);
    *ret = m;
    return 0;
}

int
user_map_parse(const char *text, struct user_map *ret, struct err *err)
{
    struct user_map m = {.any = true, .automatic = true, .size = USER_MAP_AUTO_SIZE};

    *ret = (struct user_map){0};
    if (!text || strcmp(text, "host") == 0)
        return 0;
    if (strncmp(text, AUTO_SIZE, strlen(AUTO_SIZE)) == 0) {
        if (parse_u32(text + strlen(AUTO_SIZE), &m.size, NULL) < 0 || !m.size ||
            m.size > USER_MAP_AUTO_END - USER_MAP_AUTO_BEGIN)
            return err_set(err, CODE_INVALID_ARGUMENT, "--userns '%.64s': the size must be 1 to %u",
                           text, USER_MAP_AUTO_END - USER_MAP_AUTO_BEGIN);
    } else if (strcmp(text, "auto") != 0)
        return parse_explicit(text, ret, err);
    *ret = m;
    return 0;
}

char *
user_map_text(uint32_t host_id, uint32_t size, char buf[static USER_MAP_TEXT_MAX])
{
    (void) snprintf(buf, USER_MAP_TEXT_MAX, "0:%u:%u", host_id, size);
    return buf;
}

static int
read_at(int dir_fd, const char *name, struct user_map *ret, struct err *err)
{
    auto_free char *text = NULL;
    int r;

    *ret = (struct user_map){0};
    r = fd_read_file_at(dir_fd, name, MAP_SIZE_MAX, &text, NULL, err);
    if (r == -CODE_NOT_FOUND) {
        if (err)
            *err = (struct err){0};
        return 0;
    }
    return r < 0 ? r : parse_explicit(text, ret, err);
}

int
user_map_read(const char *dir, struct user_map *ret, struct err *err)
{
    auto_free char *path = path_join(dir, MAP_FILE);

    return read_at(AT_FDCWD, path, ret, err);
}

/* ---- choosing ---- */

struct ranges {
    struct user_map *items;
    size_t n;
};

static void
ranges_done(struct ranges *l)
{
    free(l->items);
}

/* What the containers of one namespace have; one that goes meanwhile has nothing. */
static void
collect(int root_fd, const char *ns, struct ranges *l)
{
    int fd = openat(root_fd, ns, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;

    while (dir && (e = readdir(dir))) {
        auto_free char *name = path_join(e->d_name, MAP_FILE);
        struct user_map m;

        if (!path_is_name(e->d_name) || read_at(dirfd(dir), name, &m, NULL) < 0 || !m.any)
            continue;
        l->items = xreallocarray(l->items, l->n + 1, sizeof *l->items);
        l->items[l->n++] = m;
    }
    if (dir)
        (void) closedir(dir);
    else
        (void) fd_close(fd);
}

static void
collect_all(const char *path, struct ranges *l)
{
    DIR *dir = opendir(path);
    struct dirent *e;

    while (dir && (e = readdir(dir)))
        if (path_is_name(e->d_name) && strcmp(e->d_name, "names") != 0)
            collect(dirfd(dir), e->d_name, l);
    if (dir)
        (void) closedir(dir);
}

/* Where the ids that [begin, begin + size) has in common with `m` end; 0 when there are none. */
static uint64_t
end_of_common(const struct user_map *m, uint64_t begin, uint32_t size)
{
    const uint32_t of[] = {m->uid, m->gid};
    uint64_t end = 0;

    for (size_t i = 0; i < ARRAY_LEN(of); i++)
        if (begin < (uint64_t) of[i] + m->size && of[i] < begin + size &&
            end < (uint64_t) of[i] + m->size)
            end = (uint64_t) of[i] + m->size;
    return end;
}

static int
choose(const struct ranges *taken, struct user_map *m, struct err *err)
{
    uint64_t at = USER_MAP_AUTO_BEGIN, end;

    for (size_t i = 0; i < taken->n && at + m->size <= USER_MAP_AUTO_END;) {
        end = end_of_common(&taken->items[i], at, m->size);
        /* behind it, in whole steps; those before may be in the way there */
        at = end ? (end + USER_MAP_AUTO_SIZE - 1) / USER_MAP_AUTO_SIZE * USER_MAP_AUTO_SIZE : at;
        i = end ? 0 : i + 1;
    }
    if (at + m->size > USER_MAP_AUTO_END)
        return err_set(err, CODE_RESOURCE_EXHAUSTED,
                       "--userns auto: no %u ids in a row are left; remove containers, or give "
                       "UID:GID:COUNT",
                       m->size);
    m->uid = m->gid = (uint32_t) at;
    m->automatic = false;
    return 0;
}

int
user_map_take(const char *root, const char *dir, bool durable, struct user_map *m, struct err *err)
{
    auto_free char *all = path_join(root, "containers");
    __attribute__((cleanup(ranges_done))) struct ranges taken = {0};
    auto_close int lock_fd = -1, dir_fd = -1;
    char text[NOTE_LEN_MAX];
    int r;

    /* of two that choose at once the second sees what the first has noted */
    r = path_open_dir(all, 0700, &lock_fd, err);
    if (r == 0)
        r = path_open_dir(dir, 0700, &dir_fd, err);
    if (r < 0)
        return r;
    while (flock(lock_fd, LOCK_EX) < 0)
        if (errno != EINTR)
            return err_sys(err, errno, "lock '%s'", all);
    if (m->automatic) {
        collect_all(all, &taken);
        r = choose(&taken, m, err);
    }
    if (r < 0)
        return r;
    (void) snprintf(text, sizeof text, "%u:%u:%u", m->uid, m->gid, m->size);
    return durable ? tmpfile_write_at(dir_fd, MAP_FILE, text, strlen(text), 0600, err)
                   : fd_write_file_at(dir_fd, MAP_FILE, text, strlen(text), 0600, err);
}
