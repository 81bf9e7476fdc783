/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/oci/spec.h"

#include <stdio.h>
#include <string.h>

#include "libross/base/test.h"
#include "libross/oci/capability.h"
#include "libross/oci/seccomp.h"

static const char image_text[] =
    "{\"os\":\"linux\",\"config\":{\"Env\":[\"PATH=/img/bin\",\"A=image\",\"B=image\"],"
    "\"Entrypoint\":[\"/entry\",\"-e\"],\"Cmd\":[\"cmd\"],\"WorkingDir\":\"/srv/./x\"}}";

static struct oci_config image, bare;

static int
setup(void **state)
{
    struct err err = {0};

    (void) state;
    assert_ok(oci_config_parse(image_text, strlen(image_text), &image, &err), &err);
    assert_ok(oci_config_parse("{}", 2, &bare, &err), &err);
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    oci_config_done(&image);
    oci_config_done(&bare);
    return 0;
}

static struct json *
built(const struct oci_config *c, const struct spec_options *o)
{
    struct json *spec = NULL;
    struct err err = {0};

    assert_ok(spec_build(c, o, &spec, &err), &err);
    return spec;
}

/* The value at a path such as "linux.resources.devices.0", as JSON text; "" when missing. */
static char *
text_at(const struct json *v, const char *path)
{
    AUTO(strv) keys = strv_split(path, '.');
    unsigned i;

    for (size_t k = 0; k < keys.n; k++)
        v = json_is_array(v) && sscanf(keys.items[k], "%u", &i) == 1 ? json_at(v, i)
                                                                     : json_find(v, keys.items[k]);
    return v ? json_dump(v, NULL) : xstrdup("");
}

#define assert_at(spec, path, want)                                                                \
    do {                                                                                           \
        auto_free char *at_ = text_at(spec, path);                                                 \
        assert_string_equal(at_, want);                                                            \
    } while (0)

static void
the_default_is_dockers(void **state)
{
    const struct spec_options o = {.hostname = "h", .cgroup_v2 = true, .cgroups_path = "/ross/x"};
    AUTO_PTR(json) spec = built(&image, &o);

    (void) state;
    assert_at(spec, "ociVersion", "\"1.0.2\"");
    assert_at(spec, "process.args", "[\"/entry\",\"-e\",\"cmd\"]");
    assert_at(spec, "process.cwd", "\"/srv/x\"");
    assert_at(spec, "process.env",
              "[\"PATH=/img/bin\",\"HOSTNAME=h\",\"A=image\",\"B=image\",\"HOME=/\"]");
    assert_at(spec, "process.user", "{\"uid\":0,\"gid\":0,\"additionalGids\":[0]}");
    assert_at(spec, "process.terminal", "false");
    assert_at(spec, "process.noNewPrivileges", "false");
    assert_at(
        spec, "process.capabilities.bounding",
        "[\"CAP_CHOWN\",\"CAP_DAC_OVERRIDE\",\"CAP_FOWNER\",\"CAP_FSETID\",\"CAP_KILL\","
        "\"CAP_SETGID\",\"CAP_SETUID\",\"CAP_SETPCAP\",\"CAP_NET_BIND_SERVICE\",\"CAP_NET_RAW\","
        "\"CAP_SYS_CHROOT\",\"CAP_MKNOD\",\"CAP_AUDIT_WRITE\",\"CAP_SETFCAP\"]");
    assert_at(spec, "process.capabilities.inheritable", "");
    assert_at(spec, "process.capabilities.ambient", "");
    assert_at(spec, "process.rlimits", "");
    assert_at(spec, "root", "{\"path\":\"rootfs\",\"readonly\":false}");
    assert_at(spec, "hostname", "\"h\"");
    assert_at(
        spec, "mounts",
        "[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\",\"options\":[\"nosuid\","
        "\"noexec\",\"nodev\"]},"
        "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"nosuid\","
        "\"strictatime\",\"mode=755\",\"size=65536k\"]},"
        "{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\",\"options\":["
        "\"nosuid\",\"noexec\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\",\"gid=5\"]},"
        "{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\",\"options\":[\"nosuid\","
        "\"noexec\",\"nodev\",\"ro\"]},"
        "{\"destination\":\"/sys/fs/"
        "cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\",\"options\":["
        "\"ro\",\"nosuid\",\"noexec\",\"nodev\"]},"
        "{\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\",\"source\":\"mqueue\",\"options\":["
        "\"nosuid\",\"noexec\",\"nodev\"]},"
        "{\"destination\":\"/dev/"
        "shm\",\"type\":\"tmpfs\",\"source\":\"shm\",\"options\":[\"nosuid\","
        "\"noexec\",\"nodev\",\"mode=1777\",\"size=67108864\"]}]");
    assert_at(spec, "linux.namespaces",
              "[{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"},"
              "{\"type\":\"network\"},{\"type\":\"cgroup\"}]");
    assert_at(spec, "linux.cgroupsPath", "\"/ross/x\"");
    assert_at(spec, "linux.resources.devices.0", "{\"allow\":false,\"access\":\"rwm\"}");
    assert_at(spec, "linux.resources.devices.3",
              "{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":3,\"access\":\"rwm\"}");
    assert_at(spec, "linux.resources.memory", "");
    assert_at(spec, "linux.sysctl",
              "{\"net.ipv4.ip_unprivileged_port_start\":\"0\",\"net.ipv4.ping_group_range\":\"0 "
              "2147483647\"}");
    assert_at(spec, "linux.readonlyPaths",
              "[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\",\"/proc/sysrq-trigger\"]");
    assert_at(spec, "linux.maskedPaths.3", "\"/proc/kcore\"");
    assert_at(spec, "linux.seccomp.defaultAction", "\"SCMP_ACT_ERRNO\"");
    assert_at(spec, "linux.rootfsPropagation", "");
    assert_at(spec, "linux.devices", "");
}

