/* SPDX-License-Identifier: Apache-2.0 */
/* The options of `run` and `create`: the table. */
#include "run_options.h"

#define RUN(member) offsetof(struct run_options, member)
#define FLAG(n, l, m, h)                                                                           \
    {                                                                                              \
        .name = n, .letter = l, .type = OPTION_FLAG, .offset = RUN(m), .help = h                   \
    }
#define STR(n, l, m, a, h)                                                                         \
    {                                                                                              \
        .name = n, .letter = l, .type = OPTION_STR, .offset = RUN(m), .arg = a, .help = h          \
    }
#define LIST(n, l, m, a, h)                                                                        \
    {                                                                                              \
        .name = n, .letter = l, .type = OPTION_STRV, .offset = RUN(m), .arg = a, .help = h         \
    }
#define SIZE(n, l, m, a, h)                                                                        \
    {                                                                                              \
        .name = n, .letter = l, .type = OPTION_SIZE, .offset = RUN(m), .arg = a, .help = h         \
    }
#define NUM(n, l, m, a, h)                                                                         \
    {                                                                                              \
        .name = n, .letter = l, .type = OPTION_I64, .offset = RUN(m), .arg = a, .help = h          \
    }

/* "-1" is no limit; everything else is a size. */
static int
parse_memory_swap(const char *value, void *into, struct err *err)
{
    static const struct option_row plain[] = {SIZE("memory-swap", 0, memory_swap, "SIZE", "")};
    char *argv[] = {(char *) "", (char *) "--memory-swap", (char *) value, NULL};
    struct run_options *opt = into;
    int words;

    opt->memory_swap_unlimited = value[0] == '-' && value[1] == '1' && !value[2];
    if (opt->memory_swap_unlimited)
        return 0;
    return options_parse(plain, 1, into, 3, argv, true, &words, err);
}

