/* SPDX-License-Identifier: Apache-2.0 */
/* A new container: id, name, root filesystem, record, bundle. */
#include "container_make.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/client/records_client.h"
#include "api/client/runc_options.h"
#include "container_bundle.h"
#include "container_dir.h"
#include "container_join.h"
#include "container_labels.h"
#include "container_net.h"
#include "container_remove.h"
#include "container_status.h"
#include "container_userns.h"
#include "event_log.h"
#include "container_volumes.h"
#include "image_open.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/log.h"
#include "libross/base/path.h"
#include "libross/base/random.h"
#include "libross/oci/gc_labels.h"
#include "rootfs_file.h"
#include "runtime_pick.h"

#define SPEC_TYPE    "types.containerd.io/opencontainers/runtime-spec/1/Spec"
#define RUNTIME_NAME "io.containerd.ross.v2"
#define SHORT_ID_LEN 12
#define STALE_NAME_NS                                                                              \
    (60 * NS_PER_S) /* a name without a record for that long was left by a crash */

void
made_container_done(struct made_container *m)
{
    container_net_free(m->net);
    container_done(&m->record);
    mount_list_done(&m->mounts);
    free(m->bundle);
    free(m->runtime);
    *m = (struct made_container){0};
}

/* ---- the user ---- */

/* A file that the image need not have: absent is empty. */
static int
optional_file(const struct mount_list *mounts, const char *path, char **ret, size_t *ret_len,
              struct err *err)
{
    int r = rootfs_file_read(mounts, path, ret, ret_len, err);

    if (r != -CODE_NOT_FOUND)
        return r;
    *ret = NULL;
    *ret_len = 0;
    return 0;
}

static int
find_user(const struct run_options *opt, const struct image_view *view,
          const struct mount_list *mounts, struct passwd_user *ret, struct err *err)
{
    const char *spec = opt->user ? opt->user : view->config.user;
    auto_free char *passwd = NULL, *group = NULL;
    size_t n_passwd = 0, n_group = 0;
    int r;

    r = optional_file(mounts, "etc/passwd", &passwd, &n_passwd, err);
    if (r == 0)
        r = optional_file(mounts, "etc/group", &group, &n_group, err);
    if (r < 0)
        return r;
    return passwd_lookup(spec, passwd, n_passwd, group, n_group, &opt->group_add, ret, err);
}

/* ---- the spec ---- */

static void
console_size(struct spec_options *o)
{
    struct winsize ws;

    if (!o->terminal || ioctl(STDIN_FILENO, TIOCGWINSZ, &ws) < 0)
        return;
    o->console_width = ws.ws_col;
    o->console_height = ws.ws_row;
}

static int
use_volumes(const struct session *s, const char *id, const struct image_view *view,
            const struct mount_list *mounts, struct spec_options *o, struct arena *arena,
            struct err *err)
{
    auto_free char *dir = container_dir_path(s->root, s->ctx.ns, id);

    return container_volumes_use(s, id, dir, &view->config, mounts, o, arena, err);
}

static int
use_userns(const struct session *s, const char *id, const char *runtime, struct spec_options *o,
           struct err *err)
{
    auto_free char *dir = container_dir_path(s->root, s->ctx.ns, id);

    return container_userns_mounts(s, dir, runtime, o, err);
}

/* Adds what depends on image and container, and builds. */
static int
build_spec(const struct session *s, const struct run_options *opt, const char *id,
           const char *runtime, const struct image_view *view, const struct mount_list *mounts,
           const struct strv *args, struct net_request *net, struct spec_options *o,
           struct arena *arena, struct json **ret, struct err *err)
{
    int r;

    r = find_user(opt, view, mounts, &o->user, err);
    if (r < 0)
        return r;
    strv_add_all(&o->args, args);
    console_size(o);
    o->cgroups_path = arena_printf(arena, "/ross/%s", id);
    r = container_net_spec(s, id, opt, net, o, arena, err);
    if (r == 0)
        r = use_volumes(s, id, view, mounts, o, arena, err);
    if (r == 0)
        r = use_userns(s, id, runtime, o, err);
    return r < 0 ? r : spec_build(&view->config, o, ret, err);
}

/* ---- names ---- */

