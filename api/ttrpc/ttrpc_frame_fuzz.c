/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a connection, whole and in pieces: both must give the same frames. */
#include <stdlib.h>
#include <string.h>

#include "api/ttrpc/ttrpc_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A fingerprint of all frames when the bytes come `chunk` at a time. */
static uint64_t
frames_hash(const uint8_t *data, size_t size, size_t chunk)
{
    struct ttrpc_reader r = {0};
    struct ttrpc_frame f;
    uint64_t hash = 14695981039346656037u;
    const unsigned char *p;
    size_t left;

    for (size_t at = 0; at < size; at += chunk) {
        p = data + at;
        left = size - at < chunk ? size - at : chunk;
        while (ttrpc_reader_next(&r, &p, &left, &f)) {
            if (f.skipped != (f.h.length > TTRPC_FRAME_MAX))
                abort();
            hash = (hash ^ f.h.stream_id ^ f.h.type ^ f.h.flags) * 1099511628211u;
            for (size_t i = 0; !f.skipped && i < f.h.length; i++)
                hash = (hash ^ f.payload[i]) * 1099511628211u;
        }
        if (left)
            abort();
    }
    ttrpc_reader_done(&r);
    return hash;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t whole = frames_hash(data, size, size ? size : 1);

    if (whole != frames_hash(data, size, 1) || whole != frames_hash(data, size, 7))
        abort();
    return 0;
}