static struct strv
words(const char *text)
{
    return text && *text ? strv_split(text, ' ') : (struct strv){0};
}

static void
command_and_entrypoint_combine_like_docker(void **state)
{
    static const struct {
        const struct oci_config *image;
        bool has_entrypoint;
        const char *entrypoint, *args, *init, *want; /* want NULL: InvalidArgument */
    } rows[] = {
        {&image, false, NULL, NULL, NULL, "/entry -e cmd"},
        {&image, false, NULL, "a b", NULL, "/entry -e a b"},
        {&image, true, "/mine", NULL, NULL, "/mine"},
        {&image, true, "/mine", "a", NULL, "/mine a"},
        {&image, true, NULL, "a", NULL, "a"},
        {&image, true, NULL, NULL, NULL, NULL},
        {&image, false, NULL, "a", "/usr/bin/tini", "/dev/init -- /entry -e a"},
        {&bare, false, NULL, "a", NULL, "a"},
        {&bare, false, NULL, NULL, NULL, NULL},
        {&bare, false, NULL, NULL, "/usr/bin/tini", NULL},
        {&bare, false, NULL, " x", NULL, NULL},
        {&bare, false, NULL, " x", "/usr/bin/tini", NULL},
    };
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(strv) args = words(rows[i].args);
        AUTO(strv) entrypoint = words(rows[i].entrypoint);
        AUTO(strv) want = words(rows[i].want);
        const struct spec_options o = {.has_entrypoint = rows[i].has_entrypoint,
                                       .entrypoint = entrypoint,
                                       .args = args,
                                       .init_path = rows[i].init};
        AUTO_PTR(json) process = NULL;
        AUTO_PTR(json) list = json_new_strv(&want);
        auto_free char *text = json_dump(list, NULL);
        int r = spec_build_process(rows[i].image, &o, &process, &err);

        if (!rows[i].want) {
            assert_code(r, CODE_INVALID_ARGUMENT, &err);
            continue;
        }
        assert_ok(r, &err);
        assert_at(process, "args", text);
    }
}

static void
the_environment_is_merged(void **state)
{
    AUTO(strv) args = words("sh");
    AUTO(strv) env = words("B=mine C=new A B=last D");
    struct spec_options o = {
        .args = args, .env = env, .terminal = true, .user = {.home = (char *) "/root"}};
    AUTO_PTR(json) spec = built(&image, &o);
    AUTO_PTR(json) none = NULL;

    (void) state;
    assert_at(spec, "process.env",
              "[\"PATH=/img/bin\",\"TERM=xterm\",\"B=last\",\"C=new\",\"HOME=/root\"]");
    strv_done(&env);
    env = words("HOME=/h TERM=dumb PATH");
    o.env = env;
    none = built(&bare, &o);
    assert_at(none, "process.env", "[\"TERM=dumb\",\"HOME=/h\"]");
}

static void
users_and_capabilities(void **state)
{
    uint32_t groups[] = {7, 1001, 44};
    AUTO(strv) args = words("sh");
    AUTO(strv) add = words("net_admin");
    AUTO(strv) drop = words("ALL");
    const struct spec_options o = {
        .args = args,
        .user = {.uid = 1000, .gid = 1001, .groups = groups, .n_groups = 3},
        .cap_add = add,
        .cap_drop = drop,
        .no_new_privileges = true,
        .oom_score_adj = -5,
        .apparmor_profile = "p",
        .selinux_label = "l",
        .terminal = true,
        .console_width = 80,
        .console_height = 24,
    };
    AUTO_PTR(json) spec = built(&bare, &o);

    (void) state;
    assert_at(spec, "process.user", "{\"uid\":1000,\"gid\":1001,\"additionalGids\":[1001,7,44]}");
    /* as after execve of somebody who is not root */
    assert_at(spec, "process.capabilities", "{\"bounding\":[\"CAP_NET_ADMIN\"]}");
    assert_at(spec, "process.noNewPrivileges", "true");
    assert_at(spec, "process.oomScoreAdj", "-5");
    assert_at(spec, "process.apparmorProfile", "\"p\"");
    assert_at(spec, "process.selinuxLabel", "\"l\"");
    assert_at(spec, "process.consoleSize", "{\"height\":24,\"width\":80}");
    assert_at(spec, "process.cwd", "\"/\"");
}

