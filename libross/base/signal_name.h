/* SPDX-License-Identifier: Apache-2.0 */
/* Signals as people write them. */
#pragma once

#include "libross/base/err.h"

/* "TERM", "SIGTERM", "term", "15", "RTMIN+3"; InvalidArgument. */
int signal_name_parse(const char *text, int *ret_signo, struct err *err);
