/* SPDX-License-Identifier: Apache-2.0 */
/* Image references: parsing, normalisation, display. */
#include "libross/oci/oci_ref.h"

#include <string.h>

#define LEGACY_DOMAIN   "index.docker.io"
#define OFFICIAL_PREFIX "library/"
#define IMAGE_ID_HEX    64

/*
 *   reference  = [ domain "/" ] path [ ":" tag ] [ "@" digest ]
 *   domain     = ( component { "." component } | "[" ipv6 "]" ) [ ":" digits ]
 *   component  = letters, digits and, not at its ends, hyphens
 *   path       = part { "/" part }
 *   part       = alnum { separator alnum }       lower case; separator: "." "_" "__" or any number of "-"
 *   tag        = word character { word character | "." | "-" }, at most 128
 */

static bool
is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool
is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool
is_alnum(char c)
{
    return is_lower_alnum(c) || is_upper(c);
}

static bool
has_upper(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (is_upper(s[i]))
            return true;
    return false;
}

/* The end of "[::1]" or "a.b-c", NULL when malformed. */
static const char *
skip_host(const char *p)
{
    if (*p == '[') {
        size_t n = strspn(p + 1, "0123456789abcdefABCDEF:");

        return n && p[1 + n] == ']' ? p + n + 2 : NULL;
    }
    for (;; p++) {
        if (!is_alnum(*p))
            return NULL;
        while (is_alnum(*p) || *p == '-')
            p++;
        if (p[-1] == '-')
            return NULL;
        if (*p != '.')
            return p;
    }
}

static bool
is_domain(const char *s)
{
    const char *p = skip_host(s);
    size_t n;

    if (!p)
        return false;
    if (!*p)
        return true;
    if (*p++ != ':')
        return false;
    n = strspn(p, "0123456789");
    return n && !p[n];
}

/* The end of one separator between alphanumeric runs, or `p` itself. */
static const char *
skip_separator(const char *p)
{
    if (*p == '.')
        return p + 1;
    if (*p == '_')
        return p[1] == '_' ? p + 2 : p + 1;
    while (*p == '-')
        p++;
    return p;
}

static bool
is_path(const char *p)
{
    for (;; p++) {
        for (;;) {
            if (!is_lower_alnum(*p))
                return false;
            while (is_lower_alnum(*p))
                p++;
            if (!*p || *p == '/')
                break;
            p = skip_separator(p);
        }
        if (!*p)
            return true;
    }
}

static bool
is_tag(const char *s)
{
    size_t n = strlen(s);

    if (n == 0 || n > OCI_REF_TAG_MAX || !(is_alnum(*s) || *s == '_'))
        return false;
    for (; *s; s++)
        if (!is_alnum(*s) && !strchr("_.-", *s))
            return false;
    return true;
}

static bool
is_image_id(const char *s)
{
    return strspn(s, "0123456789abcdef") == IMAGE_ID_HEX && !s[IMAGE_ID_HEX];
}

/* Whether the part before the first '/' is a registry and not the first part of a path. */
static bool
looks_like_domain(const char *s, size_t n)
{
    return memchr(s, '.', n) || memchr(s, ':', n) || has_upper(s, n) ||
           (n == strlen("localhost") && memcmp(s, "localhost", n) == 0);
}

/* Takes the domain off the front of *s. malloc'ed. */
static char *
split_domain(const char **s)
{
    const char *slash = strchr(*s, '/');
    char *domain;

    if (!slash || !looks_like_domain(*s, (size_t) (slash - *s)))
        return xstrdup(OCI_REF_DEFAULT_DOMAIN);
    domain = xstrndup(*s, (size_t) (slash - *s));
    *s = slash + 1;
    if (strcmp(domain, LEGACY_DOMAIN) == 0) {
        free(domain);
        domain = xstrdup(OCI_REF_DEFAULT_DOMAIN);
    }
    return domain;
}

static int
bad(struct err *err, const char *s, const char *why)
{
    return err_set(err, CODE_INVALID_ARGUMENT, "invalid image reference '%.256s': %s", s, why);
}

/* Of what oci_ref_format makes of it when it has got its default tag: that must parse again. */
static size_t
full_length(const struct oci_ref *ref)
{
    auto_free char *full = oci_ref_format(ref);

    return strlen(full) +
           (ref->tag || digest_is_set(&ref->digest) ? 0 : strlen(":" OCI_REF_DEFAULT_TAG));
}

