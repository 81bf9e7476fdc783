/* SPDX-License-Identifier: Apache-2.0 */
/* The few fields of a runtime spec that a shim needs, read without building a tree. */
#include "libross/oci/spec_read.h"

#include <string.h>

#include "libross/base/mem_try.h"

#define STRING_MAX      (64 * 1024) /* of a string that is kept */
#define KEY_MAX         32          /* of a key that is looked for */
#define ANNOTATIONS_MAX 4096

struct reader {
    const char *p, *end;
    int depth;
    struct err *err;
};

static int
bad(struct reader *r, const char *why)
{
    return err_set(r->err, CODE_INVALID_ARGUMENT, "runtime spec: %s, %zu bytes before its end", why,
                   (size_t) (r->end - r->p));
}

static void
skip_space(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\t' || *r->p == '\r'))
        r->p++;
}

/* The next byte that is no white space, not consumed; 0 at the end. */
static char
look(struct reader *r)
{
    skip_space(r);
    return r->p < r->end ? *r->p : '\0';
}

static bool
take(struct reader *r, char c)
{
    if (look(r) != c)
        return false;
    r->p++;
    return true;
}

static int
take_hex4(struct reader *r, uint32_t *ret)
{
    *ret = 0;
    if (r->end - r->p < 4)
        return bad(r, "broken escape");
    for (int i = 0; i < 4; i++, r->p++) {
        char c = *r->p;
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t) (c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t) (c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t) (c - 'A' + 10)
                                                : 16;

        if (digit == 16)
            return bad(r, "broken escape");
        *ret = *ret << 4 | digit;
    }
    return 0;
}

