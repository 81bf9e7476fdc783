/* SPDX-License-Identifier: Apache-2.0 */
/* ttrpc frames (reference 2.1): a 10-byte header and a payload. No I/O. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TTRPC_HEADER_SIZE 10
#define TTRPC_FRAME_MAX   (4 * 1024 * 1024) /* payload bytes, ttrpc PROTOCOL.md */

enum ttrpc_type { TTRPC_REQUEST = 1, TTRPC_RESPONSE = 2, TTRPC_DATA = 3 };
enum ttrpc_flag { TTRPC_REMOTE_CLOSED = 1, TTRPC_REMOTE_OPEN = 2, TTRPC_NO_DATA = 4 };

struct ttrpc_header {
    uint32_t
        length; /* of the payload; may exceed TTRPC_FRAME_MAX when parsed: the receiver skips it */
    uint32_t stream_id;
    uint8_t type;
    uint8_t flags;
};

void ttrpc_header_parse(const unsigned char in[static TTRPC_HEADER_SIZE], struct ttrpc_header *ret);
void ttrpc_header_format(const struct ttrpc_header *h, unsigned char out[static TTRPC_HEADER_SIZE]);

struct ttrpc_frame {
    struct ttrpc_header h;
    const unsigned char *payload; /* h.length bytes, borrowed until the next use of the reader */
    bool skipped; /* too large or no memory for it: the payload was read and dropped */
};

/* Cuts a stream of bytes into frames. Zero-initialised is ready; holds memory only within a frame. */
struct ttrpc_reader {
    unsigned char head[TTRPC_HEADER_SIZE];
    uint8_t n_head;
    bool skip, done; /* done: the frame was handed out */
    struct ttrpc_header h;
    uint32_t left; /* of the payload */
    unsigned char *payload;
};

/* 1 and a frame, or 0 when all n bytes are consumed; *in and *n advance. After 0 a call with *n == 0 gives 0. */
int ttrpc_reader_next(struct ttrpc_reader *r, const unsigned char **in, size_t *n,
                      struct ttrpc_frame *ret);
/*
 * Where the rest of a large payload may be read to directly (NULL: nowhere), and how much was. After that
 * ttrpc_reader_next() yields the frame when it is whole, also without more bytes.
 */
void *ttrpc_reader_space(struct ttrpc_reader *r, size_t *ret_n);
void ttrpc_reader_filled(struct ttrpc_reader *r, size_t n);
void ttrpc_reader_done(struct ttrpc_reader *r);
