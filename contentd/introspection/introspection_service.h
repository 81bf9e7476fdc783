/* SPDX-License-Identifier: Apache-2.0 */
/* The Introspection service: what this process is. */
#pragma once

#include "api/rpc/rpc.h"

#define INTROSPECTION_UUID_MAX 40

struct introspection {
    char uuid[INTROSPECTION_UUID_MAX]; /* of the store, kept in ROOT/uuid */
    const char *root;                  /* borrowed */
};

/* Reads ROOT/uuid, or makes it. */
int introspection_open(const char *root, struct introspection *ret, struct err *err);
/* `i` is borrowed. */
struct rpc_service introspection_service(struct introspection *i);
