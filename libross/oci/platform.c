/* SPDX-License-Identifier: Apache-2.0 */
/* Platforms: parsing, normalising, matching. */
#include "libross/oci/platform.h"

#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>

#include "libross/base/fd.h"
#include "libross/base/strv.h"

#define HOST_OS          "linux"
#define CPUINFO_SIZE_MAX (1024 * 1024)
#define ARM_VERSION_MIN  5

/* What an architecture is called elsewhere; a variant of NULL is kept. */
static const struct {
    const char *from, *to, *variant;
} arch_names[] = {
    {"i386", "386", ""},
    {"i486", "386", ""},
    {"i586", "386", ""},
    {"i686", "386", ""},
    {"x86_64", "amd64", NULL},
    {"x86-64", "amd64", NULL},
    {"aarch64", "arm64", NULL},
    {"armhf", "arm", "v7"},
    {"armel", "arm", "v6"},
    {"armv5l", "arm", "v5"},
    {"armv6l", "arm", "v6"},
    {"armv7l", "arm", "v7"},
    {"armv8l", "arm", "v8"},
    {"ppc64el", "ppc64le", NULL},
    {"loongarch64", "loong64", NULL},
    {"mips64el", "mips64le", NULL},
};

static const char *const known_os[] = {
    "linux",   "windows", "darwin",  "freebsd", "netbsd",  "openbsd", "dragonfly",
    "solaris", "plan9",   "android", "aix",     "illumos", "js",      "wasip1",
};

static const char *const known_arch[] = {
    "386",    "amd64",    "arm",   "arm64",   "loong64", "mips",  "mipsle",
    "mips64", "mips64le", "ppc64", "ppc64le", "riscv64", "s390x", "wasm",
};

static bool
is_one_of(const char *s, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(s, names[i]) == 0)
            return true;
    return false;
}

static void
replace(char **s, const char *with)
{
    char *copy = *with ? xstrdup(with) : NULL;

    free(*s);
    *s = copy;
}

static void
lower(char *s)
{
    for (; s && *s; s++)
        if (*s >= 'A' && *s <= 'Z')
            *s = (char) (*s - 'A' + 'a');
}

static bool
is(const char *s, const char *other)
{
    return s && strcmp(s, other) == 0;
}

/* "7" is "v7"; variants that are the architecture's base are none, but for arm, whose base is v7. */
static void
normalize_variant(struct oci_platform *p)
{
    const char *v = p->variant;

    if (is(p->architecture, "amd64") && is(v, "v1"))
        replace(&p->variant, "");
    else if (is(p->architecture, "arm64") && (is(v, "8") || is(v, "v8")))
        replace(&p->variant, "");
    else if (is(p->architecture, "arm") && (!v || is(v, "7")))
        replace(&p->variant, "v7");
    else if (is(p->architecture, "arm") && (is(v, "5") || is(v, "6") || is(v, "8")))
        replace(&p->variant, is(v, "5") ? "v5" : is(v, "6") ? "v6" : "v8");
}

void
platform_normalize(struct oci_platform *p)
{
    lower(p->os);
    lower(p->architecture);
    lower(p->variant);
    if (p->variant && !*p->variant)
        replace(&p->variant, "");
    if (is(p->os, "macos"))
        replace(&p->os, "darwin");
    for (size_t i = 0; p->architecture && i < ARRAY_LEN(arch_names); i++) {
        if (strcmp(p->architecture, arch_names[i].from) != 0)
            continue;
        replace(&p->architecture, arch_names[i].to);
        if (arch_names[i].variant)
            replace(&p->variant, arch_names[i].variant);
        break;
    }
    normalize_variant(p);
}

struct oci_platform
platform_clone(const struct oci_platform *p)
{
    return (struct oci_platform){
        .os = p->os ? xstrdup(p->os) : NULL,
        .architecture = p->architecture ? xstrdup(p->architecture) : NULL,
        .variant = p->variant ? xstrdup(p->variant) : NULL,
        .os_version = p->os_version ? xstrdup(p->os_version) : NULL,
    };
}

void
platform_from_machine(const char *machine, const char *cpu_architecture, struct oci_platform *ret)
{
    struct oci_platform p = {.os = xstrdup(HOST_OS), .architecture = xstrdup(machine)};
    bool arm32 = strncmp(machine, "arm", 3) == 0 && strcmp(machine, "arm64") != 0;

    platform_normalize(&p);
    if (arm32 && cpu_architecture && cpu_architecture[0] >= '5' && cpu_architecture[0] <= '8') {
        free(p.variant);
        p.variant = xasprintf("v%c", cpu_architecture[0]);
    }
    *ret = p;
}

/* The value of "CPU architecture" in /proc/cpuinfo, NULL when there is none; points into `text`. */
static const char *
find_cpu_architecture(const char *text)
{
    const char *at = strstr(text, "CPU architecture");

    at = at ? strchr(at, ':') : NULL;
    return at ? at + 1 + strspn(at + 1, " \t") : NULL;
}

