/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The OCI runtime spec (config.json) of a container, from the config of its image and the options of `run`. Pure:
 * no file is looked at; what depends on the host (users, devices, cgroup version) is in the options. Without
 * options a container is as safe as docker's: its capabilities, masked paths, system call filter, devices, private
 * namespaces.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libross/json/json.h"
#include "libross/oci/oci_config.h"
#include "libross/oci/passwd_lookup.h"

#define SPEC_PATH_DEFAULT     "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define SPEC_SHM_SIZE_DEFAULT (INT64_C(64) * 1024 * 1024)
#define SPEC_MEMORY_MIN       (INT64_C(6) * 1024 * 1024) /* less does not even start a shell */
#define SPEC_INIT_TARGET      "/dev/init"                /* where --init's program appears */

enum spec_ns_mode { SPEC_NS_PRIVATE, SPEC_NS_HOST, SPEC_NS_PATH };

struct spec_ns {
    enum spec_ns_mode mode;
    const char *path; /* SPEC_NS_PATH: a namespace file */
};

struct spec_mount {
    const char *type;   /* NULL or "bind", "tmpfs", or any that mount(2) knows */
    const char *source; /* absolute for bind; ignored for tmpfs */
    const char *target; /* absolute, inside */
    bool read_only;
    struct strv
        options; /* further ones: "rslave", "nosuid", "size=1m" …; "bind" makes it not recursive */
};

struct spec_device {
    const char *path; /* inside */
    char type;        /* 'c' 'b' 'p' */
    int64_t major, minor;
    uint32_t mode, uid, gid;
    const char *access; /* of the cgroup rule, "rwm"; NULL = "rwm" */
};

struct spec_rlimit {
    const char *type;    /* "RLIMIT_NOFILE" */
    uint64_t soft, hard; /* UINT64_MAX = unlimited */
};

struct spec_id_map {
    uint32_t container_id, host_id, size;
};

enum spec_seccomp { SPEC_SECCOMP_DEFAULT, SPEC_SECCOMP_UNCONFINED, SPEC_SECCOMP_PROFILE };

/* Zeroed is docker's default. Everything is borrowed for the call. */
struct spec_options {
    /* the process */
    struct strv args;    /* what follows IMAGE; replaces the image's Cmd when not empty */
    bool has_entrypoint; /* --entrypoint was given: the image's Entrypoint and Cmd do not count */
    struct strv entrypoint; /* may be empty */
    struct strv env;        /* "K=V" sets, "K" removes */
    const char *working_dir;
    struct passwd_user user; /* from passwd_lookup() */
    bool terminal;
    uint16_t console_width, console_height; /* 0 = unknown */
    const char *init_path;                  /* --init: a program on the host */
    struct spec_rlimit *rlimits;
    size_t n_rlimits;
    int64_t oom_score_adj;

    /* safety */
    bool privileged; /* the host's devices are the caller's to list in `devices` */
    bool no_new_privileges;
    bool unmasked_paths; /* --security-opt systempaths=unconfined */
    struct strv cap_add, cap_drop;
    int cap_last; /* of the kernel, 0 = CAPABILITY_LAST */
    uint64_t
        cap_bound; /* what we may hand on at all, a bit each; "all" means these; 0 = no bound */
    enum spec_seccomp seccomp;
    const struct json *seccomp_profile; /* SPEC_SECCOMP_PROFILE */
    int kernel_major, kernel_minor;     /* for profiles' minKernel, 0 = new */
    const char *apparmor_profile, *selinux_label, *mount_label;

    /* the file system */
    const char *rootfs; /* NULL = "rootfs" */
    bool read_only;
    struct spec_mount *mounts; /* one at a default mount's place replaces it */
    size_t n_mounts;
    int64_t shm_size_bytes; /* 0 = SPEC_SHM_SIZE_DEFAULT */
    struct spec_device *devices;
    size_t n_devices;
    struct strv device_rules; /* --device-cgroup-rule: "c 1:3 rwm", "a *:* rwm" */

    /* namespaces; `network` none is private without interfaces */
    struct spec_ns pid, ipc, uts, network, cgroup;
    struct spec_id_map *uid_maps, *gid_maps; /* any = a user namespace */
    size_t n_uid_maps, n_gid_maps;
    struct spec_ns userns; /* with maps: a new one, or the one at its path, which has these maps */
    const char *hostname, *domainname;
    struct labels sysctls;

    /* resources, 0 or NULL = no limit */
    const char *cgroups_path;
    bool cgroup_v2;
    int64_t memory_bytes, memory_reservation_bytes;
    int64_t memory_swap_bytes; /* memory and swap together; -1 unlimited; 0 = twice the memory */
    bool no_swap_accounting;   /* the kernel cannot limit swap: say nothing about it */
    bool oom_kill_disable;
    int64_t nano_cpus; /* --cpus 1.5 = 1500000000 */
    int64_t cpu_shares;
    const char *cpuset_cpus, *cpuset_mems;
    int64_t pids_limit; /* -1 = no limit */

    struct labels annotations;
    const char *architecture; /* of the host as in platforms, NULL = this program's */
};

/*
 * InvalidArgument, one sentence that names the option: nothing to run, relative or doubled mount targets, unknown
 * capabilities, impossible limits, system controls of a namespace that is the host's.
 */
int spec_build(const struct oci_config *image, const struct spec_options *o, struct json **ret,
               struct err *err);

/* The process object alone, for exec: args is the command, image and options as above. */
int spec_build_process(const struct oci_config *image, const struct spec_options *o,
                       struct json **ret, struct err *err);

/* "nofile=1024:2048", "nproc=unlimited". *ret's type is static. InvalidArgument. */
int spec_rlimit_parse(const char *s, struct spec_rlimit *ret, struct err *err);
