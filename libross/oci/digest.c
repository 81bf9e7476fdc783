/* SPDX-License-Identifier: Apache-2.0 */
/* Content digests and hashing: the one door to OpenSSL's digests. */
/*
 * The low-level contexts are used on purpose: their state can be copied and saved, which EVP does not offer, and they
 * take the same assembly (SHA extensions included) as EVP.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "libross/oci/digest.h"

#include <assert.h>
#include <string.h>

#include <openssl/sha.h>

static const struct {
    const char *name;
    size_t size_bytes, block_bytes;
} algs[] = {
    [DIGEST_NONE] = {"", 0, 0},
    [DIGEST_SHA256] = {"sha256", 32, 64},
    [DIGEST_SHA384] = {"sha384", 48, 128},
    [DIGEST_SHA512] = {"sha512", 64, 128},
};

struct hasher {
    enum digest_alg alg;
    uint64_t bytes;
    union {
        SHA256_CTX s256;
        SHA512_CTX s512; /* sha384 too */
    } ctx;
};

const char *
digest_alg_name(enum digest_alg alg)
{
    return algs[alg].name;
}

size_t
digest_size(enum digest_alg alg)
{
    return algs[alg].size_bytes;
}

enum digest_alg
digest_alg_find(const char *name)
{
    for (enum digest_alg a = DIGEST_SHA256; a <= DIGEST_SHA512; a++)
        if (strcmp(name, algs[a].name) == 0)
            return a;
    return DIGEST_NONE;
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

int
digest_parse(const char *s, struct digest *ret, struct err *err)
{
    const char *colon = strchr(s, ':'), *hex;
    struct digest d = {0};
    size_t n;
    int hi, lo;

    if (!colon)
        return err_set(err, CODE_INVALID_ARGUMENT, "digest '%.160s' is not of the form ALG:HEX", s);
    for (enum digest_alg a = DIGEST_SHA256; a <= DIGEST_SHA512; a++)
        if (strlen(algs[a].name) == (size_t) (colon - s) &&
            memcmp(s, algs[a].name, (size_t) (colon - s)) == 0)
            d.alg = a;
    if (d.alg == DIGEST_NONE)
        return err_set(err, CODE_INVALID_ARGUMENT, "digest '%.160s' has an unknown algorithm", s);
    hex = colon + 1;
    n = algs[d.alg].size_bytes;
    if (strnlen(hex, 2 * n + 1) != 2 * n)
        return err_set(err, CODE_INVALID_ARGUMENT, "digest '%.160s' must have %zu hex digits", s,
                       2 * n);
    for (size_t i = 0; i < n; i++) {
        hi = hex_value(hex[2 * i]);
        lo = hex_value(hex[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return err_set(err, CODE_INVALID_ARGUMENT,
                           "digest '%.160s' must be made of lower-case hex digits", s);
        d.bytes[i] = (unsigned char) (hi << 4 | lo);
    }
    *ret = d;
    return 0;
}

char *
digest_hex(const struct digest *d, char buf[static DIGEST_HEX_MAX])
{
    static const char digits[] = "0123456789abcdef";
    size_t n = digest_size(d->alg);

    for (size_t i = 0; i < n; i++) {
        buf[2 * i] = digits[d->bytes[i] >> 4];
        buf[2 * i + 1] = digits[d->bytes[i] & 15];
    }
    buf[2 * n] = '\0';
    return buf;
}

char *
digest_format(const struct digest *d, char buf[static DIGEST_STR_MAX])
{
    char hex[DIGEST_HEX_MAX], *p;

    buf[0] = '\0';
    if (d->alg == DIGEST_NONE)
        return buf;
    p = stpcpy(buf, algs[d->alg].name);
    *p++ = ':';
    memcpy(p, digest_hex(d, hex), 2 * digest_size(d->alg) + 1);
    return buf;
}

int
digest_cmp(const struct digest *a, const struct digest *b)
{
    if (a->alg != b->alg)
        return a->alg < b->alg ? -1 : 1;
    return memcmp(a->bytes, b->bytes, digest_size(a->alg));
}

bool
digest_equal(const struct digest *a, const struct digest *b)
{
    return digest_cmp(a, b) == 0;
}

bool
digest_is_set(const struct digest *d)
{
    return d->alg != DIGEST_NONE;
}

void
hasher_reset(struct hasher *h)
{
    int ok = 0;

    switch (h->alg) {
    case DIGEST_SHA256:
        ok = SHA256_Init(&h->ctx.s256);
        break;
    case DIGEST_SHA384:
        ok = SHA384_Init(&h->ctx.s512);
        break;
    case DIGEST_SHA512:
        ok = SHA512_Init(&h->ctx.s512);
        break;
    case DIGEST_NONE:
        break;
    }
    assert(ok);
    h->bytes = 0;
}

static void
hasher_final(struct hasher *h, struct digest *ret)
{
    int ok;

    *ret = (struct digest){.alg = h->alg};
    if (h->alg == DIGEST_SHA256)
        ok = SHA256_Final(ret->bytes, &h->ctx.s256);
    else if (h->alg == DIGEST_SHA384)
        ok = SHA384_Final(ret->bytes, &h->ctx.s512);
    else
        ok = SHA512_Final(ret->bytes, &h->ctx.s512);
    assert(ok);
}

void
hasher_update(struct hasher *h, const void *p, size_t n)
{
    int ok;

    if (!n)
        return;
    if (h->alg == DIGEST_SHA256)
        ok = SHA256_Update(&h->ctx.s256, p, n);
    else if (h->alg == DIGEST_SHA384)
        ok = SHA384_Update(&h->ctx.s512, p, n);
    else
        ok = SHA512_Update(&h->ctx.s512, p, n);
    assert(ok);
    h->bytes += n;
}

struct hasher *
hasher_new(enum digest_alg alg)
{
    struct hasher *h;

    assert(alg != DIGEST_NONE);
    h = xcalloc(1, sizeof *h);
    h->alg = alg;
    hasher_reset(h);
    return h;
}

void
hasher_peek(const struct hasher *h, struct digest *ret)
{
    struct hasher copy = *h;

    hasher_final(&copy, ret);
}

void
digest_compute(enum digest_alg alg, const void *p, size_t n, struct digest *ret)
{
    struct hasher h = {.alg = alg};

    hasher_reset(&h);
    hasher_update(&h, p, n);
    hasher_final(&h, ret);
}

enum digest_alg
hasher_alg(const struct hasher *h)
{
    return h->alg;
}

uint64_t
hasher_bytes(const struct hasher *h)
{
    return h->bytes;
}

void
hasher_free(struct hasher *h)
{
    free(h);
}

/*
 * A saved state, version 1; numbers are little-endian:
 *
 *   0   4  "RHS1"
 *   4   1  algorithm (256/8, 384/8, 512/8 bytes of digest)
 *   5   8  bytes hashed so far
 *   13  32 or 64  eight chaining words of 4 or 8 bytes
 *   ..  bytes % block  the pending bytes
 *   ..  8  first bytes of the sha256 of everything before
 */
#define STATE_MAGIC "RHS1"
#define STATE_HEAD  (4 + 1 + 8)
#define STATE_CHECK 8
#define WORDS       8

_Static_assert(STATE_HEAD + WORDS * 8 + 128 + STATE_CHECK <= HASHER_STATE_MAX, "state fits");

static unsigned char *
put_le(unsigned char *p, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        *p++ = (unsigned char) (v >> (8 * i));
    return p;
}

static uint64_t
get_le(const unsigned char *p, size_t n)
{
    uint64_t v = 0;

    for (size_t i = 0; i < n; i++)
        v |= (uint64_t) p[i] << (8 * i);
    return v;
}

static size_t
state_word_bytes(enum digest_alg alg)
{
    return alg == DIGEST_SHA256 ? 4 : 8;
}

static size_t
state_pending_bytes(enum digest_alg alg, uint64_t bytes)
{
    return bytes % algs[alg].block_bytes;
}

size_t
hasher_save(const struct hasher *h, unsigned char buf[static HASHER_STATE_MAX])
{
    size_t word = state_word_bytes(h->alg), pending = state_pending_bytes(h->alg, h->bytes);
    unsigned char *p = buf;
    struct digest check;

    p = mempcpy(p, STATE_MAGIC, 4);
    p = put_le(p, algs[h->alg].size_bytes, 1);
    p = put_le(p, h->bytes, 8);
    for (size_t i = 0; i < WORDS; i++)
        p = put_le(p, h->alg == DIGEST_SHA256 ? h->ctx.s256.h[i] : h->ctx.s512.h[i], word);
    if (h->alg == DIGEST_SHA256) {
        assert(h->ctx.s256.num == pending);
        p = mempcpy(p, h->ctx.s256.data, pending);
    } else {
        assert(h->ctx.s512.num == pending);
        p = mempcpy(p, h->ctx.s512.u.p, pending);
    }
    digest_compute(DIGEST_SHA256, buf, (size_t) (p - buf), &check);
    p = mempcpy(p, check.bytes, STATE_CHECK);
    return (size_t) (p - buf);
}

int
hasher_load(const void *state, size_t n, struct hasher **ret, struct err *err)
{
    enum digest_alg alg = DIGEST_NONE;
    const unsigned char *p = state;
    size_t word, pending;
    struct digest check;
    struct hasher *h;
    uint64_t bytes;

    if (n < STATE_HEAD + STATE_CHECK || n > HASHER_STATE_MAX || memcmp(p, STATE_MAGIC, 4) != 0)
        return err_set(err, CODE_DATA_LOSS, "not a saved hash state");
    for (enum digest_alg a = DIGEST_SHA256; a <= DIGEST_SHA512; a++)
        if (algs[a].size_bytes == p[4])
            alg = a;
    if (alg == DIGEST_NONE)
        return err_set(err, CODE_DATA_LOSS, "saved hash state of an unknown algorithm");
    bytes = get_le(p + 5, 8);
    word = state_word_bytes(alg);
    pending = state_pending_bytes(alg, bytes);
    if (n != STATE_HEAD + WORDS * word + pending + STATE_CHECK)
        return err_set(err, CODE_DATA_LOSS, "saved hash state of the wrong length");
    digest_compute(DIGEST_SHA256, p, n - STATE_CHECK, &check);
    if (memcmp(check.bytes, p + n - STATE_CHECK, STATE_CHECK) != 0)
        return err_set(err, CODE_DATA_LOSS, "saved hash state is damaged");

    h = hasher_new(alg);
    h->bytes = bytes;
    p += STATE_HEAD;
    for (size_t i = 0; i < WORDS; i++, p += word)
        if (alg == DIGEST_SHA256)
            h->ctx.s256.h[i] = (SHA_LONG) get_le(p, word);
        else
            h->ctx.s512.h[i] = get_le(p, word);
    if (alg == DIGEST_SHA256) {
        h->ctx.s256.Nl = (SHA_LONG) (bytes << 3);
        h->ctx.s256.Nh = (SHA_LONG) (bytes >> 29);
        h->ctx.s256.num = (unsigned) pending;
        memcpy(h->ctx.s256.data, p, pending);
    } else {
        h->ctx.s512.Nl = bytes << 3;
        h->ctx.s512.Nh = bytes >> 61;
        h->ctx.s512.num = (unsigned) pending;
        memcpy(h->ctx.s512.u.p, p, pending);
    }
    *ret = h;
    return 0;
}
