/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a peer as a recursive message; what is accepted must survive packing and unpacking, and is the same when it
 * is unpacked in place.
 */
#include <stdlib.h>
#include <string.h>

#include "api/rpc/rpc_wire.h"
#include "api/rpc/toy/toy.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    unsigned char *bytes;
    void *msg, *again;
    size_t n;

    if (rpc_unpack(&ross__toy__word__descriptor, &arena, data, size, &msg, NULL) == 0) {
        n = protobuf_c_message_get_packed_size(msg);
        bytes = xmalloc(n ? n : 1);
        if (protobuf_c_message_pack(msg, bytes) != n ||
            rpc_unpack(&ross__toy__word__descriptor, &arena, bytes, n, &again, NULL) < 0)
            abort();
        if (rpc_unpack_in_place(&ross__toy__word__descriptor, &arena, data, size, &again, NULL) <
                0 ||
            protobuf_c_message_get_packed_size(again) != n)
            abort();
        free(bytes);
    }
    arena_done(&arena);
    return 0;
}
