/* SPDX-License-Identifier: Apache-2.0 */
#include "confirm.h"

#include <stdio.h>
#include <strings.h>

int
confirm(const char *what, struct err *err)
{
    char answer[16];

    fprintf(stderr, "%s Go on? [y/N] ", what);
    (void) fflush(stderr);
    if (!fgets(answer, sizeof answer, stdin))
        return err_set(err, CODE_CANCELED,
                       "nobody said yes: nothing was removed (--force does not ask)");
    answer[sizeof answer - 1] = '\0';
    if (strcasecmp(answer, "y\n") == 0 || strcasecmp(answer, "yes\n") == 0)
        return 0;
    return err_set(err, CODE_CANCELED, "nothing was removed");
}
