/* SPDX-License-Identifier: Apache-2.0 */
/* The socket through which the runtime hands over the master of a process's terminal (reference 5.3). */
#pragma once

#include "libross/base/err.h"

struct console;

int console_new(struct console **ret, struct err *err);
const char *console_path(const struct console *c);
/* Takes the fd that the runtime, which has ended by now, left in the socket. The caller's to close. */
int console_take(struct console *c, int *ret_fd, struct err *err);
void console_free(struct console *c); /* NULL is fine */
