/* SPDX-License-Identifier: Apache-2.0 */
/* The OCI runtime spec of a container: its process and the whole. */
#include "libross/oci/spec.h"

#include <string.h>
#include <strings.h>

#include "libross/base/parse.h"
#include "libross/base/path.h"
#include "libross/oci/spec_parts.h"

#define OCI_VERSION   "1.0.2"
#define OOM_SCORE_MAX 1000

static const char *const rlimit_types[] = {
    "RLIMIT_AS",     "RLIMIT_CORE",   "RLIMIT_CPU",        "RLIMIT_DATA",
    "RLIMIT_FSIZE",  "RLIMIT_LOCKS",  "RLIMIT_MEMLOCK",    "RLIMIT_MSGQUEUE",
    "RLIMIT_NICE",   "RLIMIT_NOFILE", "RLIMIT_NPROC",      "RLIMIT_RSS",
    "RLIMIT_RTPRIO", "RLIMIT_RTTIME", "RLIMIT_SIGPENDING", "RLIMIT_STACK",
};

static int
parse_limit(const char *s, uint64_t *ret, struct err *err)
{
    if (strcmp(s, "unlimited") == 0 || strcmp(s, "-1") == 0) {
        *ret = UINT64_MAX;
        return 0;
    }
    return parse_u64(s, ret, err);
}

int
spec_rlimit_parse(const char *s, struct spec_rlimit *ret, struct err *err)
{
    const char *equals = strchrnul(s, '='), *colon;
    auto_free char *soft = NULL;
    struct spec_rlimit l = {0};
    int r;

    for (size_t i = 0; i < ARRAY_LEN(rlimit_types); i++)
        if (strlen(rlimit_types[i] + 7) == (size_t) (equals - s) &&
            strncasecmp(rlimit_types[i] + 7, s, (size_t) (equals - s)) == 0)
            l.type = rlimit_types[i];
    if (!l.type || !*equals)
        return err_set(
            err, CODE_INVALID_ARGUMENT,
            "ulimit '%.64s' is not of the form NAME=SOFT[:HARD] with a known name such as "
            "nofile",
            s);
    colon = strchrnul(equals, ':');
    soft = xstrndup(equals + 1, (size_t) (colon - equals - 1));
    r = parse_limit(soft, &l.soft, err);
    if (r < 0)
        return err_wrap(err, r, "ulimit '%.64s'", s);
    r = *colon ? parse_limit(colon + 1, &l.hard, err) : 0;
    if (r < 0)
        return err_wrap(err, r, "ulimit '%.64s'", s);
    if (!*colon)
        l.hard = l.soft;
    if (l.soft > l.hard)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "ulimit '%.64s': the soft limit is above the hard one", s);
    *ret = l;
    return 0;
}

int
spec_capabilities(const struct spec_options *o, capability_set *ret, struct err *err)
{
    int last = o->cap_last ? o->cap_last : CAPABILITY_LAST, r;

    if (o->privileged) {
        *ret = CAPABILITY_ALL;
    } else {
        r = capability_tweak(&o->cap_add, &o->cap_drop, ret, err);
        if (r < 0)
            return r;
    }
    /* who asks for everything gets what there is; a capability asked for by name must be there */
    if (o->cap_bound && (o->privileged || strv_has(&o->cap_add, "ALL")))
        *ret &= o->cap_bound;
    if (last < CAPABILITY_LAST)
        *ret &= (UINT64_C(1) << (last + 1)) - 1;
    return 0;
}

/* "K" of "K=V" or of "K". */
static size_t
key_length(const char *entry)
{
    return (size_t) (strchrnul(entry, '=') - entry);
}

static void
env_remove(struct strv *env, const char *entry)
{
    size_t n = key_length(entry);

    for (size_t i = env->n; i-- > 0;)
        if (key_length(env->items[i]) == n && memcmp(env->items[i], entry, n) == 0)
            strv_remove(env, i);
}

static bool
env_has(const struct strv *env, const char *key)
{
    for (size_t i = 0; i < env->n; i++)
        if (key_length(env->items[i]) == strlen(key) &&
            memcmp(env->items[i], key, strlen(key)) == 0)
            return true;
    return false;
}

/* A later value replaces an earlier one where it stands, as docker does. */
static void
env_set(struct strv *env, const char *entry)
{
    size_t n = key_length(entry);

    for (size_t i = 0; i < env->n; i++)
        if (key_length(env->items[i]) == n && memcmp(env->items[i], entry, n) == 0) {
            free(env->items[i]);
            env->items[i] = xstrdup(entry);
            return;
        }
    strv_add(env, entry);
}

