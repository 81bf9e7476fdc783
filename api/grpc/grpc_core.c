/* SPDX-License-Identifier: Apache-2.0 */
/* What the server and the channel share of gRPC's C core. */
#include "grpc_core.h"

#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "api/rpc/rpc_wire.h"
#include "libross/base/clock.h"
#include "libross/base/log.h"

/*
 * glibc gives a freed megabyte back to the kernel at once, and the next message faults it in again page by page:
 * most of the time of a download in 1 MiB messages (integration/bench/rpc). So this much is kept.
 */
#define MALLOC_KEEP_BYTES (8 * 1024 * 1024)

/* Its own lines would be a second format on stderr: they become ours. */
static void
log_core(gpr_log_func_args *args)
{
    if (args->severity == GPR_LOG_SEVERITY_ERROR)
        log_debug("grpc", KV_STR("text", args->message), KV_STR("file", args->file),
                  KV_INT("line", args->line));
    else
        log_trace("grpc", "grpc", KV_STR("text", args->message));
}

static void
start(void)
{
    (void) setenv("GRPC_ENABLE_FORK_SUPPORT", "0", 0);
    (void) mallopt(M_MMAP_THRESHOLD, MALLOC_KEEP_BYTES);
    (void) mallopt(M_TRIM_THRESHOLD, MALLOC_KEEP_BYTES);
    gpr_set_log_function(log_core);
    if (!getenv("GRPC_VERBOSITY"))
        gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
    grpc_init();
}

#ifdef __SANITIZE_THREAD__
/* gRPC is not instrumented (and linked as shared libraries then): what happens inside it is not looked at. */
const char *__tsan_default_options(void);

const char *
__tsan_default_options(void)
{
    return "ignore_noninstrumented_modules=1";
}
#endif

void
grpc_core_start(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void) pthread_once(&once, start);
}

#define INT_ARG(k, v)                                                                              \
    {                                                                                              \
        .type = GRPC_ARG_INTEGER, .key = (char *) (k), .value.integer = (v)                        \
    }

const grpc_channel_args *
grpc_core_args(void)
{
    static grpc_arg list[] = {
        INT_ARG(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, RPC_MESSAGE_MAX),
        INT_ARG(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, RPC_MESSAGE_MAX),
        /* Go peers ping to estimate bandwidth, as often as they like (reference 12.1). */
        INT_ARG(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0),
        INT_ARG(GRPC_ARG_HTTP2_BDP_PROBE, 0),
        INT_ARG(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 4 * 1024 * 1024),
        INT_ARG(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, 1024 * 1024),
        INT_ARG(GRPC_ARG_KEEPALIVE_TIME_MS,
                INT_MAX), /* a socket of this host tells when its peer is gone */
        INT_ARG(GRPC_ARG_ENABLE_CHANNELZ, 0),
        INT_ARG(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0),
        INT_ARG(GRPC_ARG_ENABLE_RETRIES, 0),
    };
    static const grpc_channel_args args = {.num_args = ARRAY_LEN(list), .args = list};

    return &args;
}

int
grpc_core_socket_path(const char *address, const char **ret, struct err *err)
{
    const char *path = address;

    if (!strncmp(path, "unix://", 7))
        path += 7;
    else if (!strncmp(path, "unix:", 5))
        path += 5;
    if (path[0] != '/')
        return err_set(err, CODE_INVALID_ARGUMENT, "'%s' is not the address of a unix socket",
                       address);
    if (strlen(path) >= sizeof((struct sockaddr_un *) NULL)->sun_path)
        return err_set(err, CODE_INVALID_ARGUMENT, "the socket path '%s' is too long", path);
    *ret = path;
    return 0;
}

int
grpc_core_pack(const ProtobufCMessage *msg, grpc_byte_buffer **ret, struct err *err)
{
    size_t n = protobuf_c_message_get_packed_size(msg);
    grpc_slice slice;

    if (n > RPC_MESSAGE_MAX)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "message of %zu bytes exceeds %d", n,
                       RPC_MESSAGE_MAX);
    slice = grpc_slice_malloc(n);
    (void) protobuf_c_message_pack(msg, GRPC_SLICE_START_PTR(slice));
    *ret = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return 0;
}

int
grpc_core_bytes(grpc_byte_buffer *b, grpc_byte_buffer_reader *reader, const void **ret,
                size_t *ret_n, void **ret_copy, struct err *err)
{
    unsigned char *copy;
    grpc_slice *slice;
    size_t n, at = 0;

    *ret_copy = NULL;
    if (!grpc_byte_buffer_reader_init(reader, b))
        return err_set(err, CODE_INTERNAL, "message cannot be read");
    n = *ret_n = grpc_byte_buffer_length(reader->buffer_out);
    if (n == 0) {
        *ret = "";
        return 0;
    }
    if (!grpc_byte_buffer_reader_peek(reader, &slice))
        return err_set(err, CODE_INTERNAL, "message cannot be read");
    if (GRPC_SLICE_LENGTH(*slice) == n) {
        *ret = GRPC_SLICE_START_PTR(*slice);
        return 0;
    }
    copy = malloc(n);
    if (!copy)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "no memory for a message of %zu bytes", n);
    do {
        memcpy(copy + at, GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice));
        at += GRPC_SLICE_LENGTH(*slice);
    } while (grpc_byte_buffer_reader_peek(reader, &slice));
    *ret = *ret_copy = copy;
    return 0;
}

int
grpc_core_unpack(const ProtobufCMessageDescriptor *desc, struct arena *arena,
                 grpc_byte_buffer *bytes, void **ret_msg, struct err *err)
{
    grpc_byte_buffer_reader reader;
    const void *p = NULL;
    void *copy = NULL;
    size_t n = 0;
    int r;

    if (!bytes)
        return rpc_unpack(desc, arena, NULL, 0, ret_msg, err);
    r = grpc_core_bytes(bytes, &reader, &p, &n, &copy, err);
    if (r == 0)
        r = rpc_unpack(desc, arena, p, n, ret_msg, err);
    free(copy);
    if (p)
        grpc_byte_buffer_reader_destroy(&reader);
    grpc_byte_buffer_destroy(bytes);
    return r;
}

gpr_timespec
grpc_core_time(int64_t mono_ns)
{
    if (!mono_ns)
        return gpr_inf_future(GPR_CLOCK_MONOTONIC);
    return (gpr_timespec){.tv_sec = mono_ns / NS_PER_S,
                          .tv_nsec = (int32_t) (mono_ns % NS_PER_S),
                          .clock_type = GPR_CLOCK_MONOTONIC};
}

int64_t
grpc_core_mono_ns(gpr_timespec t)
{
    t = gpr_convert_clock_type(t, GPR_CLOCK_MONOTONIC);
    if (t.tv_sec >= INT64_MAX / NS_PER_S)
        return 0;
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}
