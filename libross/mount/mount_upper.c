/* SPDX-License-Identifier: Apache-2.0 */
/* The directory in which an overlay keeps what is its own. */
#include "mount_upper.h"

#include <errno.h>
#include <fcntl.h>

#include "libross/base/buf.h"
#include "libross/base/fd.h"
#include "mount_opts.h"
#include "mount_temp.h"

#define OPTION_SIZE_MAX (64 * 1024)

/* "KEY=H:C:S,…" of the map "C:H:S,…". */
static int
add_inverse(struct mount *m, const char *key, const char *map, struct err *err)
{
    struct idmap_range ranges[IDMAP_RANGES_MAX];
    AUTO(buf) b = BUF_INIT(OPTION_SIZE_MAX);
    size_t n;
    int r;

    r = idmap_parse(map, ranges, &n, err);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = buf_printf(&b, err, "%s%u:%u:%u", i ? "," : "", ranges[i].host_id,
                       ranges[i].container_id, ranges[i].size);
    if (r == 0)
        strv_printf(&m->options, "%s=%s", key, b.data);
    return r;
}

static int
open_mapped(const char *dir, const char *uidmap, const char *gidmap, int *ret_fd, struct err *err)
{
    AUTO(mount_list) list = {0};
    AUTO_PTR(mount_temp) temp = NULL;
    struct mount *m;
    int fd, r;

    m = mount_list_add(&list, "bind", dir);
    strv_add(&m->options, "bind");
    strv_add(&m->options, "ro");
    r = add_inverse(m, "uidmap", uidmap, err);
    if (r == 0)
        r = add_inverse(m, "gidmap", gidmap, err);
    if (r == 0)
        r = mount_temp_open(&list, NULL, NULL, &temp, err);
    if (r < 0)
        return r;
    /* outlives the mount that it came through */
    fd = openat(mount_temp_fd(temp), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, errno, "open '%s'", dir);
    *ret_fd = fd;
    return 0;
}

int
mount_upper_open(const struct mount *m, int *ret_fd, struct err *err)
{
    const char *dir = mount_option_find(m, "upperdir"), *uidmap = mount_option_find(m, "uidmap"),
               *gidmap = mount_option_find(m, "gidmap");
    int fd;

    if (!dir)
        return err_set(err, CODE_FAILED_PRECONDITION, "the overlay has no layer of its own");
    if (uidmap && gidmap)
        return open_mapped(dir, uidmap, gidmap, ret_fd, err);
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, errno, "open '%s'", dir);
    *ret_fd = fd;
    return 0;
}