static struct strv
build_env(const struct oci_config *image, const struct spec_options *o)
{
    struct strv env = {0};

    strv_add(&env, "PATH=" SPEC_PATH_DEFAULT);
    if (o->hostname)
        strv_printf(&env, "HOSTNAME=%s", o->hostname);
    if (o->terminal)
        strv_add(&env, "TERM=xterm");
    for (size_t i = 0; i < image->env.n; i++)
        if (strchr(image->env.items[i], '='))
            env_set(&env, image->env.items[i]);
    for (size_t i = 0; i < o->env.n; i++)
        if (strchr(o->env.items[i], '='))
            env_set(&env, o->env.items[i]);
        else
            env_remove(&env, o->env.items[i]);
    if (!env_has(&env, "HOME"))
        strv_printf(&env, "HOME=%s", o->user.home ? o->user.home : "/");
    return env;
}

static int
build_args(const struct oci_config *image, const struct spec_options *o, struct strv *ret,
           struct err *err)
{
    AUTO(strv) args = {0};

    if (o->init_path) {
        strv_add(&args, SPEC_INIT_TARGET);
        strv_add(&args, "--");
    }
    strv_add_all(&args, o->has_entrypoint ? &o->entrypoint : &image->entrypoint);
    if (o->args.n)
        strv_add_all(&args, &o->args);
    else if (!o->has_entrypoint)
        strv_add_all(&args, &image->cmd);
    if (args.n == (o->init_path ? 2 : 0))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "no command: the image has none, so give one after its name");
    if (!*args.items[args.n > 2 && o->init_path ? 2 : 0])
        return err_set(err, CODE_INVALID_ARGUMENT, "the command is an empty string");
    *ret = TAKE_STRUCT(args);
    return 0;
}

static int
build_cwd(const struct oci_config *image, const struct spec_options *o, char **ret, struct err *err)
{
    const char *dir = image->working_dir && *image->working_dir ? image->working_dir : "/";
    auto_free char *absolute = NULL;

    if (o->working_dir && *o->working_dir) {
        if (*o->working_dir != '/')
            return err_set(err, CODE_INVALID_ARGUMENT,
                           "the working directory '%.256s' must be an absolute path",
                           o->working_dir);
        dir = o->working_dir;
    }
    absolute = *dir == '/' ? xstrdup(dir) : path_join("/", dir);
    *ret = path_clean(absolute);
    return 0;
}

static struct json *
user_to_json(const struct passwd_user *u)
{
    struct json *o = json_new_object(), *groups = json_new_array();

    json_set(o, "uid", json_new_int(u->uid));
    json_set(o, "gid", json_new_int(u->gid));
    /* the own group too: else a process could get around "everyone but this group may" (CVE-2022-36109) */
    json_push(groups, json_new_int(u->gid));
    for (size_t i = 0; i < u->n_groups; i++)
        if (u->groups[i] != u->gid)
            json_push(groups, json_new_int(u->groups[i]));
    json_set(o, "additionalGids", groups);
    return o;
}

static struct json *
caps_to_json(capability_set caps)
{
    struct json *list = json_new_array();

    for (int i = 0; i <= CAPABILITY_LAST; i++)
        if (capability_has(caps, i))
            json_push(list, json_new_str(capability_name(i)));
    return list;
}

/* What execve would leave: only root has its set effective; nobody inherits (CVE-2022-24769). */
static struct json *
process_caps(const struct spec_options *o, capability_set caps)
{
    struct json *object = json_new_object();

    json_set(object, "bounding", caps_to_json(caps));
    if (o->user.uid == 0) {
        json_set(object, "effective", caps_to_json(caps));
        json_set(object, "permitted", caps_to_json(caps));
    }
    return object;
}

/* JSON integers here are signed; runtimes read RLIM_INFINITY from all bits set, which only a real number could say. */
static struct json *
limit_to_json(uint64_t v)
{
    return json_new_int(v > INT64_MAX ? INT64_MAX : (int64_t) v);
}

static struct json *
rlimits_to_json(const struct spec_options *o)
{
    struct json *list = json_new_array(), *limit;

    for (size_t i = 0; i < o->n_rlimits; i++) {
        limit = json_new_object();
        json_set(limit, "type", json_new_str(o->rlimits[i].type));
        json_set(limit, "hard", limit_to_json(o->rlimits[i].hard));
        json_set(limit, "soft", limit_to_json(o->rlimits[i].soft));
        json_push(list, limit);
    }
    return list;
}

