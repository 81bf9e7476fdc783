/* SPDX-License-Identifier: Apache-2.0 */
/* Names that clients choose: what containerd's identifier rule allows. */
#pragma once

#include "libross/base/call_ctx.h"
#include "libross/base/err.h"

#define IDENT_MAX 76

/*
 * Letters and digits in runs joined by single '.', '_' or '-', at most IDENT_MAX bytes; else InvalidArgument naming
 * `what` ("namespace", "lease id").
 */
int ident_check(const char *s, const char *what, struct err *err);
/* The namespace of a call that needs one: FailedPrecondition when there is none, InvalidArgument when it is no name. */
int ident_ns(const struct call_ctx *ctx, const char **ret_ns, struct err *err);
