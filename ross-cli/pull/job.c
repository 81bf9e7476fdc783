/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/pull/job.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "api/client/records_client.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/log.h"
#include "libross/base/path.h"
#include "libross/base/random.h"
#include "libross/oci/gc_labels.h"
#include "libross/oci/platform.h"
#include "ross-cli/pull/lease_owner.h"

#define LEASE_LIFE_NS    (24 * 3600 * NS_PER_S)
#define SHARE_PAUSE_MS   50
#define CLEANUP_LIMIT_NS (30 * NS_PER_S)

void
job_init(struct job *j, const struct pull_services *svc, const struct pull_options *opt,
         struct registry *registry, const char *name)
{
    pthread_condattr_t attr;

    *j = (struct job){.svc = svc, .opt = opt, .registry = registry, .lock_fd = -1};
    j->name = xstrdup(name);
    j->ctx = (struct call_ctx){.ns = svc->ns, .cancelled = &j->stop};
    if (opt->platform)
        j->platform = platform_clone(opt->platform);
    else
        platform_host(&j->platform);
    j->board = board_new(name);
    (void) pthread_mutex_init(&j->lock, NULL);
    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&j->cond, &attr);
    (void) pthread_condattr_destroy(&attr);
}

void
job_done(struct job *j)
{
    job_unshare(j);
    job_unlease(j);
    board_free(j->board);
    oci_ref_done(&j->ref);
    oci_platform_done(&j->platform);
    free(j->name);
    (void) pthread_cond_destroy(&j->cond);
    (void) pthread_mutex_destroy(&j->lock);
}

/* ---- lease ---- */

int
job_lease(struct job *j, struct err *err)
{
    char expire[CLOCK_STR_MAX], id[33];
    struct labels labels = {0};
    int r;

    labels_set(&labels, GC_LABEL_EXPIRE, clock_format(clock_now_ns() + LEASE_LIFE_NS, expire));
    lease_owner_set(&labels);
    (void) random_hex(id, 16);
    r = leases_client_create(j->svc->records, &j->ctx, id, &labels, NULL, err);
    labels_done(&labels);
    if (r < 0)
        return err_wrap(err, r, "lease");
    j->lease = xstrdup(id);
    j->ctx.lease = j->lease;
    return 0;
}

void
job_unlease(struct job *j)
{
    /* Also after a failure or a cancellation: a context of its own. */
    const struct call_ctx ctx = {.ns = j->svc->ns,
                                 .deadline_ns = clock_mono_ns() + CLEANUP_LIMIT_NS};
    struct err err = {0};

    if (!j->lease)
        return;
    if (leases_client_delete(j->svc->records, &ctx, j->lease, false, &err) < 0)
        log_debug("the lease stays until it expires", KV_STR("lease", j->lease), KV_ERR(&err));
    free(j->lease);
    j->lease = NULL;
    j->ctx.lease = NULL;
}

int
job_keep_snapshot(struct job *j, const char *key, struct err *err)
{
    auto_free char *type = xasprintf("snapshots/%s", j->svc->snapshotter);
    struct lease_resource res = {.id = (char *) (uintptr_t) key, .type = type};
    int r;

    if (!j->ctx.lease)
        return 0;
    r = leases_client_add_resource(j->svc->records, &j->ctx, j->ctx.lease, &res, err);
    return r == -CODE_UNIMPLEMENTED ? 0 : r;
}

/* ---- failing and waiting ---- */

int
job_fail(struct job *j, int r, const struct err *err)
{
    (void) pthread_mutex_lock(&j->lock);
    bool first = !j->failed.code;
    if (first) {
        j->failed = *err;
        j->failed.code = -r;
    }
    atomic_store(&j->stop, true);
    (void) pthread_cond_broadcast(&j->cond);
    (void) pthread_mutex_unlock(&j->lock);
    if (first && j->registry)
        registry_cancel(j->registry);
    return r;
}

int
job_pause(struct job *j, int64_t ms, struct err *err)
{
    int64_t until = clock_mono_ns() + ms * NS_PER_MS;
    struct timespec ts = {.tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S};

    (void) pthread_mutex_lock(&j->lock);
    while (!atomic_load(&j->stop) && clock_mono_ns() < until &&
           pthread_cond_timedwait(&j->cond, &j->lock, &ts) == 0)
        ;
    (void) pthread_mutex_unlock(&j->lock);
    return atomic_load(&j->stop) ? err_set(err, CODE_CANCELED, "canceled") : 0;
}

void
job_took(struct job *j, int64_t *field, int64_t start_ns)
{
    (void) pthread_mutex_lock(&j->lock);
    *field += clock_mono_ns() - start_ns;
    (void) pthread_mutex_unlock(&j->lock);
}

/* ---- one pull of a machine at a time for one stack of layers ---- */

/* 1 when the lock is ours and still the one that has the name; 0 when it is not to be had now. */
static int
share_try(const char *path, int *ret_fd, struct err *err)
{
    auto_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat ours, named;

    if (fd < 0)
        return err_sys(err, errno, "open '%s'", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? 0 : err_sys(err, errno, "lock '%s'", path);
    /* The holder before us removes the file: a lock on that one would be a lock on nothing. */
    if (fstat(fd, &ours) < 0 || stat(path, &named) < 0 || ours.st_ino != named.st_ino ||
        ours.st_dev != named.st_dev)
        return 0;
    *ret_fd = TAKE_FD(fd);
    return 1;
}

static char *
share_path(const struct job *j, const struct digest *chain)
{
    char hex[DIGEST_HEX_MAX];
    auto_free char *name = xasprintf("unpack-%s.lock", digest_hex(chain, hex));

    return path_join(j->svc->lock_dir, name);
}

int
job_share(struct job *j, const struct digest *chain, struct err *err)
{
    if (!j->svc->lock_dir)
        return 0;
    auto_free char *path = share_path(j, chain);
    for (bool told = false;;) {
        int r = share_try(path, &j->lock_fd, err);
        if (r != 0)
            return r < 0 ? r : 0;
        if (!told)
            board_image(j->board, PULL_WAITING);
        told = true;
        r = job_pause(j, SHARE_PAUSE_MS, err);
        if (r < 0)
            return r;
    }
}

void
job_unshare(struct job *j)
{
    char link[PATH_FD_MAX], path[4096];
    ssize_t n;

    if (j->lock_fd < 0)
        return;
    n = readlink(path_of_fd(j->lock_fd, link), path, sizeof path - 1);
    if (n > 0) {
        path[n] = '\0';
        (void) unlink(path);
    }
    j->lock_fd = fd_close(j->lock_fd);
}
