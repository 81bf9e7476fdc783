/* SPDX-License-Identifier: Apache-2.0 */
#include "cd_files.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cd_text.h"
#include "libross/base/fd.h"
#include "libross/base/mem.h"
#include "libross/base/path.h"
#include "libross/base/tmpfile.h"
#include "libross/config/toml.h"

#define IMPORTS_MAX     256
#define DROP_IN_NAME    "ross.toml"
#define DROP_IN_PATTERN "*.toml"
#define ADDRESS_DEFAULT "/run/containerd/containerd.sock"

/* ---- reading ---- */

static void
file_done(struct cd_file *f)
{
    free(f->path);
    free(f->text);
    free(f->plain);
}

static int
file_read(const char *path, struct cd_file *ret, struct err *err)
{
    struct cd_file f = {.path = realpath(path, NULL)};
    size_t len = 0;
    int r;

    if (!f.path)
        f.path = xstrdup(path);
    r = fd_read_file_at(AT_FDCWD, f.path, TOML_SIZE_MAX, &f.text, &len, err);
    if (r == -CODE_NOT_FOUND) {
        *ret = f;
        return 0;
    }
    if (r == 0 && strlen(f.text) != len)
        r = err_set(err, CODE_FAILED_PRECONDITION, "'%s' is no text", path);
    if (r == 0) {
        r = cd_text_strip(f.text, &f.plain, &f.parts, err);
        if (r < 0)
            (void) err_wrap(err, r, "'%s'", path);
    }
    if (r < 0)
        file_done(&f);
    else
        *ret = f;
    return r;
}

/* A pattern as containerd 1.7 takes it: relative to the directory of the file that has it; malloc'ed. */
static char *
import_pattern(const char *main_path, const char *pattern)
{
    auto_free char *copy = xstrdup(main_path);

    return *pattern == '/' ? xstrdup(pattern) : path_join(dirname(copy), pattern);
}

static int
read_imports(struct cd_files *f, const char *pattern, struct err *err)
{
    glob_t found = {0};
    int r = 0;

    if (glob(pattern, 0, NULL, &found) != 0)
        return 0; /* containerd complains of a plain name that is missing, not we */
    for (size_t i = 0; r == 0 && i < found.gl_pathc; i++) {
        if (f->n_imports == IMPORTS_MAX) {
            r = err_set(err, CODE_RESOURCE_EXHAUSTED, "'%s' imports more than %d files",
                        f->main.path, IMPORTS_MAX);
            break;
        }
        f->imports = xreallocarray(f->imports, f->n_imports + 1, sizeof(*f->imports));
        r = file_read(found.gl_pathv[i], &f->imports[f->n_imports], err);
        f->n_imports += r == 0;
    }
    globfree(&found);
    return r;
}

/* DIR/ross.toml for the pattern DIR/(anything).toml with a DIR that is there and no pattern; malloc'ed. */
static char *
drop_in_of(const char *pattern)
{
    auto_free char *copy = xstrdup(pattern);
    const char *name = strrchr(pattern, '/') + 1;
    char *dir = dirname(copy);
    struct stat st;

    if (strcmp(name, DROP_IN_PATTERN) != 0 || strpbrk(dir, "*?[") || stat(dir, &st) < 0 ||
        !S_ISDIR(st.st_mode))
        return NULL;
    return path_join(dir, DROP_IN_NAME);
}

int
cd_files_read(const char *path, struct cd_files *ret, struct err *err)
{
    struct cd_files f = {0};
    AUTO_PTR(toml) root = NULL;
    const struct toml *imports = NULL;
    int r = file_read(path, &f.main, err);

    if (r == 0 && f.main.text) {
        r = toml_parse(f.main.text, strlen(f.main.text), &root, err);
        if (r < 0)
            (void) err_wrap(err, r, "'%s'", path);
        imports = r == 0 ? toml_find(root, "imports") : NULL;
    }
    for (size_t i = 0; r == 0 && i < toml_len(imports); i++) {
        const char *item = toml_str(toml_at(imports, i));
        auto_free char *pattern = item ? import_pattern(f.main.path, item) : NULL;

        if (!pattern)
            continue;
        /* a relative pattern is one of the working directory to 1.6, and one of the file's to the others */
        if (!f.drop_in && *item == '/')
            f.drop_in = drop_in_of(pattern);
        r = read_imports(&f, pattern, err);
    }
    if (r < 0)
        cd_files_done(&f);
    else
        *ret = f;
    return r;
}

void
cd_files_done(struct cd_files *f)
{
    file_done(&f->main);
    for (size_t i = 0; i < f->n_imports; i++)
        file_done(&f->imports[i]);
    free(f->imports);
    free(f->drop_in);
    *f = (struct cd_files){0};
}

static bool
any_file(const struct cd_files *f, bool (*fn)(const struct cd_file *file))
{
    bool any = fn(&f->main);

    for (size_t i = 0; i < f->n_imports; i++)
        any = any || fn(&f->imports[i]);
    return any;
}

static bool
file_has_parts(const struct cd_file *f)
{
    return f->parts > 0;
}

static bool
file_is_configured(const struct cd_file *f)
{
    return f->text && cd_plan_is_configured(f->text);
}

bool
cd_files_are_enabled(const struct cd_files *f)
{
    return any_file(f, file_has_parts);
}

bool
cd_files_are_configured(const struct cd_files *f)
{
    return any_file(f, file_is_configured);
}

