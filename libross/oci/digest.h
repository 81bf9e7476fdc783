/* SPDX-License-Identifier: Apache-2.0 */
/* Content digests (image-spec descriptor.md, "Digests") and hashing; the one door to OpenSSL's digests. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libross/base/err.h"
#include "libross/base/mem.h"

enum digest_alg { DIGEST_NONE, DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512 };

#define DIGEST_BYTES_MAX 64
#define DIGEST_HEX_MAX   (2 * DIGEST_BYTES_MAX + 1)
#define DIGEST_STR_MAX   (7 + DIGEST_HEX_MAX)

/* A value; zeroed is "no digest" (DIGEST_NONE). */
struct digest {
    enum digest_alg alg;
    unsigned char bytes[DIGEST_BYTES_MAX]; /* digest_size(alg) of them count, the rest is 0 */
};

/* "sha256:" and exactly 64 lower-case hex digits (96 for sha384, 128 for sha512); else InvalidArgument. */
int digest_parse(const char *s, struct digest *ret, struct err *err);
/* "alg:hex" into buf; "" for DIGEST_NONE. Returns buf. */
char *digest_format(const struct digest *d, char buf[static DIGEST_STR_MAX]);
/* Only the hex part. Returns buf. */
char *digest_hex(const struct digest *d, char buf[static DIGEST_HEX_MAX]);
bool digest_equal(const struct digest *a, const struct digest *b);
int digest_cmp(const struct digest *a, const struct digest *b);
bool digest_is_set(const struct digest *d);
const char *digest_alg_name(enum digest_alg alg);  /* "sha256"; "" for NONE */
enum digest_alg digest_alg_find(const char *name); /* DIGEST_NONE when unknown */
size_t digest_size(enum digest_alg alg);           /* bytes */
void digest_compute(enum digest_alg alg, const void *p, size_t n, struct digest *ret);

/* A running hash. sha256 uses the processor's SHA instructions through OpenSSL. */
struct hasher;
struct hasher *hasher_new(enum digest_alg alg);
void hasher_update(struct hasher *h, const void *p, size_t n);
/* The digest so far; the hasher goes on. */
void hasher_peek(const struct hasher *h, struct digest *ret);
void hasher_reset(struct hasher *h);
enum digest_alg hasher_alg(const struct hasher *h);
uint64_t hasher_bytes(const struct hasher *h);
/*
 * Saves and restores the state so that a resume need not re-read what was hashed. At most HASHER_STATE_MAX bytes,
 * own versioned format. load: DataLoss when the bytes are not such a state.
 */
#define HASHER_STATE_MAX 512
size_t hasher_save(const struct hasher *h, unsigned char buf[static HASHER_STATE_MAX]);
int hasher_load(const void *p, size_t n, struct hasher **ret, struct err *err);
void hasher_free(struct hasher *h);
DEFINE_AUTO_PTR(hasher)
