/* SPDX-License-Identifier: Apache-2.0 */
/* The options of `run` and `create`: what they mean for the spec. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "libross/base/parse.h"
#include "libross/base/path.h"
#include "libross/base/proc.h"
#include "container_join.h"
#include "container_volumes.h"
#include "ross-cli/volume/volume.h"
#include "host_devices.h"
#include "run_options.h"

#define ENV_FILE_SIZE_MAX (1024 * 1024)
#define STATUS_SIZE_MAX   (64 * 1024)
#define SECCOMP_SIZE_MAX  (4 * 1024 * 1024)
#define NANO_CPUS_MAX     (INT64_C(1024) * 1000000000)

void
run_env_add(struct strv *env, const char *text)
{
    const char *value;

    if (strchr(text, '=')) {
        strv_add(env, text);
        return;
    }
    value = getenv(text);
    if (value)
        strv_printf(env, "%s=%s", text, value);
}

int
run_env_file(struct strv *env, const char *path, struct err *err)
{
    auto_free char *text = NULL;
    AUTO(strv) lines = {0};
    int r;

    r = fd_read_file_at(AT_FDCWD, path, ENV_FILE_SIZE_MAX, &text, NULL, err);
    if (r < 0)
        return err_wrap(err, r, "--env-file");
    lines = strv_split(text, '\n');
    for (size_t i = 0; i < lines.n; i++) {
        char *line = lines.items[i] + strspn(lines.items[i], " \t");
        size_t len = strlen(line);

        if (len && line[len - 1] == '\r')
            line[len - 1] = '\0';
        if (*line == '=')
            return err_set(err, CODE_INVALID_ARGUMENT,
                           "--env-file '%s': line %zu has no variable's name", path, i + 1);
        if (*line && *line != '#')
            run_env_add(env, line);
    }
    return 0;
}

/* ---- mounts ---- */

void
volume_spec_done(struct volume_spec *v)
{
    free(v->source);
    free(v->target);
    strv_done(&v->options);
    *v = (struct volume_spec){0};
}

static void
volume_option(struct volume_spec *v, const char *option)
{
    if (strcmp(option, "ro") == 0)
        v->read_only = true;
    else if (strcmp(option, "rw") == 0)
        v->read_only = false;
    else
        strv_add(&v->options, option);
}

int
volume_spec_parse(const char *text, struct volume_spec *ret, struct err *err)
{
    static const char known[] =
        " ro rw rprivate private rshared shared rslave slave rbind bind nosuid "
        "nodev noexec exec suid dev z Z nocopy idmap ";
    AUTO(volume_spec) v = {0};
    AUTO(strv) parts = strv_split(text, ':'), words = {0};
    char *padded;
    bool found;

    if (parts.n == 1 && text[0] == '/') { /* a place alone: an anonymous volume */
        v.source = volume_name_anonymous();
        v.target = path_clean(text);
        v.named = true;
        *ret = TAKE_STRUCT(v);
        return 0;
    }
    if (parts.n < 2 || parts.n > 3 || !*parts.items[0] || !*parts.items[1])
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "-v '%.256s' is not SRC:DST, SRC:DST:OPTIONS or DST", text);
    if (parts.items[1][0] != '/')
        return err_set(err, CODE_INVALID_ARGUMENT, "-v '%.256s': '%s' is not an absolute path",
                       text, parts.items[1]);
    v.source = xstrdup(parts.items[0]);
    v.target = path_clean(parts.items[1]);
    v.named = !strchr(v.source, '/') && strcmp(v.source, ".") != 0 && strcmp(v.source, "..") != 0;
    if (parts.n == 3)
        words = strv_split(parts.items[2], ',');
    for (size_t i = 0; i < words.n; i++) {
        padded = xasprintf(" %s ", words.items[i]);
        found = strstr(known, padded) != NULL;
        free(padded);
        if (!found)
            return err_set(err, CODE_INVALID_ARGUMENT, "-v '%.256s': unknown option '%.64s'", text,
                           words.items[i]);
        /* relabelling is SELinux's; without it there is nothing to do */
        if (strcasecmp(words.items[i], "z") != 0)
            volume_option(&v, words.items[i]);
    }
    *ret = TAKE_STRUCT(v);
    return 0;
}

static struct spec_mount *
mount_add(struct spec_options *o)
{
    o->mounts = xreallocarray(o->mounts, o->n_mounts + 1, sizeof *o->mounts);
    o->mounts[o->n_mounts] = (struct spec_mount){0};
    return &o->mounts[o->n_mounts++];
}

