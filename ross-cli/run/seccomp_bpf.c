/* SPDX-License-Identifier: Apache-2.0 */
/* System call filters compiled ahead of the runtime: the one door to libseccomp. */
#include "seccomp_bpf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "libross/base/base64.h"
#include "libross/base/fd.h"
#include "libross/base/log.h"
#include "libross/base/mem.h"
#include "libross/base/path.h"
#include "libross/base/tmpfile.h"
#include "libross/json/json.h"
#include "libross/oci/digest.h"

#define ARGS_MAX         6
#define PROGRAM_SIZE_MAX (BPF_MAXINSNS * sizeof(struct sock_filter))
#define CACHE_FILES_MAX  64
#define CACHE_SUFFIX     ".bpf"

/* ---- names of the runtime spec ---- */

static bool
action_find(const char *name, uint32_t errno_ret, uint32_t *ret)
{
    const struct {
        const char *name;
        uint32_t action;
    } rows[] = {
        {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
        {"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(errno_ret)},
        {"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
        {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
        {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
        {"SCMP_ACT_LOG", SCMP_ACT_LOG},
        {"SCMP_ACT_TRACE", SCMP_ACT_TRACE(errno_ret)},
        {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
    };

    for (size_t i = 0; name && i < ARRAY_LEN(rows); i++)
        if (strcmp(name, rows[i].name) == 0) {
            *ret = rows[i].action;
            return true;
        }
    return false;
}

static bool
operator_find(const char *name, enum scmp_compare *ret)
{
    static const struct {
        const char *name;
        enum scmp_compare op;
    } rows[] = {
        {"SCMP_CMP_EQ", SCMP_CMP_EQ}, {"SCMP_CMP_GE", SCMP_CMP_GE},
        {"SCMP_CMP_GT", SCMP_CMP_GT}, {"SCMP_CMP_LE", SCMP_CMP_LE},
        {"SCMP_CMP_LT", SCMP_CMP_LT}, {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
        {"SCMP_CMP_NE", SCMP_CMP_NE},
    };

    for (size_t i = 0; name && i < ARRAY_LEN(rows); i++)
        if (strcmp(name, rows[i].name) == 0) {
            *ret = rows[i].op;
            return true;
        }
    return false;
}

/* ---- from a profile to libseccomp's rules ---- */

static int
refused(struct err *err, const char *what)
{
    return err_set(err, CODE_UNIMPLEMENTED, "seccomp: cannot compile %s", what);
}

static bool
action_read(const struct json *object, const char *action_key, const char *errno_key, uint32_t *ret)
{
    const struct json *errno_value = json_find(object, errno_key);
    int64_t errno_ret = EPERM;

    if (errno_value &&
        (!json_int(errno_value, &errno_ret) || errno_ret < 0 || errno_ret > UINT16_MAX))
        return false;
    return action_find(json_str(json_find(object, action_key)), (uint32_t) errno_ret, ret);
}

static bool
arg_read(const struct json *j, struct scmp_arg_cmp *ret)
{
    int64_t index, value, value_two = 0;

    if (!json_int(json_find(j, "index"), &index) || index < 0 || index >= ARGS_MAX)
        return false;
    if (!json_int(json_find(j, "value"), &value) || value < 0)
        return false;
    if (json_find(j, "valueTwo") &&
        (!json_int(json_find(j, "valueTwo"), &value_two) || value_two < 0))
        return false;
    *ret = (struct scmp_arg_cmp){
        .arg = (unsigned) index,
        .datum_a = (scmp_datum_t) value,
        .datum_b = (scmp_datum_t) value_two,
    };
    return operator_find(json_str(json_find(j, "op")), &ret->op);
}

/* Conditions on one argument given twice are alternatives, conditions on several must all hold (runtime-spec). */
static int
add_rule(scmp_filter_ctx ctx, uint32_t action, int nr, const struct scmp_arg_cmp *args, size_t n)
{
    unsigned count[ARGS_MAX] = {0};
    bool alternatives = false;
    int r = 0;

    for (size_t i = 0; i < n; i++)
        alternatives = ++count[args[i].arg] > 1 || alternatives;
    if (!alternatives)
        return seccomp_rule_add_array(ctx, action, nr, (unsigned) n, args);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = seccomp_rule_add_array(ctx, action, nr, 1, &args[i]);
    return r;
}

static int
add_row(scmp_filter_ctx ctx, uint32_t default_action, const struct json *row, struct err *err)
{
    const struct json *names = json_find(row, "names"), *args = json_find(row, "args");
    struct scmp_arg_cmp cmp[ARGS_MAX] = {0};
    uint32_t action;

    if (!action_read(row, "action", "errnoRet", &action))
        return refused(err, "the action of a rule");
    if (action == default_action)
        return 0;
    if (json_len(args) > ARGS_MAX)
        return refused(err, "a rule with that many conditions");
    for (size_t i = 0; i < json_len(args); i++)
        if (!arg_read(json_at(args, i), &cmp[i]))
            return refused(err, "the condition of a rule");
    for (size_t i = 0; i < json_len(names); i++) {
        const char *name = json_str(json_at(names, i));
        int nr = name ? seccomp_syscall_resolve_name(name) : __NR_SCMP_ERROR;
        /* a call that this library does not know cannot be in its filter: the default holds */
        if (nr == __NR_SCMP_ERROR)
            continue;
        if (add_rule(ctx, action, nr, cmp, json_len(args)) < 0)
            return refused(err, name);
    }
    return 0;
}

static int
add_architectures(scmp_filter_ctx ctx, const struct json *list, struct err *err)
{
    static const char prefix[] = "SCMP_ARCH_";

    for (size_t i = 0; i < json_len(list); i++) {
        const char *name = json_str(json_at(list, i));
        char lower[32];
        size_t n = name ? strlen(name) : 0;
        if (n < sizeof prefix || n >= sizeof lower || strncmp(name, prefix, sizeof prefix - 1) != 0)
            return refused(err, "the name of an architecture");
        for (size_t k = sizeof prefix - 1; k <= n; k++)
            lower[k - (sizeof prefix - 1)] =
                (char) (name[k] >= 'A' && name[k] <= 'Z' ? name[k] | 0x20 : name[k]);
        uint32_t arch = seccomp_arch_resolve_name(lower);
        int r = arch ? seccomp_arch_add(ctx, arch) : -EINVAL;
        if (r < 0 && r != -EEXIST)
            return refused(err, name);
    }
    return 0;
}

static int
fill(scmp_filter_ctx ctx, uint32_t default_action, const struct json *seccomp, struct err *err)
{
    const struct json *rows = json_find(seccomp, "syscalls");
    int r = add_architectures(ctx, json_find(seccomp, "architectures"), err);

    for (size_t i = 0; r == 0 && i < json_len(rows); i++)
        r = add_row(ctx, default_action, json_at(rows, i), err);
    return r;
}

/* *ret malloc'ed, a whole number of instructions. */
static int
compile(const struct json *seccomp, char **ret, size_t *ret_len, struct err *err)
{
    auto_close int fd = memfd_create("seccomp", MFD_CLOEXEC);
    uint32_t default_action;
    scmp_filter_ctx ctx;
    int r;

    if (json_find(seccomp, "listenerPath") ||
        !action_read(seccomp, "defaultAction", "defaultErrnoRet", &default_action))
        return refused(err, "this kind of profile");
    ctx = seccomp_init(default_action);
    if (fd < 0 || !ctx)
        r = err_set(err, CODE_RESOURCE_EXHAUSTED, "seccomp: no memory for a filter");
    else
        r = fill(ctx, default_action, seccomp, err);
    if (r == 0 && seccomp_export_bpf(ctx, fd) < 0)
        r = refused(err, "the profile as a whole");
    seccomp_release(ctx);
    if (r < 0)
        return r;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return err_sys(err, errno, "seccomp: rewind the filter");
    AUTO(buf) b = BUF_INIT(PROGRAM_SIZE_MAX);
    r = fd_read_to_buf(fd, &b, err);
    if (r < 0)
        return r;
    *ret_len = b.len;
    *ret = buf_take(&b);
    return 0;
}

/* ---- the cache ---- */

static void
name_of(const struct json *seccomp, char name[static DIGEST_HEX_MAX + sizeof CACHE_SUFFIX])
{
    const struct scmp_version *v = seccomp_version();
    AUTO_PTR(hasher) h = hasher_new(DIGEST_SHA256);
    size_t len;
    auto_free char *source = json_dump(seccomp, &len);
    auto_free char *by =
        xasprintf("%u.%u.%u %x\n", v->major, v->minor, v->micro, seccomp_arch_native());
    struct digest d;

    hasher_update(h, by, strlen(by));
    hasher_update(h, source, len);
    hasher_peek(h, &d);
    len = strlen(digest_hex(&d, name));
    memcpy(name + len, CACHE_SUFFIX, sizeof CACHE_SUFFIX);
}

/* Profiles come and go with options and versions: beyond some number all are forgotten, the next run makes its own. */
static void
bound_cache(int dir_fd)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    size_t n = 0;

    if (!dir) {
        (void) fd_close(fd);
        return;
    }
    while (readdir(dir))
        n++;
    if (n > CACHE_FILES_MAX) {
        rewinddir(dir);
        for (const struct dirent *e = readdir(dir); e; e = readdir(dir))
            if (e->d_name[0] != '.')
                (void) unlinkat(dir_fd, e->d_name, 0);
    }
    closedir(dir);
}

int
seccomp_bpf(const char *cache_dir, const struct json *seccomp, char **ret, struct err *err)
{
    char name[DIGEST_HEX_MAX + sizeof CACHE_SUFFIX];
    auto_free char *program = NULL;
    auto_close int dir_fd = -1;
    size_t len = 0;
    int r;

    name_of(seccomp, name);
    r = path_open_dir(cache_dir, 0700, &dir_fd, err);
    if (r < 0)
        return r;
    if (fd_read_file_at(dir_fd, name, PROGRAM_SIZE_MAX, &program, &len, NULL) < 0 || len == 0 ||
        len % sizeof(struct sock_filter) != 0) {
        free(TAKE(program));
        r = compile(seccomp, &program, &len, err);
        if (r < 0)
            return r;
        bound_cache(dir_fd);
        if (tmpfile_write_at(dir_fd, name, program, len, 0600, NULL) < 0)
            log_debug("a compiled seccomp filter is not kept", KV_STR("directory", cache_dir));
    }
    *ret = base64_encode(program, len);
    return 0;
}
