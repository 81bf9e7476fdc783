/* SPDX-License-Identifier: Apache-2.0 */
/* What ross-cli keeps of a container outside the records service. */
#include "container_dir.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/mem.h"
#include "libross/base/path.h"
#include "libross/base/random.h"
#include "libross/base/rmtree.h"
#include "libross/base/tmpfile.h"
#include "libross/json/json.h"

#define NAME_LEN_MAX   128
#define STATE_FILE     "state.json"
#define STATE_SIZE_MAX 4096

int
container_name_check(const char *name, struct err *err)
{
    size_t len = strlen(name);
    bool fine = len >= 2 && len <= NAME_LEN_MAX && isalnum((unsigned char) name[0]);

    for (size_t i = 1; fine && i < len; i++)
        fine = isalnum((unsigned char) name[i]) || strchr("_.-", name[i]);
    if (fine)
        return 0;
    return err_set(
        err, CODE_INVALID_ARGUMENT,
        "'%.64s' is no container name: 2 to %d letters, digits, '_', '.', '-', beginning "
        "with a letter or digit",
        name, NAME_LEN_MAX);
}

static int
names_open(const char *root, const char *ns, int *ret_fd, struct err *err)
{
    auto_free char *path = xasprintf("%s/containers/names/%s", root, ns);

    return path_open_dir(path, 0700, ret_fd, err);
}

/* Who has the name; malloc'ed, NULL when nobody has. */
static char *
name_owner(int dir_fd, const char *name)
{
    char id[CONTAINER_ID_LEN + 1];
    ssize_t n = readlinkat(dir_fd, name, id, sizeof id - 1);

    return n > 0 ? xstrndup(id, (size_t) n) : NULL;
}

int
container_name_reserve(const char *root, const char *ns, const char *name, const char *id,
                       bool durable, struct err *err)
{
    auto_close int dir_fd = -1;
    auto_free char *owner = NULL;
    int r;

    r = names_open(root, ns, &dir_fd, err);
    if (r < 0)
        return r;
    if (symlinkat(id, dir_fd, name) == 0)
        return durable ? path_sync_dir(dir_fd, err) : 0;
    if (errno != EEXIST)
        return err_sys(err, errno, "reserve the name '%s'", name);
    owner = name_owner(dir_fd, name);
    return err_set(err, CODE_ALREADY_EXISTS,
                   "the container name '%s' is in use by %.12s; remove that one with 'ross-cli "
                   "container rm %s' or choose another name",
                   name, owner ? owner : "another container", name);
}