char *
cd_files_address(const struct cd_files *f)
{
    AUTO_PTR(toml) root = NULL;
    const char *address = NULL;

    if (f->main.text && toml_parse(f->main.text, strlen(f->main.text), &root, NULL) == 0)
        address = toml_str(toml_find(toml_find(root, "grpc"), "address"));
    return xstrdup(address ? address : ADDRESS_DEFAULT);
}

/* ---- changes ---- */

void
cd_changes_done(struct cd_changes *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->items[i].path);
        free(c->items[i].before);
        free(c->items[i].after);
    }
    *c = (struct cd_changes){0};
}

/* When something changes. */
static void
add_change(struct cd_changes *c, const char *path, const char *before, const char *after)
{
    if ((!before && !after) || (before && after && strcmp(before, after) == 0))
        return;
    c->items[c->n++] = (struct cd_change){
        .path = xstrdup(path),
        .before = before ? xstrdup(before) : NULL,
        .after = after ? xstrdup(after) : NULL,
    };
}

/* Among the imports, the drop-in file, when we made it. */
static const struct cd_file *
own_import(const struct cd_files *f)
{
    for (size_t i = 0; i < f->n_imports; i++)
        if (f->imports[i].parts && !f->imports[i].plain)
            return &f->imports[i];
    return NULL;
}

static int
plan_drop_in(const struct cd_files *f, const struct cd_want *want, char **ret, struct err *err)
{
    const struct cd_file *own = own_import(f);
    struct strv others = {0};
    int r;

    *ret = NULL;
    if (!f->drop_in || (access(f->drop_in, F_OK) == 0 && !own))
        return 0;
    for (size_t i = 0; i < f->n_imports; i++)
        if (f->imports[i].plain)
            strv_add(&others, f->imports[i].plain);
    r = cd_plan_import(f->main.plain, &others, want, ret, err);
    strv_done(&others);
    return r;
}

int
cd_changes_enable(const struct cd_files *f, const struct cd_want *want, struct cd_changes *ret,
                  struct err *err)
{
    const struct cd_file *own = own_import(f);
    auto_free char *drop_in = NULL, *main_text = NULL;
    int r;

    for (size_t i = 0; i < f->n_imports; i++)
        if (f->imports[i].plain && cd_plan_is_configured(f->imports[i].plain))
            return err_set(err, CODE_FAILED_PRECONDITION,
                           "'%s' has a section [proxy_plugins." CD_NAME
                           "] already: take it out, or "
                           "leave the files as they are",
                           f->imports[i].path);
    r = f->main.plain ? plan_drop_in(f, want, &drop_in, err) : 0;
    if (r == 0 && !drop_in)
        r = cd_plan(f->main.plain, want, &main_text, err);
    if (r < 0)
        return err_wrap(err, r, "'%s'", f->main.path);
    *ret = (struct cd_changes){0};
    if (own || drop_in)
        add_change(ret, own ? own->path : f->drop_in, own ? own->text : NULL, drop_in);
    add_change(ret, f->main.path, f->main.text, drop_in ? f->main.plain : main_text);
    return 0;
}

void
cd_changes_disable(const struct cd_files *f, struct cd_changes *ret)
{
    const struct cd_file *own = own_import(f);

    *ret = (struct cd_changes){0};
    if (f->main.parts)
        add_change(ret, f->main.path, f->main.text, f->main.plain);
    if (own)
        add_change(ret, own->path, own->text, NULL);
}

/* ---- writing ---- */

static int
write_text(int dir_fd, const char *name, const char *text, struct err *err)
{
    struct stat st = {.st_mode = 0644, .st_uid = geteuid(), .st_gid = getegid()};
    AUTO_PTR(tmpfile_) tmp = NULL;
    int r;

    if (fstatat(dir_fd, name, &st, 0) < 0 && errno != ENOENT)
        return err_sys(err, errno, "look at '%s'", name);
    r = tmpfile_open_at(dir_fd, st.st_mode & 07777, &tmp, err);
    if (r < 0)
        return r;
    if (fchown(tmpfile_fd(tmp), st.st_uid, st.st_gid) < 0)
        return err_sys(err, errno, "give '%s' its owner", name);
    if (fd_write_all(tmpfile_fd(tmp), text, strlen(text)) < 0)
        return err_sys(err, errno, "write '%s'", name);
    return tmpfile_publish(tmp, dir_fd, name, 1, err);
}

static int
put_text(const char *path, const char *text, struct err *err)
{
    auto_free char *for_dir = xstrdup(path), *for_name = xstrdup(path);
    const char *name = basename(for_name);
    auto_close int dir_fd = -1;
    int r = path_open_dir(dirname(for_dir), 0755, &dir_fd, err);

    if (r < 0)
        return r;
    if (text)
        r = write_text(dir_fd, name, text, err);
    else if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
        r = err_sys(err, errno, "remove '%s'", path);
    else
        r = path_sync_dir(dir_fd, err);
    return r < 0 ? err_wrap(err, r, "'%s'", path) : 0;
}

int
cd_changes_apply(const struct cd_changes *c, struct err *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < c->n; i++)
        r = put_text(c->items[i].path, c->items[i].after, err);
    return r;
}

int
cd_changes_undo(const struct cd_changes *c, struct err *err)
{
    int r = 0;

    for (size_t i = c->n; r == 0 && i-- > 0;)
        r = put_text(c->items[i].path, c->items[i].before, err);
    return r;
}