void
platform_host(struct oci_platform *ret)
{
    auto_free char *cpuinfo = NULL;
    struct utsname u;

    if (uname(&u) < 0)
        abort();
    if (strncmp(u.machine, "arm", 3) == 0)
        (void) fd_read_file_at(AT_FDCWD, "/proc/cpuinfo", CPUINFO_SIZE_MAX, &cpuinfo, NULL, NULL);
    platform_from_machine(u.machine, cpuinfo ? find_cpu_architecture(cpuinfo) : NULL, ret);
}

static bool
is_component(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");

    return n && !s[n];
}

int
platform_parse(const char *s, struct oci_platform *ret, struct err *err)
{
    AUTO(oci_platform) p = {0};
    AUTO(oci_platform) host = {0};
    AUTO(strv) parts = {0};

    if (strnlen(s, PLATFORM_STR_MAX + 1) > PLATFORM_STR_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "platform '%.64s' is too long", s);
    parts = strv_split(s, '/');
    for (size_t i = 0; i < parts.n; i++)
        if (parts.n > 3 || !is_component(parts.items[i]))
            return err_set(err, CODE_INVALID_ARGUMENT,
                           "platform '%s' is not of the form OS/ARCHITECTURE[/VARIANT]", s);
    if (parts.n > 1) {
        p.os = xstrdup(parts.items[0]);
        p.architecture = xstrdup(parts.items[1]);
        p.variant = parts.n > 2 ? xstrdup(parts.items[2]) : NULL;
        platform_normalize(&p);
        *ret = TAKE_STRUCT(p);
        return 0;
    }

    platform_host(&host);
    p.os = xstrdup(parts.items[0]);
    platform_normalize(&p);
    if (is_one_of(p.os, known_os, ARRAY_LEN(known_os))) {
        p.architecture = TAKE(host.architecture);
        p.variant = TAKE(host.variant);
        *ret = TAKE_STRUCT(p);
        return 0;
    }
    p.architecture = TAKE(p.os);
    p.os = TAKE(host.os);
    platform_normalize(&p);
    if (!is_one_of(p.architecture, known_arch, ARRAY_LEN(known_arch)))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "platform '%s' is neither a known operating system nor an architecture", s);
    *ret = TAKE_STRUCT(p);
    return 0;
}

char *
platform_format(const struct oci_platform *p)
{
    if (!p->os && !p->architecture)
        return xstrdup("unknown");
    return xasprintf("%s/%s%s%s", p->os ? p->os : "unknown",
                     p->architecture ? p->architecture : "unknown", p->variant ? "/" : "",
                     p->variant ? p->variant : "");
}

static bool
same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

bool
platform_equal(const struct oci_platform *a, const struct oci_platform *b)
{
    AUTO(oci_platform) x = platform_clone(a);
    AUTO(oci_platform) y = platform_clone(b);

    platform_normalize(&x);
    platform_normalize(&y);
    return same(x.os, y.os) && same(x.architecture, y.architecture) && same(x.variant, y.variant);
}

/* 7 for "v7", `otherwise` for none or anything else. */
static int
version_of(const char *variant, int otherwise)
{
    if (!variant || variant[0] != 'v' || variant[1] < '1' || variant[1] > '9' || variant[2])
        return otherwise;
    return variant[1] - '0';
}

/* Both normalised, same os. Ranks count down the list of what a machine can run, best first. */
static int
rank_normalized(const struct oci_platform *want, const struct oci_platform *have)
{
    int wanted, had;

    if (same(want->architecture, have->architecture) && same(want->variant, have->variant))
        return 0;
    if (is(want->architecture, "amd64")) {
        wanted = version_of(want->variant, 1);
        had = version_of(have->variant, have->variant ? wanted : 1);
        if (is(have->architecture, "amd64"))
            return had < wanted ? wanted - had : -1;
        return is(have->architecture, "386") && !have->variant ? wanted : -1;
    }
    if (is(want->architecture, "arm64") && is(have->architecture, "arm64")) {
        wanted = version_of(want->variant, 8);
        had = version_of(have->variant, have->variant ? wanted : 8);
        return had < wanted ? wanted - had : -1;
    }
    if (is(have->architecture, "arm") &&
        (is(want->architecture, "arm") || is(want->architecture, "arm64"))) {
        wanted = version_of(want->variant, is(want->architecture, "arm") ? 7 : 8);
        had = version_of(have->variant, 0);
        if (had < ARM_VERSION_MIN || had > wanted ||
            (had == wanted && is(want->architecture, "arm")))
            return -1;
        return wanted - had + (is(want->architecture, "arm64") ? 1 : 0);
    }
    return -1;
}

int
platform_rank(const struct oci_platform *want, const struct oci_platform *have)
{
    AUTO(oci_platform) w = {0};
    AUTO(oci_platform) h = {0};

    if (!have->os && !have->architecture)
        return PLATFORM_RANK_UNSTATED;
    w = platform_clone(want);
    h = platform_clone(have);
    platform_normalize(&w);
    platform_normalize(&h);
    return same(w.os, h.os) ? rank_normalized(&w, &h) : -1;
}
