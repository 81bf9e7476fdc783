/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/oci/oci_config.h"

#include <string.h>

#include "libross/base/test.h"
#include "libross/oci/oci_manifest.h"

#define D "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const char full_text[] =
    "{\"architecture\":\"arm\",\"os\":\"linux\",\"variant\":\"v7\",\"created\":\"2024-01-02T03:04:"
    "05Z\","
    "\"author\":\"me\",\"config\":{\"User\":\"app:app\",\"Env\":[\"A=1\",\"B=\"],\"Entrypoint\":["
    "\"/e\"],"
    "\"Cmd\":[\"c\",\"\"],\"WorkingDir\":\"/w\",\"Labels\":{\"l\":\"\"},\"StopSignal\":\"SIGQUIT\","
    "\"Shell\":[\"/bin/sh\",\"-c\"],\"OnBuild\":[\"RUN x\"],\"ExposedPorts\":{\"80/tcp\":{}},"
    "\"Volumes\":{\"/"
    "data\":{}},\"Healthcheck\":{\"Test\":[\"CMD\",\"t\"],\"Interval\":5,\"Timeout\":6,"
    "\"StartPeriod\":7,\"StartInterval\":8,\"Retries\":3}},\"rootfs\":{\"type\":\"layers\",\"diff_"
    "ids\":"
    "[\"" D "\",\"" D "\"]},\"history\":[{\"created\":\"x\",\"created_by\":\"y\",\"author\":\"a\","
    "\"comment\":\"z\",\"empty_layer\":true},{}]}";

static void
configs_survive_reading_and_writing(void **state)
{
    AUTO(oci_config) c = {0};
    auto_free char *text = NULL;
    struct err err = {0};

    (void) state;
    assert_ok(oci_config_parse(full_text, strlen(full_text), &c, &err), &err);
    assert_string_equal(c.platform.variant, "v7");
    assert_string_equal(c.user, "app:app");
    assert_int_equal(c.env.n, 2);
    assert_string_equal(c.exposed_ports.items[0], "80/tcp");
    assert_string_equal(c.volumes.items[0], "/data");
    assert_true(c.healthcheck.present);
    assert_int_equal(c.healthcheck.start_interval_ns, 8);
    assert_int_equal(c.n_diff_ids, 2);
    assert_int_equal(c.n_history, 2);
    assert_true(c.history[0].empty_layer);
    text = oci_config_format(&c, NULL);
    assert_string_equal(text, full_text);
}

static void
absent_and_null_are_the_same(void **state)
{
    static const char *const rows[] = {
        "{}",
        "{\"config\":null,\"rootfs\":null,\"history\":null,\"os\":null}",
        "{\"config\":{\"Env\":null,\"Volumes\":null,\"Healthcheck\":null,\"Cmd\":null,\"new\":1}}",
    };
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(oci_config) c = {0};
        auto_free char *text = NULL;

        assert_ok(oci_config_parse(rows[i], strlen(rows[i]), &c, &err), &err);
        assert_null(c.user);
        assert_int_equal(c.n_diff_ids, 0);
        text = oci_config_format(&c, NULL);
        assert_string_equal(text,
                            "{\"config\":{},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}");
    }
}

static void
malformed_configs_name_the_field(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"[]", "image config is not"},
        {"{\"os\":1}", "image config.os"},
        {"{\"config\":[]}", "config is not"},
        {"{\"config\":{\"Cmd\":\"sh\"}}", "config.Cmd is not a list"},
        {"{\"config\":{\"Env\":[1]}}", "config.Env"},
        {"{\"config\":{\"Volumes\":[\"/x\"]}}", "config.Volumes"},
        {"{\"config\":{\"Labels\":{\"a\":1}}}", "config.Labels"},
        {"{\"config\":{\"Healthcheck\":{\"Retries\":\"3\"}}}", "config.Healthcheck.Retries"},
        {"{\"rootfs\":{\"type\":\"base\"}}", "rootfs.type"},
        {"{\"rootfs\":{\"diff_ids\":{}}}", "rootfs.diff_ids is no list"},
        {"{\"rootfs\":{\"diff_ids\":[\"" D "\",5]}}", "rootfs.diff_ids[1]"},
        {"{\"rootfs\":{\"diff_ids\":[\"sha256:0\"]}}", "rootfs.diff_ids[0]"},
        {"{\"history\":{}}", "history is no list"},
        {"{\"history\":[{\"comment\":\"x\"},{\"author\":\"a\",\"empty_layer\":1}]}", "history[1]"},
        {"{", "JSON"},
    };
    struct oci_config c = {0};
    struct err err;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        err = (struct err){0};
        assert_code(oci_config_parse(rows[i].text, strlen(rows[i].text), &c, &err),
                    CODE_INVALID_ARGUMENT, &err);
        if (!strstr(err.msg, rows[i].says))
            fail_msg("row %zu: %s", i, err.msg);
    }
    assert_code(oci_config_parse(full_text, OCI_CONFIG_SIZE_MAX + 1, &c, &err),
                CODE_INVALID_ARGUMENT, &err);
}

static void
layers_and_history_are_appended(void **state)
{
    AUTO(oci_config) c = {0};
    auto_free char *text = NULL;
    struct err err = {0};
    struct digest d;

    (void) state;
    assert_ok(digest_parse(D, &d, &err), &err);
    oci_config_add_layer(&c, &d);
    oci_config_add_history(&c, &(struct oci_history){.created_by = (char *) "commit"});
    text = oci_config_format(&c, NULL);
    assert_string_equal(text, "{\"config\":{},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" D
                              "\"]},\"history\":[{\"created_by\":\"commit\"}]}");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configs_survive_reading_and_writing),
        cmocka_unit_test(absent_and_null_are_the_same),
        cmocka_unit_test(malformed_configs_name_the_field),
        cmocka_unit_test(layers_and_history_are_appended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
