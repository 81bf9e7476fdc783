/* SPDX-License-Identifier: Apache-2.0 */
/* Capability sets of containers. */
#include "libross/oci/capability.h"

#include <string.h>
#include <strings.h>

/* By number, linux/capability.h. */
static const char *const names[CAPABILITY_LAST + 1] = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};

static const char *const default_names[] = {
    "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
    "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
    "CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
    "CAP_KILL",    "CAP_AUDIT_WRITE",
};

int
capability_find(const char *name)
{
    const char *bare = strncasecmp(name, "CAP_", 4) == 0 ? name + 4 : name;

    for (int i = 0; i <= CAPABILITY_LAST; i++)
        if (strcasecmp(names[i] + 4, bare) == 0)
            return i;
    return -1;
}

const char *
capability_name(int number)
{
    return names[number];
}

bool
capability_has(capability_set set, int number)
{
    return set >> number & 1;
}

capability_set
capability_default(void)
{
    capability_set set = 0;

    for (size_t i = 0; i < ARRAY_LEN(default_names); i++)
        set |= UINT64_C(1) << capability_find(default_names[i]);
    return set;
}

/* The named ones; *all when "ALL" is among them. */
static int
read_names(const struct strv *list, capability_set *set, bool *all, struct err *err)
{
    int number;

    *set = 0;
    *all = false;
    for (size_t i = 0; i < list->n; i++) {
        if (strcasecmp(list->items[i], "ALL") == 0 || strcasecmp(list->items[i], "CAP_ALL") == 0) {
            *all = true;
            continue;
        }
        number = capability_find(list->items[i]);
        if (number < 0)
            return err_set(err, CODE_INVALID_ARGUMENT, "unknown capability '%.64s'",
                           list->items[i]);
        *set |= UINT64_C(1) << number;
    }
    return 0;
}

int
capability_tweak(const struct strv *add, const struct strv *drop, capability_set *ret,
                 struct err *err)
{
    capability_set added, dropped;
    bool add_all, drop_all;
    int r;

    r = read_names(add, &added, &add_all, err);
    if (r < 0)
        return err_wrap(err, r, "cap-add");
    r = read_names(drop, &dropped, &drop_all, err);
    if (r < 0)
        return err_wrap(err, r, "cap-drop");
    if (add_all)
        *ret = CAPABILITY_ALL & ~dropped;
    else if (drop_all)
        *ret = added;
    else
        *ret = (capability_default() & ~dropped) | added;
    return 0;
}