int
oci_ref_parse_name(const char *s, struct oci_ref *ret, struct err *err)
{
    AUTO(oci_ref) ref = {0};
    const char *rest = s, *at, *colon, *end;
    bool official;
    int r;

    if (!*s)
        return err_set(err, CODE_INVALID_ARGUMENT, "the image reference is empty");
    if (strnlen(s, OCI_REF_MAX + 1) > OCI_REF_MAX)
        return bad(err, s, "it is too long");
    if (is_image_id(s))
        return bad(err, s, "a name must not be 64 hex digits, which is an image id");

    ref.domain = split_domain(&rest);
    end = at = strchrnul(rest, '@');
    colon = memchr(rest, ':', (size_t) (at - rest));
    if (*at) {
        r = digest_parse(at + 1, &ref.digest, err);
        if (r < 0)
            return err_wrap(err, r, "invalid image reference '%.256s'", s);
    }
    if (colon) {
        ref.tag = xstrndup(colon + 1, (size_t) (at - colon - 1));
        end = colon;
    }
    official = strcmp(ref.domain, OCI_REF_DEFAULT_DOMAIN) == 0 &&
               !memchr(rest, '/', (size_t) (end - rest));
    ref.path = xasprintf("%s%.*s", official ? OFFICIAL_PREFIX : "", (int) (end - rest), rest);

    if (!is_domain(ref.domain))
        return bad(err, s, "the registry is no host name, optionally with a port");
    if (end == rest)
        return bad(err, s, "it has no repository name");
    if (has_upper(rest, (size_t) (end - rest)))
        return bad(err, s, "the repository name must be lower case");
    if (!is_path(ref.path))
        return bad(
            err, s,
            "a repository name is made of lower-case letters and digits, with single '.', '_', "
            "'__' or dashes between them");
    if (strlen(ref.path) > OCI_REF_PATH_MAX)
        return bad(err, s, "the repository name has more than 255 characters");
    if (ref.tag && !is_tag(ref.tag))
        return bad(err, s,
                   "a tag is at most 128 letters, digits, '_', '.' and '-', beginning with neither "
                   "'.' nor '-'");
    if (full_length(&ref) > OCI_REF_MAX)
        return bad(err, s, "with its registry and tag it is too long");
    *ret = TAKE_STRUCT(ref);
    return 0;
}

int
oci_ref_parse(const char *s, struct oci_ref *ret, struct err *err)
{
    int r = oci_ref_parse_name(s, ret, err);

    if (r < 0)
        return r;
    if (!ret->tag && !digest_is_set(&ret->digest))
        ret->tag = xstrdup(OCI_REF_DEFAULT_TAG);
    return 0;
}

/* name [":" tag] ["@" digest] */
static char *
with_version(const struct oci_ref *ref, const char *name)
{
    char shown[DIGEST_STR_MAX];

    return xasprintf("%s%s%s%s%s", name, ref->tag ? ":" : "", ref->tag ? ref->tag : "",
                     digest_is_set(&ref->digest) ? "@" : "", digest_format(&ref->digest, shown));
}

char *
oci_ref_repository(const struct oci_ref *ref)
{
    return xasprintf("%s/%s", ref->domain, ref->path);
}

char *
oci_ref_format(const struct oci_ref *ref)
{
    auto_free char *name = oci_ref_repository(ref);

    return with_version(ref, name);
}

char *
oci_ref_familiar_name(const struct oci_ref *ref)
{
    const char *slash = strchr(ref->path, '/'), *official = ref->path + strlen(OFFICIAL_PREFIX);

    if (strcmp(ref->domain, OCI_REF_DEFAULT_DOMAIN) != 0)
        return oci_ref_repository(ref);
    if (strncmp(ref->path, OFFICIAL_PREFIX, strlen(OFFICIAL_PREFIX)) == 0 &&
        !strchr(official, '/') && !is_image_id(official))
        return xstrdup(official);
    /* what would be taken for a registry keeps its own, and one without '/' would become official */
    if (!slash || looks_like_domain(ref->path, (size_t) (slash - ref->path)))
        return oci_ref_repository(ref);
    return xstrdup(ref->path);
}

char *
oci_ref_familiar(const struct oci_ref *ref)
{
    auto_free char *name = oci_ref_familiar_name(ref);

    return with_version(ref, name);
}

struct oci_ref
oci_ref_clone(const struct oci_ref *ref)
{
    return (struct oci_ref){
        .domain = ref->domain ? xstrdup(ref->domain) : NULL,
        .path = ref->path ? xstrdup(ref->path) : NULL,
        .tag = ref->tag ? xstrdup(ref->tag) : NULL,
        .digest = ref->digest,
    };
}

void
oci_ref_done(struct oci_ref *ref)
{
    free(ref->domain);
    free(ref->path);
    free(ref->tag);
    *ref = (struct oci_ref){0};
}
