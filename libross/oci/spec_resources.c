/* SPDX-License-Identifier: Apache-2.0 */
/* Limits and device rules of a container's cgroup. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "libross/oci/spec_parts.h"

#define CPU_PERIOD_US    100000
#define NANO             1000000000
#define CPU_QUOTA_MIN_US 1000
#define CPU_SHARES_MIN   2
#define ANY              (-1)

/* What every container may use, as docker's; the first row of the list denies everything. */
static const struct {
    char type;
    int64_t major, minor;
    const char *access;
} device_rules[] = {
    {'c', ANY, ANY, "m"}, /* making nodes is harmless while opening them is not allowed */
    {'b', ANY, ANY, "m"},   {'c', 1, 3, "rwm"}, /* null */
    {'c', 1, 5, "rwm"},                         /* zero */
    {'c', 1, 7, "rwm"},                         /* full */
    {'c', 1, 8, "rwm"},                         /* random */
    {'c', 1, 9, "rwm"},                         /* urandom */
    {'c', 5, 0, "rwm"},                         /* tty */
    {'c', 5, 1, "rwm"},                         /* console */
    {'c', 5, 2, "rwm"},                         /* ptmx */
    {'c', 136, ANY, "rwm"},                     /* pts */
};

static struct json *
rule(bool allow, char type, int64_t major, int64_t minor, const char *access)
{
    struct json *o = json_new_object();

    json_set(o, "allow", json_new_bool(allow));
    if (type) {
        json_set(o, "type", json_new_str((char[]){type, '\0'}));
        if (major != ANY)
            json_set(o, "major", json_new_int(major));
        if (minor != ANY)
            json_set(o, "minor", json_new_int(minor));
    }
    json_set(o, "access", json_new_str(access));
    return o;
}

static bool
is_access(const char *s)
{
    size_t n = strspn(s, "rwm");

    return n && n <= 3 && !s[n];
}

/* "c 10:229 rwm", "b 8:* r", "a *:* rwm" */
static int
parse_rule(const char *text, struct json **ret, struct err *err)
{
    char type, major[12], minor[12], access[4];
    int64_t numbers[2];
    int end = 0;

    if (sscanf(text, "%c %11[0-9*]:%11[0-9*] %3[rwm]%n", &type, major, minor, access, &end) != 4 ||
        text[end] || !strchr("abc", type) || !is_access(access))
        return err_set(
            err, CODE_INVALID_ARGUMENT,
            "device rule '%.64s' is not of the form 'TYPE MAJOR:MINOR ACCESS', for example "
            "'c 10:229 rwm'",
            text);
    for (int i = 0; i < 2; i++) {
        const char *number = i ? minor : major;

        if (strcmp(number, "*") == 0)
            numbers[i] = ANY;
        else if (strchr(number, '*') || sscanf(number, "%" SCNd64, &numbers[i]) != 1)
            return err_set(err, CODE_INVALID_ARGUMENT, "device rule '%.64s': '%s' is no number",
                           text, number);
    }
    *ret = rule(true, type, numbers[0], numbers[1], access);
    return 0;
}

static int
build_device_rules(const struct spec_options *o, struct json **ret, struct err *err)
{
    AUTO_PTR(json) list = json_new_array();
    const struct spec_device *d;
    struct json *one = NULL;
    int r;

    if (o->privileged) {
        json_push(list, rule(true, 0, ANY, ANY, "rwm"));
        *ret = TAKE(list);
        return 0;
    }
    json_push(list, rule(false, 0, ANY, ANY, "rwm"));
    for (size_t i = 0; i < ARRAY_LEN(device_rules); i++)
        json_push(list, rule(true, device_rules[i].type, device_rules[i].major,
                             device_rules[i].minor, device_rules[i].access));
    for (d = o->devices; d < o->devices + o->n_devices; d++) {
        if (d->access && !is_access(d->access))
            return err_set(err, CODE_INVALID_ARGUMENT,
                           "device '%.128s': access '%.16s' is not made of r, w and m", d->path,
                           d->access);
        if (d->type == 'c' || d->type == 'b')
            json_push(list, rule(true, d->type, d->major, d->minor, d->access ? d->access : "rwm"));
        else if (d->type != 'p')
            return err_set(err, CODE_INVALID_ARGUMENT, "'%.128s' is no device", d->path);
    }
    for (size_t i = 0; i < o->device_rules.n; i++) {
        r = parse_rule(o->device_rules.items[i], &one, err);
        if (r < 0)
            return r;
        json_push(list, one);
    }
    *ret = TAKE(list);
    return 0;
}

static int
check_memory(const struct spec_options *o, struct err *err)
{
    if (o->memory_bytes < 0 || (o->memory_bytes && o->memory_bytes < SPEC_MEMORY_MIN))
        return err_set(err, CODE_INVALID_ARGUMENT, "memory must be at least 6m");
    if (o->memory_reservation_bytes < 0)
        return err_set(err, CODE_INVALID_ARGUMENT, "memory-reservation must not be negative");
    if (o->memory_bytes && o->memory_reservation_bytes > o->memory_bytes)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "memory-reservation must not be more than memory");
    if (o->memory_swap_bytes < -1)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "memory-swap must be -1 for unlimited, or a size");
    if (o->memory_swap_bytes > 0 && !o->memory_bytes)
        return err_set(err, CODE_INVALID_ARGUMENT, "memory-swap needs memory to be set");
    if (o->memory_swap_bytes > 0 && o->memory_swap_bytes < o->memory_bytes)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "memory-swap counts memory and swap together, so it must not be less than "
                       "memory");
    return 0;
}

