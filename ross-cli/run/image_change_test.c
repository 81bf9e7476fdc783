/* SPDX-License-Identifier: Apache-2.0 */
#include "image_change.h"

#include <string.h>

#include "libross/base/test.h"

static const struct row {
    const char *change, *config; /* config NULL: refused */
} rows[] = {
    {"CMD [\"a\",\"b\"]", "{\"Env\":[\"A=1\",\"AB=2\"],\"Cmd\":[\"a\",\"b\"]}"},
    {"cmd echo hi", "{\"Env\":[\"A=1\",\"AB=2\"],\"Cmd\":[\"/bin/sh\",\"-c\",\"echo hi\"]}"},
    {"ENTRYPOINT [\"x\"]", "{\"Env\":[\"A=1\",\"AB=2\"],\"Entrypoint\":[\"x\"]}"},
    {"ENV A=3", "{\"Env\":[\"AB=2\",\"A=3\"]}"},
    {"ENV C four words here", "{\"Env\":[\"A=1\",\"AB=2\",\"C=four words here\"]}"},
    {"LABEL k=\"v w\"", "{\"Env\":[\"A=1\",\"AB=2\"],\"Labels\":{\"k\":\"v w\"}}"},
    {"WORKDIR /x", "{\"Env\":[\"A=1\",\"AB=2\"],\"WorkingDir\":\"/x\"}"},
    {"USER me:us", "{\"Env\":[\"A=1\",\"AB=2\"],\"User\":\"me:us\"}"},
    {"EXPOSE 80", "{\"Env\":[\"A=1\",\"AB=2\"],\"ExposedPorts\":{\"80/tcp\":{}}}"},
    {"EXPOSE 53/udp", "{\"Env\":[\"A=1\",\"AB=2\"],\"ExposedPorts\":{\"53/udp\":{}}}"},
    {"VOLUME /data", "{\"Env\":[\"A=1\",\"AB=2\"],\"Volumes\":{\"/data\":{}}}"},
    {"STOPSIGNAL USR1", "{\"Env\":[\"A=1\",\"AB=2\"],\"StopSignal\":\"USR1\"}"},
    {"CMD", NULL},
    {"CMD [\"a\"", NULL},
    {"CMD [1]", NULL},
    {"ENV A", NULL},
    {"LABEL =x", NULL},
    {"WORKDIR x", NULL},
    {"EXPOSE http", NULL},
    {"EXPOSE 80/xyz", NULL},
    {"VOLUME data", NULL},
    {"STOPSIGNAL NONSENSE", NULL},
    {"RUN x", NULL},
    {"", NULL},
};

static void
changes_or_refuses(void **state)
{
    static const char before[] = "{\"Env\":[\"A=1\",\"AB=2\"]}";

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_PTR(json) config = NULL;
        auto_free char *text = NULL;
        struct err err = {0};
        int r;

        assert_ok(json_parse(before, strlen(before), &config, &err), &err);
        r = image_change_apply(config, rows[i].change, &err);
        assert_int_equal(r, rows[i].config ? 0 : -CODE_INVALID_ARGUMENT);
        text = json_dump(config, NULL);
        assert_string_equal(text, rows[i].config ? rows[i].config : before);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(changes_or_refuses)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
