/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/registry/testlib/test_client.h"

#include "libross/base/test.h"

#include <string.h>

#define RETRY_WAIT_MAX_MS 3000

void
test_client_begin(struct test_client *c, const struct test_step *steps, size_t n, const char *name,
                  const char *user)
{
    struct registry_options opt = {.plain_http = true,
                                   .hosts_dirs = "/nonexistent",
                                   .docker_config = "/nonexistent",
                                   .user = user,
                                   .password = user ? "secret" : NULL,
                                   .retry_wait_max_ms = RETRY_WAIT_MAX_MS};
    struct err err = {0};

    c->server = test_server_start(steps, n);
    auto_free char *full = xasprintf("%s/%s", test_server_host(c->server), name);
    assert_ok(oci_ref_parse(full, &c->ref, &err), &err);
    assert_ok(registry_new(&opt, &c->registry, &err), &err);
}

void
test_client_end(struct test_client *c)
{
    registry_free(c->registry);
    oci_ref_done(&c->ref);
    test_server_stop(c->server);
    *c = (struct test_client){0};
}

void
assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in '%s'", part, text);
}
