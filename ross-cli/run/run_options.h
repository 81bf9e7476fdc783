/* SPDX-License-Identifier: Apache-2.0 */
/* The options of `run` and `create`: one table, and what they mean for the spec. */
#pragma once

#include "libross/base/arena.h"
#include "libross/config/options.h"
#include "libross/oci/spec.h"

struct run_options {
    const char *name, *platform, *pull, *runtime, *cidfile, *detach_keys;
    bool rm, detach, interactive, tty, plain_http, quiet, timing;
    const char *restart;                    /* --restart */
    const char *stop_signal, *stop_timeout; /* "TERM", "10"; NULL = the image's, the default */
    struct strv log_opts;

    struct strv env, env_files, labels, annotations;
    const char *workdir, *user, *entrypoint, *hostname;
    struct strv networks, aliases, publish, expose, add_hosts, dns, dns_search, dns_options;
    const char *ip, *ip6, *mac;
    bool publish_all;
    struct strv group_add;
    bool init;

    bool read_only, privileged;
    struct strv volumes, tmpfs, mounts, devices, device_rules;
    int64_t shm_size;
    struct strv cap_add, cap_drop, security_opt;
    struct strv ulimits, sysctls;
    const char *pid, *ipc, *uts, *userns;

    int64_t memory, memory_swap, memory_reservation, cpu_shares, pids_limit;
    const char *cpus, *cpuset_cpus, *cpuset_mems;
    bool memory_swap_unlimited;
};

extern const struct option_row run_option_rows[];
extern const size_t run_option_rows_n;

/*
 * What of the options needs neither image nor container. Strings and arrays of *ret are in `arena` or borrowed
 * from `opt`; the strv and labels of *ret are its own: run_spec_done().
 *   root   ROSS_ROOT, for named volumes
 * InvalidArgument, one sentence naming the option; NotFound for files and directories that are not there.
 */
int run_options_to_spec(const struct run_options *opt, const char *root, struct arena *arena,
                        struct spec_options *ret, struct json **ret_seccomp, struct err *err);
void run_spec_done(struct spec_options *o);

/* The pure parsers behind it. */
/* "K=V", or "K" taken from the environment (skipped when unset). */
void run_env_add(struct strv *env, const char *text);
/* A file of such lines; '#' begins a comment line. */
int run_env_file(struct strv *env, const char *path, struct err *err);
struct volume_spec {
    char *source, *target; /* source: absolute path, or a volume's name */
    bool named, read_only;
    struct strv options;
};
int volume_spec_parse(const char *text, struct volume_spec *ret, struct err *err);
void volume_spec_done(struct volume_spec *v);
