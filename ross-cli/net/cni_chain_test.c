/* SPDX-License-Identifier: Apache-2.0 */
/* The chain against plugins that are small shell scripts: what they are told, and what happens when they misbehave. */
#include "cni_chain.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cni_result.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/test.h"

struct place {
    char *dir;
};

static int
setup(void **state)
{
    struct place *p = xcalloc(1, sizeof *p);

    p->dir = test_tmpdir();
    *state = p;
    return 0;
}

static int
teardown(void **state)
{
    struct place *p = *state;

    test_tmpdir_remove(p->dir);
    free(p);
    return 0;
}

/* A plugin that logs "COMMAND NAME", keeps its stdin in NAME.COMMAND, then does `body`. */
static void
plugin(const struct place *p, const char *name, const char *body)
{
    auto_free char *path = path_join(p->dir, name), *text = NULL;
    struct err err = {0};

    text = xasprintf(
        "#!/bin/sh\necho \"$CNI_COMMAND %s $CNI_CONTAINERID $CNI_NETNS $CNI_IFNAME\" >>%s/log\n"
        "cat >%s/%s.$CNI_COMMAND\n%s\n",
        name, p->dir, p->dir, name, body);
    assert_ok(fd_write_file_at(AT_FDCWD, path, text, strlen(text), 0755, &err), &err);
}

static char *
content(const struct place *p, const char *name)
{
    auto_free char *path = path_join(p->dir, name);
    struct err err = {0};
    char *text;

    assert_ok(fd_read_file_at(AT_FDCWD, path, 65536, &text, NULL, &err), &err);
    return text;
}

static struct json *
parsed(const char *text)
{
    struct json *o = NULL;
    struct err err = {0};

    assert_ok(json_parse(text, strlen(text), &o, &err), &err);
    return o;
}

static const char two[] =
    "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"one\",\"x\":1,"
    "\"capabilities\":{\"ips\":true,\"mac\":false}},{\"type\":\"two\"}]}";
#define ANSWER "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.0.0.2/24\"}]}"

static void
tells_plugins_what_the_specification_says(void **state)
{
    const struct place *p = *state;
    AUTO_PTR(json) list = parsed(two);
    AUTO_PTR(json) caps = parsed("{\"ips\":[\"10.0.0.9\"],\"mac\":\"aa:bb\",\"other\":1}");
    const struct cni_call call = {.container_id = "id",
                                  .netns = "/ns",
                                  .ifname = "eth0",
                                  .path = p->dir,
                                  .capabilities = caps};
    AUTO_PTR(json) result = NULL;
    auto_free char *log = NULL, *first = NULL, *second = NULL, *del = NULL;
    struct err err = {0};

    plugin(p, "one", "[ $CNI_COMMAND = DEL ] || echo '" ANSWER "'");
    plugin(p, "two", "[ $CNI_COMMAND = DEL ] || echo '{\"cniVersion\":\"1.0.0\",\"two\":2}'");
    assert_ok(cni_list_check(list, &err), &err);
    assert_ok(cni_chain_add(list, &call, &result, &err), &err);
    assert_non_null(json_find(result, "two"));
    assert_ok(cni_chain_del(list, &call, result, &err), &err);
    log = content(p, "log");
    assert_string_equal(log, "ADD one id /ns eth0\nADD two id /ns eth0\nDEL two id /ns eth0\n"
                             "DEL one id /ns eth0\n");
    first = content(p, "one.ADD");
    assert_string_equal(first,
                        "{\"type\":\"one\",\"x\":1,\"capabilities\":{\"ips\":true,\"mac\":false},"
                        "\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"runtimeConfig\":{\"ips\":["
                        "\"10.0.0.9\"]}}");
    second = content(p, "two.ADD");
    assert_string_equal(second, "{\"type\":\"two\",\"cniVersion\":\"1.0.0\",\"name\":\"n\","
                                "\"prevResult\":" ANSWER "}");
    del = content(p, "one.DEL");
    assert_non_null(strstr(del, "\"prevResult\":{\"cniVersion\":\"1.0.0\",\"two\":2}"));
}

static void
takes_everything_back_when_one_fails(void **state)
{
    const struct place *p = *state;
    AUTO_PTR(json) list = parsed(two);
    const struct cni_call call = {
        .container_id = "id", .netns = "/ns", .ifname = "eth0", .path = p->dir};
    AUTO_PTR(json) result = NULL;
    auto_free char *log = NULL;
    struct err err = {0};

    plugin(p, "one", "[ $CNI_COMMAND = DEL ] || echo '" ANSWER "'");
    plugin(p, "two",
           "[ $CNI_COMMAND = DEL ] && exit 0; printf '%s' "
           "'{\"cniVersion\":\"1.0.0\",\"code\":11,\"msg\":"
           "\"no\\nroom\"}'; exit 1");
    assert_code(cni_chain_add(list, &call, &result, &err), CODE_FAILED_PRECONDITION, &err);
    assert_string_equal(err.msg, "network plugin 'two' (ADD): no room");
    assert_null(result);
    log = content(p, "log");
    assert_string_equal(log, "ADD one id /ns eth0\nADD two id /ns eth0\nDEL two id /ns eth0\n"
                             "DEL one id /ns eth0\n");
}

