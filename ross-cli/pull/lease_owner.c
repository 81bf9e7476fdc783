/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/pull/lease_owner.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libross/base/boot_id.h"
#include "libross/base/fd.h"
#include "libross/base/parse.h"
#include "libross/base/strv.h"

#define STAT_MAX     4096
#define NS_MAX       64
#define STAT_STARTED 19 /* words behind the name that is in brackets */

enum { PART_BOOT, PART_NS, PART_PID, PART_STARTED, PARTS };

/* "pid:[4026531836]" */
static char *
pid_namespace(void)
{
    char text[NS_MAX];
    ssize_t n = readlink("/proc/self/ns/pid", text, sizeof text);

    return n > 0 && (size_t) n < sizeof text ? xstrndup(text, (size_t) n) : xstrdup("");
}

/* When it was started, in ticks since the boot; "" when there is no such process. malloc'ed. */
static char *
started(const char *pid)
{
    auto_free char *path = xasprintf("/proc/%s/stat", pid), *text = NULL;
    AUTO(strv) words = {0};
    const char *behind;

    if (fd_read_file_at(AT_FDCWD, path, STAT_MAX, &text, NULL, NULL) < 0)
        return xstrdup("");
    behind = strrchr(text, ')');
    words = strv_split(behind && behind[1] ? behind + 2 : "", ' ');
    return xstrdup(words.n > STAT_STARTED ? words.items[STAT_STARTED] : "");
}

void
lease_owner_set(struct labels *l)
{
    char boot[BOOT_ID_BYTES];
    auto_free char *ns = pid_namespace();
    auto_free char *pid = xasprintf("%d", (int) getpid());
    auto_free char *since = started(pid), *text = NULL;

    (void) boot_id_read(boot, NULL);
    text = xasprintf("%s %s %s %s", boot, ns, pid, since);
    labels_set(l, LABEL_LEASE_OWNER, text);
}

bool
lease_owner_is_gone(const struct labels *l)
{
    const char *text = labels_find(l, LABEL_LEASE_OWNER);
    AUTO(strv) parts = strv_split(text ? text : "", ' ');
    auto_free char *ns = pid_namespace(), *since = NULL;
    char boot[BOOT_ID_BYTES];
    uint32_t pid;

    (void) boot_id_read(boot, NULL);
    if (parts.n != PARTS || !*boot || !*parts.items[PART_BOOT])
        return false;
    if (strcmp(parts.items[PART_BOOT], boot) != 0)
        return true;
    /* of another namespace the pid says nothing here */
    if (strcmp(parts.items[PART_NS], ns) != 0 || parse_u32(parts.items[PART_PID], &pid, NULL) < 0)
        return false;
    since = started(parts.items[PART_PID]);
    return strcmp(parts.items[PART_STARTED], since) != 0;
}
