/* SPDX-License-Identifier: Apache-2.0 */
/* The volumes of a container. */
#include "container_volumes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "container_dir.h"
#include "container_fs.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/mount/mount_temp.h"
#include "ross-cli/volume/volume.h"

#define NAMES_FILE     "volumes" /* of anonymous volumes, one a line; written before they are made */
#define NAMES_SIZE_MAX (1024 * 1024)

static bool
is_covered(const struct spec_options *o, const char *target)
{
    for (size_t i = 0; i < o->n_mounts; i++)
        if (strcmp(o->mounts[i].target, target) == 0)
            return true;
    return false;
}

/* VOLUME of the image's Dockerfile. */
static int
add_of_image(const struct session *s, const struct oci_config *image, struct spec_options *o,
             struct arena *arena, struct err *err)
{
    for (size_t i = 0; i < image->volumes.n; i++) {
        auto_free char *target = path_clean(image->volumes.items[i]), *name = NULL, *path = NULL;

        if (target[0] != '/' || strcmp(target, "/") == 0)
            return err_set(err, CODE_INVALID_ARGUMENT,
                           "the image wants a volume at '%.128s', which is no place for one",
                           image->volumes.items[i]);
        if (is_covered(o, target))
            continue;
        name = volume_name_anonymous();
        path = volume_path(s->root, name);
        o->mounts = xreallocarray(o->mounts, o->n_mounts + 1, sizeof *o->mounts);
        o->mounts[o->n_mounts++] = (struct spec_mount){
            .source = arena_strdup(arena, path),
            .target = arena_strdup(arena, target),
        };
    }
    return 0;
}

/* malloc'ed, NULL when the mount is no volume */
static char *
volume_of(const struct session *s, const struct spec_mount *m)
{
    if (!m->source || (m->type && strcmp(m->type, "bind") != 0))
        return NULL;
    return volume_name_of_path(s->root, m->source);
}

/* Names that nobody chose and nobody has yet. */
static struct strv
new_anonymous(const struct session *s, const struct spec_options *o)
{
    struct strv names = {0};

    for (size_t i = 0; i < o->n_mounts; i++) {
        auto_free char *name = volume_of(s, &o->mounts[i]);
        AUTO(volume) v = {0};

        if (name && strlen(name) == 64 && strspn(name, "0123456789abcdef") == 64 &&
            volume_get(s->root, name, &v, NULL) == -CODE_NOT_FOUND)
            strv_add(&names, name);
    }
    return names;
}

static int
note_names(const char *dir, const struct strv *names, struct err *err)
{
    auto_free char *text = strv_join(names, "\n");
    auto_close int dir_fd = -1;
    int r;

    if (!names->n)
        return 0;
    r = path_open_dir(dir, 0700, &dir_fd, err);
    return r < 0 ? r : fd_write_file_at(dir_fd, NAMES_FILE, text, strlen(text), 0600, err);
}

/* Cuts the word "nocopy" out: no runtime knows it. */
static bool
take_nocopy(struct spec_mount *m)
{
    for (size_t i = 0; i < m->options.n; i++)
        if (strcmp(m->options.items[i], VOLUME_NOCOPY) == 0) {
            strv_remove(&m->options, i);
            return true;
        }
    return false;
}

/* The root filesystem is mounted for it once, when the first volume needs it. */
static int
fill(const struct session *s, const char *name, const char *target, const struct mount_list *rootfs,
     struct mount_temp **temp, struct err *err)
{
    auto_close int fd = -1;
    int r;

    if (!*temp) {
        AUTO(mount_list) plain = container_fs_plain(rootfs);

        r = mount_temp_open(&plain, NULL, NULL, temp, err);
        if (r < 0)
            return r;
    }
    /* links of the image lead to its own files only */
    fd = path_open_in_root(mount_temp_fd(*temp), target + 1, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return 0;
    return volume_fill(s->root, name, fd, err);
}

int
container_volumes_use(const struct session *s, const char *id, const char *dir,
                      const struct oci_config *image, const struct mount_list *rootfs,
                      struct spec_options *o, struct arena *arena, struct err *err)
{
    AUTO_PTR(mount_temp) temp = NULL;
    AUTO(strv) anonymous = {0};
    int r;

    r = add_of_image(s, image, o, arena, err);
    if (r < 0)
        return r;
    anonymous = new_anonymous(s, o);
    r = note_names(dir, &anonymous, err);
    for (size_t i = 0; r == 0 && i < o->n_mounts; i++) {
        auto_free char *name = volume_of(s, &o->mounts[i]);
        bool nocopy = take_nocopy(&o->mounts[i]), alone;

        if (!name)
            continue;
        r = volume_use(s->root, name, strv_has(&anonymous, name), s->ctx.ns, id, &alone, err);
        if (r == 0 && alone && !nocopy)
            r = fill(s, name, o->mounts[i].target, rootfs, &temp, err);
    }
    return r;
}

struct strv
container_volumes_anonymous(const struct session *s, const char *id)
{
    auto_free char *dir = container_dir_path(s->root, s->ctx.ns, id);
    auto_free char *path = path_join(dir, NAMES_FILE), *text = NULL;

    if (fd_read_file_at(AT_FDCWD, path, NAMES_SIZE_MAX, &text, NULL, NULL) < 0)
        return (struct strv){0};
    return strv_split(text, '\n');
}

int
container_volumes_remove(const struct session *s, const struct strv *names, struct err *err)
{
    int failed = 0;

    for (size_t i = 0; i < names->n; i++) {
        struct err one = {0};
        int r = volume_remove(s->root, names->items[i], &one);

        if (r == 0 || r == -CODE_NOT_FOUND || r == -CODE_FAILED_PRECONDITION || failed)
            continue;
        failed = r;
        if (err)
            *err = one;
    }
    return failed;
}
