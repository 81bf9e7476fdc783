/* SPDX-License-Identifier: Apache-2.0 */
/* Signals as people write them. */
#include "signal_name.h"

#include <signal.h>
#include <string.h>

#include "libross/base/parse.h"

static int
find(const char *name)
{
    uint32_t n;

    if (strncasecmp(name, "SIG", 3) == 0)
        name += 3;
    if (strcasecmp(name, "RTMIN") == 0)
        return SIGRTMIN;
    if (strcasecmp(name, "RTMAX") == 0)
        return SIGRTMAX;
    if (strncasecmp(name, "RTMIN+", 6) == 0 && parse_u32(name + 6, &n, NULL) == 0)
        return n <= (uint32_t) (SIGRTMAX - SIGRTMIN) ? SIGRTMIN + (int) n : 0;
    if (strncasecmp(name, "RTMAX-", 6) == 0 && parse_u32(name + 6, &n, NULL) == 0)
        return n <= (uint32_t) (SIGRTMAX - SIGRTMIN) ? SIGRTMAX - (int) n : 0;
    for (int i = 1; i < SIGRTMIN; i++)
        if (sigabbrev_np(i) && strcasecmp(sigabbrev_np(i), name) == 0)
            return i;
    return 0;
}

int
signal_name_parse(const char *text, int *ret_signo, struct err *err)
{
    uint32_t n;

    if (parse_u32(text, &n, NULL) == 0)
        *ret_signo = n <= (uint32_t) SIGRTMAX ? (int) n : 0;
    else
        *ret_signo = find(text);
    if (*ret_signo)
        return 0;
    return err_set(err, CODE_INVALID_ARGUMENT,
                   "'%.32s' is no signal; use a name such as TERM or a number from 1 to %d", text,
                   SIGRTMAX);
}
