/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory that an archive is applied to, and the way to every directory below it: symlinks and ".." end at the
 * root, mount points and magic links are not passed. What lies outside cannot be named through this.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "libross/base/err.h"
#include "libross/base/mem.h"

struct tar_root;

struct tar_root_options {
    bool overlay; /* a whiteout in the way is replaced by an opaque directory */
    bool userxattr;
    const int *lower_fds; /* nearest first */
    size_t n_lower_fds;
    uid_t new_uid; /* owner of directories that nobody describes; (uid_t) -1 = ours */
    gid_t new_gid;
    /* Called for each directory on the way of a lookup that was not cached; NULL when nobody wants to know. */
    void (*on_step)(void *arg, ino_t dir, const char *name);
    /* A directory was made with the times of a lower one; they are to be set at the end. */
    void (*on_times)(void *arg, const char *path, const struct timespec times[static 2]);
    void *arg;
};

/* A directory of the root; fd is borrowed (O_PATH or better) until the next call. */
struct tar_dir {
    int fd;
    gid_t gid; /* of the directory itself */
    ino_t ino;
};

/* root_fd and options are borrowed until tar_root_free. */
int tar_root_new(int root_fd, const struct tar_root_options *options, struct tar_root **ret,
                 struct err *err);
/*
 * The directory at path ("" = the root; cleaned, see tar_name.h), made with its parents when `create`. InvalidArgument
 * when something else is there; NotFound when it is missing and not to be made.
 */
int tar_root_dir(struct tar_root *r, const char *path, bool create, struct tar_dir *ret,
                 struct err *err);
/* A directory that was just made or found at path, for the lookups that follow. Takes fd. */
void tar_root_remember(struct tar_root *r, const char *path, int fd);
/* Something was removed or replaced: lookups start afresh. */
void tar_root_forget(struct tar_root *r);
/* Marks the directory behind fd as hiding what is below it in the overlay. */
int tar_root_set_opaque(struct tar_root *r, int fd, struct err *err);
void tar_root_free(struct tar_root *r);
DEFINE_AUTO_PTR(tar_root)