/* The absolute path of a bind source: where a volume's data is, or will be, or what is there. */
static int
bind_source(const struct volume_spec *v, const char *root, const char *option, struct arena *arena,
            const char **ret, struct err *err)
{
    auto_free char *real = NULL, *path = NULL;
    int r;

    if (v->named) {
        r = volume_name_check(v->source, err);
        if (r < 0)
            return err_wrap(err, r, "%s", option);
        path = volume_path(root, v->source);
        *ret = arena_strdup(arena, path);
        return 0;
    }
    real = realpath(v->source, NULL);
    if (!real)
        return err_set(err, CODE_NOT_FOUND, "%s: '%.256s' does not exist on this machine", option,
                       v->source);
    *ret = arena_strdup(arena, real);
    return 0;
}

static int
volumes_to_spec(const struct run_options *opt, const char *root, struct arena *arena,
                struct spec_options *o, struct err *err)
{
    int r;

    for (size_t i = 0; i < opt->volumes.n; i++) {
        AUTO(volume_spec) v = {0};
        const char *source;
        struct spec_mount *m;

        r = volume_spec_parse(opt->volumes.items[i], &v, err);
        if (r == 0)
            r = bind_source(&v, root, "-v", arena, &source, err);
        if (r < 0)
            return r;
        m = mount_add(o);
        m->source = source;
        m->target = arena_strdup(arena, v.target);
        m->read_only = v.read_only;
        m->options = TAKE_STRUCT(v.options);
    }
    return 0;
}

static int
tmpfs_to_spec(const struct run_options *opt, struct arena *arena, struct spec_options *o,
              struct err *err)
{
    for (size_t i = 0; i < opt->tmpfs.n; i++) {
        const char *text = opt->tmpfs.items[i], *colon = strchrnul(text, ':');
        struct spec_mount *m;

        if (text[0] != '/')
            return err_set(err, CODE_INVALID_ARGUMENT, "--tmpfs '%.256s' is not an absolute path",
                           text);
        m = mount_add(o);
        m->type = "tmpfs";
        m->target = arena_strndup(arena, text, (size_t) (colon - text));
        if (*colon)
            m->options = strv_split(colon + 1, ',');
    }
    return 0;
}

/* One "key=value" of --mount. */
static int
mount_word(const char *text, const char *key, const char *value, struct volume_spec *v,
           const char **type, struct strv *tmpfs, struct err *err)
{
    bool flag;

    if (strcmp(key, "type") == 0)
        *type = value;
    else if (strcmp(key, "source") == 0 || strcmp(key, "src") == 0) {
        free(v->source);
        v->source = xstrdup(value);
    } else if (strcmp(key, "target") == 0 || strcmp(key, "dst") == 0 ||
               strcmp(key, "destination") == 0) {
        free(v->target);
        v->target = xstrdup(value);
    } else if (strcmp(key, "readonly") == 0 || strcmp(key, "ro") == 0) {
        if (*value && parse_bool(value, &flag, err) < 0)
            return err_wrap(err, -CODE_INVALID_ARGUMENT, "--mount '%.256s'", text);
        v->read_only = *value ? flag : true;
    } else if (strcmp(key, "bind-propagation") == 0)
        strv_add(&v->options, value);
    else if (strcmp(key, "idmap") == 0 && !*value)
        strv_add(&v->options, "idmap");
    else if (strcmp(key, "volume-nocopy") == 0) {
        if (*value && parse_bool(value, &flag, err) < 0)
            return err_wrap(err, -CODE_INVALID_ARGUMENT, "--mount '%.256s'", text);
        if (!*value || flag)
            strv_add(&v->options, VOLUME_NOCOPY);
    } else if (strcmp(key, "tmpfs-size") == 0)
        strv_printf(tmpfs, "size=%s", value);
    else if (strcmp(key, "tmpfs-mode") == 0)
        strv_printf(tmpfs, "mode=%s", value);
    else
        return err_set(err, CODE_INVALID_ARGUMENT, "--mount '%.256s': unknown word '%.64s'", text,
                       key);
    return 0;
}

static int
mount_to_spec(const char *text, const char *root, struct arena *arena, struct spec_options *o,
              struct err *err)
{
    AUTO(strv) words = strv_split(text, ','), tmpfs = {0};
    AUTO(volume_spec) v = {0};
    const char *type = "volume", *source;
    struct spec_mount *m;
    char *equals;
    int r;

