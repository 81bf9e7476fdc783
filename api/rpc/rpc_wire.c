/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to bytes and back, with bounds. */
#include "rpc_wire.h"

#include <string.h>

struct reader {
    const unsigned char *p, *end;
};

static bool
varint_read(struct reader *in, uint64_t *ret)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 70 && in->p < in->end; shift += 7) {
        v |= (uint64_t) (*in->p & 0x7f) << shift;
        if (!(*in->p++ & 0x80)) {
            *ret = v;
            return true;
        }
    }
    return false;
}

/* The length of the UTF-8 sequence at p (RFC 3629: shortest form, no surrogates), 0 when there is none. */
static size_t
utf8_sequence(const unsigned char *p, size_t n)
{
    unsigned char low = 0x80, high = 0xbf;
    size_t len;

    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (n < len)
        return 0;
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

static int
string_check(const ProtobufCMessageDescriptor *desc, const ProtobufCFieldDescriptor *field,
             const unsigned char *p, size_t n, struct err *err)
{
    size_t len;

    for (size_t i = 0; i < n; i += len) {
        len = p[i] ? utf8_sequence(p + i, n - i) : 0;
        if (!len)
            return err_set(err, CODE_INVALID_ARGUMENT, "field %s of %s holds %s: invalid argument",
                           field->name, desc->name, p[i] ? "invalid UTF-8" : "a NUL byte");
    }
    return 0;
}

static int
malformed(const ProtobufCMessageDescriptor *desc, struct err *err)
{
    return err_set(err, CODE_INTERNAL, "malformed %s message", desc->name);
}

/* One field of a message, taken from the reader. */
struct field {
    unsigned number;
    bool has_bytes;      /* length-prefixed */
    struct reader bytes; /* then */
};

static bool
field_next(struct reader *in, struct field *ret)
{
    uint64_t tag, len;

    if (!varint_read(in, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
        return false;
    *ret = (struct field){.number = (unsigned) (tag >> 3)};
    switch (tag & 7) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        return varint_read(in, &len);
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        len = 8;
        break;
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        len = 4;
        break;
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        if (!varint_read(in, &len))
            return false;
        ret->has_bytes = true;
        break;
    default:
        return false;
    }
    if (len > (size_t) (in->end - in->p))
        return false;
    ret->bytes = (struct reader){.p = in->p, .end = in->p + len};
    in->p += len;
    return true;
}

static int
message_check(const ProtobufCMessageDescriptor *desc, struct reader in, unsigned depth,
              struct err *err)
{
    const ProtobufCFieldDescriptor *desc_of;
    struct field f;
    int r = 0;

    if (depth > RPC_NESTING_MAX)
        return err_set(err, CODE_INTERNAL, "message nested deeper than %d", RPC_NESTING_MAX);
    while (r == 0 && in.p < in.end) {
        if (!field_next(&in, &f))
            return malformed(desc, err);
        desc_of = f.has_bytes ? protobuf_c_message_descriptor_get_field(desc, f.number) : NULL;
        if (desc_of && desc_of->type == PROTOBUF_C_TYPE_STRING)
            r = string_check(desc, desc_of, f.bytes.p, (size_t) (f.bytes.end - f.bytes.p), err);
        else if (desc_of && desc_of->type == PROTOBUF_C_TYPE_MESSAGE)
            r = message_check(desc_of->descriptor, f.bytes, depth + 1, err);
    }
    return r;
}

int
rpc_wire_check(const ProtobufCMessageDescriptor *desc, const void *bytes, size_t n, struct err *err)
{
    const unsigned char *p = bytes;

    if (!n)
        return 0;
    return message_check(desc, (struct reader){.p = p, .end = p + n}, 0, err);
}

struct budget {
    struct arena *arena;
    size_t left;
};

static void *
budget_alloc(void *data, size_t size)
{
    struct budget *b = data;

    if (size > b->left) {
        b->left = 0;
        return NULL;
    }
    b->left -= size;
    return arena_try_alloc(b->arena, size);
}

static void
arena_free_nothing(void *data, void *p)
{
    (void) data;
    (void) p;
}

/* Of a message that has been checked. */
static int
unpack(const ProtobufCMessageDescriptor *desc, struct arena *arena, const void *bytes, size_t n,
       void **ret_msg, struct err *err)
{
    static const unsigned char none[1];
    struct budget budget = {.arena = arena, .left = RPC_UNPACK_MAX};
    ProtobufCAllocator alloc = {
        .alloc = budget_alloc, .free = arena_free_nothing, .allocator_data = &budget};
    ProtobufCMessage *msg;

    msg = protobuf_c_message_unpack(desc, &alloc, n, n ? bytes : none);
    if (!msg && budget.left == 0)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "a %s message needs more than %d bytes",
                       desc->name, RPC_UNPACK_MAX);
    if (!msg)
        return malformed(desc, err);
    *ret_msg = msg;
    return 0;
}

int
rpc_unpack(const ProtobufCMessageDescriptor *desc, struct arena *arena, const void *bytes, size_t n,
           void **ret_msg, struct err *err)
{
    int r = rpc_wire_check(desc, bytes, n, err);

    return r < 0 ? r : unpack(desc, arena, bytes, n, ret_msg, err);
}

/* A field that stays where it is. */
struct cut {
    const ProtobufCFieldDescriptor *field; /* NULL: there is none */
    const unsigned char *from;             /* its tag */
    struct reader bytes;
};

/* The one long bytes field of a message that has been checked; none when it is there more than once. */
static struct cut
cut_find(const ProtobufCMessageDescriptor *desc, struct reader in)
{
    const ProtobufCFieldDescriptor *desc_of;
    const unsigned char *from = in.p;
    struct cut cut = {0};
    struct field f;

    for (; in.p < in.end && field_next(&in, &f); from = in.p) {
        if (cut.field && cut.field->id == f.number)
            return (struct cut){0};
        if (cut.field || !f.has_bytes || f.bytes.end - f.bytes.p < RPC_IN_PLACE_MIN)
            continue;
        desc_of = protobuf_c_message_descriptor_get_field(desc, f.number);
        if (desc_of && desc_of->type == PROTOBUF_C_TYPE_BYTES &&
            desc_of->label == PROTOBUF_C_LABEL_NONE &&
            !(desc_of->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
            cut = (struct cut){.field = desc_of, .from = from, .bytes = f.bytes};
    }
    return cut;
}

int
rpc_unpack_in_place(const ProtobufCMessageDescriptor *desc, struct arena *arena, const void *bytes,
                    size_t n, void **ret_msg, struct err *err)
{
    const unsigned char *p = bytes, *end = p + n;
    size_t before, after;
    unsigned char *rest;
    struct cut cut;
    int r;

    r = rpc_wire_check(desc, bytes, n, err);
    if (r < 0)
        return r;
    cut = cut_find(desc, (struct reader){.p = p, .end = end});
    if (!cut.field)
        return unpack(desc, arena, bytes, n, ret_msg, err);
    before = (size_t) (cut.from - p);
    after = (size_t) (end - cut.bytes.end);
    rest = arena_try_alloc(arena, before + after + 1);
    if (!rest)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "no memory for a %s message", desc->name);
    memcpy(rest, p, before);
    memcpy(rest + before, cut.bytes.end, after);
    r = unpack(desc, arena, rest, before + after, ret_msg, err);
    if (r == 0)
        *(ProtobufCBinaryData *) ((char *) *ret_msg + cut.field->offset) = (ProtobufCBinaryData){
            .len = (size_t) (cut.bytes.end - cut.bytes.p), .data = (uint8_t *) cut.bytes.p};
    return r;
}

static void *
arena_alloc_bounded(void *data, size_t size)
{
    return size > RPC_UNPACK_MAX ? NULL : arena_try_alloc(data, size);
}

ProtobufCAllocator
rpc_arena_allocator(struct arena *a)
{
    return (ProtobufCAllocator){
        .alloc = arena_alloc_bounded, .free = arena_free_nothing, .allocator_data = a};
}

void *
rpc_message_new(const ProtobufCMessageDescriptor *desc, struct arena *arena)
{
    void *msg = arena_zalloc(arena, desc->sizeof_message);

    protobuf_c_message_init(desc, msg);
    return msg;
}