static void
capability_arithmetic(void **state)
{
    static const struct {
        const char *add, *drop;
        int n; /* how many are left, -1 an error */
        const char *has, *lacks;
    } rows[] = {
        {"", "", 14, "CAP_CHOWN", "CAP_SYS_ADMIN"},
        {"SYS_ADMIN", "", 15, "CAP_SYS_ADMIN", NULL},
        {"CAP_SYS_ADMIN sys_admin", "cap_chown", 14, "SYS_ADMIN", "CHOWN"},
        {"", "ALL", 0, NULL, "CHOWN"},
        {"chown", "all", 1, "CHOWN", "KILL"},
        {"ALL", "", 41, "BPF", NULL},
        {"ALL", "SYS_ADMIN", 40, "BPF", "SYS_ADMIN"},
        {"ALL", "ALL", 41, NULL, NULL},
        {"NOSUCH", "", -1, NULL, NULL},
        {"", "CAP_", -1, NULL, NULL},
    };
    struct err err = {0};
    capability_set set;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(strv) add = words(rows[i].add);
        AUTO(strv) drop = words(rows[i].drop);
        int r = capability_tweak(&add, &drop, &set, &err);

        if (rows[i].n < 0) {
            assert_code(r, CODE_INVALID_ARGUMENT, &err);
            continue;
        }
        assert_ok(r, &err);
        assert_int_equal(__builtin_popcountll(set), rows[i].n);
        assert_true(!rows[i].has || capability_has(set, capability_find(rows[i].has)));
        assert_true(!rows[i].lacks || !capability_has(set, capability_find(rows[i].lacks)));
    }
    for (int i = 0; i <= CAPABILITY_LAST; i++)
        assert_int_equal(capability_find(capability_name(i)), i);
}

static void
privileged_lifts_the_limits(void **state)
{
    AUTO(strv) args = words("sh");
    struct spec_device device = {
        .path = "/dev/sda", .type = 'b', .major = 8, .mode = 0660, .gid = 6};
    const struct spec_options o = {.args = args,
                                   .privileged = true,
                                   .cap_last = 37,
                                   .devices = &device,
                                   .n_devices = 1,
                                   .apparmor_profile = "p"};
    AUTO_PTR(json) spec = built(&bare, &o);

    (void) state;
    assert_int_equal(
        json_len(json_find(json_find(json_find(spec, "process"), "capabilities"), "bounding")), 38);
    assert_at(spec, "linux.maskedPaths", "");
    assert_at(spec, "linux.readonlyPaths", "");
    assert_at(spec, "linux.seccomp", "");
    assert_at(spec, "process.apparmorProfile", "");
    assert_at(spec, "linux.resources.devices", "[{\"allow\":true,\"access\":\"rwm\"}]");
    assert_at(
        spec, "linux.devices",
        "[{\"path\":\"/dev/sda\",\"type\":\"b\",\"major\":8,\"minor\":0,\"fileMode\":432,\"uid\":0,"
        "\"gid\":6}]");
    assert_at(spec, "mounts.3.options", "[\"nosuid\",\"noexec\",\"nodev\"]");
    assert_at(spec, "mounts.4.options", "[\"nosuid\",\"noexec\",\"nodev\"]");
    /* cgroup namespaces are docker's default with version 2 only */
    assert_at(spec, "linux.namespaces.5", "");
}

