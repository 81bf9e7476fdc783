/* SPDX-License-Identifier: Apache-2.0 */
/* containerd-shim-ross-v2: chooses what this invocation is for. */
#include <stdio.h>
#include <unistd.h>

#include "libross/base/version.h"
#include "shim.h"
#include "shim_start.h"

int
main(int argc, char **argv)
{
    struct shim_args args;
    struct err err = {0};

    if (shim_args_parse(argc, argv, &args, &err) < 0) {
        (void) dprintf(STDERR_FILENO, "%s: %s\n", SHIM_SELF_NAME, err.msg);
        return 2;
    }
    if (args.version) {
        (void) dprintf(STDOUT_FILENO, "%s:\n  Version:  %s\n  Revision: %s\n", SHIM_SELF_NAME,
                       ROSS_VERSION, ROSS_REVISION);
        return 0;
    }
    if (args.info)
        return shim_info(&args);
    switch (args.action) {
    case SHIM_START:
        return shim_start(&args);
    case SHIM_DELETE:
        return shim_delete(&args);
    case SHIM_SERVE:
        break;
    }
    return shim_serve(&args);
}
