/* SPDX-License-Identifier: Apache-2.0 */
/*
 * USER[:GROUP], names or numbers, looked up in the bytes of a root filesystem's /etc/passwd and /etc/group, with
 * the rules of docker. Pure: the caller reads the files (safely inside the rootfs).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "libross/base/err.h"
#include "libross/base/strv.h"

#define PASSWD_SIZE_MAX   (4 * 1024 * 1024) /* of either file; what is beyond is not looked at */
#define PASSWD_GROUPS_MAX 1024              /* additional groups of a user */

struct passwd_user {
    uint32_t uid, gid;
    uint32_t *groups; /* additional ones, ascending, without gid; malloc'ed */
    size_t n_groups;
    char *home; /* never NULL in a result: "/" when nothing says */
    char *name; /* NULL when uid has no entry */
};
void passwd_user_done(struct passwd_user *u);

/*
 *   spec         "", "user", "uid", "user:group", "uid:gid" …; NULL or "" is root
 *   passwd, group  the bytes of the files, n of each; NULL when there is none
 *   more_groups  --group-add: names or numbers, added to the additional groups
 *
 * A name that is missing is NotFound; a number needs no entry. Without a group the user's own group and memberships
 * count; with one, the memberships do not. Malformed lines of the files are skipped.
 */
int passwd_lookup(const char *spec, const void *passwd, size_t n_passwd, const void *group,
                  size_t n_group, const struct strv *more_groups, struct passwd_user *ret,
                  struct err *err);