static void
mounts_are_placed_by_depth(void **state)
{
    AUTO(strv) args = words("sh");
    struct spec_mount mounts[] = {
        {.source = "/h/deep", .target = "/a/b/c/", .read_only = true},
        {.source = "/h/shm", .target = "/dev/shm"},
        {.type = "tmpfs", .target = "/t", .options = strv_split("exec,size=1m", ',')},
        {.type = "bind",
         .source = "/h/a",
         .target = "/a/./b",
         .options = strv_split("rslave,nosuid", ',')},
        {.source = "/etc/hosts", .target = "/etc/hosts", .options = strv_split("bind", ',')},
        {.type = "nfs", .source = "s:/x", .target = "/nfs", .read_only = true},
    };
    const struct spec_options o = {.args = args,
                                   .mounts = mounts,
                                   .n_mounts = ARRAY_LEN(mounts),
                                   .init_path = "/usr/bin/tini",
                                   .read_only = true,
                                   .rootfs = "/r"};
    AUTO_PTR(json) spec = built(&bare, &o);

    (void) state;
    assert_at(spec, "root", "{\"path\":\"/r\",\"readonly\":true}");
    assert_at(spec, "mounts.5.destination", "\"/dev/mqueue\"");
    assert_at(
        spec, "mounts.6",
        "{\"destination\":\"/t\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"nosuid\","
        "\"nodev\",\"exec\",\"size=1m\"]}");
    assert_at(
        spec, "mounts.7",
        "{\"destination\":\"/nfs\",\"type\":\"nfs\",\"source\":\"s:/x\",\"options\":[\"ro\"]}");
    assert_at(spec, "mounts.8",
              "{\"destination\":\"/dev/shm\",\"type\":\"bind\",\"source\":\"/h/"
              "shm\",\"options\":[\"rbind\","
              "\"rprivate\"]}");
    assert_at(
        spec, "mounts.9",
        "{\"destination\":\"/a/b\",\"type\":\"bind\",\"source\":\"/h/a\",\"options\":[\"rbind\","
        "\"rslave\",\"nosuid\"]}");
    assert_at(spec, "mounts.10.options", "[\"bind\",\"rprivate\"]");
    assert_at(spec, "mounts.11",
              "{\"destination\":\"/a/b/c\",\"type\":\"bind\",\"source\":\"/h/"
              "deep\",\"options\":[\"rbind\","
              "\"rprivate\",\"ro\"]}");
    assert_at(spec, "mounts.12",
              "{\"destination\":\"/dev/init\",\"type\":\"bind\",\"source\":\"/usr/bin/"
              "tini\",\"options\":["
              "\"bind\",\"ro\"]}");
    assert_at(spec, "linux.rootfsPropagation", "\"rslave\"");
    for (size_t i = 0; i < ARRAY_LEN(mounts); i++)
        strv_done(&mounts[i].options);
}

static void
a_mount_at_dev_replaces_all_of_it(void **state)
{
    AUTO(strv) args = words("sh");
    struct spec_mount mount = {.source = "/dev", .target = "/dev"};
    const struct spec_options o = {
        .args = args, .mounts = &mount, .n_mounts = 1, .shm_size_bytes = 1 << 20};
    AUTO_PTR(json) spec = built(&bare, &o);
    const struct json *mounts = json_find(spec, "mounts");

    (void) state;
    assert_int_equal(json_len(mounts), 4);
    assert_at(spec, "mounts.3.destination", "\"/dev\"");
    assert_at(spec, "mounts.2.destination", "\"/sys/fs/cgroup\"");
}

static void
namespaces_of_the_host_and_of_others(void **state)
{
    AUTO(strv) args = words("sh");
    const struct spec_options o = {
        .args = args,
        .hostname = "h",
        .domainname = "d",
        .pid = {.mode = SPEC_NS_PATH, .path = "/proc/1/ns/pid"},
        .ipc = {.mode = SPEC_NS_HOST},
        .uts = {.mode = SPEC_NS_HOST},
        .network = {.mode = SPEC_NS_HOST},
        .cgroup = {.mode = SPEC_NS_HOST},
        .cgroup_v2 = true,
    };
    AUTO_PTR(json) spec = built(&bare, &o);

    (void) state;
    assert_at(spec, "linux.namespaces",
              "[{\"type\":\"pid\",\"path\":\"/proc/1/ns/pid\"},{\"type\":\"mount\"}]");
    assert_at(spec, "hostname", "");
    assert_at(spec, "domainname", "");
    assert_at(spec, "linux.sysctl", "");
    assert_at(spec, "mounts.5",
              "{\"destination\":\"/dev/mqueue\",\"type\":\"bind\",\"source\":\"/dev/"
              "mqueue\",\"options\":["
              "\"rbind\",\"nosuid\",\"noexec\",\"nodev\"]}");
    assert_at(spec, "mounts.6.source", "\"/dev/shm\"");
}

static void
user_namespaces_adapt_the_rest(void **state)
{
    AUTO(strv) args = words("sh");
    struct spec_id_map map = {.host_id = 100000, .size = 65536},
                       small = {.host_id = 5000, .size = 5};
    struct spec_options o = {
        .args = args,
        .uid_maps = &map,
        .gid_maps = &map,
        .n_uid_maps = 1,
        .n_gid_maps = 1,
        .network = {.mode = SPEC_NS_PATH, .path = "/run/netns/x"},
    };
    AUTO_PTR(json) spec = built(&bare, &o);
    AUTO_PTR(json) tight = NULL;

    (void) state;
    assert_at(spec, "linux.uidMappings", "[{\"containerID\":0,\"hostID\":100000,\"size\":65536}]");
    assert_at(spec, "linux.namespaces.5", "{\"type\":\"user\"}");
    assert_at(spec, "linux.sysctl", "{\"net.ipv4.ip_unprivileged_port_start\":\"0\"}");
    assert_at(
        spec, "mounts.3",
        "{\"destination\":\"/sys\",\"type\":\"bind\",\"source\":\"/sys\",\"options\":[\"rbind\","
        "\"nosuid\",\"noexec\",\"nodev\",\"ro\"]}");
    assert_at(spec, "mounts.2.options.5", "\"gid=5\"");
    o.gid_maps = &small;
    tight = built(&bare, &o);
    assert_at(tight, "mounts.2.options.5", "");
}

