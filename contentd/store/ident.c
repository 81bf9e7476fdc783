/* SPDX-License-Identifier: Apache-2.0 */
/* Names that clients choose. */
#include "ident.h"

#include <stdbool.h>
#include <string.h>

static bool
is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool
is_ident(const char *s)
{
    bool joined = true; /* at the start or behind a joining character */

    for (; *s; s++) {
        if (is_alnum(*s))
            joined = false;
        else if (!joined && strchr("._-", *s))
            joined = true;
        else
            return false;
    }
    return !joined;
}

int
ident_check(const char *s, const char *what, struct err *err)
{
    if (!*s)
        return err_set(err, CODE_INVALID_ARGUMENT, "%s must not be empty", what);
    if (strlen(s) > IDENT_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "%s '%.40s...' is longer than %d characters",
                       what, s, IDENT_MAX);
    if (!is_ident(s))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "%s '%s' must be letters and digits joined by single '.', '_' or '-'", what,
                       s);
    return 0;
}

int
ident_ns(const struct call_ctx *ctx, const char **ret_ns, struct err *err)
{
    if (!ctx || !ctx->ns || !*ctx->ns)
        return err_set(err, CODE_FAILED_PRECONDITION, "namespace is required");
    *ret_ns = ctx->ns;
    return ident_check(ctx->ns, "namespace", err);
}
