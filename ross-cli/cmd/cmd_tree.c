/* SPDX-License-Identifier: Apache-2.0 */
/* diff, export: a container's root filesystem as a whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "libross/archive/tar_diff.h"
#include "libross/base/fd.h"
#include "libross/base/tmpfile.h"
#include "ross-cli/run/container_diff.h"
#include "ross-cli/run/container_fs.h"
#include "ross-cli/run/container_status.h"
#include "ross-cli/ui/listing.h"

/* ---- diff ---- */

struct diff_options {
    const char *format;
};

static const struct option_row diff_rows[] = {
    {.name = "format",
     .type = OPTION_STR,
     .offset = offsetof(struct diff_options, format),
     .arg = "FORMAT",
     .help = "table, json, jsonl or a text with {{.kind}} and {{.path}}"},
};

static int
diff_print(char kind, const char *path, void *arg, struct err *err)
{
    struct json *rows = arg, *row;
    char text[2] = {kind, '\0'};

    (void) err;
    if (!rows) {
        printf("%c %s\n", kind, path);
        return 0;
    }
    row = json_new_object();
    json_set(row, "kind", json_new_str(text));
    json_set(row, "path", json_new_str(path));
    json_push(rows, row);
    return 0;
}

static int
diff_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    static const struct listing_column columns[] = {{"KIND", "kind", NULL}, {"PATH", "path", NULL}};
    const struct diff_options *opt = options;
    AUTO_PTR(json) rows = opt->format ? json_new_array() : NULL;
    AUTO(container) c = {0};
    int r;

    (void) n_words;
    r = container_find(s, words[0], &c, err);
    if (r == 0)
        r = container_diff(s, &c, diff_print, rows, err);
    if (r < 0 || !rows)
        return r;
    return listing_print(stdout, columns, ARRAY_LEN(columns), rows, opt->format, err);
}

const struct command_row cmd_diff = {
    .path = "diff",
    .aliases = "container diff",
    .synopsis = "[OPTION…] CONTAINER",
    .summary = "Lists the files that a container has added (A), changed (C) or deleted (D)",
    .options = diff_rows,
    .n_options = ARRAY_LEN(diff_rows),
    .options_size = sizeof(struct diff_options),
    .words_min = 1,
    .words_max = 1,
    .run = diff_run,
};

/* ---- export ---- */

struct export_options {
    const char *output;
};

static const struct option_row export_rows[] = {
    {.name = "output",
     .letter = 'o',
     .type = OPTION_STR,
     .offset = offsetof(struct export_options, output),
     .arg = "FILE",
     .help = "write it there instead of to standard output"},
};

static int
put(void *sink, const void *p, size_t n, struct err *err)
{
    const int *fd = sink;

    return fd_write_all(*fd, p, n) < 0 ? err_sys(err, errno, "write the archive") : 0;
}

static int
export_to(struct session *s, const struct container *c, int out_fd, struct err *err)
{
    struct tar_diff_options options = {0};
    struct tar_diff_result result;
    AUTO(container_fs) fs = {0};
    auto_close int root_fd = -1;
    int r;

    r = container_fs_open(s, c, CONTAINER_FS_ROOT, &fs, err);
    if (r < 0)
        return r;
    root_fd = openat(fs.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0)
        return err_sys(err, errno, "open the root filesystem of container '%s'", container_name(c));
    options.uid_map = &fs.ids.uid;
    options.gid_map = &fs.ids.gid;
    options.n_uid_map = options.n_gid_map = fs.ids.n;
    return tar_diff(-1, root_fd, &options, put, &out_fd, &result, err);
}

static int
export_to_file(struct session *s, const struct container *c, const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    auto_free char *dir = slash ? xstrndup(path, (size_t) (slash - path) + (slash == path)) : NULL;
    auto_close int dir_fd = open(dir ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_PTR(tmpfile_) tmp = NULL;
    int r;

    if (dir_fd < 0)
        return err_sys(err, errno, "--output: open '%s'", dir ? dir : ".");
    r = tmpfile_open_at(dir_fd, 0600, &tmp, err);
    if (r == 0)
        r = export_to(s, c, tmpfile_fd(tmp), err);
    if (r == 0)
        r = tmpfile_publish(tmp, dir_fd, slash ? slash + 1 : path, true, err);
    return r;
}

static int
export_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct export_options *opt = options;
    AUTO(container) c = {0};
    int r;

    (void) n_words;
    if (!opt->output && isatty(STDOUT_FILENO))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "a tar archive does not belong on a terminal; use -o FILE or a pipe");
    r = container_find(s, words[0], &c, err);
    if (r < 0)
        return r;
    return opt->output ? export_to_file(s, &c, opt->output, err)
                       : export_to(s, &c, STDOUT_FILENO, err);
}

const struct command_row cmd_export = {
    .path = "export",
    .aliases = "container export",
    .synopsis = "[OPTION…] CONTAINER",
    .summary = "Writes a container's root filesystem as a tar archive",
    .options = export_rows,
    .n_options = ARRAY_LEN(export_rows),
    .options_size = sizeof(struct export_options),
    .words_min = 1,
    .words_max = 1,
    .run = export_run,
};