char *
container_name_owner(const char *root, const char *ns, const char *name, int64_t *ret_since_ns)
{
    auto_close int dir_fd = -1;
    struct stat st;

    if (names_open(root, ns, &dir_fd, NULL) < 0 ||
        fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return NULL;
    *ret_since_ns = (int64_t) st.st_mtim.tv_sec * NS_PER_S;
    return name_owner(dir_fd, name);
}

void
container_name_release(const char *root, const char *ns, const char *name, const char *id)
{
    auto_free char *owner = NULL;
    auto_close int dir_fd = -1;

    if (names_open(root, ns, &dir_fd, NULL) < 0)
        return;
    owner = name_owner(dir_fd, name);
    if (owner && strcmp(owner, id) == 0)
        (void) unlinkat(dir_fd, name, 0);
}

char *
container_name_generate(void)
{
    static const char *const left[] = {
        "amber", "bold",  "brisk", "calm",  "clear", "deft",  "eager", "fair",   "fleet", "gentle",
        "happy", "keen",  "kind",  "light", "lucid", "merry", "neat",  "nimble", "plain", "proud",
        "quick", "quiet", "ready", "sharp", "still", "sunny", "swift", "tidy",   "vivid", "warm",
    };
    static const char *const right[] = {
        "badger", "beaver", "bison", "crane", "dolphin", "eagle", "falcon", "ferret",
        "finch",  "fox",    "gecko", "heron", "ibex",    "jay",   "koala",  "lark",
        "lynx",   "marten", "moose", "newt",  "otter",   "owl",   "panda",  "raven",
        "robin",  "seal",   "stoat", "swan",  "tapir",   "wren",
    };
    uint32_t v = random_u32();

    return xasprintf("%s_%s%u", left[v % ARRAY_LEN(left)], right[(v >> 8) % ARRAY_LEN(right)],
                     (v >> 16) % 100);
}

char *
container_dir_path(const char *root, const char *ns, const char *id)
{
    return xasprintf("%s/containers/%s/%s", root, ns, id);
}

char *
bundle_path(const char *state, const char *ns, const char *id)
{
    return xasprintf("%s/tasks/%s/%s", state, ns, id);
}

static void
set_time(struct json *o, const char *key, int64_t at_ns)
{
    char text[CLOCK_STR_MAX];

    json_set(o, key, json_new_str(clock_format(at_ns, text)));
}

int
container_state_write(const char *root, const char *ns, const char *id,
                      const struct container_state *st, struct err *err)
{
    auto_free char *path = container_dir_path(root, ns, id), *text = NULL;
    AUTO_PTR(json) o = json_new_object();
    auto_close int dir_fd = -1;
    size_t len;
    int r;

    if (st->started)
        set_time(o, "startedAt", st->started_ns);
    if (st->finished) {
        set_time(o, "finishedAt", st->finished_ns);
        json_set(o, "exitCode", json_new_int(st->exit_code));
        if (st->oom_killed)
            json_set(o, "oomKilled", json_new_bool(true));
    }
    if (st->stopped)
        json_set(o, "stopped", json_new_bool(true));
    if (st->restarts)
        json_set(o, "restarts", json_new_int(st->restarts));
    if (st->row)
        json_set(o, "restartsInRow", json_new_int(st->row));
    if (st->restart_at_ns)
        set_time(o, "restartAt", st->restart_at_ns);
    text = json_dump(o, &len);
    r = path_open_dir(path, 0700, &dir_fd, err);
    if (r == 0)
        r = tmpfile_write_at(dir_fd, STATE_FILE, text, len, 0600, err);
    return r < 0 ? err_wrap(err, r, "record the state of container %.12s", id) : 0;
}

static bool
get_time(const struct json *o, const char *key, int64_t *ret_ns)
{
    const char *text = json_str(json_find(o, key));

    return text && clock_parse(text, ret_ns, NULL) == 0;
}

int
container_state_read(const char *root, const char *ns, const char *id, struct container_state *ret,
                     struct err *err)
{
    auto_free char *dir = container_dir_path(root, ns, id), *path = path_join(dir, STATE_FILE);
    auto_free char *text = NULL;
    AUTO_PTR(json) o = NULL;
    size_t len;
    int64_t code;
    int r;

    *ret = (struct container_state){0};
    r = fd_read_file_at(AT_FDCWD, path, STATE_SIZE_MAX, &text, &len, err);
    if (r == -CODE_NOT_FOUND)
        return 0;
    if (r == 0)
        r = json_parse(text, len, &o, err);
    if (r < 0)
        return err_wrap(err, r, "read the state of container %.12s", id);
    ret->started = get_time(o, "startedAt", &ret->started_ns);
    ret->finished = get_time(o, "finishedAt", &ret->finished_ns);
    if (json_int(json_find(o, "exitCode"), &code))
        ret->exit_code = (uint32_t) code;
    ret->oom_killed = json_is_true(json_find(o, "oomKilled"));
    ret->stopped = json_is_true(json_find(o, "stopped"));
    if (json_int(json_find(o, "restarts"), &code))
        ret->restarts = (uint32_t) code;
    if (json_int(json_find(o, "restartsInRow"), &code))
        ret->row = (uint32_t) code;
    (void) get_time(o, "restartAt", &ret->restart_at_ns);
    return 0;
}

int
container_dir_remove(const char *root, const char *ns, const char *id, struct err *err)
{
    auto_free char *path = container_dir_path(root, ns, id);

    return rmtree_at(AT_FDCWD, path, err);
}
