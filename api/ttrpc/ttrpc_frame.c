/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ttrpc frames.
 *
 *   0        4        8    9    10
 *   +--------+--------+----+----+---------
 *   | length | stream |type|flag| payload …      all big endian
 *   +--------+--------+----+----+---------
 */
#include "ttrpc_frame.h"

#include <stdlib.h>
#include <string.h>

#include "libross/base/mem_try.h"

static uint32_t
be32_read(const unsigned char *p)
{
    return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
}

static void
be32_write(unsigned char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (unsigned char) (v >> (24 - 8 * i));
}

void
ttrpc_header_parse(const unsigned char in[static TTRPC_HEADER_SIZE], struct ttrpc_header *ret)
{
    *ret = (struct ttrpc_header){
        .length = be32_read(in), .stream_id = be32_read(in + 4), .type = in[8], .flags = in[9]};
}

void
ttrpc_header_format(const struct ttrpc_header *h, unsigned char out[static TTRPC_HEADER_SIZE])
{
    be32_write(out, h->length);
    be32_write(out + 4, h->stream_id);
    out[8] = h->type;
    out[9] = h->flags;
}

/* Drops the frame that was handed out last. */
static void
frame_drop(struct ttrpc_reader *r)
{
    free(r->payload);
    *r = (struct ttrpc_reader){0};
}

int
ttrpc_reader_next(struct ttrpc_reader *r, const unsigned char **in, size_t *n,
                  struct ttrpc_frame *ret)
{
    size_t take;

    if (r->done)
        frame_drop(r);
    if (r->n_head < TTRPC_HEADER_SIZE) {
        take = (size_t) (TTRPC_HEADER_SIZE - r->n_head);
        take = take < *n ? take : *n;
        memcpy(r->head + r->n_head, *in, take);
        r->n_head += (uint8_t) take;
        *in += take;
        *n -= take;
        if (r->n_head < TTRPC_HEADER_SIZE)
            return 0;
        ttrpc_header_parse(r->head, &r->h);
        r->left = r->h.length;
        r->skip = r->h.length > TTRPC_FRAME_MAX;
        if (!r->skip && r->left > *n) {
            r->payload = mem_try_realloc(NULL, r->h.length);
            r->skip = !r->payload;
        } else if (!r->skip) {
            *ret = (struct ttrpc_frame){.h = r->h, .payload = *in};
            *in += r->left;
            *n -= r->left;
            r->done = true;
            return 1;
        }
    }
    take = r->left < *n ? r->left : *n;
    if (r->payload)
        memcpy(r->payload + (r->h.length - r->left), *in, take);
    r->left -= (uint32_t) take;
    *in += take;
    *n -= take;
    if (r->left)
        return 0;
    *ret = (struct ttrpc_frame){.h = r->h, .payload = r->payload, .skipped = r->skip};
    r->done = true;
    return 1;
}

void *
ttrpc_reader_space(struct ttrpc_reader *r, size_t *ret_n)
{
    if (r->done || !r->payload)
        return NULL;
    *ret_n = r->left;
    return r->payload + (r->h.length - r->left);
}

void
ttrpc_reader_filled(struct ttrpc_reader *r, size_t n)
{
    r->left -= (uint32_t) n;
}

void
ttrpc_reader_done(struct ttrpc_reader *r)
{
    frame_drop(r);
}
