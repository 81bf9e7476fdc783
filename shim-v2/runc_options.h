/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime options of a task: what containerd, a CRI configuration or ross-cli may say about runc (reference
 * 7.1).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libross/base/err.h"
#include "libross/base/mem.h"

#define RUNC_ROOT_DEFAULT       "/run/containerd/runc"
#define RUNC_OPTIONS_CONFIG_MAX (64 * 1024) /* bytes of a configuration that an option names */
#define RUNC_OPTIONS_JSON_MAX   (64 * 1024)

/* Zero-initialised is "nothing said"; strings are malloc'ed or NULL. */
struct runc_options {
    bool no_pivot_root, no_new_keyring, systemd_cgroup;
    uint32_t io_uid, io_gid;
    char *shim_cgroup;
    char *binary_name;
    char *root;
    char *criu_image_path, *criu_work_path;
};
void runc_options_done(struct runc_options *o);

/*
 * From an Any (type_url, n bytes): containerd.runc.v1.Options, runtimeoptions.v1.Options (its TOML body, else the file
 * that it names), or a type we do not know, which says nothing. InvalidArgument when malformed.
 */
int runc_options_from_any(const char *type_url, const void *value, size_t n,
                          struct runc_options *ret, struct err *err);
/* The same from a marshalled google.protobuf.Any, as `start` and -info read it; n may be 0. */
int runc_options_from_bytes(const void *p, size_t n, struct runc_options *ret, struct err *err);

/* The bundle's options.json (snake_case, zero values left out) and back; also reads the file of the Go shim. */
char *runc_options_format(const struct runc_options *o, size_t *ret_len);
int runc_options_parse(const void *json, size_t n, struct runc_options *ret, struct err *err);
