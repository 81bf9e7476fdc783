/* SPDX-License-Identifier: Apache-2.0 */
/* One mount of a list, prepared: options understood, loop device and user namespace at hand. */
#include "mount_one.h"

#include <string.h>
#include <sys/mount.h>

#include "idmap.h"
#include "libross/base/fd.h"

int
mount_one_prepare(const struct mount *m, struct mount_one *ret, struct err *err)
{
    AUTO(mount_one)
    one = {
        .type = m->type ? m->type : "",
        .source = m->source ? m->source : "",
        .loop_fd = -1,
        .userns_fd = -1,
    };
    int r;

    r = mount_opts_parse(&m->options, &one.opts, err);
    if (r < 0)
        return r;
    one.bind = (one.opts.flags & MS_BIND) || strcmp(one.type, "bind") == 0;
    if (one.bind)
        one.opts.flags |= MS_BIND;
    if (one.opts.loop) {
        r = loop_device_open(one.source, one.opts.flags & MS_RDONLY, one.loop_path, &one.loop_fd,
                             err);
        if (r < 0)
            return r;
    }
    if (one.opts.uidmap) {
        r = idmap_userns_open(one.opts.uidmap, one.opts.gidmap, &one.userns_fd, err);
        if (r < 0)
            return r;
    }
    *ret = one;
    if (one.loop_fd >= 0)
        ret->source = ret->loop_path;
    one = (struct mount_one){.loop_fd = -1, .userns_fd = -1};
    return 0;
}

void
mount_one_done(struct mount_one *one)
{
    mount_opts_done(&one->opts);
    one->loop_fd = fd_close(one->loop_fd);
    one->userns_fd = fd_close(one->userns_fd);
}
