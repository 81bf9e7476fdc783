/* SPDX-License-Identifier: Apache-2.0 */
/* The table of integration/corpus/reject, and what of the world its layers must leave alone. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "libross/archive/decompress.h"
#include "libross/archive/tar_limits.h"
#include "libross/archive/testlib/tree_show.h"
#include "libross/base/parse.h"

struct reject_row {
    const char *file, *settings; /* as in the table */
    bool overlay;
    struct tar_limits tar;
    struct decompress_limits stream;
    int want; /* code */
};

static inline void
reject_row_set(struct reject_row *row, const char *name, uint64_t v)
{
    if (strcmp(name, "ratio_max") == 0)
        row->stream.ratio_max = v;
    else if (strcmp(name, "ratio_floor_bytes") == 0)
        row->stream.ratio_floor_bytes = v;
    else if (strcmp(name, "output_bytes_max") == 0)
        row->stream.output_bytes_max = v;
    else if (strcmp(name, "stream_bytes_max") == 0)
        row->tar.stream_bytes_max = v;
    else if (strcmp(name, "entries_max") == 0)
        row->tar.entries_max = v;
    else if (strcmp(name, "xattr_bytes_max") == 0)
        row->tar.xattr_bytes_max = (uint32_t) v;
    else
        fail_msg("EXPECT.tsv: unknown setting %s", name);
}

static inline void
reject_row_settings(struct reject_row *row, const char *text)
{
    AUTO(strv) items = strv_split(text, ',');
    struct err err = {0};

    for (size_t i = 0; i < items.n && strcmp(text, "-") != 0; i++) {
        char *equals = strchr(items.items[i], '=');
        uint64_t v;

        assert_non_null(equals);
        *equals = '\0';
        assert_ok(parse_u64(equals + 1, &v, &err), &err);
        reject_row_set(row, items.items[i], v);
    }
}

static inline int
reject_row_code(const char *name)
{
    for (int c = 0; c <= CODE_MAX; c++) {
        if (strcmp(code_name(c), name) == 0)
            return c;
    }
    fail_msg("EXPECT.tsv: unknown code %s", name);
    return -1;
}

/* Calls fn for every row of the corpus in that folder. */
static inline void
reject_rows_each(const char *corpus, void (*fn)(const struct reject_row *row, void *arg), void *arg)
{
    auto_free char *path = xasprintf("%s/EXPECT.tsv", corpus), *text = NULL;
    AUTO(strv) lines = {0};
    struct err err = {0};
    size_t rows = 0;

    assert_ok(fd_read_file_at(AT_FDCWD, path, 1 << 20, &text, NULL, &err), &err);
    lines = strv_split(text, '\n');
    for (size_t i = 0; i < lines.n; i++) {
        AUTO(strv) cols = strv_split(lines.items[i], '\t');
        struct reject_row row = {.tar = tar_limits_default};

        if (!*lines.items[i] || *lines.items[i] == '#')
            continue;
        assert_int_equal(cols.n, 4);
        row.file = cols.items[0];
        row.settings = cols.items[2];
        row.overlay = strcmp(cols.items[1], "overlay") == 0;
        reject_row_settings(&row, cols.items[2]);
        row.want = reject_row_code(cols.items[3]);
        fn(&row, arg);
        rows++;
    }
    assert_true(rows > 100);
}

/*
 * Everything below top_fd but `root` in it, and the attributes of what the host has that a layer could reach. Names
 * that the layers try to make on the host are not there.
 */
static inline void
reject_show_world(struct buf *b, int top_fd)
{
    static const char *const paths[] = {"/", "/etc", "/etc/passwd", "/tmp", "/dev", "/dev/null"};
    static const char *const host_names[] = {"/ross-reject-canary", "/etc/ross-reject-canary"};
    struct stat st;

    tree_show_below(b, top_fd, "", "root", TREE_SHOW_TIMES);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        assert_int_equal(lstat(paths[i], &st), 0);
        (void) buf_printf(b, NULL, "%s %o %d", paths[i], st.st_mode, (int) st.st_ino);
        /* runtimes give the null device to the user of a container whose stdin it is */
        if (!S_ISCHR(st.st_mode))
            (void) buf_printf(b, NULL, " %u:%u", st.st_uid, st.st_gid);
        (void) buf_append_str(b, "\n", NULL);
    }
    for (size_t i = 0; i < ARRAY_LEN(host_names); i++)
        assert_true(lstat(host_names[i], &st) < 0 && errno == ENOENT);
}

/* The answer is the row's, in a sentence, and the world is as it was. */
static inline void
reject_row_check(const struct reject_row *row, int r, const struct err *err,
                 const struct buf *before, const struct buf *after)
{
    if (r != -row->want)
        fail_msg("%s: wanted %s, got %s (%s)", row->file, code_name(row->want),
                 code_name(r < 0 ? -r : 0), err->msg);
    if (r < 0 && (strchr(err->msg, '\n') || strlen(err->msg) < 10))
        fail_msg("%s: not a sentence: '%s'", row->file, err->msg);
    if (strcmp(before->data, after->data) != 0)
        fail_msg("%s: changed the world outside from\n%sto\n%s", row->file, before->data,
                 after->data);
}
