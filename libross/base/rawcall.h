/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls for children that share our memory (clone with CLONE_VM): no errno, no libc, no sanitizer bookkeeping.
 * For proc.c and the mount helpers only.
 */
#pragma once

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#define IN_CHILD __attribute__((no_sanitize("address", "thread", "undefined")))

/* The result or the negative errno. */
IN_CHILD static inline long
raw_call(long number, long a, long b, long c, long d, long e)
{
    long result;

#if defined(__x86_64__)
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;

    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    result = x0;
#else
    result = syscall(number, a, b, c, d, e);
    if (result < 0)
        result = -errno; /* errno is the parent's, who reads it after us */
#endif
    return result;
}

/* Ends this child only. */
__attribute__((noreturn)) IN_CHILD static inline void
raw_exit(int status)
{
    for (;;)
        (void) raw_call(SYS_exit_group, status, 0, 0, 0, 0);
}
