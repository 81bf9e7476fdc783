/* SPDX-License-Identifier: Apache-2.0 */
/* The image that a person means: a reference, in short or whole, or the beginning of a digest. */
#include "image_find.h"

#include <ctype.h>
#include <string.h>

#include "api/client/records_client.h"
#include "libross/oci/oci_ref.h"

#define DIGEST_PREFIX_MIN 4

struct search {
    const char *hex;
    struct image found;
    unsigned matches; /* with different digests */
};

static int
consider(const struct image *image, void *arg)
{
    struct search *search = arg;
    char hex[DIGEST_HEX_MAX];

    if (strncmp(digest_hex(&image->target.digest, hex), search->hex, strlen(search->hex)) != 0)
        return 0;
    if (search->matches && digest_equal(&image->target.digest, &search->found.target.digest))
        return 0;
    search->matches++;
    image_done(&search->found);
    search->found = (struct image){
        .name = xstrdup(image->name),
        .target = oci_desc_clone(&image->target),
        .labels = labels_clone(&image->labels),
        .created_ns = image->created_ns,
        .updated_ns = image->updated_ns,
    };
    return 0;
}

/* 1 found, 0 not. */
static int
find_by_digest(struct session *s, struct rpc_channel *ch, const char *word, struct image *ret,
               struct err *err)
{
    struct search search = {.hex = strncmp(word, "sha256:", 7) == 0 ? word + 7 : word};
    AUTO(strv) all = {0};
    int r;

    for (const char *p = search.hex; *p; p++)
        if (!isxdigit((unsigned char) *p) || isupper((unsigned char) *p))
            return 0;
    if (strlen(search.hex) < DIGEST_PREFIX_MIN)
        return 0;
    r = images_client_list(ch, &s->ctx, &all, consider, &search, err);
    if (r == 0 && search.matches > 1)
        r = err_set(err, CODE_INVALID_ARGUMENT,
                    "%u images have digests that begin with '%.64s'; write more of it",
                    search.matches, search.hex);
    if (r < 0 || !search.matches) {
        image_done(&search.found);
        return r;
    }
    *ret = search.found;
    return 1;
}

int
image_find(struct session *s, const char *word, struct image *ret, struct err *err)
{
    AUTO(oci_ref) ref = {0};
    auto_free char *name = NULL;
    struct rpc_channel *ch;
    int parsed, r;

    r = session_contentd(s, &ch, err);
    if (r < 0)
        return r;
    parsed = oci_ref_parse(word, &ref, err);
    if (parsed == 0) {
        name = oci_ref_format(&ref);
        r = images_client_get(ch, &s->ctx, name, ret, err);
        if (r != -CODE_NOT_FOUND)
            return r;
    }
    /* containerd's clients store some images under names that are no references */
    r = images_client_get(ch, &s->ctx, word, ret, NULL);
    if (r == 0)
        return 0;
    r = find_by_digest(s, ch, word, ret, err);
    if (r != 0)
        return r < 0 ? r : 0;
    if (parsed < 0)
        return oci_ref_parse(word, &ref, err);
    return err_set(err, CODE_NOT_FOUND,
                   "there is no image '%s' here; 'ross-cli pull %s' fetches it", name, word);
}
