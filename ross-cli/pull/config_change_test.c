/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/pull/config_change.h"

#include <string.h>

#include "libross/base/test.h"

static void
changes_configs(void **state)
{
    static const struct {
        const char *lines; /* '\n' between */
        const char *part;  /* of the config's JSON */
    } rows[] = {
        {"CMD [\"a\", \"b c\"]", "\"Cmd\":[\"a\",\"b c\"]"},
        {"cmd echo hi  ", "\"Cmd\":[\"/bin/sh\",\"-c\",\"echo hi\"]"},
        {"CMD [\"a\"]\nCMD [\"b\"]", "\"Cmd\":[\"b\"]"},
        {"ENTRYPOINT [\"/e\"]", "\"Entrypoint\":[\"/e\"]"},
        {"ENV A=1 B=2\nENV A=3", "\"Env\":[\"A=3\",\"B=2\"]"},
        {"ENV A one value", "\"Env\":[\"A=one value\"]"},
        {"EXPOSE 80 53/udp 80", "\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{}}"},
        {"LABEL a=1 b=", "\"Labels\":{\"a\":\"1\",\"b\":\"\"}"},
        {"ONBUILD RUN make", "\"OnBuild\":[\"RUN make\"]"},
        {"STOPSIGNAL SIGINT", "\"StopSignal\":\"SIGINT\""},
        {"USER 1:2", "\"User\":\"1:2\""},
        {"VOLUME /a /b", "\"Volumes\":{\"/a\":{},\"/b\":{}}"},
        {"VOLUME [\"/a b\"]", "\"Volumes\":{\"/a b\":{}}"},
        {"  WORKDIR\t/w", "\"WorkingDir\":\"/w\""},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(strv) lines = strv_split(rows[i].lines, '\n');
        AUTO(oci_config) c = {0};
        struct err err = {0};
        size_t n;
        for (size_t k = 0; k < lines.n; k++)
            assert_ok(config_change(&c, lines.items[k], &err), &err);
        auto_free char *text = oci_config_format(&c, &n);
        if (!strstr(text, rows[i].part))
            fail_msg("'%s' is not in %s", rows[i].part, text);
    }
}

static void
refuses_what_makes_no_sense(void **state)
{
    static const char *const rows[] = {
        "",
        "CMD",
        "RUN make",
        "CMDecho",
        "CMD [\"a\"",
        "CMD [1]",
        "ENV A",
        "ENV =1",
        "ENV A=1 B",
        "EXPOSE 0",
        "EXPOSE x",
        "EXPOSE 80/icmp",
        "EXPOSE 65536",
        "LABEL a",
        "USER a b",
        "WORKDIR here",
        "VOLUME data",
        "STOPSIGNAL a b",
        "HEALTHCHECK NONE",
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(oci_config) c = {0};
        struct err err = {0};
        assert_code(config_change(&c, rows[i], &err), CODE_INVALID_ARGUMENT, &err);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_configs),
        cmocka_unit_test(refuses_what_makes_no_sense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
