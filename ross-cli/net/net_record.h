/* SPDX-License-Identifier: Apache-2.0 */
/* The record of a container in its networks. Inside this directory only. */
#pragma once

#include "attachment.h"

void attachment_done(struct attachment *a);
/* Valid until the next. */
struct attachment *net_record_add(struct net_record *r);
void net_record_remove(struct net_record *r, struct attachment *a);

/* record.json below STATE/net/ID; replaced as a whole. NotFound when there is none. */
int net_record_write_at(int dir_fd, const struct net_record *r, struct err *err);
int net_record_read_at(int dir_fd, struct net_record *ret, struct err *err);