const struct option_row run_option_rows[] = {
    STR("name", 0, name, "NAME", "name for the container (default: a made-up one)"),
    FLAG("rm", 0, rm, "remove the container when it has ended"),
    FLAG("detach", 'd', detach, "leave it running and print its id"),
    FLAG("interactive", 'i', interactive, "connect standard input"),
    FLAG("tty", 't', tty, "give it a terminal"),
    LIST("env", 'e', env, "K=V", "set an environment variable; K alone takes it from ours"),
    LIST("env-file", 0, env_files, "FILE", "set the variables listed in a file"),
    STR("workdir", 'w', workdir, "DIR", "working directory"),
    STR("user", 'u', user, "USER[:GROUP]", "user and group, names or numbers"),
    LIST("group-add", 0, group_add, "GROUP", "additional group"),
    STR("entrypoint", 0, entrypoint, "PROGRAM", "instead of the image's; \"\" for none"),
    FLAG("init", 0, init, "run a small init as process 1"),
    STR("hostname", 0, hostname, "NAME", "host name inside (default: the short id)"),
    LIST("network", 0, networks, "bridge|host|none|NAME|container:NAME",
         "join a network, again for more; the host's; none at all; another container's (default: "
         "bridge)"),
    {.name = "net",
     .type = OPTION_STRV,
     .offset = RUN(networks),
     .arg = "NETWORK",
     .help = "the same as --network",
     .hidden = true},
    LIST("publish", 'p', publish, "[IP:][HOST:]CONTAINER[/udp]",
         "let a port of this machine lead to one of the container"),
    FLAG("publish-all", 'P', publish_all, "publish all exposed ports on ports that are free"),
    LIST("expose", 0, expose, "PORT[/udp]", "a port for --publish-all besides those of the image"),
    STR("ip", 0, ip, "ADDRESS", "IPv4 address in its network"),
    STR("ip6", 0, ip6, "ADDRESS", "IPv6 address in its network"),
    STR("mac-address", 0, mac, "MAC", "address of its network interface"),
    LIST("network-alias", 0, aliases, "NAME", "further name for others in its networks"),
    LIST("dns", 0, dns, "ADDRESS", "name server, instead of this machine's"),
    LIST("dns-search", 0, dns_search, "DOMAIN", "search domain, instead of this machine's"),
    LIST("dns-option", 0, dns_options, "OPTION",
         "option of the resolver, instead of this machine's"),
    LIST("add-host", 0, add_hosts, "NAME:IP", "line for /etc/hosts; host-gateway is this machine"),
    LIST("volume", 'v', volumes, "[SRC:]DST[:ro]",
         "mount a directory, a file or a named volume; DST alone: an anonymous volume"),
    LIST("tmpfs", 0, tmpfs, "DST[:OPTIONS]", "mount a tmpfs"),
    LIST("mount", 0, mounts, "type=…,src=…,dst=…", "mount, in words"),
    FLAG("read-only", 0, read_only, "make the root filesystem read-only"),
    SIZE("shm-size", 0, shm_size, "SIZE", "size of /dev/shm (default 64m)"),
    LIST("device", 0, devices, "HOST[:DST[:rwm]]", "give it a device of the host"),
    LIST("device-cgroup-rule", 0, device_rules, "RULE", "allow devices by numbers: \"c 42:* rmw\""),
    FLAG("privileged", 0, privileged, "take away the fences: all capabilities and devices"),
    LIST("cap-add", 0, cap_add, "CAP", "add a capability, or ALL"),
    LIST("cap-drop", 0, cap_drop, "CAP", "drop a capability, or ALL"),
    LIST("security-opt", 0, security_opt, "OPT",
         "no-new-privileges, seccomp=FILE|unconfined, systempaths=unconfined, apparmor=PROFILE, "
         "label=…"),
    LIST("ulimit", 0, ulimits, "NAME=SOFT[:HARD]", "set a resource limit"),
    LIST("sysctl", 0, sysctls, "K=V", "set a namespaced kernel parameter"),
    STR("pid", 0, pid, "host|private|container:NAME", "share the processes of the host or another"),
    STR("ipc", 0, ipc, "host|private|container:NAME",
        "share the shared memory and queues of the host or another"),
    STR("uts", 0, uts, "host|private|container:NAME", "share the host name of the host or another"),
    STR("userns", 0, userns, "host|auto[:size=N]|UID:GID:COUNT",
        "map its ids 0 to COUNT-1 to those of the host from UID and GID on; auto: to 65536 that "
        "nobody has"),
    SIZE("memory", 'm', memory, "SIZE", "memory limit"),
    {.name = "memory-swap",
     .type = OPTION_CALL,
     .offset = 0,
     .arg = "SIZE",
     .help = "memory and swap together, -1 = no limit",
     .parse = parse_memory_swap},
    SIZE("memory-reservation", 0, memory_reservation, "SIZE", "soft memory limit"),
    STR("cpus", 0, cpus, "N", "processors, such as 1.5"),
    NUM("cpu-shares", 'c', cpu_shares, "N",
        "share of the processors, relative to others (default 1024)"),
    STR("cpuset-cpus", 0, cpuset_cpus, "LIST", "only these processors: 0-2,4"),
    STR("cpuset-mems", 0, cpuset_mems, "LIST", "only these memory nodes"),
    NUM("pids-limit", 0, pids_limit, "N", "most processes, -1 = no limit"),
    LIST("label", 'l', labels, "K=V", "label of the container"),
    LIST("annotation", 0, annotations, "K=V", "annotation of the OCI spec"),
    STR("stop-signal", 0, stop_signal, "SIGNAL",
        "what 'stop' sends (default: the image's, or TERM)"),
    STR("stop-timeout", 0, stop_timeout, "SECONDS",
        "how long 'stop' waits before it kills (default 10)"),
    STR("restart", 0, restart, "POLICY",
        "what happens at its end: no, on-failure[:N], always or unless-stopped"),
    LIST("log-opt", 0, log_opts, "K=V",
         "of the container's log: max-size=SIZE, max-file=N, full=drop|block"),
    STR("runtime", 0, runtime, "NAME|PATH",
        "OCI runtime (default: crun when it works here, else runc)"),
    STR("platform", 0, platform, "OS/ARCH", "image for another platform"),
    STR("pull", 0, pull, "always|missing|never", "when to fetch the image (default: missing)"),
    FLAG("plain-http", 0, plain_http, "http instead of https for the registry"),
    FLAG("quiet", 'q', quiet, "no progress of the pull"),
    STR("detach-keys", 0, detach_keys, "KEYS",
        "with -it: typed in a row, these leave it running (default ctrl-p,ctrl-q; \"\" for none)"),
    STR("cidfile", 0, cidfile, "FILE", "write the container's id into a new file"),
    FLAG("timing", 0, timing, "print how long each phase took"),
};
const size_t run_option_rows_n = ARRAY_LEN(run_option_rows);
