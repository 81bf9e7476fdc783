/* SPDX-License-Identifier: Apache-2.0 */
/* What a network plugin answers (CNI specification 1.0.0, "Section 5: Result Types"), parsed strictly. */
#pragma once

#include "cidr.h"
#include "libross/base/mem.h"
#include "libross/base/strv.h"
#include "libross/json/json.h"

#define CNI_ADDRESSES_MAX 64

struct cni_result {
    bool has_v4, has_v6;
    struct cidr v4, v6; /* of the container, with the prefix of the subnet */
    char *mac;          /* of the container's interface; NULL when not told */
    struct strv nameservers, search, options;
};
void cni_result_done(struct cni_result *r);

/*
 *   ifname  of the interface inside; addresses that belong to another interface do not count
 * InvalidArgument: not a success result, with what is wrong in it.
 */
int cni_result_parse(const struct json *o, const char *ifname, struct cni_result *ret,
                     struct err *err);

/* The object that a plugin prints when it fails: its message on one line. Returns a negative code always. */
int cni_error_parse(const struct json *o, struct err *err);
/* Control characters become spaces: what others say fits on one line of ours. */
void cni_text_clean(char *text);
