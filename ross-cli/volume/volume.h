/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes: directories that outlive containers.
 *
 *   ROOT/volumes/NAME/_data        what containers see
 *   ROOT/volumes/NAME/volume.json  labels, time; written before the volume has its name
 *   ROOT/volumes/NAME/users/NS:ID  an empty file for each container that has it; counts while that container exists
 *   ROOT/volumes/.lock             held while volumes are made, used, removed
 *
 * A volume appears and goes by one rename. What a kill leaves behind is hidden (a name with a dot) and goes with the
 * next removal.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libross/base/labels.h"

struct volume {
    char *name, *path; /* of its data */
    int64_t created_ns;
    struct labels labels;
    bool anonymous;
    struct strv users; /* "NS:ID" of containers that exist */
};
void volume_done(struct volume *v);

struct volumes {
    struct volume *items;
    size_t n;
};
void volumes_done(struct volumes *l);

/* [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most 255 bytes; InvalidArgument. */
int volume_name_check(const char *name, struct err *err);
/* A name that no other has: 64 hexadecimal digits; malloc'ed. */
char *volume_name_anonymous(void);
/* Where its data is, or will be; malloc'ed. */
char *volume_path(const char *root, const char *name);
/* The volume whose data is `path`, malloc'ed; NULL when that is no such path. */
char *volume_name_of_path(const char *root, const char *path);

/* AlreadyExists when it is there; *ret may be NULL. */
int volume_create(const char *root, const char *name, const struct labels *labels, bool anonymous,
                  struct err *err);
/* NotFound with a hint. */
int volume_get(const char *root, const char *name, struct volume *ret, struct err *err);
int volumes_list(const char *root, struct volumes *ret, struct err *err);

/*
 * The container ns, id will have it: made when missing, not removable from now on.
 *   ret_alone  nobody else has it
 */
int volume_use(const char *root, const char *name, bool anonymous, const char *ns, const char *id,
               bool *ret_alone, struct err *err);
/* FailedPrecondition names who has it; NotFound. */
int volume_remove(const char *root, const char *name, struct err *err);

/*
 * What the image has at the volume's place is copied into an empty volume: all of it or nothing. from_fd is that
 * directory. Nothing happens when the volume holds anything.
 */
int volume_fill(const char *root, const char *name, int from_fd, struct err *err);
