/* SPDX-License-Identifier: Apache-2.0 */
/* ttrpc frames (reference 2.1): a 10-byte header and a payload. Pure. */
#pragma once

#include <stdint.h>

#define TTRPC_HEADER_SIZE 10
#define TTRPC_FRAME_MAX (4 * 1024 * 1024) /* payload bytes, ttrpc PROTOCOL.md */

enum ttrpc_type { TTRPC_REQUEST = 1, TTRPC_RESPONSE = 2, TTRPC_DATA = 3 };
enum ttrpc_flag { TTRPC_REMOTE_CLOSED = 1, TTRPC_REMOTE_OPEN = 2, TTRPC_NO_DATA = 4 };

struct ttrpc_header {
    uint32_t length; /* of the payload; may exceed TTRPC_FRAME_MAX when parsed: the receiver skips it */
    uint32_t stream_id;
    uint8_t type;
    uint8_t flags;
};

void ttrpc_header_parse(const unsigned char in[static TTRPC_HEADER_SIZE], struct ttrpc_header *ret);
void ttrpc_header_format(const struct ttrpc_header *h, unsigned char out[static TTRPC_HEADER_SIZE]);
