/* SPDX-License-Identifier: Apache-2.0 */
/* What every unit test includes: cmocka and a few assertions in our terms. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "err.h"

/* The call succeeded; shows the message when it did not. */
#define assert_ok(r, e)                                                                            \
    do {                                                                                           \
        int ok_r_ = (r);                                                                           \
        if (ok_r_ < 0)                                                                             \
            fail_msg("%s: %s: %s", #r, code_name(-ok_r_), (e)->msg);                               \
    } while (0)
/* The call failed with exactly this code. */
#define assert_code(r, want, e)                                                                    \
    do {                                                                                           \
        int code_r_ = (r);                                                                         \
        if (code_r_ != -(want))                                                                    \
            fail_msg("%s: wanted %s, got %s (%s)", #r, code_name(want),                            \
                     code_r_ < 0 ? code_name(-code_r_) : "success", (e)->msg);                     \
    } while (0)

/* A fresh directory under $TMPDIR, removed with everything in it by test_tmpdir_remove(). malloc'ed path. */
char *test_tmpdir(void);
void test_tmpdir_remove(char *path); /* frees path */
