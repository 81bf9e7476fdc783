/* SPDX-License-Identifier: Apache-2.0 */
/* The ids of a container with a user namespace of its own: its 0 to size - 1 are so many of the host's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libross/base/err.h"

/* Where "auto" looks for ids: those that nobody gives to users, services or machines (systemd's list, "unused"). */
#define USER_MAP_AUTO_BEGIN UINT32_C(0x70000000)
#define USER_MAP_AUTO_END   UINT32_C(0x7ffe0000)
#define USER_MAP_AUTO_SIZE  UINT32_C(65536)

/* Zeroed: no user namespace. */
struct user_map {
    bool any, automatic;
    uint32_t uid, gid, size; /* automatic: only the size counts until user_map_take() */
};

/* --userns: "host" (and NULL), "auto", "auto:size=N", "UID:GID:COUNT". InvalidArgument. */
int user_map_parse(const char *text, struct user_map *ret, struct err *err);

/*
 * Notes the map in the container's directory `dir`, which exists below ROOT/containers/NS; an automatic one gets ids
 * that no other container has or gets. They are free again when the directory goes. ResourceExhausted when all are
 * taken.
 */
int user_map_take(const char *root, const char *dir, bool durable, struct user_map *m,
                  struct err *err);
/* The map of an existing container; zeroed when it has none. */
int user_map_read(const char *dir, struct user_map *ret, struct err *err);

#define USER_MAP_TEXT_MAX 40
/* "0:HOST:SIZE" as mounts and snapshots take it; returns buf. */
char *user_map_text(uint32_t host_id, uint32_t size, char buf[static USER_MAP_TEXT_MAX]);