static void
limits_devices_and_annotations(void **state)
{
    AUTO(strv) args = words("sh");
    AUTO(strv) rules = strv_split("c 10:229 rwm,b 8:* r,a *:* m", ',');
    AUTO(labels) sysctls = {0};
    AUTO(labels) annotations = {0};
    struct spec_device device = {.path = "/dev/fuse",
                                 .type = 'c',
                                 .major = 10,
                                 .minor = 229,
                                 .mode = 020666,
                                 .access = "rw"};
    struct spec_rlimit limit;
    struct err err = {0};

    (void) state;
    labels_set_raw(&sysctls, "net.ipv4.ip_unprivileged_port_start", "80");
    labels_set_raw(&sysctls, "kernel.msgmax", "1");
    labels_set_raw(&annotations, "k", "");
    assert_ok(spec_rlimit_parse("nofile=1024:2048", &limit, &err), &err);
    {
        const struct spec_options o = {
            .args = args,
            .rlimits = &limit,
            .n_rlimits = 1,
            .devices = &device,
            .n_devices = 1,
            .device_rules = rules,
            .sysctls = sysctls,
            .annotations = annotations,
            .memory_bytes = 1 << 30,
            .memory_reservation_bytes = 1 << 20,
            .oom_kill_disable = true,
            .nano_cpus = 1500000000,
            .cpu_shares = 512,
            .cpuset_cpus = "0-1,3",
            .cpuset_mems = "0",
            .pids_limit = 100,
            .seccomp = SPEC_SECCOMP_UNCONFINED,
            .unmasked_paths = true,
            .mount_label = "m",
        };
        AUTO_PTR(json) spec = built(&bare, &o);

        assert_at(spec, "process.rlimits",
                  "[{\"type\":\"RLIMIT_NOFILE\",\"hard\":2048,\"soft\":1024}]");
        assert_at(spec, "linux.resources.memory",
                  "{\"limit\":1073741824,\"reservation\":1048576,\"swap\":2147483648,"
                  "\"disableOOMKiller\":true}");
        assert_at(spec, "linux.resources.cpu",
                  "{\"shares\":512,\"quota\":150000,\"period\":100000,\"cpus\":\"0-1,3\",\"mems\":"
                  "\"0\"}");
        assert_at(spec, "linux.resources.pids", "{\"limit\":100}");
        assert_at(spec, "linux.resources.devices.12",
                  "{\"allow\":true,\"type\":\"c\",\"major\":10,\"minor\":229,\"access\":\"rw\"}");
        assert_at(spec, "linux.resources.devices.14",
                  "{\"allow\":true,\"type\":\"b\",\"major\":8,\"access\":\"r\"}");
        assert_at(spec, "linux.resources.devices.15",
                  "{\"allow\":true,\"type\":\"a\",\"access\":\"m\"}");
        assert_at(spec, "linux.devices.0.fileMode", "438");
        assert_at(spec, "linux.sysctl",
                  "{\"kernel.msgmax\":\"1\",\"net.ipv4.ip_unprivileged_port_start\":\"80\","
                  "\"net.ipv4.ping_group_range\":\"0 2147483647\"}");
        assert_at(spec, "annotations", "{\"k\":\"\"}");
        assert_at(spec, "linux.seccomp", "");
        assert_at(spec, "linux.maskedPaths", "");
        assert_at(spec, "linux.mountLabel", "\"m\"");
        assert_at(spec, "mounts.2.options.6", "\"context=\\\"m\\\"\"");
    }
}

static void
rlimits_are_parsed(void **state)
{
    static const struct {
        const char *text, *type; /* type NULL: InvalidArgument */
        uint64_t soft, hard;
    } rows[] = {
        {"nofile=10", "RLIMIT_NOFILE", 10, 10},
        {"NPROC=1:2", "RLIMIT_NPROC", 1, 2},
        {"core=unlimited", "RLIMIT_CORE", UINT64_MAX, UINT64_MAX},
        {"core=0:-1", "RLIMIT_CORE", 0, UINT64_MAX},
        {"nofile", NULL, 0, 0},
        {"nofile=", NULL, 0, 0},
        {"nosuch=1", NULL, 0, 0},
        {"nofile=2:1", NULL, 0, 0},
        {"nofile=1:2:3", NULL, 0, 0},
        {"nofile=x", NULL, 0, 0},
        {"=1", NULL, 0, 0},
    };
    struct spec_rlimit l;
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!rows[i].type) {
            assert_code(spec_rlimit_parse(rows[i].text, &l, &err), CODE_INVALID_ARGUMENT, &err);
            continue;
        }
        assert_ok(spec_rlimit_parse(rows[i].text, &l, &err), &err);
        assert_string_equal(l.type, rows[i].type);
        assert_true(l.soft == rows[i].soft && l.hard == rows[i].hard);
    }
}