static void
survives_what_plugins_do(void **state)
{
    static const struct {
        const char *body;
        int code;
        const char *says;
        int64_t timeout_ms; /* or as long as a busy machine takes */
    } bad[] = {
        {"echo nonsense", CODE_INVALID_ARGUMENT, "its answer", 0},
        {"exec >&-; exit 0", CODE_INTERNAL, "answers nothing", 0},
        {"echo 'a\nb' >&2; exit 3", CODE_INTERNAL, "ended with 3 and no answer: a b", 0},
        {"echo nonsense; exit 4", CODE_INTERNAL, "ended with 4", 0},
        {"kill -9 $$", CODE_INTERNAL, "ended with 137", 0},
        {"head -c 3000000 /dev/zero", CODE_RESOURCE_EXHAUSTED, "more than", 0},
        {"exec sleep 1000", CODE_DEADLINE_EXCEEDED, "", 500},
    };
    const struct place *p = *state;
    AUTO_PTR(json)
    list = parsed("{\"cniVersion\":\"0.4.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"one\"}]}");
    struct cni_call call = {.container_id = "id", .netns = "/ns", .ifname = "eth0", .path = p->dir};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_PTR(json) result = NULL;
        struct err err = {0};
        auto_free char *body = xasprintf("[ $CNI_COMMAND = DEL ] && exit 0\n%s", bad[i].body);

        plugin(p, "one", body);
        call.timeout_ms = bad[i].timeout_ms;
        assert_code(cni_chain_add(list, &call, &result, &err), bad[i].code, &err);
        if (!strstr(err.msg, bad[i].says))
            fail_msg("'%s' says '%s'", bad[i].body, err.msg);
    }
}

static void
missing_plugin_names_the_package(void **state)
{
    const struct place *p = *state;
    AUTO_PTR(json) list = parsed(two);
    const struct cni_call call = {
        .container_id = "id", .netns = "/ns", .ifname = "eth0", .path = p->dir};
    AUTO_PTR(json) result = NULL;
    struct err err = {0};

    assert_false(cni_has_plugin(p->dir, "one"));
    assert_code(cni_chain_add(list, &call, &result, &err), CODE_NOT_FOUND, &err);
    assert_non_null(strstr(err.msg, CNI_PLUGIN_PACKAGE));
}

static void
refuses_lists_that_are_none(void **state)
{
    static const char *const bad[] = {
        "{}",
        "{\"cniVersion\":\"9.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"a\"}]}",
        "{\"cniVersion\":\"1.0.0\",\"plugins\":[{\"type\":\"a\"}]}",
        "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[]}",
        "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"../a\"}]}",
        "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"\"}]}",
        "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[7]}",
        "[]",
    };
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_PTR(json) list = parsed(bad[i]);

        assert_code(cni_list_check(list, &err), CODE_INVALID_ARGUMENT, &err);
    }
}

static void
reads_results(void **state)
{
    AUTO_PTR(json)
    o = parsed(
        "{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"br\"},{\"name\":\"eth0\",\"mac\":"
        "\"02:00:00:00:00:01\",\"sandbox\":\"/x\"}],\"ips\":[{\"address\":\"9.9.9.9/8\","
        "\"interface\":0},{\"address\":\"10.0.0.2/24\",\"interface\":1},{\"address\":\"fd00::2/"
        "64\","
        "\"interface\":1}],\"dns\":{\"nameservers\":[\"1.1.1.1\",\"bad one\"]}}");
    AUTO_PTR(json)
    no_prefix = parsed("{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"1.2.3.4\"}]}");
    AUTO_PTR(json) no_version = parsed("{\"ips\":[]}");
    AUTO(cni_result) res = {0};
    char buf[CIDR_STR_MAX];
    struct err err = {0};

    (void) state;
    assert_ok(cni_result_parse(o, "eth0", &res, &err), &err);
    assert_string_equal(cidr_format(&res.v4, buf), "10.0.0.2/24");
    assert_string_equal(cidr_format(&res.v6, buf), "fd00::2/64");
    assert_string_equal(res.mac, "02:00:00:00:00:01");
    assert_int_equal(res.nameservers.n, 1);
    assert_code(cni_result_parse(no_prefix, "eth0", &res, &err), CODE_INVALID_ARGUMENT, &err);
    assert_code(cni_result_parse(no_version, "eth0", &res, &err), CODE_INVALID_ARGUMENT, &err);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tells_plugins_what_the_specification_says, setup, teardown),
        cmocka_unit_test_setup_teardown(takes_everything_back_when_one_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(survives_what_plugins_do, setup, teardown),
        cmocka_unit_test_setup_teardown(missing_plugin_names_the_package, setup, teardown),
        cmocka_unit_test(refuses_lists_that_are_none),
        cmocka_unit_test(reads_results),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
