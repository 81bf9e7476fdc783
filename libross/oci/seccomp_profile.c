/* SPDX-License-Identifier: Apache-2.0 */
/* Profile files of system call filters: docker's format resolved into the runtime spec's. */
#include <stdio.h>
#include <string.h>

#include "libross/oci/seccomp.h"

#define SYSCALL_ROWS_MAX 4096

const char *
seccomp_architecture(const struct seccomp_host *host)
{
    if (host->architecture)
        return host->architecture;
#if defined(__x86_64__)
    return "amd64";
#elif defined(__i386__)
    return "386";
#elif defined(__aarch64__)
    return "arm64";
#elif defined(__arm__)
    return "arm";
#elif defined(__powerpc64__)
    return "ppc64le";
#elif defined(__s390x__)
    return "s390x";
#elif defined(__riscv)
    return "riscv64";
#else
    return "";
#endif
}

/* What archMap calls our architecture. */
static const char *
scmp_arch(const char *architecture)
{
    static const struct {
        const char *architecture, *scmp;
    } rows[] = {
        {"amd64", "SCMP_ARCH_X86_64"},    {"386", "SCMP_ARCH_X86"},
        {"arm64", "SCMP_ARCH_AARCH64"},   {"arm", "SCMP_ARCH_ARM"},
        {"ppc64le", "SCMP_ARCH_PPC64LE"}, {"s390x", "SCMP_ARCH_S390X"},
        {"riscv64", "SCMP_ARCH_RISCV64"}, {"loong64", "SCMP_ARCH_LOONGARCH64"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(rows[i].architecture, architecture) == 0)
            return rows[i].scmp;
    return "";
}

/* includes.arches may use docker's names of architectures. */
static bool
is_arch(const char *name, const char *architecture)
{
    static const struct {
        const char *architecture, *also;
    } rows[] = {{"386", "x86"}, {"amd64", "x32"}, {"s390x", "s390"}, {"arm64", "aarch64"}};

    if (strcmp(name, architecture) == 0)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(architecture, rows[i].architecture) == 0 && strcmp(name, rows[i].also) == 0)
            return true;
    return false;
}

static bool
kernel_is_at_least(const struct seccomp_host *host, const char *version)
{
    int major, minor;

    if (!host->kernel_major || sscanf(version, "%d.%d", &major, &minor) != 2)
        return true;
    return host->kernel_major > major ||
           (host->kernel_major == major && host->kernel_minor >= minor);
}

/* Whether any (or every) item of a list of names satisfies the host. A missing list is `empty`. */
static bool
lists_arch(const struct json *list, const struct seccomp_host *host)
{
    const char *name;

    for (size_t i = 0; i < json_len(list); i++) {
        name = json_str(json_at(list, i));
        if (name && is_arch(name, seccomp_architecture(host)))
            return true;
    }
    return false;
}

static bool
has_named_cap(const struct json *name, const struct seccomp_host *host)
{
    int number = json_str(name) ? capability_find(json_str(name)) : -1;

    return number >= 0 && capability_has(host->caps, number);
}

/* All conditions of `includes` hold. */
static bool
is_included(const struct json *includes, const struct seccomp_host *host)
{
    const struct json *arches = json_find(includes, "arches"), *caps = json_find(includes, "caps");
    const char *kernel = json_str(json_find(includes, "minKernel"));

    if (json_len(arches) && !lists_arch(arches, host))
        return false;
    for (size_t i = 0; i < json_len(caps); i++)
        if (!has_named_cap(json_at(caps, i), host))
            return false;
    return !kernel || kernel_is_at_least(host, kernel);
}

/* Any condition of `excludes` holds. */
static bool
is_excluded(const struct json *excludes, const struct seccomp_host *host)
{
    const struct json *caps = json_find(excludes, "caps");
    const char *kernel = json_str(json_find(excludes, "minKernel"));

    if (lists_arch(json_find(excludes, "arches"), host))
        return true;
    for (size_t i = 0; i < json_len(caps); i++)
        if (has_named_cap(json_at(caps, i), host))
            return true;
    return kernel && kernel_is_at_least(host, kernel);
}

static void
copy_key(struct json *to, const struct json *from, const char *key)
{
    const struct json *v = json_find(from, key);

    if (v)
        json_set(to, key, json_clone(v));
}