static struct json *
console_size(const struct spec_options *o)
{
    struct json *size = json_new_object();

    json_set(size, "height", json_new_int(o->console_height));
    json_set(size, "width", json_new_int(o->console_width));
    return size;
}

static int
build_process(const struct oci_config *image, const struct spec_options *o, capability_set caps,
              struct json **ret, struct err *err)
{
    AUTO_PTR(json) process = json_new_object();
    auto_free char *cwd = NULL;
    AUTO(strv) args = {0};
    AUTO(strv) env = build_env(image, o);
    int r;

    r = build_args(image, o, &args, err);
    if (r < 0)
        return r;
    r = build_cwd(image, o, &cwd, err);
    if (r < 0)
        return r;
    if (o->oom_score_adj < -OOM_SCORE_MAX || o->oom_score_adj > OOM_SCORE_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "oom-score-adj must be within -%d and %d",
                       OOM_SCORE_MAX, OOM_SCORE_MAX);
    json_set(process, "terminal", json_new_bool(o->terminal));
    if (o->terminal && o->console_width && o->console_height)
        json_set(process, "consoleSize", console_size(o));
    json_set(process, "user", user_to_json(&o->user));
    json_set(process, "args", json_new_strv(&args));
    json_set(process, "env", json_new_strv(&env));
    json_set(process, "cwd", json_new_str(cwd));
    json_set(process, "capabilities", process_caps(o, caps));
    if (o->n_rlimits)
        json_set(process, "rlimits", rlimits_to_json(o));
    json_set(process, "noNewPrivileges", json_new_bool(o->no_new_privileges));
    if (o->apparmor_profile && *o->apparmor_profile && !o->privileged)
        json_set(process, "apparmorProfile", json_new_str(o->apparmor_profile));
    if (o->oom_score_adj)
        json_set(process, "oomScoreAdj", json_new_int(o->oom_score_adj));
    if (o->selinux_label && *o->selinux_label)
        json_set(process, "selinuxLabel", json_new_str(o->selinux_label));
    *ret = TAKE(process);
    return 0;
}

int
spec_build_process(const struct oci_config *image, const struct spec_options *o, struct json **ret,
                   struct err *err)
{
    capability_set caps;
    int r;

    r = spec_capabilities(o, &caps, err);
    if (r < 0)
        return r;
    return build_process(image, o, caps, ret, err);
}

static int
check_names(const struct spec_options *o, struct err *err)
{
    if (o->hostname && o->uts.mode == SPEC_NS_PRIVATE &&
        (!*o->hostname || strlen(o->hostname) > 64))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "the host name '%.80s' must have 1 to 64 characters", o->hostname);
    if (o->domainname && strlen(o->domainname) > 64)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "the domain name '%.80s' must have at most 64 characters", o->domainname);
    return 0;
}

int
spec_build(const struct oci_config *image, const struct spec_options *o, struct json **ret,
           struct err *err)
{
    AUTO_PTR(json) spec = json_new_object();
    struct json *part = NULL, *root;
    capability_set caps;
    int r;

    r = check_names(o, err);
    if (r < 0)
        return r;
    r = spec_capabilities(o, &caps, err);
    if (r < 0)
        return r;
    json_set(spec, "ociVersion", json_new_str(OCI_VERSION));
    r = build_process(image, o, caps, &part, err);
    if (r < 0)
        return r;
    json_set(spec, "process", part);
    root = json_new_object();
    json_set(root, "path", json_new_str(o->rootfs ? o->rootfs : "rootfs"));
    json_set(root, "readonly", json_new_bool(o->read_only));
    json_set(spec, "root", root);
    if (o->hostname && o->uts.mode == SPEC_NS_PRIVATE)
        json_set(spec, "hostname", json_new_str(o->hostname));
    if (o->domainname && o->uts.mode == SPEC_NS_PRIVATE)
        json_set(spec, "domainname", json_new_str(o->domainname));
    r = spec_build_mounts(o, &part, err);
    if (r < 0)
        return r;
    json_set(spec, "mounts", part);
    if (o->annotations.n)
        json_set(spec, "annotations", json_new_labels(&o->annotations));
    r = spec_build_linux(o, caps, &part, err);
    if (r < 0)
        return r;
    json_set(spec, "linux", part);
    *ret = TAKE(spec);
    return 0;
}
