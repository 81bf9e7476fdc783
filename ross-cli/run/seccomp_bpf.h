/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System call filters compiled ahead of the runtime: libseccomp needs over ten milliseconds for the default profile, at
 * every start, and the answer is always the same. crun takes it ready made in an annotation.
 */
#pragma once

#include "libross/base/err.h"

struct json;

/* The annotation by which crun is given a filter, in base64, instead of compiling linux.seccomp itself. */
#define SECCOMP_BPF_ANNOTATION "run.oci.seccomp_bpf_data"

/*
 * cache_dir  made when missing; holds compiled filters under the digest of their source
 * seccomp    the `linux.seccomp` object of a runtime spec
 * *ret       the program (struct sock_filter, native byte order) in base64, malloc'ed
 *
 * Unimplemented when the profile asks for something that a program alone cannot give (a listener), or that libseccomp
 * refuses: then the runtime must do it.
 */
int seccomp_bpf(const char *cache_dir, const struct json *seccomp, char **ret, struct err *err);
