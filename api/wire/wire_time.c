/* SPDX-License-Identifier: Apache-2.0 */
/* google.protobuf.Timestamp ↔ nanoseconds since 1970. */
#include "google/protobuf/timestamp.pb-c.h"

#include "api/wire/wire.h"
#include "libross/base/clock.h"

/* Go's zero time.Time: the first second of year 1. */
#define WIRE_TIME_UNSET_S INT64_C(-62135596800)

struct Google__Protobuf__Timestamp *
wire_time_to(struct arena *a, int64_t time_ns)
{
    Google__Protobuf__Timestamp *t = wire_new(a, &google__protobuf__timestamp__descriptor);

    if (time_ns == 0) {
        t->seconds = WIRE_TIME_UNSET_S;
        return t;
    }
    t->seconds = time_ns / NS_PER_S;
    t->nanos = (int32_t) (time_ns % NS_PER_S);
    if (t->nanos < 0) {
        t->nanos += (int32_t) NS_PER_S;
        t->seconds--;
    }
    return t;
}

int64_t
wire_time_from(const struct Google__Protobuf__Timestamp *t)
{
    int64_t ns;

    if (!t || t->nanos < 0 || t->nanos >= NS_PER_S ||
        __builtin_mul_overflow(t->seconds, NS_PER_S, &ns) ||
        __builtin_add_overflow(ns, (int64_t) t->nanos, &ns))
        return 0;
    return ns;
}
