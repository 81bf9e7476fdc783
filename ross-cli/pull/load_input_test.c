/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/pull/load_input.h"

#include <string.h>
#include <unistd.h>

#include "libross/archive/tar_write.h"
#include "libross/base/buf.h"
#include "libross/base/fd.h"
#include "libross/base/test.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void
tells_images_by_their_names(void **state)
{
    static const struct {
        const char *name;
        bool images;
    } rows[] = {
        {"blobs", true},       {"blobs/sha256/" HEX, true}, {"oci-layout", true},
        {"index.json", true},  {"manifest.json", true},     {"repositories", true},
        {HEX ".json", true},   {HEX ".tar", true},          {HEX "/layer.tar", true},
        {"bin", false},        {"etc/passwd", false},       {"blobsx", false},
        {"HEX.json", false},   {"deadbeef.json", false},    {"package.json", false},
        {".dockerenv", false},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(load_name_is_of_images(rows[i].name), rows[i].images);
}

/* The kind of an archive with these names, through a pipe, and then all of its bytes. */
static enum load_kind
kind_of(const char *first, const char *second)
{
    AUTO(buf) tar = BUF_INIT(65536), back = BUF_INIT(65536);
    AUTO(load_input) in = {0};
    enum load_kind kind;
    char piece[1000];
    ssize_t n;
    int fds[2];

    for (int i = 0; i < 2; i++) {
        const struct tar_entry e = {
            .type = i ? TAR_REG : TAR_DIR, .name = i ? second : first, .link = "", .mode = 0755};
        assert_int_equal(tar_write_header(&tar, &e, NULL), 0);
    }
    assert_int_equal(tar_write_end(&tar, NULL), 0);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(fd_write_all(fds[1], tar.data, tar.len), 0);
    (void) close(fds[1]);
    in.fd = fds[0];
    assert_int_equal(load_input_kind(&in, &kind, NULL), 0);
    while ((n = load_input_read(&in, piece, sizeof piece, NULL)) > 0)
        assert_int_equal(buf_append(&back, piece, (size_t) n, NULL), 0);
    assert_int_equal(back.len, tar.len);
    assert_memory_equal(back.data, tar.data, tar.len);
    (void) close(fds[0]);
    return kind;
}

static void
looks_at_the_first_name(void **state)
{
    (void) state;
    assert_int_equal(kind_of("./", "./blobs/x"), LOAD_IMAGES);
    assert_int_equal(kind_of("blobs/", "bin"), LOAD_IMAGES);
    assert_int_equal(kind_of("./", "./bin"), LOAD_TREE);
    assert_int_equal(kind_of("etc/", "oci-layout"), LOAD_TREE);
}

static void
knows_no_other_files(void **state)
{
    static const char text[] = "\xfd"
                               "7zXZ and so on";
    AUTO(load_input) in = {0};
    enum load_kind kind;
    int fds[2];

    (void) state;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(fd_write_all(fds[1], text, sizeof text), 0);
    (void) close(fds[1]);
    in.fd = fds[0];
    assert_int_equal(load_input_kind(&in, &kind, NULL), 0);
    assert_int_equal(kind, LOAD_OTHER);
    (void) close(fds[0]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_images_by_their_names),
        cmocka_unit_test(looks_at_the_first_name),
        cmocka_unit_test(knows_no_other_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