/* Who owns the name may have died before its record was written: then the name is free. */
static int
release_stale_name(struct session *s, const char *name, struct err *err)
{
    auto_free char *owner = NULL;
    struct rpc_channel *ch;
    int64_t since_ns;
    int r;

    owner = container_name_owner(s->root, s->ctx.ns, name, &since_ns);
    if (!owner || since_ns > clock_now_ns() - STALE_NAME_NS)
        return -CODE_ALREADY_EXISTS;
    r = session_contentd(s, &ch, err);
    if (r < 0)
        return r;
    if (containers_client_get(ch, &s->ctx, owner, NULL, NULL) != -CODE_NOT_FOUND)
        return -CODE_ALREADY_EXISTS;
    container_name_release(s->root, s->ctx.ns, name, owner);
    return 0;
}

#define NAME_TRIES 16

/* *ret is the name, malloc'ed: the given one, or a made-up one that was free. */
static int
reserve_name(struct session *s, const char *wanted, const char *id, bool durable, char **ret,
             struct err *err)
{
    char *name;
    int r;

    for (int i = 0; i < NAME_TRIES; i++) {
        name = wanted ? xstrdup(wanted) : container_name_generate();
        r = container_name_reserve(s->root, s->ctx.ns, name, id, durable, err);
        if (r == -CODE_ALREADY_EXISTS && wanted && release_stale_name(s, name, NULL) == 0)
            r = container_name_reserve(s->root, s->ctx.ns, name, id, durable, err);
        if (r == 0) {
            *ret = name;
            return 0;
        }
        free(name);
        if (wanted || r != -CODE_ALREADY_EXISTS)
            return r;
    }
    return r;
}

/* ---- all of it ---- */

static int
pick_runtime(const struct session *s, const char *asked, char **ret, struct err *err)
{
    auto_free char *why = NULL, *said = path_join(s->state, "crun-refused");
    int fd, r;

    r = runtime_pick(asked, ret, &why, err);
    if (r < 0 || !why)
        return r;
    /* one line, not one for every container: STATE is new at each boot */
    fd = open(said, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        log_warn("crun cannot work on this host, using runc", KV_STR("reason", why));
    (void) fd_close(fd);
    return 0;
}

static int
prepare_rootfs(struct session *s, const struct container *c, const struct image_view *view,
               const struct spec_options *o, struct mount_list *ret, struct err *err)
{
    char parent[DIGEST_STR_MAX], now[CLOCK_STR_MAX];
    struct snapshots *snapshots;
    AUTO(labels) labels = {0};
    int r;

    r = session_snapshots(s, &snapshots, err);
    if (r < 0)
        return r;
    /* until the record refers to it, a collection of garbage must leave it alone */
    labels_set(&labels, GC_LABEL_ROOT, clock_format(clock_now_ns(), now));
    container_userns_labels(o, &labels);
    r = snapshots_prepare(snapshots, &s->ctx, SNAPSHOT_ACTIVE, c->snapshot_key,
                          digest_format(&view->chain_id, parent), &labels, ret, err);
    if (r == -CODE_NOT_FOUND)
        return err_set(err, CODE_NOT_FOUND,
                       "the image's layers are not unpacked here; 'ross-cli pull' it again");
    return r;
}

static int
user_labels(const struct run_options *opt, const struct image_view *view, struct labels *l,
            struct err *err)
{
    const char *text, *equals;

    for (size_t i = 0; i < view->config.labels.n; i++)
        labels_set(l, view->config.labels.items[i].key, view->config.labels.items[i].value);
    for (size_t i = 0; i < opt->labels.n; i++) {
        auto_free char *key = NULL;

        text = opt->labels.items[i];
        equals = strchrnul(text, '=');
        key = xstrndup(text, (size_t) (equals - text));
        if (!*key)
            return err_set(err, CODE_INVALID_ARGUMENT, "--label '%.256s' has no key", text);
        /* a label without a value is kept, as docker has it, though containerd stores no empty ones */
        labels_set(l, key, *equals && equals[1] ? equals + 1 : "true");
    }
    return labels_validate(l, err);
}

static int
make_parts(struct session *s, const struct run_options *opt, const struct image_view *view,
           const struct strv *args, struct net_request *net, bool start, struct spec_options *o,
           struct arena *arena, struct made_container *m, struct err *err)
{
    struct container *c = &m->record;
    auto_free char *text = NULL;
    AUTO_PTR(json) spec = NULL;
    struct rpc_channel *ch;
    size_t len;
    int r;

    r = start ? container_net_begin(s, c->id, net, &m->net, err) : 0;
    if (r == 0)
        r = prepare_rootfs(s, c, view, o, &m->mounts, err);
    if (r == 0)
        r = build_spec(s, opt, c->id, m->runtime, view, &m->mounts, args, net, o, arena, &spec,
                       err);
    if (r < 0)
        return r;
    text = json_dump(spec, &len);
    c->spec = any_value_make(SPEC_TYPE, text, len);
    r = session_contentd(s, &ch, err);
    if (r == 0)
        r = containers_client_create(ch, &s->ctx, c, NULL, err);
    /* one that is only made gets its bundle at its start */
    if (r == 0 && start)
        r = container_bundle_make(s, c, &m->bundle, err);
    return r;
}

static int
write_cidfile(const char *path, const char *id, struct err *err)
{
    auto_close int fd = -1;

    if (!path)
        return 0;
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0 && errno == EEXIST)
        return err_set(err, CODE_ALREADY_EXISTS, "--cidfile: '%s' exists; remove it first", path);
    if (fd < 0 || fd_write_all(fd, id, strlen(id)) < 0)
        return err_sys(err, errno, "--cidfile: write '%s'", path);
    return 0;
}

