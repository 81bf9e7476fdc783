/* SPDX-License-Identifier: Apache-2.0 */
/* The image that a person means: a reference, in short or whole, or the beginning of a digest or an id. */
#include "image_find.h"

#include <string.h>

#include "api/client/records_client.h"
#include "image_open.h"
#include "libross/oci/oci_ref.h"

#define DIGEST_PREFIX_MIN 4

struct search {
    const char *hex;
    struct image found;
    unsigned matches; /* with different digests */
};

static struct image
copy_of(const struct image *image)
{
    return (struct image){
        .name = xstrdup(image->name),
        .target = oci_desc_clone(&image->target),
        .labels = labels_clone(&image->labels),
        .created_ns = image->created_ns,
        .updated_ns = image->updated_ns,
    };
}

/* "sha256:0123…", "0123" → the digits; NULL when it is nothing of the kind. */
static const char *
digest_word(const char *word)
{
    const char *hex = strncmp(word, "sha256:", 7) == 0 ? word + 7 : word;

    if (strlen(hex) < DIGEST_PREFIX_MIN || hex[strspn(hex, "0123456789abcdef")])
        return NULL;
    return hex;
}

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
    search->found = copy_of(image);
    return 0;
}

/* 1 found, 0 not. */
static int
find_by_digest(struct session *s, struct rpc_channel *ch, const char *word, struct image *ret,
               struct err *err)
{
    struct search search = {.hex = digest_word(word)};
    AUTO(strv) all = {0};
    int r;

    if (!search.hex)
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

/* ---- ids ---- */

struct all {
    struct image *items;
    size_t n;
};

static int
keep(const struct image *image, void *arg)
{
    struct all *all = arg;

    all->items = xreallocarray(all->items, all->n + 1, sizeof *all->items);
    all->items[all->n++] = copy_of(image);
    return 0;
}

/* Does the id of the image, the digest of its config for this machine, begin so? */
static bool
has_id(struct session *s, struct content *content, const struct image *image, const char *hex,
       struct digest *ret_id)
{
    AUTO(image_view) view = {0};
    char found[DIGEST_HEX_MAX];

    if (image_open(content, &s->ctx, image, NULL, &view, NULL) < 0)
        return false;
    *ret_id = view.manifest.config.digest;
    return strncmp(digest_hex(ret_id, found), hex, strlen(hex)) == 0;
}

/* 1 found, 0 not. Every image is opened: only when no name and no digest of a manifest fits. */
static int
find_by_id(struct session *s, struct rpc_channel *ch, const char *word, struct image *ret,
           struct err *err)
{
    const char *hex = digest_word(word);
    AUTO(strv) none = {0};
    struct digest first = {0}, id;
    struct content *content;
    struct all all = {0};
    size_t at = 0, matches = 0;
    int r;

    if (!hex)
        return 0;
    r = session_content(s, &content, err);
    if (r == 0)
        r = images_client_list(ch, &s->ctx, &none, keep, &all, err);
    for (size_t i = 0; r == 0 && i < all.n; i++) {
        if (!has_id(s, content, &all.items[i], hex, &id) || (matches && digest_equal(&id, &first)))
            continue;
        first = id;
        at = i;
        matches++;
    }
    if (r == 0 && matches > 1)
        r = err_set(err, CODE_INVALID_ARGUMENT,
                    "%zu images have ids that begin with '%.64s'; write more of it", matches, hex);
    if (r == 0 && matches)
        *ret = TAKE_STRUCT(all.items[at]);
    for (size_t i = 0; i < all.n; i++)
        image_done(&all.items[i]);
    free(all.items);
    return r < 0 ? r : matches == 1;
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
    if (r == 0)
        r = find_by_id(s, ch, word, ret, err);
    if (r != 0)
        return r < 0 ? r : 0;
    if (parsed < 0)
        return oci_ref_parse(word, &ref, err);
    return err_set(err, CODE_NOT_FOUND,
                   "there is no image '%s' here; 'ross-cli pull %s' fetches it", name, word);
}
