/* SPDX-License-Identifier: Apache-2.0 */
/* What a running container uses, read from its cgroup's files: no shim is asked, so a thousand containers are cheap. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libross/base/err.h"

struct container_stats {
    int64_t at_ns; /* monotonic */
    uint64_t cpu_ns;
    uint64_t memory_bytes,
        memory_limit_bytes; /* without the page cache that can go; the host's when unlimited */
    uint64_t read_bytes, written_bytes;  /* of block devices */
    uint64_t received_bytes, sent_bytes; /* of its network interfaces but lo */
    uint64_t pids;
};

/*
 * By the pid in the bundle's init.pid, whose cgroup must be named after the container: 1, or 0 when it does not run.
 * Works for cgroups v1, v2 and both at once; what a missing controller would tell is 0.
 */
int container_stats_read(const char *bundle, const char *id, struct container_stats *ret,
                         struct err *err);

/* The pieces, pure. "key value" lines: the value of `key`, false when there is none. */
bool container_stats_field(const char *text, const char *key, uint64_t *ret);
/* io.stat of v2: sums of rbytes= and wbytes=. */
void container_stats_io_v2(const char *text, uint64_t *ret_read, uint64_t *ret_written);
/* blkio.throttle.io_service_bytes of v1. */
void container_stats_io_v1(const char *text, uint64_t *ret_read, uint64_t *ret_written);
/* /proc/PID/net/dev. */
void container_stats_net(const char *text, uint64_t *ret_received, uint64_t *ret_sent);
/* The path of a controller ("" = v2) in /proc/PID/cgroup, malloc'ed; NULL when it has none. */
char *container_stats_cgroup(const char *text, const char *controller);