static void
impossible_options_are_named(void **state)
{
    static struct spec_mount relative = {.source = "/x", .target = "x"},
                             root = {.source = "/x", .target = "//"},
                             from = {.source = "x", .target = "/x"},
                             twice[] = {{.source = "/x", .target = "/x"},
                                        {.source = "/y", .target = "/x/"}};
    static struct spec_device device = {.path = "null", .type = 'c'},
                              odd = {.path = "/x", .type = 'c', .access = "rx"},
                              file = {.path = "/x", .type = '-'};
    static struct spec_id_map map = {.size = 1}, none = {.size = 0};
    static struct label net = {(char *) "net.x", (char *) "1"},
                        host = {(char *) "vm.swappiness", (char *) "1"};
    static char *rule[] = {(char *) "c 1:x rwm", NULL}, *rule2[] = {(char *) "c 1:2 rwx", NULL},
                *cap[] = {(char *) "CAP_X", NULL};
    const struct {
        struct spec_options o;
        const char *says;
    } rows[] = {
        {{.working_dir = "x"}, "working directory 'x'"},
        {{.hostname = ""}, "host name"},
        {{.cap_add = {cap, 1}}, "capability 'CAP_X'"},
        {{.mounts = &relative, .n_mounts = 1}, "target 'x'"},
        {{.mounts = &root, .n_mounts = 1}, "must not be '/'"},
        {{.mounts = &from, .n_mounts = 1}, "source 'x'"},
        {{.mounts = twice, .n_mounts = 2}, "two mounts at '/x'"},
        {{.shm_size_bytes = -1}, "shm-size"},
        {{.devices = &device, .n_devices = 1}, "'null' must be absolute"},
        {{.devices = &odd, .n_devices = 1}, "access 'rx'"},
        {{.devices = &file, .n_devices = 1}, "no device"},
        {{.device_rules = {rule, 1}}, "device rule 'c 1:x rwm'"},
        {{.device_rules = {rule2, 1}}, "device rule 'c 1:2 rwx'"},
        {{.sysctls = {&net, 1}, .network = {.mode = SPEC_NS_HOST}}, "sysctl 'net.x'"},
        {{.sysctls = {&host, 1}}, "would change the host"},
        {{.uid_maps = &map, .n_uid_maps = 1}, "both users and groups"},
        {{.uid_maps = &map, .n_uid_maps = 1, .gid_maps = &none, .n_gid_maps = 1},
         "of groups of size 0"},
        {{.uid_maps = &map,
          .n_uid_maps = 1,
          .gid_maps = &map,
          .n_gid_maps = 1,
          .pid = {.mode = SPEC_NS_HOST}},
         "pid namespace"},
        {{.pid = {.mode = SPEC_NS_PATH, .path = "x"}}, "path of the pid namespace"},
        {{.memory_bytes = 1000}, "at least 6m"},
        {{.memory_bytes = 1 << 30, .memory_swap_bytes = 1 << 20}, "memory-swap"},
        {{.memory_swap_bytes = 1 << 20}, "memory-swap needs"},
        {{.memory_swap_bytes = -2}, "memory-swap"},
        {{.memory_bytes = 1 << 23, .memory_reservation_bytes = 1 << 24}, "memory-reservation"},
        {{.nano_cpus = 1000}, "cpus"},
        {{.nano_cpus = INT64_MAX}, "cpus"},
        {{.cpu_shares = 1}, "cpu-shares"},
        {{.cpuset_cpus = "0-"}, "cpuset-cpus"},
        {{.cpuset_cpus = "0,"}, "cpuset-cpus"},
        {{.cpuset_mems = "x"}, "cpuset-mems"},
        {{.pids_limit = -2}, "pids-limit"},
        {{.oom_score_adj = 1001}, "oom-score-adj"},
    };
    AUTO(strv) args = words("sh");
    struct json *spec = NULL;
    struct spec_options o;
    struct err err;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        o = rows[i].o;
        o.args = args;
        err = (struct err){0};
        assert_code(spec_build(&bare, &o, &spec, &err), CODE_INVALID_ARGUMENT, &err);
        if (!strstr(err.msg, rows[i].says))
            fail_msg("row %zu: %s", i, err.msg);
    }
    assert_null(spec);
}

