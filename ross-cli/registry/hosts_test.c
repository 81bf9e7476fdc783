/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "ross-cli/registry/hosts.h"

static char *dir;

static void
put(const char *name, const char *text)
{
    struct err err = {0};
    auto_free char *path = path_join(dir, name), *parent = xstrdup(path);

    *strrchr(parent, '/') = '\0';
    assert_ok(path_mkdirs_at(AT_FDCWD, parent, 0755, &err), &err);
    assert_ok(fd_write_file_at(AT_FDCWD, path, text, strlen(text), 0644, &err), &err);
}

static int
setup(void **state)
{
    (void) state;
    dir = test_tmpdir();
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    test_tmpdir_remove(dir);
    return 0;
}

static int
load(const char *host, struct registry_hosts *ret, struct err *err)
{
    struct hosts_options opt = {.dirs = dir};

    return hosts_load(&opt, host, ret, err);
}

static void
defaults(void **state)
{
    static const struct {
        const char *host, *base, *name;
        bool plain_http, guess, skip;
    } rows[] = {
        {"docker.io", "https://registry-1.docker.io/v2", "docker.io", false, false, false},
        {"h", "https://h/v2", "h", false, false, false},
        {"h:5000", "https://h:5000/v2", "h:5000", false, false, false},
        {"h:5000", "http://h:5000/v2", "h:5000", true, false, false},
        {"localhost", "https://localhost/v2", "localhost", false, false, false},
        {"localhost:80", "http://localhost:80/v2", "localhost:80", false, false, false},
        {"localhost:443", "https://localhost:443/v2", "localhost:443", false, false, false},
        {"localhost:5000", "https://localhost:5000/v2", "localhost:5000", false, true, true},
        {"127.0.0.1:5000", "https://127.0.0.1:5000/v2", "127.0.0.1:5000", false, true, true},
        {"[::1]:5000", "https://[::1]:5000/v2", "[::1]:5000", false, true, true},
        {"127.evil.example:5000", "https://127.evil.example:5000/v2", "127.evil.example:5000",
         false, false, false},
    };
    (void) state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct hosts_options opt = {.dirs = "/nonexistent:", .plain_http = rows[i].plain_http};
        AUTO(registry_hosts) h = {0};
        struct err err = {0};
        assert_ok(hosts_load(&opt, rows[i].host, &h, &err), &err);
        assert_int_equal(h.n, 1);
        assert_string_equal(h.items[0].base, rows[i].base);
        assert_string_equal(h.items[0].name, rows[i].name);
        assert_int_equal(h.items[0].guess_plain, rows[i].guess);
        assert_int_equal(h.items[0].tls.skip_verify, rows[i].skip);
        assert_int_equal(h.items[0].able, HOST_ALL);
        assert_false(h.items[0].mirror);
    }
}

static void
reads_hosts_toml(void **state)
{
    AUTO(registry_hosts) h = {0};
    struct err err = {0};
    (void) state;

    put("docker.io/ca.pem", "CERT\n");
    put("docker.io/hosts.toml",
        "server = \"https://registry-1.docker.io\"\nca = \"ca.pem\"\n"
        "[host.\"https://mirror.example/prefix/\"]\n"
        "capabilities = [\"pull\", \"resolve\"]\nskip_verify = true\n"
        "client = [[\"/c/crt\", \"key\"], [\"both.pem\"], [\"/d\", \"/e\"]]\n"
        "dial_timeout = \"1500ms\"\n"
        "[host.\"https://mirror.example/prefix/\".header]\nX-One = \"1\"\nX-Two = [\"a\", \"b\"]\n"
        "[host.\"http://second:8080/x/api\"]\noverride_path = true\n"
        "[host.\"third\"]\n");
    assert_ok(load("docker.io", &h, &err), &err);
    assert_int_equal(h.n, 4);
    const struct registry_host *m = &h.items[0];
    assert_string_equal(m->base, "https://mirror.example/prefix/v2");
    assert_string_equal(m->name, "mirror.example");
    assert_true(m->mirror);
    assert_int_equal(m->able, HOST_PULL | HOST_RESOLVE);
    assert_true(m->tls.skip_verify);
    assert_int_equal(m->tls.connect_timeout_ms, 1500);
    assert_int_equal(h.items[1].tls.connect_timeout_ms, 0);
    assert_int_equal(m->headers.n, 3);
    assert_string_equal(m->headers.items[2], "X-Two: b");
    assert_string_equal(h.items[1].base, "http://second:8080/x/api");
    assert_int_equal(h.items[1].able, HOST_ALL);
    assert_string_equal(h.items[2].base, "https://third/v2");
    assert_string_equal(h.items[3].base, "https://registry-1.docker.io/v2");
    assert_string_equal(h.items[3].name, "docker.io");
    assert_false(h.items[3].mirror);
    assert_int_equal(strncmp(h.items[3].tls.ca_pem, "CERT\n", 5), 0);
}

