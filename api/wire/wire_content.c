/* SPDX-License-Identifier: Apache-2.0 */
/* Info and Status of the Content service. */
#include "wire_content.h"

#include "services/content/v1/content.pb-c.h"

typedef Containerd__Services__Content__V1__Info Info;
typedef Containerd__Services__Content__V1__Status Status;

char *
wire_digest_to(struct arena *a, const struct digest *d)
{
    char shown[DIGEST_STR_MAX];

    return arena_strdup(a, digest_format(d, shown));
}

int
wire_digest_from(const char *s, struct digest *ret, struct err *err)
{
    if (!*wire_str(s)) {
        *ret = (struct digest){0};
        return 0;
    }
    return digest_parse(s, ret, err);
}

struct Containerd__Services__Content__V1__Info *
wire_info_to(struct arena *a, const struct content_info *i)
{
    Info *m = wire_new(a, &containerd__services__content__v1__info__descriptor);

    m->digest = wire_digest_to(a, &i->digest);
    m->size = i->size_bytes;
    m->created_at = wire_time_to(a, i->created_ns);
    m->updated_at = wire_time_to(a, i->updated_ns);
    m->labels = wire_labels_to(a, &i->labels,
                               &containerd__services__content__v1__info__labels_entry__descriptor,
                               &m->n_labels);
    return m;
}

int
wire_info_from(const struct Containerd__Services__Content__V1__Info *m, struct content_info *ret,
               struct err *err)
{
    AUTO(content_info) i = {0};
    int r;

    if (!m)
        return err_set(err, CODE_INVALID_ARGUMENT, "info is missing");
    r = digest_parse(wire_str(m->digest), &i.digest, err);
    if (r < 0)
        return r;
    r = wire_labels_from(m->labels, m->n_labels, &i.labels, err);
    if (r < 0)
        return r;
    i.size_bytes = m->size;
    i.created_ns = wire_time_from(m->created_at);
    i.updated_ns = wire_time_from(m->updated_at);
    *ret = TAKE_STRUCT(i);
    return 0;
}

struct Containerd__Services__Content__V1__Status *
wire_status_to(struct arena *a, const struct ingest_status *s)
{
    Status *m = wire_new(a, &containerd__services__content__v1__status__descriptor);

    m->started_at = wire_time_to(a, s->started_ns);
    m->updated_at = wire_time_to(a, s->updated_ns);
    m->ref = arena_strdup(a, s->ref);
    m->offset = s->offset;
    m->total = s->total;
    m->expected = wire_digest_to(a, &s->expected);
    return m;
}

int
wire_status_from(const struct Containerd__Services__Content__V1__Status *m,
                 struct ingest_status *ret, struct err *err)
{
    AUTO(ingest_status) s = {0};
    int r;

    if (!m)
        return err_set(err, CODE_INTERNAL, "status is missing");
    r = wire_digest_from(m->expected, &s.expected, err);
    if (r < 0)
        return r;
    s.ref = xstrdup(wire_str(m->ref));
    s.offset = m->offset;
    s.total = m->total;
    s.started_ns = wire_time_from(m->started_at);
    s.updated_ns = wire_time_from(m->updated_at);
    *ret = TAKE_STRUCT(s);
    return 0;
}
