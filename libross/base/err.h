/* SPDX-License-Identifier: Apache-2.0 */
/* The one way to fail: a gRPC status code, a sentence, and the errno that was the evidence. */
#pragma once

#include <stdarg.h>

/* gRPC status numbers; the clients of this project see these, so they are the codes all the way down. */
enum code {
    CODE_OK = 0,
    CODE_CANCELED = 1,
    CODE_UNKNOWN = 2,
    CODE_INVALID_ARGUMENT = 3,
    CODE_DEADLINE_EXCEEDED = 4,
    CODE_NOT_FOUND = 5,
    CODE_ALREADY_EXISTS = 6,
    CODE_PERMISSION_DENIED = 7,
    CODE_RESOURCE_EXHAUSTED = 8,
    CODE_FAILED_PRECONDITION = 9,
    CODE_ABORTED = 10,
    CODE_OUT_OF_RANGE = 11,
    CODE_UNIMPLEMENTED = 12,
    CODE_INTERNAL = 13,
    CODE_UNAVAILABLE = 14,
    CODE_DATA_LOSS = 15,
    CODE_UNAUTHENTICATED = 16,
    CODE_MAX = 16,
};

#define ERR_MSG_MAX 512

/*
 * Lives on the caller's stack, starts as {0}, needs no release. Every function below accepts
 * err == NULL and still returns the code, so the code travels in the return value too.
 */
struct err {
    int code;              /* enum code, 0 = fine */
    int sys_errno;         /* 0 when no system call was involved */
    char msg[ERR_MSG_MAX]; /* cause last; each layer prepends what it was doing */
};

/* Sets code and message. Returns -code. A message too long is cut and ends in "...". */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int err_setv(struct err *err, int code, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));

/*
 * A failed system call: message ": " strerror(sys_errno). The code is RESOURCE_EXHAUSTED for
 * ENOSPC, EDQUOT, EMFILE, ENFILE, ENOMEM; PERMISSION_DENIED for EPERM, EACCES, EROFS; UNAVAILABLE for
 * ECONNREFUSED, ECONNRESET, EPIPE; DEADLINE_EXCEEDED for ETIMEDOUT; else INTERNAL. ENOENT and EEXIST are
 * evidence about *our* files, not answers about the caller's objects, hence INTERNAL too; who means
 * "not found" says so with err_set. sys_errno must not be 0. Returns -code.
 */
int err_sys(struct err *err, int sys_errno, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "what: " before the message. r is the negative code at hand; returned unchanged. */
int err_wrap(struct err *err, int r, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* "NotFound" …; "Code(99)" class numbers give "Unknown". Static storage. */
const char *code_name(int code);

#ifdef __clang_analyzer__
/* clang-tidy looks at one file at a time: what these return has to be written where it can see it. */
#define err_set(err, ...)     ((void) (err_set) (err, __VA_ARGS__), -1)
#define err_sys(err, ...)     ((void) (err_sys) (err, __VA_ARGS__), -1)
#define err_wrap(err, r, ...) ((void) (err_wrap) (err, r, __VA_ARGS__), (r))
#endif