static void
shows_one_certificate_after_the_other(void **state)
{
    static const char *const certs[] = {"/c/crt", "/both.pem", "/d"};
    static const char *const keys[] = {"/key", "/both.pem", "/e"};
    AUTO(registry_hosts) h = {0};
    struct err err = {0};
    size_t at;
    (void) state;

    put("pairs/hosts.toml", "client = [[\"/c/crt\", \"key\"], [\"both.pem\"], [\"/d\", \"/e\"]]\n");
    put("files/hosts.toml", "client = [\"a\", \"b\"]\n");
    put("one/hosts.toml", "client = \"a\"\n");
    assert_ok(load("pairs", &h, &err), &err);
    for (size_t i = 0; i < ARRAY_LEN(certs); i++) {
        struct http_tls tls = registry_host_tls(&h.items[0], &at);
        assert_int_equal(at, i);
        assert_non_null(strstr(tls.cert_file, certs[i]));
        assert_non_null(strstr(tls.key_file, keys[i]));
        assert_int_equal(registry_host_next_pair(&h.items[0], at), i < 2);
    }
    /* who comes late with an older refusal is served with what is shown now */
    assert_true(registry_host_next_pair(&h.items[0], 0));
    (void) registry_host_tls(&h.items[0], &at);
    assert_int_equal(at, 2);
    registry_hosts_done(&h);
    assert_ok(load("files", &h, &err), &err);
    assert_int_equal(h.items[0].n_pairs, 2);
    registry_hosts_done(&h);
    assert_ok(load("one", &h, &err), &err);
    assert_int_equal(h.items[0].n_pairs, 1);
    assert_string_equal(h.items[0].pairs[0].cert_file, h.items[0].pairs[0].key_file);
    assert_false(registry_host_next_pair(&h.items[0], 0));
}

static void
directories_in_order(void **state)
{
    (void) state;

    put("_default/hosts.toml", "[host.\"http://default\"]\n");
    put("h:1/hosts.toml", "[host.\"http://literal\"]\n");
    put("h_1_/hosts.toml", "[host.\"http://underscores\"]\n");
    static const struct {
        const char *host, *base;
    } rows[] = {{"h:1", "http://underscores/v2"},
                {"other", "http://default/v2"},
                {"h", "http://default/v2"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(registry_hosts) h = {0};
        struct err err = {0};
        assert_ok(load(rows[i].host, &h, &err), &err);
        assert_string_equal(h.items[0].base, rows[i].base);
    }
}

static void
docker_certificates(void **state)
{
    AUTO(registry_hosts) h = {0};
    struct err err = {0};
    (void) state;

    put("127.0.0.1:5000/b.crt", "B");
    put("127.0.0.1:5000/a.crt", "A");
    put("127.0.0.1:5000/me.cert", "C");
    put("127.0.0.1:5000/me.key", "K");
    put("127.0.0.1:5000/also.cert", "C");
    put("127.0.0.1:5000/also.key", "K");
    put("127.0.0.1:5000/lonely.cert", "C");
    assert_ok(load("127.0.0.1:5000", &h, &err), &err);
    assert_int_equal(strncmp(h.items[0].tls.ca_pem, "A\nB\n", 4), 0);
    assert_int_equal(h.items[0].n_pairs, 2);
    assert_non_null(strstr(h.items[0].pairs[0].cert_file, "/also.cert"));
    assert_non_null(strstr(h.items[0].pairs[1].cert_file, "/me.cert"));
    assert_non_null(strstr(h.items[0].pairs[1].key_file, "/me.key"));
    /* Certificates mean TLS that is checked. */
    assert_false(h.items[0].guess_plain);
    assert_false(h.items[0].tls.skip_verify);
}

static void
refuses_mistakes(void **state)
{
    static const struct {
        const char *text, *part;
        int code;
    } rows[] = {
        {"server = 3\n", "'server' must be a string", CODE_INVALID_ARGUMENT},
        {"server = \"ftp://x\"\n", "neither http nor https", CODE_INVALID_ARGUMENT},
        {"[host.\"http://a b\"]\n", "no URL", CODE_INVALID_ARGUMENT},
        {"skip_verify = \"yes\"\n", "true or false", CODE_INVALID_ARGUMENT},
        {"capabilities = [\"fly\"]\n", "pull, resolve, push", CODE_INVALID_ARGUMENT},
        {"capabilities = [1]\n", "list of strings", CODE_INVALID_ARGUMENT},
        {"ca = \"missing.pem\"\n", "missing.pem", CODE_NOT_FOUND},
        {"[header]\nA = \"x\\r\\nB: y\"\n", "one line", CODE_INVALID_ARGUMENT},
        {"client = [[\"a\", \"b\", \"c\"]]\n", "pairs", CODE_INVALID_ARGUMENT},
        {"client = [[]]\n", "pairs", CODE_INVALID_ARGUMENT},
        {"client = 3\n", "list of strings", CODE_INVALID_ARGUMENT},
        {"dial_timeout = 3\n", "a duration", CODE_INVALID_ARGUMENT},
        {"dial_timeout = \"soon\"\n", "a duration", CODE_INVALID_ARGUMENT},
        {"dial_timeout = \"0s\"\n", "a duration", CODE_INVALID_ARGUMENT},
        {"[host\n", "line 1", CODE_INVALID_ARGUMENT},
    };
    (void) state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(registry_hosts) h = {0};
        struct err err = {0};
        put("h/hosts.toml", rows[i].text);
        assert_code(load("h", &h, &err), rows[i].code, &err);
        if (!strstr(err.msg, rows[i].part) || !strstr(err.msg, "hosts.toml"))
            fail_msg("row %zu: %s", i, err.msg);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test_setup_teardown(reads_hosts_toml, setup, teardown),
        cmocka_unit_test_setup_teardown(shows_one_certificate_after_the_other, setup, teardown),
        cmocka_unit_test_setup_teardown(directories_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(docker_certificates, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_mistakes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
