/* SPDX-License-Identifier: Apache-2.0 */
#include "tree_sync.h"

int
tree_sync(int root_fd, struct err *err)
{
    (void) root_fd;
    return err_set(err, CODE_UNIMPLEMENTED, "not yet");
}