/* The action of one call without conditions on arguments: its row's, else the default. */
static const char *
action_of(const struct json *seccomp, const char *call)
{
    const struct json *rows = json_find(seccomp, "syscalls"), *names;

    for (size_t i = 0; i < json_len(rows); i++) {
        names = json_find(json_at(rows, i), "names");
        for (size_t k = 0; k < json_len(names) && !json_find(json_at(rows, i), "args"); k++)
            if (strcmp(json_str(json_at(names, k)), call) == 0)
                return json_str(json_find(json_at(rows, i), "action"));
    }
    return json_str(json_find(seccomp, "defaultAction"));
}

static void
the_default_filter_knows_capabilities(void **state)
{
    static const struct {
        const char *call, *capability;
        bool without, with;
    } rows[] = {
        {"read", "CAP_CHOWN", true, true},
        {"openat2", "CAP_CHOWN", true, true},
        {"faccessat2", "CAP_CHOWN", true, true},
        {"futex_waitv", "CAP_CHOWN", true, true},
        {"landlock_restrict_self", "CAP_CHOWN", true, true},
        {"keyctl", "CAP_SYS_ADMIN", false, false},
        {"add_key", "CAP_SYS_ADMIN", false, false},
        {"request_key", "CAP_SYS_ADMIN", false, false},
        {"userfaultfd", "CAP_SYS_ADMIN", false, false},
        {"io_uring_setup", "CAP_SYS_ADMIN", false, false},
        {"kexec_load", "CAP_SYS_BOOT", false, false},
        {"mount", "CAP_SYS_ADMIN", false, true},
        {"unshare", "CAP_SYS_ADMIN", false, true},
        {"setns", "CAP_SYS_ADMIN", false, true},
        {"clone3", "CAP_SYS_ADMIN", false, true},
        {"bpf", "CAP_BPF", false, true},
        {"perf_event_open", "CAP_PERFMON", false, true},
        {"chroot", "CAP_SYS_CHROOT", false, true},
        {"reboot", "CAP_SYS_BOOT", false, true},
        {"init_module", "CAP_SYS_MODULE", false, true},
        {"iopl", "CAP_SYS_RAWIO", false, true},
        {"clock_settime", "CAP_SYS_TIME", false, true},
        {"syslog", "CAP_SYSLOG", false, true},
        {"open_by_handle_at", "CAP_DAC_READ_SEARCH", false, true},
        {"kcmp", "CAP_SYS_PTRACE", false, true},
        {"mbind", "CAP_SYS_NICE", false, true},
        {"acct", "CAP_SYS_PACCT", false, true},
        {"vhangup", "CAP_SYS_TTY_CONFIG", false, true},
        {"arch_prctl", "CAP_CHOWN", true, true},
        {"riscv_hwprobe", "CAP_CHOWN", false, false},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        capability_set one = UINT64_C(1) << capability_find(rows[i].capability);
        AUTO_PTR(json)
        without = seccomp_default(&(struct seccomp_host){
            .architecture = "amd64", .caps = CAPABILITY_ALL & ~one & ~(UINT64_C(1) << 21)});
        AUTO_PTR(json)
        with = seccomp_default(&(struct seccomp_host){.architecture = "amd64", .caps = one});

        if ((strcmp(action_of(without, rows[i].call), "SCMP_ACT_ALLOW") == 0) != rows[i].without)
            fail_msg("%s without %s: %s", rows[i].call, rows[i].capability,
                     action_of(without, rows[i].call));
        if ((strcmp(action_of(with, rows[i].call), "SCMP_ACT_ALLOW") == 0) != rows[i].with)
            fail_msg("%s with %s: %s", rows[i].call, rows[i].capability,
                     action_of(with, rows[i].call));
    }
}

static void
the_default_filter_is_complete(void **state)
{
    AUTO_PTR(json)
    s = seccomp_default(
        &(struct seccomp_host){.architecture = "amd64", .caps = capability_default()});
    AUTO_PTR(json) s390 = seccomp_default(&(struct seccomp_host){.architecture = "s390x"});
    auto_free char *text = json_dump(s, NULL), *other = json_dump(s390, NULL);

    (void) state;
    assert_at(s, "defaultErrnoRet", "1");
    assert_at(s, "architectures", "[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\"]");
    assert_non_null(
        strstr(text, "{\"names\":[\"clone3\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38}"));
    assert_non_null(
        strstr(text, "{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,"
                     "\"value\":2114060288,\"valueTwo\":0,\"op\":\"SCMP_CMP_MASKED_EQ\"}]}"));
    assert_non_null(
        strstr(text, "{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,"
                     "\"value\":40,\"valueTwo\":0,\"op\":\"SCMP_CMP_NE\"}]}"));
    assert_non_null(strstr(other, "\"index\":1,\"value\":2114060288"));
    assert_null(strstr(text, "\"\""));
}