/* What the swap limit is, 0 = say nothing. */
static int64_t
swap_limit(const struct spec_options *o)
{
    if (o->no_swap_accounting)
        return 0;
    if (o->memory_swap_bytes || !o->memory_bytes)
        return o->memory_swap_bytes;
    return o->memory_bytes > INT64_MAX / 2 ? INT64_MAX : 2 * o->memory_bytes;
}

static int
build_memory(const struct spec_options *o, struct json **ret, struct err *err)
{
    struct json *m;
    int r;

    r = check_memory(o, err);
    if (r < 0)
        return r;
    m = json_new_object();
    if (o->memory_bytes)
        json_set(m, "limit", json_new_int(o->memory_bytes));
    if (o->memory_reservation_bytes)
        json_set(m, "reservation", json_new_int(o->memory_reservation_bytes));
    if (swap_limit(o))
        json_set(m, "swap", json_new_int(swap_limit(o)));
    if (o->oom_kill_disable)
        json_set(m, "disableOOMKiller", json_new_bool(true));
    *ret = m;
    return 0;
}

/* "0-3,5" */
static int
check_cpuset(const char *what, const char *list, struct err *err)
{
    const char *p = list;
    bool fine = true;

    do {
        fine = fine && *p >= '0' && *p <= '9';
        p += strspn(p, "0123456789");
        if (*p == '-') {
            fine = fine && p[1] >= '0' && p[1] <= '9';
            p++;
            p += strspn(p, "0123456789");
        }
    } while (fine && *p++ == ',');
    if (!fine || p[-1])
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "%s '%.64s' is no list of numbers and ranges such as 0-3,5", what, list);
    return 0;
}

static int
check_cpu(const struct spec_options *o, struct err *err)
{
    int r = 0;

    if (o->nano_cpus < 0 ||
        (o->nano_cpus && o->nano_cpus < (int64_t) NANO / CPU_PERIOD_US * CPU_QUOTA_MIN_US))
        return err_set(err, CODE_INVALID_ARGUMENT, "cpus must be at least 0.01");
    if (o->nano_cpus > INT64_MAX / CPU_PERIOD_US)
        return err_set(err, CODE_INVALID_ARGUMENT, "cpus is out of range");
    if (o->cpu_shares < 0 || o->cpu_shares == 1 || o->cpu_shares > 262144)
        return err_set(err, CODE_INVALID_ARGUMENT, "cpu-shares must be within %d and 262144",
                       CPU_SHARES_MIN);
    if (o->cpuset_cpus && *o->cpuset_cpus)
        r = check_cpuset("cpuset-cpus", o->cpuset_cpus, err);
    if (r == 0 && o->cpuset_mems && *o->cpuset_mems)
        r = check_cpuset("cpuset-mems", o->cpuset_mems, err);
    return r;
}

static int
build_cpu(const struct spec_options *o, struct json **ret, struct err *err)
{
    struct json *c;
    int r;

    r = check_cpu(o, err);
    if (r < 0)
        return r;
    c = json_new_object();
    if (o->cpu_shares)
        json_set(c, "shares", json_new_int(o->cpu_shares));
    if (o->nano_cpus) {
        json_set(c, "quota", json_new_int(o->nano_cpus * CPU_PERIOD_US / NANO));
        json_set(c, "period", json_new_int(CPU_PERIOD_US));
    }
    if (o->cpuset_cpus && *o->cpuset_cpus)
        json_set(c, "cpus", json_new_str(o->cpuset_cpus));
    if (o->cpuset_mems && *o->cpuset_mems)
        json_set(c, "mems", json_new_str(o->cpuset_mems));
    *ret = c;
    return 0;
}

static void
set_unless_empty(struct json *to, const char *key, struct json *value)
{
    if (json_len(value))
        json_set(to, key, value);
    else
        json_free(value);
}

int
spec_build_resources(const struct spec_options *o, struct json **ret, struct err *err)
{
    AUTO_PTR(json) res = json_new_object();
    struct json *part = NULL;
    int r;

    r = build_device_rules(o, &part, err);
    if (r < 0)
        return r;
    json_set(res, "devices", part);
    r = build_memory(o, &part, err);
    if (r < 0)
        return r;
    set_unless_empty(res, "memory", part);
    r = build_cpu(o, &part, err);
    if (r < 0)
        return r;
    set_unless_empty(res, "cpu", part);
    if (o->pids_limit < -1)
        return err_set(err, CODE_INVALID_ARGUMENT, "pids-limit must be -1 for unlimited, or more");
    if (o->pids_limit > 0) {
        part = json_new_object();
        json_set(part, "limit", json_new_int(o->pids_limit));
        json_set(res, "pids", part);
    }
    *ret = TAKE(res);
    return 0;
}
