/* SPDX-License-Identifier: Apache-2.0 */
/* A registry client of ours before a scripted server: what tests of the client begin and end with. */
#pragma once

#include "libross/oci/oci_ref.h"
#include "ross-cli/registry/registry.h"
#include "ross-cli/registry/testlib/test_server.h"

struct test_client {
    struct test_server *server;
    struct registry *registry;
    struct oci_ref ref; /* "a/b:tag" or "a/b@sha256:…" at the server */
};

/* user NULL = anonymous; else the password is "secret". Nothing of this machine's settings is read. */
void test_client_begin(struct test_client *c, const struct test_step *steps, size_t n,
                       const char *name, const char *user);
void test_client_end(struct test_client *c);

/* Fails the test when `part` is not in `text`. */
void assert_has(const char *text, const char *part);