    for (size_t i = 0; i < words.n; i++) {
        equals = strchrnul(words.items[i], '=');
        if (*equals)
            *equals++ = '\0';
        r = mount_word(text, words.items[i], equals, &v, &type, &tmpfs, err);
        if (r < 0)
            return r;
    }
    if (!v.target || v.target[0] != '/')
        return err_set(err, CODE_INVALID_ARGUMENT, "--mount '%.256s' needs an absolute dst=", text);
    if (strcmp(type, "tmpfs") == 0) {
        m = mount_add(o);
        m->type = "tmpfs";
        m->options = TAKE_STRUCT(tmpfs);
    } else if (strcmp(type, "bind") == 0 || strcmp(type, "volume") == 0) {
        v.named = strcmp(type, "volume") == 0;
        if (v.named && (!v.source || !*v.source)) {
            free(v.source);
            v.source = volume_name_anonymous();
        }
        if (!v.source || !*v.source)
            return err_set(err, CODE_INVALID_ARGUMENT, "--mount '%.256s' needs src=", text);
        r = bind_source(&v, root, "--mount", arena, &source, err);
        if (r < 0)
            return r;
        m = mount_add(o);
        m->source = source;
        m->read_only = v.read_only;
        m->options = TAKE_STRUCT(v.options);
    } else
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "--mount '%.256s': unknown type '%.64s', use bind, volume or tmpfs", text,
                       type);
    m->target = arena_strdup(arena, v.target);
    return 0;
}

/* ---- devices ---- */

static int
device_to_spec(const char *text, struct arena *arena, struct spec_options *o, struct err *err)
{
    AUTO(strv) parts = strv_split(text, ':');
    struct spec_device *d;
    struct stat st;

    if (parts.n > 3 || parts.items[0][0] != '/')
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "--device '%.256s' is not HOST, HOST:DST or HOST:DST:rwm", text);
    if (stat(parts.items[0], &st) < 0)
        return err_set(err, CODE_NOT_FOUND, "--device: '%.256s' does not exist on this machine",
                       parts.items[0]);
    if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
        return err_set(err, CODE_INVALID_ARGUMENT, "--device: '%.256s' is no device",
                       parts.items[0]);
    if (parts.n == 3 &&
        (!*parts.items[2] || strspn(parts.items[2], "rwm") != strlen(parts.items[2])))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "--device '%.256s': '%s' is not made of r, w and m", text, parts.items[2]);
    o->devices = xreallocarray(o->devices, o->n_devices + 1, sizeof *o->devices);
    d = &o->devices[o->n_devices++];
    *d = (struct spec_device){
        .path =
            arena_strdup(arena, parts.n > 1 && *parts.items[1] ? parts.items[1] : parts.items[0]),
        .type = S_ISCHR(st.st_mode) ? 'c' : 'b',
        .major = major(st.st_rdev),
        .minor = minor(st.st_rdev),
        .mode = st.st_mode & 07777,
        .uid = st.st_uid,
        .gid = st.st_gid,
        .access = parts.n == 3 ? arena_strdup(arena, parts.items[2]) : NULL,
    };
    return 0;
}

/* ---- the rest ---- */

static int
key_value(const char *option, const char *text, struct labels *into, bool value_needed,
          struct err *err)
{
    const char *equals = strchrnul(text, '=');
    auto_free char *key = xstrndup(text, (size_t) (equals - text));

    if (!*key || (value_needed && !*equals))
        return err_set(err, CODE_INVALID_ARGUMENT, "%s '%.256s' is not K=V", option, text);
    labels_set_raw(into, key, *equals ? equals + 1 : "");
    return 0;
}