static int
check_action(const struct json *v, const char *what, struct err *err)
{
    static const char *const actions[] = {
        "SCMP_ACT_KILL",  "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
        "SCMP_ACT_TRAP",  "SCMP_ACT_ERRNO",        "SCMP_ACT_TRACE",
        "SCMP_ACT_ALLOW", "SCMP_ACT_LOG",          "SCMP_ACT_NOTIFY",
    };
    const char *s = json_str(v);

    for (size_t i = 0; s && i < ARRAY_LEN(actions); i++)
        if (strcmp(s, actions[i]) == 0)
            return 0;
    return err_set(err, CODE_INVALID_ARGUMENT, "%s '%.64s' is no seccomp action", what,
                   s ? s : "(none)");
}

static int
add_row(struct json *syscalls, const struct json *row, size_t i, const struct seccomp_host *host,
        struct err *err)
{
    struct json *o, *names;
    char what[48];
    int r;

    (void) snprintf(what, sizeof what, "syscalls[%zu].action", i);
    r = check_action(json_find(row, "action"), what, err);
    if (r < 0)
        return r;
    if (!is_included(json_find(row, "includes"), host) ||
        is_excluded(json_find(row, "excludes"), host))
        return 0;
    if (!json_len(json_find(row, "names")) && !json_str(json_find(row, "name")))
        return err_set(err, CODE_INVALID_ARGUMENT, "syscalls[%zu] names no system call", i);
    o = json_new_object();
    if (json_len(json_find(row, "names"))) {
        copy_key(o, row, "names");
    } else {
        names = json_new_array();
        json_push(names, json_clone(json_find(row, "name")));
        json_set(o, "names", names);
    }
    copy_key(o, row, "action");
    copy_key(o, row, "errnoRet");
    if (json_len(json_find(row, "args")))
        copy_key(o, row, "args");
    json_push(syscalls, o);
    return 0;
}

static void
set_architectures(struct json *to, const struct json *profile, const struct seccomp_host *host)
{
    const struct json *map = json_find(profile, "archMap"), *entry, *more;
    const char *ours = scmp_arch(seccomp_architecture(host)), *name;
    struct json *list;

    copy_key(to, profile, "architectures");
    for (size_t i = 0; i < json_len(map); i++) {
        entry = json_at(map, i);
        name = json_str(json_find(entry, "architecture"));
        if (!name || strcmp(name, ours) != 0)
            continue;
        list = json_new_array();
        json_push(list, json_new_str(name));
        more = json_find(entry, "subArchitectures");
        for (size_t k = 0; k < json_len(more); k++)
            if (json_str(json_at(more, k)))
                json_push(list, json_new_str(json_str(json_at(more, k))));
        json_set(to, "architectures", list);
        return;
    }
}

int
seccomp_from_profile(const struct json *profile, const struct seccomp_host *host, struct json **ret,
                     struct err *err)
{
    AUTO_PTR(json) o = json_new_object();
    const struct json *list = json_find(profile, "syscalls");
    struct json *syscalls;
    int r;

    if (!json_is_object(profile))
        return err_set(err, CODE_INVALID_ARGUMENT, "the seccomp profile is no JSON object");
    if (list && !json_is_array(list))
        return err_set(err, CODE_INVALID_ARGUMENT, "syscalls is no list");
    if (json_len(list) > SYSCALL_ROWS_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "%zu rows of system calls, more than %d",
                       json_len(list), SYSCALL_ROWS_MAX);
    r = check_action(json_find(profile, "defaultAction"), "defaultAction", err);
    if (r < 0)
        return r;
    copy_key(o, profile, "defaultAction");
    copy_key(o, profile, "defaultErrnoRet");
    set_architectures(o, profile, host);
    copy_key(o, profile, "flags");
    copy_key(o, profile, "listenerPath");
    copy_key(o, profile, "listenerMetadata");
    syscalls = json_new_array();
    json_set(o, "syscalls", syscalls);
    for (size_t i = 0; i < json_len(list); i++) {
        r = add_row(syscalls, json_at(list, i), i, host, err);
        if (r < 0)
            return r;
    }
    *ret =
        json_len(syscalls) || strcmp(json_str(json_find(o, "defaultAction")), "SCMP_ACT_ALLOW") != 0
            ? TAKE(o)
            : NULL;
    return 0;
}
