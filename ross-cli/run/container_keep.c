/* SPDX-License-Identifier: Apache-2.0 */
/* The log of a container in the foreground. */
#include "container_keep.h"

#include <string.h>

#include "libross/logfile/ross_log.h"

struct container_keep {
    struct ross_log *log;
    struct {
        char *data; /* what the disk did not take yet, with full=block */
        size_t at, n;
    } late[2];
};

int
container_keep_new(const char *uri, struct container_keep **ret, struct err *err)
{
    AUTO_PTR(container_keep) k = xcalloc(1, sizeof *k);
    struct log_uri parsed = {0};
    int r;

    r = log_uri_parse(uri, &parsed, err);
    if (r == 0)
        r = ross_log_open(&parsed, &k->log, err);
    log_uri_done(&parsed);
    if (r == 0)
        *ret = TAKE(k);
    return r;
}

void
container_keep_write(struct container_keep *k, int which, const char *p, size_t n)
{
    size_t done = ross_log_write(ross_log_stream(k->log, which), p, n);

    if (done == n)
        return;
    k->late[which].data = memcpy(xmalloc(n - done), p + done, n - done);
    k->late[which].at = 0;
    k->late[which].n = n - done;
}

bool
container_keep_is_late(const struct container_keep *k, int which)
{
    return which < 0 ? k->late[0].data || k->late[1].data : k->late[which].data != NULL;
}

void
container_keep_again(struct container_keep *k)
{
    for (int i = 0; i < 2; i++) {
        size_t left = k->late[i].n - k->late[i].at;

        if (!k->late[i].data)
            continue;
        k->late[i].at +=
            ross_log_write(ross_log_stream(k->log, i), k->late[i].data + k->late[i].at, left);
        if (k->late[i].at < k->late[i].n)
            continue;
        free(k->late[i].data);
        k->late[i].data = NULL;
    }
}

void
container_keep_end(struct container_keep *k, int which)
{
    ross_log_stream_end(ross_log_stream(k->log, which));
}

void
container_keep_free(struct container_keep *k)
{
    if (!k)
        return;
    for (int i = 0; i < 2; i++)
        free(k->late[i].data);
    ross_log_close(k->log);
    free(k);
}
