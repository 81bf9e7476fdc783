/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes: directories that outlive containers. */
#include "volume.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/random.h"
#include "libross/base/rmtree.h"
#include "libross/base/tmpfile.h"
#include "libross/json/json.h"
#include "volume_copy.h"

#define NAME_LEN_MAX    255
#define ANONYMOUS_LEN   64
#define RECORD_FILE     "volume.json"
#define RECORD_SIZE_MAX (4 * 1024 * 1024)
#define DATA_DIR        "_data"
#define COPY_DIR        ".copy"
#define USERS_DIR       "users"

void
volume_done(struct volume *v)
{
    free(v->name);
    free(v->path);
    labels_done(&v->labels);
    strv_done(&v->users);
    *v = (struct volume){0};
}

void
volumes_done(struct volumes *l)
{
    for (size_t i = 0; i < l->n; i++)
        volume_done(&l->items[i]);
    free(l->items);
    *l = (struct volumes){0};
}

int
volume_name_check(const char *name, struct err *err)
{
    size_t len = strlen(name);
    bool fine = len && len <= NAME_LEN_MAX && isalnum((unsigned char) name[0]);

    for (size_t i = 1; fine && i < len; i++)
        fine = isalnum((unsigned char) name[i]) || strchr("_.-", name[i]);
    if (fine)
        return 0;
    return err_set(err, CODE_INVALID_ARGUMENT,
                   "'%.128s' is no volume name: 1 to %d letters, digits, '_', '.', '-', beginning "
                   "with a letter or digit",
                   name, NAME_LEN_MAX);
}

char *
volume_name_anonymous(void)
{
    char name[ANONYMOUS_LEN + 1];

    return xstrdup(random_hex(name, ANONYMOUS_LEN / 2));
}

char *
volume_path(const char *root, const char *name)
{
    return xasprintf("%s/volumes/%s/" DATA_DIR, root, name);
}

char *
volume_name_of_path(const char *root, const char *path)
{
    auto_free char *prefix = xasprintf("%s/volumes/", root);
    auto_free char *name = NULL;
    const char *rest;

    if (strncmp(path, prefix, strlen(prefix)) != 0)
        return NULL;
    rest = path + strlen(prefix);
    name = xstrndup(rest, strcspn(rest, "/"));
    if (strcmp(rest + strlen(name), "/" DATA_DIR) != 0 || volume_name_check(name, NULL) < 0)
        return NULL;
    return TAKE(name);
}

static int
open_store(const char *root, int *ret_fd, struct err *err)
{
    auto_free char *path = path_join(root, "volumes");

    return path_open_dir(path, 0711, ret_fd, err);
}

