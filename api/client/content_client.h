/* SPDX-License-Identifier: Apache-2.0 */
/* The content contract over a channel: our contentd or a containerd. */
#pragma once

#include "api/rpc/rpc.h"
#include "libross/contract/content.h"

/* Borrows the channel. Writer streams split data into messages of at most 1 MiB. */
struct content *content_client_new(struct rpc_channel *ch);
/*
 * From now on a blob that is a file below `blobs` ("ROOT/content/blobs", the store's own) is read there, without asking
 * the service. For callers that came by the digest through a record and check it (content_read_blob does).
 */
void content_client_read_files(struct content *c, const char *blobs);
