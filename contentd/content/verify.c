/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verifying what is read: a blob is hashed when it is opened for the first time. That it was right is remembered
 * with the time at which its inode last changed, so that a file that is touched is hashed again.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "content_store.h"
#include "libross/base/clock.h"

#define SLOTS 8192 /* one blob each; who falls on a taken slot replaces */
#define CHUNK (1024 * 1024)

struct verified {
    pthread_mutex_t lock; /* guards the slots */
    struct {
        struct digest digest;
        int64_t changed_ns;
    } slots[SLOTS];
};

void
content_store_verify_reads(struct content_store *s)
{
    s->verified = xcalloc(1, sizeof *s->verified);
    (void) pthread_mutex_init(&s->verified->lock, NULL);
}

void
verified_free(struct verified *v)
{
    if (v)
        (void) pthread_mutex_destroy(&v->lock);
    free(v);
}

static size_t
slot_of(const struct digest *d)
{
    return ((size_t) d->bytes[0] << 8 | d->bytes[1]) % SLOTS;
}

static bool
is_verified(struct verified *v, const struct digest *d, int64_t changed_ns)
{
    bool yes;

    (void) pthread_mutex_lock(&v->lock);
    yes = v->slots[slot_of(d)].changed_ns == changed_ns &&
          digest_equal(&v->slots[slot_of(d)].digest, d);
    (void) pthread_mutex_unlock(&v->lock);
    return yes;
}

static void
remember(struct verified *v, const struct digest *d, int64_t changed_ns)
{
    (void) pthread_mutex_lock(&v->lock);
    v->slots[slot_of(d)].digest = *d;
    v->slots[slot_of(d)].changed_ns = changed_ns;
    (void) pthread_mutex_unlock(&v->lock);
}

static int
hash_all(const struct digest *d, int fd, struct digest *ret, struct err *err)
{
    AUTO_PTR(hasher) h = hasher_new(d->alg);
    auto_free char *chunk = xmalloc(CHUNK);
    int64_t at = 0;
    ssize_t n;

    while ((n = pread(fd, chunk, CHUNK, at)) > 0) {
        hasher_update(h, chunk, (size_t) n);
        at += n;
    }
    if (n < 0)
        return err_sys(err, errno, "verify a blob");
    hasher_peek(h, ret);
    return 0;
}

int
content_store_verify(struct content_store *s, const struct digest *d, int fd, struct err *err)
{
    char shown[DIGEST_STR_MAX];
    int64_t changed_ns;
    struct digest is;
    struct stat st;
    int r;

    if (!s->verified)
        return 0;
    if (fstat(fd, &st))
        return err_sys(err, errno, "verify a blob");
    changed_ns = st.st_ctim.tv_sec * NS_PER_S + st.st_ctim.tv_nsec;
    if (is_verified(s->verified, d, changed_ns))
        return 0;
    r = hash_all(d, fd, &is, err);
    if (r < 0)
        return r;
    if (!digest_equal(&is, d))
        return err_set(err, CODE_DATA_LOSS,
                       "content %s: the bytes on the disk are not what the digest says",
                       digest_format(d, shown));
    remember(s->verified, d, changed_ns);
    return 0;
}
