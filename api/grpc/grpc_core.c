/* SPDX-License-Identifier: Apache-2.0 */
/* What the server and the channel share of gRPC's C core. */
#include "grpc_core.h"

#include <assert.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stddef.h>
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

#define MESSAGE_STRUCT_MAX 256 /* a message whose bytes are not copied */
#define VARINT_MAX         10

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

/* The field of a message that is these bytes, but for those of oneofs and the like. */
static const ProtobufCFieldDescriptor *
field_at(const ProtobufCMessage *msg, const void *start)
{
    for (unsigned i = 0; i < msg->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &msg->descriptor->fields[i];
        const ProtobufCBinaryData *b = (const void *) ((const char *) msg + f->offset);

        if (f->type == PROTOBUF_C_TYPE_BYTES && f->label == PROTOBUF_C_LABEL_NONE &&
            !(f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) && b->data == start && b->len)
            return f;
    }
    return NULL;
}

static size_t
varint_write(unsigned char *to, uint64_t v)
{
    size_t n = 0;

    for (; v > 0x7f; v >>= 7)
        to[n++] = (unsigned char) (v | 0x80);
    to[n++] = (unsigned char) v;
    return n;
}

/* The message without the field, then the field's tag and length. */
static grpc_slice
head_pack(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *f)
{
    union {
        max_align_t align;
        char bytes[MESSAGE_STRUCT_MAX];
    } copy;
    const ProtobufCBinaryData *b = (const void *) ((const char *) msg + f->offset);
    ProtobufCMessage *rest = (void *) copy.bytes;
    unsigned char *p;
    grpc_slice head;
    size_t n;

    memcpy(copy.bytes, msg, msg->descriptor->sizeof_message);
    *(ProtobufCBinaryData *) (copy.bytes + f->offset) = (ProtobufCBinaryData){0};
    n = protobuf_c_message_get_packed_size(rest);
    head = grpc_slice_malloc(n + 2 * VARINT_MAX);
    p = GRPC_SLICE_START_PTR(head);
    (void) protobuf_c_message_pack(rest, p);
    n += varint_write(p + n, (uint64_t) f->id << 3 | PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
    n += varint_write(p + n, b->len);
    GRPC_SLICE_SET_LENGTH(head, n);
    return head;
}

int
grpc_core_pack_with(const ProtobufCMessage *msg, const grpc_slice *data, grpc_byte_buffer **ret,
                    struct err *err)
{
    const ProtobufCFieldDescriptor *f = field_at(msg, GRPC_SLICE_START_PTR(*data));
    const ProtobufCBinaryData *b;
    grpc_slice parts[2];

    if (!f || msg->descriptor->sizeof_message > MESSAGE_STRUCT_MAX)
        return grpc_core_pack(msg, ret, err);
    b = (const void *) ((const char *) msg + f->offset);
    assert(b->len <= GRPC_SLICE_LENGTH(*data));
    parts[0] = head_pack(msg, f);
    parts[1] = grpc_slice_sub(*data, 0, b->len);
    *ret = grpc_raw_byte_buffer_create(parts, 2);
    grpc_slice_unref(parts[0]);
    grpc_slice_unref(parts[1]);
    return 0;
}

static void
slices_copy(grpc_byte_buffer_reader *reader, unsigned char *to)
{
    grpc_slice *slice;

    while (grpc_byte_buffer_reader_peek(reader, &slice)) {
        memcpy(to, GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice));
        to += GRPC_SLICE_LENGTH(*slice);
    }
}

int
grpc_core_bytes(grpc_byte_buffer *b, struct arena *arena, const void **ret, size_t *ret_n,
                struct err *err)
{
    grpc_byte_buffer_reader reader;
    unsigned char *copy;
    size_t n;

    if (!grpc_byte_buffer_reader_init(&reader, b))
        return err_set(err, CODE_INTERNAL, "message cannot be read");
    n = grpc_byte_buffer_length(reader.buffer_out);
    copy = arena_try_alloc(arena, n + 1);
    if (copy)
        slices_copy(&reader, copy);
    grpc_byte_buffer_reader_destroy(&reader);
    if (!copy)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "no memory for a message of %zu bytes", n);
    *ret = copy;
    *ret_n = n;
    return 0;
}

int
grpc_core_unpack(const ProtobufCMessageDescriptor *desc, struct arena *arena,
                 grpc_byte_buffer *bytes, void **ret_msg, struct err *err)
{
    const void *p = NULL;
    size_t n = 0;
    int r = 0;

    if (bytes)
        r = grpc_core_bytes(bytes, arena, &p, &n, err);
    if (bytes)
        grpc_byte_buffer_destroy(bytes);
    return r < 0 ? r : rpc_unpack_in_place(desc, arena, p, n, ret_msg, err);
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
