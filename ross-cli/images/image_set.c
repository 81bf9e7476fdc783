/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/images/image_set.h"

#include <string.h>

#include "api/client/records_client.h"
#include "libross/base/clock.h"
#include "libross/contract/content_read.h"
#include "libross/oci/chain_id.h"
#include "libross/oci/oci_config.h"
#include "libross/oci/oci_manifest.h"
#include "libross/oci/oci_ref.h"

void
image_set_done(struct image_set *s)
{
    for (size_t i = 0; i < s->n; i++) {
        image_done(&s->items[i].image);
        labels_done(&s->items[i].labels);
        free(s->items[i].objects);
    }
    for (size_t i = 0; i < s->n_objects; i++)
        free(s->objects[i].key);
    free(s->items);
    free(s->objects);
    strv_done(&s->containers);
    *s = (struct image_set){0};
}

/* ---- pure ---- */

static size_t
find_object(const struct image_set *s, const char *key, bool snapshot)
{
    for (size_t i = 0; i < s->n_objects; i++)
        if (s->objects[i].snapshot == snapshot && strcmp(s->objects[i].key, key) == 0)
            return i;
    return SIZE_MAX;
}

size_t
image_set_object(struct image_set *s, const char *key, bool snapshot, int64_t size_bytes)
{
    size_t i = find_object(s, key, snapshot);

    if (i != SIZE_MAX)
        return i;
    s->objects = xreallocarray(s->objects, s->n_objects + 1, sizeof *s->objects);
    s->objects[s->n_objects] =
        (struct image_object){.key = xstrdup(key), .snapshot = snapshot, .size_bytes = size_bytes};
    return s->n_objects++;
}

const struct image_object *
image_set_find(const struct image_set *s, const char *key, bool snapshot)
{
    size_t i = find_object(s, key, snapshot);

    return i == SIZE_MAX ? NULL : &s->objects[i];
}

size_t
image_set_add(struct image_set *s, struct image *image)
{
    size_t twin = 0;

    while (twin < s->n && !digest_equal(&s->items[twin].image.target.digest, &image->target.digest))
        twin++;
    s->items = xreallocarray(s->items, s->n + 1, sizeof *s->items);
    s->items[s->n] = (struct image_member){.image = TAKE_STRUCT(*image), .twin = twin};
    return s->n++;
}

void
image_set_give(struct image_set *s, size_t i, size_t object)
{
    struct image_member *m = &s->items[i];

    if (m->twin != i)
        return;
    for (size_t k = 0; k < m->n_objects; k++)
        if (m->objects[k] == object)
            return;
    m->objects = xreallocarray(m->objects, m->n_objects + 1, sizeof *m->objects);
    m->objects[m->n_objects++] = object;
    s->objects[object].users++;
}

struct image_size
image_set_size(const struct image_set *s, size_t i)
{
    const struct image_member *m = &s->items[s->items[i].twin];
    struct image_size size = {0};

    for (size_t k = 0; k < m->n_objects; k++) {
        const struct image_object *o = &s->objects[m->objects[k]];
        *(o->users > 1 ? &size.shared_bytes : &size.unique_bytes) += o->size_bytes;
    }
    size.total_bytes = size.shared_bytes + size.unique_bytes;
    return size;
}

/* Whether every name of the target goes. */
static bool
target_goes(const struct image_set *s, size_t first, const bool *gone)
{
    for (size_t i = first; i < s->n; i++)
        if (s->items[i].twin == first && !gone[i])
            return false;
    return true;
}

int64_t
image_set_freed(const struct image_set *s, const bool *gone)
{
    unsigned *left = xcalloc(s->n_objects + 1, sizeof *left);
    int64_t freed = 0;

    for (size_t i = 0; i < s->n; i++)
        if (s->items[i].twin == i && !target_goes(s, i, gone))
            for (size_t k = 0; k < s->items[i].n_objects; k++)
                left[s->items[i].objects[k]]++;
    for (size_t k = 0; k < s->n_objects; k++)
        if (!left[k] && s->objects[k].users)
            freed += s->objects[k].size_bytes;
    free(left);
    return freed;
}

bool
image_name_is_none(const char *name)
{
    AUTO(oci_ref) ref = {0};

    return strncmp(name, "sha256:", 7) == 0 || strncmp(name, "<none>", 6) == 0 ||
           oci_ref_parse(name, &ref, NULL) < 0;
}

bool
image_set_has_name(const struct image_set *s, size_t i)
{
    for (size_t k = 0; k < s->n; k++)
        if (s->items[k].twin == s->items[i].twin && !image_name_is_none(s->items[k].image.name))
            return true;
    return false;
}

/* ---- reading ---- */

struct reading {
    struct session *s;
    struct content *content;
    struct snapshots *snapshots;
    struct image_set *set;
};

/* The blob's position, or SIZE_MAX when it is not here. */
static size_t
blob_object(struct reading *rd, const struct digest *d)
{
    char key[DIGEST_STR_MAX];
    struct content_info info = {0};
    size_t found = find_object(rd->set, digest_format(d, key), false);

    if (found != SIZE_MAX)
        return found;
    if (content_info_get(rd->content, &rd->s->ctx, d, &info, NULL) < 0)
        return SIZE_MAX;
    found = image_set_object(rd->set, key, false, info.size_bytes);
    content_info_done(&info);
    return found;
}