static int
security_to_spec(const char *text, struct spec_options *o, struct json **seccomp, struct err *err)
{
    auto_free char *profile = NULL;
    const char *value = strchr(text, '=');
    size_t key_len, len;
    int r;

    if (!value)
        value = strchr(text, ':');
    key_len = value ? (size_t) (value - text) : strlen(text);
    value = value ? value + 1 : "";
    if (key_len == 17 && strncmp(text, "no-new-privileges", 17) == 0)
        return *value ? parse_bool(value, &o->no_new_privileges, err)
                      : (o->no_new_privileges = true, 0);
    if (key_len == 11 && strncmp(text, "systempaths", 11) == 0 &&
        strcmp(value, "unconfined") == 0) {
        o->unmasked_paths = true;
        return 0;
    }
    if (key_len == 8 && strncmp(text, "apparmor", 8) == 0 && *value) {
        o->apparmor_profile = value;
        return 0;
    }
    if (key_len == 5 && strncmp(text, "label", 5) == 0 && strcmp(value, "disable") == 0)
        return 0;
    if (key_len != 7 || strncmp(text, "seccomp", 7) != 0 || !*value)
        return err_set(
            err, CODE_INVALID_ARGUMENT,
            "--security-opt '%.128s' is not known; known are no-new-privileges, "
            "seccomp=FILE|unconfined, systempaths=unconfined, apparmor=PROFILE, label=disable",
            text);
    if (strcmp(value, "unconfined") == 0) {
        o->seccomp = SPEC_SECCOMP_UNCONFINED;
        return 0;
    }
    r = fd_read_file_at(AT_FDCWD, value, SECCOMP_SIZE_MAX, &profile, &len, err);
    if (r == 0)
        r = json_parse(profile, len, seccomp, err);
    if (r < 0)
        return err_wrap(err, r, "--security-opt seccomp");
    o->seccomp = SPEC_SECCOMP_PROFILE;
    o->seccomp_profile = *seccomp;
    return 0;
}

static int
namespace_to_spec(const char *option, const char *value, struct spec_ns *ns, struct err *err)
{
    /* that of a container is container_join_note()'s */
    if (!value || strcmp(value, "private") == 0 || container_join_word(value))
        return 0;
    if (strcmp(value, "host") != 0)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "%s '%.64s' is not known, use host, private or container:NAME", option,
                       value);
    ns->mode = SPEC_NS_HOST;
    return 0;
}

/* "1.5" → 1500000000. */
static int
cpus_to_spec(const char *text, int64_t *ret, struct err *err)
{
    int64_t nano = 0, unit = 1000000000;
    const char *p = text;
    bool fraction = false, any = false;

    for (; *p; p++) {
        if (*p == '.' && !fraction) {
            fraction = true;
            continue;
        }
        if (*p < '0' || *p > '9' || nano > NANO_CPUS_MAX)
            break;
        any = true;
        if (!fraction)
            nano = nano * 10 + (*p - '0') * INT64_C(1000000000);
        else if (unit > 1) {
            unit /= 10;
            nano += (*p - '0') * unit;
        }
    }
    if (*p || !any || nano <= 0 || nano > NANO_CPUS_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "--cpus '%.32s' is not a number of processors",
                       text);
    *ret = nano;
    return 0;
}

/* Our own bounding set: a root without some capability (in a VM, in a container) cannot give it to others. */
static uint64_t
capability_bound(void)
{
    auto_free char *status = NULL;
    const char *line;

    if (fd_read_file_at(AT_FDCWD, "/proc/self/status", STATUS_SIZE_MAX, &status, NULL, NULL) < 0)
        return 0;
    line = strstr(status, "\nCapBnd:");
    return line ? strtoull(line + strlen("\nCapBnd:"), NULL, 16) : 0;
}

static void
host_to_spec(struct spec_options *o)
{
    struct utsname host;

    o->cap_bound = capability_bound();

    o->cgroup_v2 = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
    if (uname(&host) == 0)
        (void) sscanf(host.release, "%d.%d", &o->kernel_major, &o->kernel_minor);
}

static int
limits_to_spec(const struct run_options *opt, struct spec_options *o, struct err *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < opt->ulimits.n; i++) {
        o->rlimits = xreallocarray(o->rlimits, o->n_rlimits + 1, sizeof *o->rlimits);
        r = spec_rlimit_parse(opt->ulimits.items[i], &o->rlimits[o->n_rlimits++], err);
    }
    for (size_t i = 0; r == 0 && i < opt->sysctls.n; i++)
        r = key_value("--sysctl", opt->sysctls.items[i], &o->sysctls, true, err);
    if (r == 0 && opt->cpus)
        r = cpus_to_spec(opt->cpus, &o->nano_cpus, err);
    o->memory_bytes = opt->memory;
    o->memory_swap_bytes = opt->memory_swap_unlimited ? -1 : opt->memory_swap;
    o->memory_reservation_bytes = opt->memory_reservation;
    o->cpu_shares = opt->cpu_shares;
    o->cpuset_cpus = opt->cpuset_cpus;
    o->cpuset_mems = opt->cpuset_mems;
    o->pids_limit = opt->pids_limit;
    return r;
}

static int
init_to_spec(const struct run_options *opt, struct arena *arena, struct spec_options *o,
             struct err *err)
{
    static const char *const inits[] = {"docker-init", "catatonit", "tini-static", "tini"};
    char *found;

