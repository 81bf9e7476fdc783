/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Platforms: parsing, normalising, and which of an index's manifests suits. The rules are those of containerd's
 * platforms package, so that the same image is chosen.
 */
#pragma once

#include <stddef.h>

#include "libross/base/err.h"
#include "libross/oci/oci_desc.h"

#define PLATFORM_STR_MAX       128 /* of the text of a platform */
#define PLATFORM_RANK_UNSTATED 1000

/*
 * "os/arch[/variant]", or one of os and arch alone, the other being this host's. Spellings are normalised: x86_64 is
 * amd64, aarch64 is arm64, armhf is arm/v7. InvalidArgument.
 */
int platform_parse(const char *s, struct oci_platform *ret, struct err *err);
/* "linux/arm/v7"; malloc'ed; "unknown" when empty. */
char *platform_format(const struct oci_platform *p);
/* In place; NULL fields stay NULL. */
void platform_normalize(struct oci_platform *p);
struct oci_platform platform_clone(const struct oci_platform *p);
/* This host's, normalised. */
void platform_host(struct oci_platform *ret);
/* Pure part of it: from uname's machine and, on 32-bit arm, the "CPU architecture" of /proc/cpuinfo (else NULL). */
void platform_from_machine(const char *machine, const char *cpu_architecture,
                           struct oci_platform *ret);

/*
 * How well `have` suits a machine that is `want`: 0 the same, more = worse (386 on amd64, arm/v6 on arm/v7, arm on
 * arm64), PLATFORM_RANK_UNSTATED when `have` says nothing (its config must be read), -1 not at all.
 */
int platform_rank(const struct oci_platform *want, const struct oci_platform *have);
/* The same platform, nothing else will do: for --platform. */
bool platform_equal(const struct oci_platform *a, const struct oci_platform *b);