static size_t
put_utf8(uint32_t c, char to[static 4])
{
    if (c < 0x80) {
        to[0] = (char) c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char) (0xc0 | c >> 6);
        to[1] = (char) (0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char) (0xe0 | c >> 12);
        to[1] = (char) (0x80 | (c >> 6 & 0x3f));
        to[2] = (char) (0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (char) (0xf0 | c >> 18);
    to[1] = (char) (0x80 | (c >> 12 & 0x3f));
    to[2] = (char) (0x80 | (c >> 6 & 0x3f));
    to[3] = (char) (0x80 | (c & 0x3f));
    return 4;
}

/* After a backslash: the bytes that it stands for. */
static int
read_escape(struct reader *r, char to[static 4], size_t *ret_n)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    const char *at = r->p < r->end && *r->p ? strchr(from, *r->p) : NULL;
    uint32_t c, low;
    int e;

    *ret_n = 1;
    if (at) {
        to[0] = into[at - from];
        r->p++;
        return 0;
    }
    if (r->p == r->end || *r->p != 'u')
        return bad(r, "broken escape");
    r->p++;
    e = take_hex4(r, &c);
    if (e < 0)
        return e;
    if (c >= 0xd800 && c <= 0xdbff && r->end - r->p >= 2 && r->p[0] == '\\' && r->p[1] == 'u') {
        r->p += 2;
        e = take_hex4(r, &low);
        if (e < 0)
            return e;
        if (low < 0xdc00 || low > 0xdfff)
            return bad(r, "half a character in a string");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    if ((c >= 0xd800 && c <= 0xdfff) || c == 0)
        return bad(r, "half a character or NUL in a string");
    *ret_n = put_utf8(c, to);
    return 0;
}

/*
 * A string into buf (size bytes with the NUL), *ret_len its length; what does not fit is dropped, and *ret_len
 * then is size or more. buf NULL: only skipped.
 */
static int
read_string(struct reader *r, char *buf, size_t size, size_t *ret_len)
{
    size_t len = 0, n;
    char piece[4];
    int e;

    if (!take(r, '"'))
        return bad(r, "expected a string");
    for (;;) {
        if (r->p == r->end || (unsigned char) *r->p < 0x20)
            return bad(r, "unterminated string");
        if (*r->p == '"')
            break;
        if (*r->p == '\\') {
            r->p++;
            e = read_escape(r, piece, &n);
            if (e < 0)
                return e;
        } else {
            piece[0] = *r->p++;
            n = 1;
        }
        if (buf && len + n < size)
            memcpy(buf + len, piece, n);
        len += n;
    }
    r->p++;
    if (buf)
        buf[len < size ? len : 0] = '\0';
    if (ret_len)
        *ret_len = len;
    return 0;
}

/* A string of any length up to STRING_MAX; null gives NULL. malloc'ed; what was there before is freed. */
static int
take_string(struct reader *r, char **ret)
{
    struct reader ahead = *r;
    size_t len;
    int e;

    if (look(r) != '"')
        return bad(r, "expected a string");
    ahead.p = r->p;
    e = read_string(&ahead, NULL, 0, &len);
    if (e < 0)
        return e;
    if (len > STRING_MAX)
        return bad(r, "a string is too long");
    free(*ret);
    *ret = mem_try_realloc(NULL, len + 1);
    if (!*ret)
        return err_set(r->err, CODE_RESOURCE_EXHAUSTED, "runtime spec: no memory for %zu bytes",
                       len);
    return read_string(r, *ret, len + 1, NULL);
}

static int skip_value(struct reader *r);

/* What one key of an object means: consumes the value. */
typedef int (*member_fn)(struct reader *r, const char *key, void *arg);

/* Calls fn for each member; keys of KEY_MAX and more are passed as "". null counts as an empty object. */
static int
read_object(struct reader *r, member_fn fn, void *arg)
{
    char key[KEY_MAX];
    size_t len;
    int e;

    if (look(r) == 'n')
        return skip_value(r);
    if (!take(r, '{'))
        return bad(r, "expected an object");
    if (++r->depth > SPEC_DEPTH_MAX)
        return bad(r, "nested too deeply");
    for (bool first = true; !take(r, '}'); first = false) {
        if (!first && !take(r, ','))
            return bad(r, "expected ',' or '}'");
        e = read_string(r, key, sizeof key, &len);
        if (e < 0)
            return e;
        if (!take(r, ':'))
            return bad(r, "expected ':'");
        e = fn(r, key, arg);
        if (e < 0)
            return e;
    }
    r->depth--;
    return 0;
}

typedef int (*item_fn)(struct reader *r, void *arg);

static int
read_array(struct reader *r, item_fn fn, void *arg)
{
    int e;

    if (look(r) == 'n')
        return skip_value(r);
    if (!take(r, '['))
        return bad(r, "expected a list");
    if (++r->depth > SPEC_DEPTH_MAX)
        return bad(r, "nested too deeply");
    for (bool first = true; !take(r, ']'); first = false) {
        if (!first && !take(r, ','))
            return bad(r, "expected ',' or ']'");
        e = fn(r, arg);
        if (e < 0)
            return e;
    }
    r->depth--;
    return 0;
}

static int
skip_member(struct reader *r, const char *key, void *arg)
{
    (void) key;
    (void) arg;
    return skip_value(r);
}

static int
skip_item(struct reader *r, void *arg)
{
    (void) arg;
    return skip_value(r);
}

static bool
take_word(struct reader *r, const char *word)
{
    size_t n = strlen(word);

    if ((size_t) (r->end - r->p) < n || memcmp(r->p, word, n) != 0)
        return false;
    r->p += n;
    return true;
}

static int
skip_value(struct reader *r)
{
    size_t n;

    switch (look(r)) {
    case '{':
        return read_object(r, skip_member, NULL);
    case '[':
        return read_array(r, skip_item, NULL);
    case '"':
        return read_string(r, NULL, 0, NULL);
    case 't':
        return take_word(r, "true") ? 0 : bad(r, "no such value");
    case 'f':
        return take_word(r, "false") ? 0 : bad(r, "no such value");
    case 'n':
        return take_word(r, "null") ? 0 : bad(r, "no such value");
    }
    for (n = 0; r->p < r->end && *r->p && strchr("+-.0123456789eE", *r->p); n++)
        r->p++;
    return n ? 0 : bad(r, "expected a value");
}

static int
take_bool(struct reader *r, bool *ret)
{
    bool yes = look(r) == 't';

    if (look(r) != 't' && look(r) != 'f' && look(r) != 'n')
        return bad(r, "expected true or false");
    *ret = yes;
    return skip_value(r);
}

static int
take_u32(struct reader *r, uint32_t *ret)
{
    uint64_t v = 0;
    size_t n;

    skip_space(r);
    for (n = 0; r->p < r->end && *r->p >= '0' && *r->p <= '9'; n++, r->p++) {
        v = v * 10 + (uint64_t) (*r->p - '0');
        if (v > UINT32_MAX)
            return bad(r, "an id is out of range");
    }
    if (!n)
        return bad(r, "expected an id");
    *ret = (uint32_t) v;
    return 0;
}

static int
on_root(struct reader *r, const char *key, void *arg)
{
    struct spec_read *s = arg;

    if (strcmp(key, "path") == 0)
        return take_string(r, &s->root_path);
    if (strcmp(key, "readonly") == 0)
        return take_bool(r, &s->root_readonly);
    return skip_value(r);
}

static int
on_user(struct reader *r, const char *key, void *arg)
{
    struct spec_read *s = arg;

    if (strcmp(key, "uid") == 0)
        return take_u32(r, &s->uid);
    if (strcmp(key, "gid") == 0)
        return take_u32(r, &s->gid);
    return skip_value(r);
}

static int
on_process(struct reader *r, const char *key, void *arg)
{
    struct spec_read *s = arg;

    if (strcmp(key, "terminal") == 0)
        return take_bool(r, &s->terminal);
    if (strcmp(key, "user") == 0)
        return read_object(r, on_user, s);
    return skip_value(r);
}

/* Annotations have keys of any length: read here and not by read_object. */
static int
read_annotations(struct reader *r, struct labels *into)
{
    auto_free char *key = NULL, *value = NULL;
    int e;

    if (look(r) == 'n')
        return skip_value(r);
    if (!take(r, '{'))
        return bad(r, "annotations are no object");
    for (bool first = true; !take(r, '}'); first = false) {
        if (!first && !take(r, ','))
            return bad(r, "expected ',' or '}'");
        e = take_string(r, &key);
        if (e < 0)
            return e;
        if (!take(r, ':'))
            return bad(r, "expected ':'");
        e = take_string(r, &value);
        if (e < 0)
            return e;
        if (into->n == ANNOTATIONS_MAX)
            return bad(r, "too many annotations");
        if (key && value && *key)
            labels_set_raw(into, key, value);
    }
    return 0;
}

struct namespace_item {
    char type[KEY_MAX];
    char *path;
};

static int
on_namespace_member(struct reader *r, const char *key, void *arg)
{
    struct namespace_item *ns = arg;

    if (strcmp(key, "type") == 0)
        return read_string(r, ns->type, sizeof ns->type, NULL);
    if (strcmp(key, "path") == 0)
        return take_string(r, &ns->path);
    return skip_value(r);
}

static int
on_namespace(struct reader *r, void *arg)
{
    struct namespace_item ns = {0};
    struct spec_read *s = arg;
    int e = read_object(r, on_namespace_member, &ns);

    if (e == 0 && strcmp(ns.type, "pid") == 0)
        s->own_pid_namespace = !ns.path || !*ns.path;
    if (e == 0 && strcmp(ns.type, "user") == 0 && ns.path && *ns.path) {
        free(s->user_namespace);
        s->user_namespace = TAKE(ns.path);
    }
    free(ns.path);
    return e;
}

static int
on_map_member(struct reader *r, const char *key, void *arg)
{
    struct spec_read_map *m = arg;

    if (strcmp(key, "containerID") == 0)
        return take_u32(r, &m->container_id);
    if (strcmp(key, "hostID") == 0)
        return take_u32(r, &m->host_id);
    if (strcmp(key, "size") == 0)
        return take_u32(r, &m->size);
    return skip_value(r);
}

struct map_list {
    struct spec_read_map **maps;
    size_t *n;
};

static int
on_map(struct reader *r, void *arg)
{
    struct map_list *list = arg;
    struct spec_read_map m = {0};
    int e = read_object(r, on_map_member, &m);

    if (e < 0)
        return e;
    if (*list->n == SPEC_ID_MAPS_MAX)
        return bad(r, "too many id mappings");
    *list->maps = xreallocarray(*list->maps, *list->n + 1, sizeof **list->maps);
    (*list->maps)[(*list->n)++] = m;
    return 0;
}

static int
on_linux(struct reader *r, const char *key, void *arg)
{
    struct spec_read *s = arg;

    if (strcmp(key, "cgroupsPath") == 0)
        return take_string(r, &s->cgroups_path);
    if (strcmp(key, "namespaces") == 0)
        return read_array(r, on_namespace, s);
    if (strcmp(key, "uidMappings") == 0)
        return read_array(r, on_map, &(struct map_list){&s->uid_maps, &s->n_uid_maps});
    if (strcmp(key, "gidMappings") == 0)
        return read_array(r, on_map, &(struct map_list){&s->gid_maps, &s->n_gid_maps});
    return skip_value(r);
}

static int
on_spec(struct reader *r, const char *key, void *arg)
{
    struct spec_read *s = arg;

    if (strcmp(key, "root") == 0)
        return read_object(r, on_root, s);
    if (strcmp(key, "process") == 0)
        return read_object(r, on_process, s);
    if (strcmp(key, "annotations") == 0)
        return read_annotations(r, &s->annotations);
    if (strcmp(key, "linux") == 0)
        return read_object(r, on_linux, s);
    return skip_value(r);
}

/* One object that is the whole document. */
static int
read_document(const void *p, size_t n, member_fn fn, void *arg, struct err *err)
{
    struct reader r = {.p = n ? p : "", .err = err};
    int e;

    if (n > SPEC_SIZE_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "a runtime spec of %zu bytes, more than %d", n,
                       SPEC_SIZE_MAX);
    r.end = r.p + n;
    if (look(&r) != '{')
        return bad(&r, "no JSON object");
    e = read_object(&r, fn, arg);
    if (e < 0)
        return e;
    return look(&r) || r.p < r.end ? bad(&r, "something follows the object") : 0;
}

int
spec_read(const void *p, size_t n, struct spec_read *ret, struct err *err)
{
    AUTO(spec_read) s = {0};
    int e = read_document(p, n, on_spec, &s, err);

    if (e == 0)
        *ret = TAKE_STRUCT(s);
    return e;
}

/* Where the members of a process begin, and its "terminal" stands. */
struct terminal_place {
    const char *value, *value_end; /* NULL: there is none */
    bool any;                      /* there are members */
};

static int
on_terminal_place(struct reader *r, const char *key, void *arg)
{
    struct terminal_place *t = arg;
    bool twice = t->value;
    int e;

    t->any = true;
    if (strcmp(key, "terminal") != 0)
        return skip_value(r);
    if (twice)
        return bad(r, "terminal is there twice");
    skip_space(r);
    t->value = r->p;
    e = skip_value(r);
    t->value_end = r->p;
    return e;
}

int
spec_process_set_terminal(const void *p, size_t n, bool terminal, struct buf *ret, struct err *err)
{
    struct terminal_place t = {0};
    const char *word = terminal ? "true" : "false", *text = p;
    int e = read_document(p, n, on_terminal_place, &t, err);

    if (e < 0)
        return e;
    if (!t.value) {
        text = memchr(text, '{', n);
        e = buf_printf(ret, err, "{\"terminal\":%s%s", word, t.any ? "," : "");
        t.value_end = text + 1;
    } else {
        e = buf_append(ret, text, (size_t) (t.value - text), err);
        if (e == 0)
            e = buf_append_str(ret, word, err);
    }
    if (e < 0)
        return e;
    return buf_append(ret, t.value_end, n - (size_t) (t.value_end - (const char *) p), err);
}

void
spec_read_done(struct spec_read *s)
{
    free(s->root_path);
    free(s->cgroups_path);
    free(s->user_namespace);
    free(s->uid_maps);
    free(s->gid_maps);
    labels_done(&s->annotations);
    *s = (struct spec_read){0};
}
