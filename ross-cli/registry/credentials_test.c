/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "ross-cli/registry/credentials.h"

static char *dir;

static void
put(const char *name, const char *text, mode_t mode)
{
    struct err err = {0};
    auto_free char *path = path_join(dir, name);

    assert_ok(fd_write_file_at(AT_FDCWD, path, text, strlen(text), mode, &err), &err);
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

static void
keys_mean_hosts(void **state)
{
    static const struct {
        const char *key, *host;
    } rows[] = {
        {"docker.io", "docker.io"},
        {"https://index.docker.io/v1/", "docker.io"},
        {"registry-1.docker.io", "docker.io"},
        {"https://h:5000/v2/", "h:5000"},
        {"h:5000", "h:5000"},
        {"http://h", "h"},
    };
    (void) state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *host = credentials_key_host(rows[i].key);
        assert_string_equal(host, rows[i].host);
    }
}

static int
find(const char *host, struct credential *ret, struct err *err)
{
    AUTO_PTR(credentials) c = NULL;
    int r = credentials_new(dir, &c, err);

    return r < 0 ? r : credentials_find(c, host, ret, err);
}

static void
reads_auths(void **state)
{
    struct credential got = {0};
    struct err err = {0};
    (void) state;

    assert_int_equal(find("h", &got, &err), 0); /* no file */
    put("config.json",
        "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"bWU6c2VjcmV0\"},"
        "\"h:5000\":{\"identitytoken\":\"it\",\"auth\":\"bWU6\"},\"r\":{\"registrytoken\":\"rt\"},"
        "\"empty\":{},\"plain\":{\"username\":\"u\",\"password\":\"p:q\"},\"bad\":{\"auth\":\"!\"}}"
        "}",
        0600);
    assert_int_equal(find("docker.io", &got, &err), 1);
    assert_string_equal(got.user, "me");
    assert_string_equal(got.password, "secret");
    credential_done(&got);
    assert_int_equal(find("h:5000", &got, &err), 1);
    assert_string_equal(got.identity_token, "it");
    credential_done(&got);
    assert_int_equal(find("r", &got, &err), 1);
    assert_string_equal(got.registry_token, "rt");
    credential_done(&got);
    assert_int_equal(find("plain", &got, &err), 1);
    assert_string_equal(got.password, "p:q");
    credential_done(&got);
    assert_int_equal(find("empty", &got, &err), 0);
    assert_int_equal(find("other", &got, &err), 0);
    assert_code(find("bad", &got, &err), CODE_INVALID_ARGUMENT, &err);
}

static void
refuses_a_broken_file(void **state)
{
    struct credential got = {0};
    struct err err = {0};
    (void) state;

    put("config.json", "{\"auths\":", 0600);
    assert_code(find("h", &got, &err), CODE_INVALID_ARGUMENT, &err);
    assert_non_null(strstr(err.msg, "config.json"));
    put("config.json", "[]", 0600);
    assert_code(find("h", &got, &err), CODE_INVALID_ARGUMENT, &err);
}

static void
asks_helpers(void **state)
{
    struct credential got = {0};
    struct err err = {0};
    auto_free char *old = xstrdup(getenv("PATH")), *path = xasprintf("%s:%s", dir, old);
    (void) state;

    assert_int_equal(setenv("PATH", path, 1), 0);
    put("docker-credential-one",
        "#!/bin/sh\nread key\n[ \"$1\" = get ] || exit 3\n"
        "case $key in\nhttps://index.docker.io/v1/) echo "
        "'{\"Username\":\"hub\",\"Secret\":\"s\"}';;\n"
        "tok) echo '{\"Username\":\"<token>\",\"Secret\":\"it\"}';;\n"
        "none) echo 'credentials not found in native keychain'; exit 1;;\n"
        "*) echo 'the keychain is locked'; exit 1;;\nesac\n",
        0755);
    put("config.json",
        "{\"credsStore\":\"one\",\"credHelpers\":{\"special\":\"missing\"},"
        "\"auths\":{\"none\":{\"auth\":\"bWU6c2VjcmV0\"}}}",
        0600);
    assert_int_equal(find("docker.io", &got, &err), 1);
    assert_string_equal(got.user, "hub");
    credential_done(&got);
    assert_int_equal(find("tok", &got, &err), 1);
    assert_string_equal(got.identity_token, "it");
    credential_done(&got);
    assert_int_equal(find("none", &got, &err), 1); /* the file has it */
    credential_done(&got);
    assert_code(find("locked", &got, &err), CODE_FAILED_PRECONDITION, &err);
    assert_non_null(strstr(err.msg, "the keychain is locked"));
    assert_true(find("special", &got, &err) < 0);
    assert_non_null(strstr(err.msg, "docker-credential-missing"));
    assert_int_equal(setenv("PATH", old, 1), 0);
}

static void
stores_and_removes_logins(void **state)
{
    AUTO_PTR(credentials) c = NULL;
    struct credential got = {0};
    struct err err = {0};
    struct stat st;
    auto_free char *path = path_join(dir, "config.json");
    (void) state;

    put("config.json", "{\"other\":{\"kept\":true}}", 0600);
    assert_ok(credentials_new(dir, &c, &err), &err);
    assert_int_equal(credentials_store(c, "docker.io", "me", "se:cret", &err), 1);
    assert_int_equal(find("docker.io", &got, &err), 1);
    assert_string_equal(got.password, "se:cret");
    credential_done(&got);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(credentials_store(c, "docker.io", NULL, NULL, &err), 1);
    assert_int_equal(credentials_store(c, "docker.io", NULL, NULL, &err), 0);
    assert_int_equal(find("docker.io", &got, &err), 0);

    auto_free char *text = NULL;
    assert_ok(fd_read_file_at(AT_FDCWD, path, 4096, &text, NULL, &err), &err);
    assert_non_null(strstr(text, "kept"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_mean_hosts),
        cmocka_unit_test_setup_teardown(reads_auths, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_a_broken_file, setup, teardown),
        cmocka_unit_test_setup_teardown(asks_helpers, setup, teardown),
        cmocka_unit_test_setup_teardown(stores_and_removes_logins, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