static void
profiles_are_resolved(void **state)
{
    static const char profile[] =
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":1,\"archMap\":[{"
        "\"architecture\":"
        "\"SCMP_ARCH_X86_64\",\"subArchitectures\":[\"SCMP_ARCH_X86\"]},{\"architecture\":"
        "\"SCMP_ARCH_AARCH64\",\"subArchitectures\":[\"SCMP_ARCH_ARM\"]}],\"syscalls\":["
        "{\"names\":[\"a\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[],\"comment\":\"x\"},"
        "{\"name\":\"b\",\"action\":\"SCMP_ACT_ALLOW\",\"args\":null},"
        "{\"names\":[\"c\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"caps\":[\"CAP_CHOWN\"]}},"
        "{\"names\":[\"d\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"caps\":[\"CAP_BPF\"]}},"
        "{\"names\":[\"e\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38,\"excludes\":{\"caps\":["
        "\"CAP_BPF\"]}},"
        "{\"names\":[\"f\"],\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":{\"caps\":[\"CAP_CHOWN\"]}},"
        "{\"names\":[\"g\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"arches\":[\"amd64\","
        "\"x32\"]}},"
        "{\"names\":[\"h\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"arches\":[\"s390x\"]}},"
        "{\"names\":[\"i\"],\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":{\"arches\":[\"amd64\"]}},"
        "{\"names\":[\"j\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":\"4.8\"}},"
        "{\"names\":[\"k\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":\"6.10\"}}]}";
    const struct seccomp_host host = {.architecture = "amd64",
                                      .caps = capability_default(),
                                      .kernel_major = 6,
                                      .kernel_minor = 1};
    AUTO_PTR(json) in = NULL;
    AUTO_PTR(json) out = NULL;
    struct err err = {0};

    (void) state;
    assert_ok(json_parse(profile, strlen(profile), &in, &err), &err);
    assert_ok(seccomp_from_profile(in, &host, &out, &err), &err);
    assert_at(out, "architectures", "[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\"]");
    assert_at(out, "syscalls",
              "[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_ALLOW\"},"
              "{\"names\":[\"b\"],\"action\":\"SCMP_ACT_ALLOW\"},"
              "{\"names\":[\"c\"],\"action\":\"SCMP_ACT_ALLOW\"},"
              "{\"names\":[\"e\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38},"
              "{\"names\":[\"g\"],\"action\":\"SCMP_ACT_ALLOW\"},"
              "{\"names\":[\"j\"],\"action\":\"SCMP_ACT_ALLOW\"}]");
}

static void
bad_profiles_are_refused(void **state)
{
    static const char *const rows[] = {
        "[]",
        "{}",
        "{\"defaultAction\":\"ALLOW\"}",
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":{}}",
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"a\"]}]}",
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"action\":\"SCMP_ACT_LOG\"}]}",
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[5]}",
    };
    const struct seccomp_host host = {.caps = 0};
    static const char allow[] = "{\"defaultAction\":\"SCMP_ACT_ALLOW\"}";
    AUTO_PTR(json) all = NULL;
    struct json *out = NULL;
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_PTR(json) in = NULL;

        assert_ok(json_parse(rows[i], strlen(rows[i]), &in, &err), &err);
        assert_code(seccomp_from_profile(in, &host, &out, &err), CODE_INVALID_ARGUMENT, &err);
    }
    assert_ok(json_parse(allow, strlen(allow), &all, &err), &err);
    assert_ok(seccomp_from_profile(all, &host, &out, &err), &err);
    assert_null(out);
    assert_ok(
        spec_build(&image,
                   &(struct spec_options){.seccomp = SPEC_SECCOMP_PROFILE, .seccomp_profile = all},
                   &out, &err),
        &err);
    assert_at(out, "linux.seccomp", "");
    json_free(out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_is_dockers),
        cmocka_unit_test(command_and_entrypoint_combine_like_docker),
        cmocka_unit_test(the_environment_is_merged),
        cmocka_unit_test(users_and_capabilities),
        cmocka_unit_test(capability_arithmetic),
        cmocka_unit_test(privileged_lifts_the_limits),
        cmocka_unit_test(mounts_are_placed_by_depth),
        cmocka_unit_test(a_mount_at_dev_replaces_all_of_it),
        cmocka_unit_test(namespaces_of_the_host_and_of_others),
        cmocka_unit_test(user_namespaces_adapt_the_rest),
        cmocka_unit_test(limits_devices_and_annotations),
        cmocka_unit_test(rlimits_are_parsed),
        cmocka_unit_test(impossible_options_are_named),
        cmocka_unit_test(the_default_filter_knows_capabilities),
        cmocka_unit_test(the_default_filter_is_complete),
        cmocka_unit_test(profiles_are_resolved),
        cmocka_unit_test(bad_profiles_are_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