int
container_make(struct session *s, const struct run_options *opt, const struct image *image,
               const struct image_view *view, const struct strv *args, bool start,
               struct made_container *ret, struct err *err)
{
    AUTO(made_container) m = {0};
    char id[CONTAINER_ID_LEN + 1], image_id[DIGEST_STR_MAX];
    auto_free char *name = NULL, *dir = NULL, *runc_root = NULL;
    struct spec_options o = {0};
    AUTO_PTR(json) seccomp = NULL;
    AUTO(net_request) net = {0};
    struct user_map users = {0};
    AUTO(arena) arena = {0};
    int r;

    r = opt->name ? container_name_check(opt->name, err) : 0;
    if (r == 0)
        r = pick_runtime(s, opt->runtime, &m.runtime, err);
    if (r == 0)
        r = run_options_to_spec(opt, s->root, &arena, &o, &seccomp, err);
    if (r < 0)
        return r;
    r = container_net_request(s, opt, &view->config, &net, err);
    if (r == 0)
        r = container_userns_parse(opt, &net, &users, err);
    if (r == 0)
        r = container_join_note(s, opt, &o, &arena, err);
    if (r < 0) {
        run_spec_done(&o);
        return r;
    }
    m.record = (struct container){
        .id = xstrdup(random_hex(id, CONTAINER_ID_LEN / 2)),
        .image = xstrdup(image->name),
        .runtime_name = xstrdup(RUNTIME_NAME),
        .snapshotter = xstrdup(s->snapshotter),
        .snapshot_key = xstrdup(id),
        .sandbox = xstrdup(""),
    };
    if (!o.hostname && o.uts.mode != SPEC_NS_HOST)
        o.hostname = arena_strndup(&arena, id, SHORT_ID_LEN);
    dir = container_dir_path(s->root, s->ctx.ns, id);
    runc_root = path_join(s->state, "runtime");
    m.record.runtime_options = runc_options_make(m.runtime, runc_root);
    r = user_labels(opt, view, &m.record.labels, err);
    if (r == 0)
        r = container_labels_set(opt, &view->config, dir, &m.record.labels, err);
    labels_set(&m.record.labels, LABEL_IMAGE_ID,
               digest_format(&view->manifest.config.digest, image_id));
    if (r == 0)
        r = reserve_name(s, opt->name, id, !opt->rm, &name, err);
    if (r == 0) {
        labels_set(&m.record.labels, LABEL_NAME, name);
        net.name = xstrdup(name);
        net.hostname = o.hostname ? xstrdup(o.hostname) : NULL;
        r = path_mkdirs_at(AT_FDCWD, dir, 0700, err);
        if (r == 0)
            r = net_request_write(dir, &net, !opt->rm, err);
        if (r == 0)
            r = container_userns_begin(s, dir, !opt->rm, &users, &o, &arena, err);
        if (r == 0)
            r = make_parts(s, opt, view, args, &net, start, &o, &arena, &m, err);
        if (r == 0)
            r = write_cidfile(opt->cidfile, id, err);
        if (r < 0) {
            container_net_free(TAKE(m.net));
            (void) container_remove(s, &m.record, true, NULL);
        }
    }
    run_spec_done(&o);
    if (r == 0) {
        event_container(s, &m.record, "create", NULL, 0);
        *ret = TAKE_STRUCT(m);
    }
    return r;
}
