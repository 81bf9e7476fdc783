/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/oci/oci_config_change.h"

#include <string.h>

#include "libross/base/test.h"

static const char before[] = "{\"Env\":[\"A=1\",\"AB=2\"],\"X\":7}";

static int
apply(const char *text, char **ret, struct err *err)
{
    AUTO(strv) lines = strv_split(text, '\n');
    AUTO_PTR(json) config = NULL;
    int r;

    assert_ok(json_parse(before, strlen(before), &config, err), err);
    r = oci_config_change(config, &lines, err);
    *ret = json_dump(config, NULL);
    return r;
}

static void
changes_configs(void **state)
{
    static const struct {
        const char *lines; /* '\n' between */
        const char *part;  /* of the config's JSON */
    } rows[] = {
        {"CMD [\"a\", \"b c\"]", "\"Cmd\":[\"a\",\"b c\"]"},
        {"cmd echo  hi $A  ", "\"Cmd\":[\"/bin/sh\",\"-c\",\"echo  hi $A\"]"},
        {"CMD [\"a\"]\nCMD [\"b\"]", "\"Cmd\":[\"b\"]"},
        {"ENTRYPOINT [\"/e\"]", "\"Entrypoint\":[\"/e\"]"},
        {"CMD a\nENTRYPOINT [\"/e\"]",
         "\"Cmd\":[\"/bin/sh\",\"-c\",\"a\"],\"Entrypoint\":[\"/e\"]"},
        {"ENV A=3", "\"Env\":[\"A=3\",\"AB=2\"],\"X\":7"},
        {"ENV C=1 D=2\nENV C=3", "\"Env\":[\"A=1\",\"AB=2\",\"C=3\",\"D=2\"]"},
        {"ENV C one value", "\"C=one value\""},
        {"ENV C=\"two words\" D='$A' E=a\\ b F=\"a\\\"b\"",
         "\"C=two words\",\"D=$A\",\"E=a b\",\"F=a\\\"b\""},
        {"ENV \"C=two words\"", "\"C=two words\""},
        {"ENV C=$A:${AB}x D=${N:-none} E=${A:+set} F=\\$A",
         "\"C=1:2x\",\"D=none\",\"E=set\",\"F=$A\""},
        {"ENV C=$A-$ D=", "\"C=1-$\",\"D=\""},
        {"EXPOSE 80 53/udp 80", "\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{}}"},
        {"EXPOSE 7-9/udp", "\"ExposedPorts\":{\"7/udp\":{},\"8/udp\":{},\"9/udp\":{}}"},
        {"LABEL a=1 b=", "\"Labels\":{\"a\":\"1\",\"b\":\"\"}"},
        {"LABEL k=\"v w\"\nLABEL who me and you",
         "\"Labels\":{\"k\":\"v w\",\"who\":\"me and you\"}"},
        {"ONBUILD RUN make\nONBUILD CMD x", "\"OnBuild\":[\"RUN make\",\"CMD x\"]"},
        {"STOPSIGNAL SIGINT", "\"StopSignal\":\"SIGINT\""},
        {"STOPSIGNAL usr1", "\"StopSignal\":\"usr1\""},
        {"STOPSIGNAL 9", "\"StopSignal\":\"9\""},
        {"STOPSIGNAL RTMIN+3", "\"StopSignal\":\"RTMIN+3\""},
        {"USER 1:2", "\"User\":\"1:2\""},
        {"USER $A", "\"User\":\"1\""},
        {"VOLUME /a /b", "\"Volumes\":{\"/a\":{},\"/b\":{}}"},
        {"VOLUME [\"/a b\"]", "\"Volumes\":{\"/a b\":{}}"},
        {"  WORKDIR\t/w", "\"WorkingDir\":\"/w\""},
        {"WORKDIR /w\nWORKDIR x\nWORKDIR ../y/$A", "\"WorkingDir\":\"/w/y/1\""},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *text = NULL;
        struct err err = {0};

        assert_ok(apply(rows[i].lines, &text, &err), &err);
        if (!strstr(text, rows[i].part))
            fail_msg("'%s' is not in %s", rows[i].part, text);
    }
}

static void
an_entrypoint_drops_the_images_command(void **state)
{
    static const char with_cmd[] = "{\"Cmd\":[\"a\"]}";
    AUTO_PTR(json) config = NULL;
    AUTO(strv) lines = strv_split("ENTRYPOINT [\"/e\"]", '\n');
    auto_free char *text = NULL;
    struct err err = {0};

    (void) state;
    assert_ok(json_parse(with_cmd, strlen(with_cmd), &config, &err), &err);
    assert_ok(oci_config_change(config, &lines, &err), &err);
    text = json_dump(config, NULL);
    assert_string_equal(text, "{\"Entrypoint\":[\"/e\"]}");
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
        "ENV A=\"x",
        "ENV A=${B",
        "ENV A=${}",
        "ENV A=${B:?x}",
        "EXPOSE 0",
        "EXPOSE x",
        "EXPOSE 80/icmp",
        "EXPOSE 65536",
        "EXPOSE 9-8",
        "LABEL a",
        "USER a b",
        "VOLUME data",
        "STOPSIGNAL a b",
        "STOPSIGNAL NONSENSE",
        "STOPSIGNAL 65",
        "STOPSIGNAL RTMIN+99",
        "STOPSIGNAL RTMINUTE",
        "HEALTHCHECK NONE",
        "ONBUILD FROM x",
        "LABEL =x",
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *text = NULL;
        struct err err = {0};

        assert_code(apply(rows[i], &text, &err), CODE_INVALID_ARGUMENT, &err);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_configs),
        cmocka_unit_test(an_entrypoint_drops_the_images_command),
        cmocka_unit_test(refuses_what_makes_no_sense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
