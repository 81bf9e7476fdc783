/* SPDX-License-Identifier: Apache-2.0 */
/* Points where a test can make a step fail or kill the process. */
#include "fault.h"

#ifdef ROSS_FAULTS

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"
#include "parse.h"

#define ERRNO_MAX   4095
#define ACTION_KILL (-1)

static pthread_mutex_t fault_lock = PTHREAD_MUTEX_INITIALIZER;
static bool fault_loaded;
static char *fault_name; /* "*" = any; NULL = none is set */
static uint64_t fault_at, fault_passed;
static int fault_action; /* an errno or ACTION_KILL */
static int fault_list_fd = -1;

/* A fault that can never fire would make its test pass for nothing. */
__attribute__((noreturn)) static void
bad_setting(const char *value)
{
    fprintf(stderr, "ROSS_FAULT=%s is not NAME:N:ACTION\n", value);
    abort();
}

static int
action_parse(const char *s)
{
    const char *known;

    if (strcmp(s, "kill") == 0)
        return ACTION_KILL;
    for (int e = 1; e <= ERRNO_MAX; e++) {
        known = strerrorname_np(e);
        if (known && strcmp(known, s) == 0)
            return e;
    }
    return 0;
}

/* The name itself may hold a ':', so the two fields behind it are found from the end. */
static void
setting_load(const char *value)
{
    auto_free char *copy = xstrdup(value);
    char *action, *count;

    action = strrchr(copy, ':');
    if (!action)
        bad_setting(value);
    *action++ = '\0';
    count = strrchr(copy, ':');
    if (!count)
        bad_setting(value);
    *count++ = '\0';
    fault_action = action_parse(action);
    if (!fault_action || !*copy || parse_u64(count, &fault_at, NULL) < 0 || fault_at == 0)
        bad_setting(value);
    fault_name = TAKE(copy);
}

static void
load(void)
{
    const char *value = getenv("ROSS_FAULT"), *list = getenv("ROSS_FAULT_LIST");

    fault_loaded = true;
    if (value && *value)
        setting_load(value);
    if (!list || !*list)
        return;
    fault_list_fd = open(list, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (fault_list_fd < 0) {
        perror(list);
        abort();
    }
}

void
fault_reload(void)
{
    pthread_mutex_lock(&fault_lock);
    free(fault_name);
    fault_name = NULL;
    fault_passed = 0;
    fault_list_fd = fd_close(fault_list_fd);
    fault_loaded = false;
    pthread_mutex_unlock(&fault_lock);
}

static void
list_add(const char *name)
{
    char line[256];
    int n = snprintf(line, sizeof line, "%s\n", name);

    if (n < 0 || (size_t) n >= sizeof line || write(fault_list_fd, line, (size_t) n) != n)
        abort();
}

int
fault_point(const char *name)
{
    int action = 0;

    pthread_mutex_lock(&fault_lock);
    if (!fault_loaded)
        load();
    if (fault_list_fd >= 0)
        list_add(name);
    if (fault_name && (strcmp(fault_name, "*") == 0 || strcmp(fault_name, name) == 0) &&
        ++fault_passed == fault_at)
        action = fault_action;
    pthread_mutex_unlock(&fault_lock);
    if (action == ACTION_KILL)
        (void) kill(getpid(), SIGKILL);
    return action;
}

#endif