    if (!opt->init)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(inits); i++) {
        found = proc_find_program(inits[i]);
        if (!found)
            continue;
        o->init_path = arena_strdup(arena, found);
        free(found);
        return 0;
    }
    return err_set(err, CODE_NOT_FOUND,
                   "--init needs a small init on this machine; install catatonit or tini");
}

/* The host's message queues, also on a host that has them mounted nowhere. */
static void
share_queues(struct spec_options *o)
{
    struct spec_mount *m;

    if (o->ipc.mode != SPEC_NS_HOST || access("/dev/mqueue", F_OK) == 0)
        return;
    m = mount_add(o);
    m->type = "mqueue";
    m->source = "mqueue";
    m->target = "/dev/mqueue";
}

static int
to_spec(const struct run_options *opt, const char *root, struct arena *arena,
        struct spec_options *o, struct json **seccomp, struct err *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < opt->env_files.n; i++)
        r = run_env_file(&o->env, opt->env_files.items[i], err);
    for (size_t i = 0; i < opt->env.n; i++)
        run_env_add(&o->env, opt->env.items[i]);
    o->working_dir = opt->workdir;
    o->has_entrypoint = opt->entrypoint != NULL;
    if (opt->entrypoint && *opt->entrypoint)
        strv_add(&o->entrypoint, opt->entrypoint);
    o->terminal = opt->tty;
    o->privileged = opt->privileged;
    o->read_only = opt->read_only;
    o->shm_size_bytes = opt->shm_size;
    strv_add_all(&o->cap_add, &opt->cap_add);
    strv_add_all(&o->cap_drop, &opt->cap_drop);
    strv_add_all(&o->device_rules, &opt->device_rules);
    o->hostname = opt->hostname;
    if (strv_has(&opt->networks, "host")) /* alone, or container_net_request() refuses it */
        o->network.mode = SPEC_NS_HOST;
    host_to_spec(o);
    if (r == 0)
        r = volumes_to_spec(opt, root, arena, o, err);
    if (r == 0)
        r = tmpfs_to_spec(opt, arena, o, err);
    for (size_t i = 0; r == 0 && i < opt->mounts.n; i++)
        r = mount_to_spec(opt->mounts.items[i], root, arena, o, err);
    if (r == 0 && opt->privileged)
        r = host_devices_add("/dev", arena, o, err);
    for (size_t i = 0; r == 0 && i < opt->devices.n; i++)
        r = device_to_spec(opt->devices.items[i], arena, o, err);
    for (size_t i = 0; r == 0 && i < opt->security_opt.n; i++)
        r = security_to_spec(opt->security_opt.items[i], o, seccomp, err);
    for (size_t i = 0; r == 0 && i < opt->annotations.n; i++)
        r = key_value("--annotation", opt->annotations.items[i], &o->annotations, true, err);
    if (r == 0)
        r = limits_to_spec(opt, o, err);
    if (r == 0)
        r = init_to_spec(opt, arena, o, err);
    if (r == 0)
        r = namespace_to_spec("--pid", opt->pid, &o->pid, err);
    if (r == 0)
        r = namespace_to_spec("--ipc", opt->ipc, &o->ipc, err);
    if (r == 0)
        share_queues(o);
    if (r == 0)
        r = namespace_to_spec("--uts", opt->uts, &o->uts, err);
    return r;
}

int
run_options_to_spec(const struct run_options *opt, const char *root, struct arena *arena,
                    struct spec_options *ret, struct json **ret_seccomp, struct err *err)
{
    struct spec_options o = {0};
    struct json *seccomp = NULL;
    int r;

    r = to_spec(opt, root, arena, &o, &seccomp, err);
    if (r < 0) {
        run_spec_done(&o);
        json_free(seccomp);
        return r;
    }
    *ret = o;
    *ret_seccomp = seccomp;
    return 0;
}

void
run_spec_done(struct spec_options *o)
{
    strv_done(&o->args);
    strv_done(&o->entrypoint);
    strv_done(&o->env);
    strv_done(&o->cap_add);
    strv_done(&o->cap_drop);
    strv_done(&o->device_rules);
    for (size_t i = 0; i < o->n_mounts; i++)
        strv_done(&o->mounts[i].options);
    free(o->mounts);
    free(o->devices);
    free(o->rlimits);
    labels_done(&o->sysctls);
    labels_done(&o->annotations);
    passwd_user_done(&o->user);
    *o = (struct spec_options){0};
}
