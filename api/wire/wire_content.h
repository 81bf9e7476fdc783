/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of the Content service ↔ values of the content contract; conventions as in wire.h. */
#pragma once

#include "api/wire/wire.h"
#include "libross/contract/content.h"

struct Containerd__Services__Content__V1__Info;
struct Containerd__Services__Content__V1__Status;

struct Containerd__Services__Content__V1__Info *wire_info_to(struct arena *a,
                                                             const struct content_info *i);
/* The digest must be there. */
int wire_info_from(const struct Containerd__Services__Content__V1__Info *m,
                   struct content_info *ret, struct err *err);

struct Containerd__Services__Content__V1__Status *wire_status_to(struct arena *a,
                                                                 const struct ingest_status *s);
int wire_status_from(const struct Containerd__Services__Content__V1__Status *m,
                     struct ingest_status *ret, struct err *err);
/* "" gives an unset digest. */
int wire_digest_from(const char *s, struct digest *ret, struct err *err);
/* In the arena; "" when unset. */
char *wire_digest_to(struct arena *a, const struct digest *d);