static bool
give_blob(struct reading *rd, size_t member, const struct oci_desc *d)
{
    size_t object = blob_object(rd, &d->digest);

    if (object != SIZE_MAX)
        image_set_give(rd->set, member, object);
    return object != SIZE_MAX;
}

static void
give_snapshots(struct reading *rd, size_t member, const struct oci_config *config)
{
    struct digest chain[LAYERS_MAX];
    char key[DIGEST_STR_MAX];

    if (config->n_diff_ids == 0 || config->n_diff_ids > LAYERS_MAX)
        return;
    chain_id_compute(config->diff_ids, config->n_diff_ids, chain);
    for (size_t i = 0; i < config->n_diff_ids; i++) {
        struct snapshot_usage usage = {0};
        size_t object = find_object(rd->set, digest_format(&chain[i], key), true);
        if (object == SIZE_MAX) {
            if (snapshots_usage(rd->snapshots, &rd->s->ctx, key, &usage, NULL) < 0)
                continue;
            object = image_set_object(rd->set, key, true, usage.size_bytes);
        }
        image_set_give(rd->set, member, object);
    }
}

static void
read_config(struct reading *rd, size_t member, const struct oci_desc *d)
{
    AUTO(buf) bytes = BUF_INIT(OCI_CONFIG_SIZE_MAX);
    AUTO(oci_config) config = {0};
    struct image_member *m = &rd->set->items[member];
    int64_t created;

    if (content_read_blob(rd->content, &rd->s->ctx, d, &bytes, NULL) < 0 ||
        oci_config_parse(bytes.data, bytes.len, &config, NULL) < 0)
        return;
    if (config.created && clock_parse(config.created, &created, NULL) == 0 &&
        created > m->created_ns)
        m->created_ns = created;
    for (size_t i = 0; i < config.labels.n; i++)
        labels_set_raw(&m->labels, config.labels.items[i].key, config.labels.items[i].value);
    give_snapshots(rd, member, &config);
}

static void
read_manifest(struct reading *rd, size_t member, const struct oci_desc *d, const struct buf *bytes)
{
    AUTO(oci_manifest) m = {0};

    if (oci_manifest_parse(bytes->data, bytes->len, d->media_type, &m, NULL) < 0)
        return;
    if (give_blob(rd, member, &m.config))
        read_config(rd, member, &m.config);
    for (size_t i = 0; i < m.n_layers; i++)
        (void) give_blob(rd, member, &m.layers[i]);
}

/* What is below a descriptor, as far as it is here and is understood. */
static void
read_below(struct reading *rd, size_t member, const struct oci_desc *d, int depth)
{
    AUTO(buf) bytes = BUF_INIT(MANIFEST_SIZE_MAX);
    AUTO(oci_index) index = {0};
    enum media_kind kind;

    if (!give_blob(rd, member, d) || depth > OCI_INDEX_DEPTH_MAX)
        return;
    kind = media_type_kind(d->media_type);
    if (kind != MEDIA_INDEX && kind != MEDIA_MANIFEST)
        return;
    if (content_read_blob(rd->content, &rd->s->ctx, d, &bytes, NULL) < 0)
        return;
    if (kind == MEDIA_MANIFEST) {
        read_manifest(rd, member, d, &bytes);
        return;
    }
    if (oci_index_parse(bytes.data, bytes.len, d->media_type, &index, NULL) < 0)
        return;
    for (size_t i = 0; i < index.n; i++)
        read_below(rd, member, &index.manifests[i], depth + 1);
}

static int
note_image(const struct image *image, void *arg)
{
    struct image copy = {
        .name = xstrdup(image->name),
        .target = oci_desc_clone(&image->target),
        .labels = labels_clone(&image->labels),
        .created_ns = image->created_ns,
        .updated_ns = image->updated_ns,
    };

    (void) image_set_add(arg, &copy);
    return 0;
}

static int
note_container(const struct container *c, void *arg)
{
    struct image_set *set = arg;

    strv_add(&set->containers, c->id);
    for (size_t i = 0; i < set->n; i++) {
        if (strcmp(set->items[i].image.name, c->image) != 0)
            continue;
        for (size_t k = 0; k < set->n; k++)
            if (set->items[k].twin == set->items[i].twin)
                set->items[k].containers++;
        break;
    }
    return 0;
}

static void
copy_twin(struct image_member *to, const struct image_member *from)
{
    to->created_ns = from->created_ns;
    to->labels = labels_clone(&from->labels);
}

int
image_set_read(struct session *s, struct image_set *ret, struct err *err)
{
    AUTO(image_set) set = {0};
    struct reading rd = {.s = s, .set = &set};
    AUTO(strv) all = {0};
    struct rpc_channel *ch;
    int r = session_contentd(s, &ch, err);

    if (r == 0)
        r = session_content(s, &rd.content, err);
    if (r == 0)
        r = session_snapshots(s, &rd.snapshots, err);
    if (r == 0)
        r = images_client_list(ch, &s->ctx, &all, note_image, &set, err);
    if (r == 0)
        r = containers_client_list(ch, &s->ctx, &all, note_container, &set, err);
    if (r != 0)
        return r;
    strv_sort(&set.containers);
    for (size_t i = 0; i < set.n; i++) {
        if (set.items[i].twin == i)
            read_below(&rd, i, &set.items[i].image.target, 0);
        else
            copy_twin(&set.items[i], &set.items[set.items[i].twin]);
    }
    *ret = TAKE_STRUCT(set);
    return 0;
}
