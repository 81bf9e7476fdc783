/* SPDX-License-Identifier: Apache-2.0 */
/* The one way to fail: a gRPC status code, a sentence, and the errno that was the evidence. */
#include "err.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* what clang-tidy sees of them elsewhere */
#undef err_set
#undef err_sys
#undef err_wrap

static void
msg_mark_cut(char *msg, int wanted)
{
    if (wanted >= ERR_MSG_MAX)
        memcpy(msg + ERR_MSG_MAX - 4, "...", 4);
}

int
err_setv(struct err *err, int code, const char *fmt, va_list ap)
{
    int n;

    assert(code > 0 && code <= CODE_MAX);
    if (!err)
        return -code;
    err->code = code;
    err->sys_errno = 0;
    n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    msg_mark_cut(err->msg, n);
    return -code;
}

int
err_set(struct err *err, int code, const char *fmt, ...)
{
    va_list ap;
    int r;

    va_start(ap, fmt);
    r = err_setv(err, code, fmt, ap);
    va_end(ap);
    return r;
}

static int
code_from_errno(int sys_errno)
{
    switch (sys_errno) {
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return CODE_RESOURCE_EXHAUSTED;
    case EPERM:
    case EACCES:
    case EROFS:
        return CODE_PERMISSION_DENIED;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
        return CODE_UNAVAILABLE;
    case ETIMEDOUT:
        return CODE_DEADLINE_EXCEEDED;
    default:
        return CODE_INTERNAL;
    }
}

int
err_sys(struct err *err, int sys_errno, const char *fmt, ...)
{
    char text[128];
    va_list ap;
    size_t len;
    int n, r;

    assert(sys_errno > 0);
    va_start(ap, fmt);
    r = err_setv(err, code_from_errno(sys_errno), fmt, ap);
    va_end(ap);
    if (!err)
        return r;
    err->sys_errno = sys_errno;
    len = strlen(err->msg);
    n = snprintf(err->msg + len, sizeof err->msg - len, ": %s",
                 strerror_r(sys_errno, text, sizeof text));
    msg_mark_cut(err->msg, (int) len + n);
    return r;
}

int
err_wrap(struct err *err, int r, const char *fmt, ...)
{
    char cause[ERR_MSG_MAX];
    va_list ap;
    size_t len;
    int n;

    if (!err)
        return r;
    memcpy(cause, err->msg, sizeof cause);
    va_start(ap, fmt);
    n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    msg_mark_cut(err->msg, n);
    len = strlen(err->msg);
    n = snprintf(err->msg + len, sizeof err->msg - len, ": %s", cause);
    msg_mark_cut(err->msg, (int) len + n);
    return r;
}

const char *
code_name(int code)
{
    static const char *const names[] = {
        [CODE_OK] = "OK",
        [CODE_CANCELED] = "Canceled",
        [CODE_UNKNOWN] = "Unknown",
        [CODE_INVALID_ARGUMENT] = "InvalidArgument",
        [CODE_DEADLINE_EXCEEDED] = "DeadlineExceeded",
        [CODE_NOT_FOUND] = "NotFound",
        [CODE_ALREADY_EXISTS] = "AlreadyExists",
        [CODE_PERMISSION_DENIED] = "PermissionDenied",
        [CODE_RESOURCE_EXHAUSTED] = "ResourceExhausted",
        [CODE_FAILED_PRECONDITION] = "FailedPrecondition",
        [CODE_ABORTED] = "Aborted",
        [CODE_OUT_OF_RANGE] = "OutOfRange",
        [CODE_UNIMPLEMENTED] = "Unimplemented",
        [CODE_INTERNAL] = "Internal",
        [CODE_UNAVAILABLE] = "Unavailable",
        [CODE_DATA_LOSS] = "DataLoss",
        [CODE_UNAUTHENTICATED] = "Unauthenticated",
    };

    return code >= 0 && code <= CODE_MAX ? names[code] : "Unknown";
}
