/* SPDX-License-Identifier: Apache-2.0 */
/* WWW-Authenticate (RFC 9110 section 11.6.1) as registries use it. Pure. */
#pragma once

#include "libross/base/err.h"

#define CHALLENGE_HEADER_MAX 8192

enum challenge_scheme { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER };

struct challenge {
    enum challenge_scheme scheme;
    char *realm, *service, *scope, *error; /* NULL when absent */
};

/*
 * The best scheme among those in one header's value: Bearer, then Basic; CHALLENGE_NONE when there is neither.
 * InvalidArgument when the value breaks the grammar, or a Bearer challenge has no realm.
 */
int challenge_parse(const char *value, struct challenge *ret, struct err *err);
void challenge_done(struct challenge *c);