static int
lock_store(int dir_fd, int *ret_fd, struct err *err)
{
    auto_close int fd = openat(dir_fd, ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return err_sys(err, errno, "open the lock of the volumes");
    while (flock(fd, LOCK_EX) < 0)
        if (errno != EINTR)
            return err_sys(err, errno, "lock the volumes");
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int
not_found(const char *name, struct err *err)
{
    return err_set(err, CODE_NOT_FOUND,
                   "there is no volume '%.128s'; 'ross-cli volume ls' lists them", name);
}

static int
open_volume(int dir_fd, const char *name, int *ret_fd, struct err *err)
{
    int fd, r = volume_name_check(name, err);

    if (r < 0)
        return r;
    fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? not_found(name, err)
                               : err_sys(err, errno, "open the volume '%s'", name);
    *ret_fd = fd;
    return 0;
}

/* ---- making ---- */

static int
write_record(int fd, const struct labels *labels, bool anonymous, struct err *err)
{
    AUTO_PTR(json) o = json_new_object();
    auto_free char *text = NULL;
    char time[CLOCK_STR_MAX];

    json_set(o, "created", json_new_str(clock_format(clock_now_ns(), time)));
    json_set(o, "anonymous", json_new_bool(anonymous));
    if (labels)
        json_set(o, "labels", json_new_labels(labels));
    text = json_dump_pretty(o);
    return tmpfile_write_at(fd, RECORD_FILE, text, strlen(text), 0644, err);
}

static int
create_locked(int dir_fd, const char *name, const struct labels *labels, bool anonymous,
              struct err *err)
{
    char id[17];
    auto_free char *temp = xasprintf(".new-%s", random_hex(id, 8));
    auto_close int fd = -1;
    struct stat st;
    int r;

    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return err_set(err, CODE_ALREADY_EXISTS, "there is a volume '%s' already", name);
    r = path_mkdirs_at(dir_fd, temp, 0711, err);
    if (r < 0)
        return r;
    fd = openat(dir_fd, temp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    r = fd < 0 ? err_sys(err, errno, "open '%s'", temp) : 0;
    if (r == 0)
        r = path_mkdirs_at(fd, DATA_DIR, 0755, err);
    if (r == 0)
        r = path_mkdirs_at(fd, USERS_DIR, 0700, err);
    if (r == 0)
        r = write_record(fd, labels, anonymous, err);
    if (r == 0 && renameat(dir_fd, temp, dir_fd, name) < 0)
        r = err_sys(err, errno, "give the volume its name");
    if (r == 0)
        return path_sync_dir(dir_fd, err);
    (void) rmtree_at(dir_fd, temp, NULL);
    return err_wrap(err, r, "make the volume '%s'", name);
}

int
volume_create(const char *root, const char *name, const struct labels *labels, bool anonymous,
              struct err *err)
{
    auto_close int dir_fd = -1, lock_fd = -1;
    int r;

    r = volume_name_check(name, err);
    if (r == 0)
        r = open_store(root, &dir_fd, err);
    if (r == 0)
        r = lock_store(dir_fd, &lock_fd, err);
    return r < 0 ? r : create_locked(dir_fd, name, labels, anonymous, err);
}

/* ---- looking ---- */

static bool
user_exists(const char *root, const char *user)
{
    const char *colon = strchr(user, ':');
    auto_free char *path = NULL;

    if (!colon)
        return false;
    path = xasprintf("%s/containers/%.*s/%s", root, (int) (colon - user), user, colon + 1);
    return access(path, F_OK) == 0;
}

static DIR *
open_names(int dir_fd, const char *name)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (!dir)
        (void) fd_close(fd);
    return dir;
}

static struct strv
list_users(const char *root, int volume_fd)
{
    DIR *dir = open_names(volume_fd, USERS_DIR);
    struct strv users = {0};
    struct dirent *e;

    while (dir && (e = readdir(dir)))
        if (e->d_name[0] != '.' && user_exists(root, e->d_name))
            strv_add(&users, e->d_name);
    if (dir)
        (void) closedir(dir);
    strv_sort(&users);
    return users;
}

/* A volume without a record is one that an older version made: its directory tells what there is to know. */
static void
read_record(int fd, struct volume *v)
{
    static const struct json_field fields[] = {
        {"labels", JSON_T_LABELS, offsetof(struct volume, labels), false},
        {"anonymous", JSON_T_BOOL, offsetof(struct volume, anonymous), false},
    };
    auto_free char *text = NULL;
    AUTO_PTR(json) o = NULL;
    const char *created;
    struct stat st;
    size_t len;

    if (fstat(fd, &st) == 0)
        v->created_ns = st.st_mtim.tv_sec * NS_PER_S;
    if (fd_read_file_at(fd, RECORD_FILE, RECORD_SIZE_MAX, &text, &len, NULL) < 0 ||
        json_parse(text, len, &o, NULL) < 0)
        return;
    (void) json_read_fields(o, fields, ARRAY_LEN(fields), v, "volume", NULL);
    created = json_str(json_find(o, "created"));
    if (created)
        (void) clock_parse(created, &v->created_ns, NULL);
}

static int
load(const char *root, int dir_fd, const char *name, struct volume *ret, struct err *err)
{
    auto_close int fd = -1;
    int r = open_volume(dir_fd, name, &fd, err);

    if (r < 0)
        return r;
    *ret = (struct volume){.name = xstrdup(name), .path = volume_path(root, name)};
    read_record(fd, ret);
    ret->users = list_users(root, fd);
    return 0;
}

int
volume_get(const char *root, const char *name, struct volume *ret, struct err *err)
{
    auto_close int dir_fd = -1;
    int r = open_store(root, &dir_fd, err);

    return r < 0 ? r : load(root, dir_fd, name, ret, err);
}

int
volumes_list(const char *root, struct volumes *ret, struct err *err)
{
    auto_close int dir_fd = -1;
    struct volumes l = {0};
    AUTO(strv) names = {0};
    struct dirent *e;
    DIR *dir;
    int r = open_store(root, &dir_fd, err);

    if (r < 0)
        return r;
    dir = open_names(dir_fd, ".");
    while (dir && (e = readdir(dir)))
        if (volume_name_check(e->d_name, NULL) == 0)
            strv_add(&names, e->d_name);
    if (dir)
        (void) closedir(dir);
    strv_sort(&names);
    for (size_t i = 0; i < names.n; i++) {
        struct volume v;

        if (load(root, dir_fd, names.items[i], &v, NULL) < 0)
            continue; /* a file, or removed meanwhile */
        l.items = xreallocarray(l.items, l.n + 1, sizeof *l.items);
        l.items[l.n++] = v;
    }
    *ret = l;
    return 0;
}

/* ---- using ---- */

int
volume_use(const char *root, const char *name, bool anonymous, const char *ns, const char *id,
           bool *ret_alone, struct err *err)
{
    auto_free char *user = xasprintf(USERS_DIR "/%s:%s", ns, id);
    auto_close int dir_fd = -1, lock_fd = -1, fd = -1, file_fd = -1;
    AUTO(strv) users = {0};
    int r;

    r = volume_name_check(name, err);
    if (r == 0)
        r = open_store(root, &dir_fd, err);
    if (r == 0)
        r = lock_store(dir_fd, &lock_fd, err);
    if (r == 0)
        r = create_locked(dir_fd, name, NULL, anonymous, err);
    if (r == 0 || r == -CODE_ALREADY_EXISTS)
        r = open_volume(dir_fd, name, &fd, err);
    if (r == 0)
        r = path_mkdirs_at(fd, USERS_DIR, 0700, err);
    if (r < 0)
        return r;
    users = list_users(root, fd);
    file_fd = openat(fd, user, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file_fd < 0)
        return err_sys(err, errno, "note the use of volume '%s'", name);
    *ret_alone =
        users.n == 0 || (users.n == 1 && strcmp(users.items[0], user + strlen(USERS_DIR "/")) == 0);
    return 0;
}

int
volume_remove(const char *root, const char *name, struct err *err)
{
    char id[17];
    auto_free char *temp = xasprintf(".del-%s", random_hex(id, 8));
    auto_close int dir_fd = -1, lock_fd = -1, fd = -1;
    AUTO(strv) users = {0};
    int r;

    r = open_store(root, &dir_fd, err);
    if (r == 0)
        r = lock_store(dir_fd, &lock_fd, err);
    if (r == 0)
        r = open_volume(dir_fd, name, &fd, err);
    if (r < 0)
        return r;
    users = list_users(root, fd);
    if (users.n) {
        const char *colon = strchr(users.items[0], ':');

        return err_set(err, CODE_FAILED_PRECONDITION,
                       "volume '%s' is in use by container %.12s; remove that first", name,
                       colon ? colon + 1 : "");
    }
    if (renameat(dir_fd, name, dir_fd, temp) < 0)
        return err_sys(err, errno, "remove the volume '%s'", name);
    r = rmtree_at(dir_fd, temp, err);
    return r < 0 ? err_wrap(err, r, "remove the volume '%s'", name) : 0;
}

static bool
is_empty(int fd)
{
    DIR *dir = open_names(fd, DATA_DIR);
    bool empty = dir != NULL;
    struct dirent *e;

    while (dir && empty && (e = readdir(dir)))
        empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
    if (dir)
        (void) closedir(dir);
    return empty;
}

int
volume_fill(const char *root, const char *name, int from_fd, struct err *err)
{
    auto_close int dir_fd = -1, fd = -1, copy_fd = -1;
    int r;

    r = open_store(root, &dir_fd, err);
    if (r == 0)
        r = open_volume(dir_fd, name, &fd, err);
    if (r < 0)
        return r;
    while (flock(fd, LOCK_EX) < 0) /* of this volume alone: a copy may take a while */
        if (errno != EINTR)
            return err_sys(err, errno, "lock the volume '%s'", name);
    if (!is_empty(fd))
        return 0;
    r = rmtree_at(fd, COPY_DIR, err);
    if (r == 0)
        r = path_mkdirs_at(fd, COPY_DIR, 0700, err);
    if (r == 0) {
        copy_fd = openat(fd, COPY_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = copy_fd < 0 ? err_sys(err, errno, "open the copy")
                        : volume_copy_tree(from_fd, copy_fd, err);
    }
    if (r == 0 && renameat(fd, COPY_DIR, fd, DATA_DIR) < 0)
        r = err_sys(err, errno, "put the copy into place");
    if (r == 0)
        return 0;
    (void) rmtree_at(fd, COPY_DIR, NULL);
    return err_wrap(err, r, "copy the image's files into the volume '%s'", name);
}
