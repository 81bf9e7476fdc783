/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: the one door to jansson. A `struct json *` is a json_t pointer under another name. */
#include "libross/json/json.h"

#include <assert.h>
#include <string.h>

#include <jansson.h>

/* jansson's macros of these names; ours are functions over struct json */
#undef json_is_true
#undef json_is_object
#undef json_is_array

#define VALUES_MAX (1u << 20) /* a value costs jansson about 40 bytes */

static json_t *
in(const struct json *v)
{
    return (json_t *) (uintptr_t) v;
}

/* Our value for theirs; null and missing are the same to callers. */
static struct json *
out(json_t *v)
{
    return !v || json_typeof(v) == JSON_NULL ? NULL : (struct json *) v;
}

static struct json *
built(json_t *v)
{
    if (!v)
        abort(); /* no memory; the size was ours */
    return (struct json *) v;
}

/* Depth and number of values from the brackets and commas outside strings, before anything is allocated. */
static int
check_shape(const char *p, size_t n, struct err *err)
{
    size_t depth = 0, values = 1;
    bool in_string = false;

    for (size_t i = 0; i < n; i++) {
        if (in_string) {
            if (p[i] == '\\')
                i++;
            else if (p[i] == '"')
                in_string = false;
            continue;
        }
        switch (p[i]) {
        case '"':
            in_string = true;
            break;
        case '[':
        case '{':
            values++;
            if (++depth > JSON_DEPTH_MAX)
                return err_set(err, CODE_INVALID_ARGUMENT, "JSON nested deeper than %d levels",
                               JSON_DEPTH_MAX);
            break;
        case ']':
        case '}':
            if (depth)
                depth--;
            break;
        case ',':
            values++;
            break;
        }
        if (values > VALUES_MAX)
            return err_set(err, CODE_INVALID_ARGUMENT, "JSON of more than %u values", VALUES_MAX);
    }
    return 0;
}

int
json_parse(const void *p, size_t n, struct json **ret, struct err *err)
{
    json_error_t e;
    json_t *root;
    int r;

    r = check_shape(p, n, err);
    if (r < 0)
        return r;
    root = json_loadb(n ? p : "", n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (!root && json_error_code(&e) == json_error_out_of_memory)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "no memory for %zu bytes of JSON", n);
    if (!root)
        return err_set(err, CODE_INVALID_ARGUMENT, "JSON, line %d column %d: %s", e.line, e.column,
                       e.text);
    *ret = (struct json *) root;
    return 0;
}

void
json_free(struct json *root)
{
    json_decref(in(root));
}

struct json *
json_find(const struct json *object, const char *key)
{
    return out(json_object_get(in(object), key));
}

size_t
json_len(const struct json *v)
{
    return json_is_array(v) ? json_array_size(in(v)) : json_object_size(in(v));
}

struct json *
json_at(const struct json *array, size_t i)
{
    return out(json_array_get(in(array), i));
}

const char *
json_str(const struct json *v)
{
    return json_string_value(in(v));
}

bool
json_int(const struct json *v, int64_t *ret)
{
    if (!json_is_integer(in(v)))
        return false;
    *ret = json_integer_value(in(v));
    return true;
}

bool
json_is_true(const struct json *v)
{
    return v && json_typeof(in(v)) == JSON_TRUE;
}

bool
json_is_object(const struct json *v)
{
    return v && json_typeof(in(v)) == JSON_OBJECT;
}

bool
json_is_array(const struct json *v)
{
    return v && json_typeof(in(v)) == JSON_ARRAY;
}

bool
json_next(const struct json *object, void **i, const char **ret_key, struct json **ret_value)
{
    *i = *i ? json_object_iter_next(in(object), *i) : json_object_iter(in(object));
    if (!*i)
        return false;
    *ret_key = json_object_iter_key(*i);
    *ret_value = out(json_object_iter_value(*i));
    return true;
}

static bool
read_strv(const struct json *v, struct strv *into)
{
    if (!json_is_array(v))
        return false;
    for (size_t i = 0; i < json_len(v); i++) {
        if (!json_str(json_at(v, i)))
            return false;
        strv_add(into, json_str(json_at(v, i)));
    }
    return true;
}

static bool
read_labels(const struct json *v, struct labels *into)
{
    struct json *value;
    const char *key;
    void *i = NULL;

    if (!json_is_object(v))
        return false;
    while (json_next(v, &i, &key, &value)) {
        if (!json_str(value))
            return false;
        if (*key)
            labels_set_raw(into, key, json_str(value));
    }
    return true;
}

static bool
read_field(const struct json *v, enum json_type type, void *into)
{
    switch (type) {
    case JSON_T_STR:
        if (!json_str(v))
            return false;
        *(char **) into = xstrdup(json_str(v));
        return true;
    case JSON_T_INT:
        return json_int(v, into);
    case JSON_T_BOOL:
        if (json_typeof(in(v)) != JSON_TRUE && json_typeof(in(v)) != JSON_FALSE)
            return false;
        *(bool *) into = json_is_true(v);
        return true;
    case JSON_T_STRV:
        return read_strv(v, into);
    case JSON_T_LABELS:
        return read_labels(v, into);
    }
    return false;
}

int
json_read_fields(const struct json *object, const struct json_field *fields, size_t n, void *into,
                 const char *what, struct err *err)
{
    static const char *const type_names[] = {
        [JSON_T_STR] = "a string",
        [JSON_T_INT] = "an integer",
        [JSON_T_BOOL] = "true or false",
        [JSON_T_STRV] = "a list of strings",
        [JSON_T_LABELS] = "a map of strings",
    };
    const struct json *v;

    if (!json_is_object(object))
        return err_set(err, CODE_INVALID_ARGUMENT, "%s is not a JSON object", what);
    for (const struct json_field *f = fields; f < fields + n; f++) {
        v = json_find(object, f->key);
        if (!v && f->required)
            return err_set(err, CODE_INVALID_ARGUMENT, "%s.%s is missing", what, f->key);
        if (v && !read_field(v, f->type, (char *) into + f->offset))
            return err_set(err, CODE_INVALID_ARGUMENT, "%s.%s is not %s", what, f->key,
                           type_names[f->type]);
    }
    return 0;
}

struct json *
json_new_object(void)
{
    return built(json_object());
}

struct json *
json_new_array(void)
{
    return built(json_array());
}

/* The length of the UTF-8 character at s, 0 when it is none (also overlong forms and surrogates). */
static size_t
utf8_length(const unsigned char *s)
{
    size_t n;

    if (s[0] < 0x80)
        return 1;
    n = s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3 : 4;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

/* Command lines need not be UTF-8, JSON must: what is none becomes U+FFFD, as Go's encoder does. */
static char *
utf8_mended(const char *s)
{
    static const char replacement[] = "\xef\xbf\xbd";
    char *mended = xmalloc(3 * strlen(s) + 1), *to = mended;
    size_t n;

    while (*s) {
        n = utf8_length((const unsigned char *) s);
        to = n ? mempcpy(to, s, n) : stpcpy(to, replacement);
        s += n ? n : 1;
    }
    *to = '\0';
    return mended;
}

struct json *
json_new_str(const char *s)
{
    auto_free char *mended = NULL;
    json_t *v = json_string(s);

    if (v)
        return (struct json *) v;
    mended = utf8_mended(s);
    return built(json_string(mended));
}

struct json *
json_new_int(int64_t v)
{
    return built(json_integer(v));
}

struct json *
json_new_bool(bool v)
{
    return built(json_boolean(v));
}

struct json *
json_new_null(void)
{
    return built(json_null());
}

struct json *
json_new_strv(const struct strv *v)
{
    struct json *array = json_new_array();

    for (size_t i = 0; i < v->n; i++)
        json_push(array, json_new_str(v->items[i]));
    return array;
}

struct json *
json_new_labels(const struct labels *l)
{
    struct json *object = json_new_object();

    for (size_t i = 0; i < l->n; i++)
        json_set(object, l->items[i].key, json_new_str(l->items[i].value));
    return object;
}

void
json_set(struct json *object, const char *key, struct json *value)
{
    auto_free char *mended = NULL;

    assert(json_is_object(object) && value && value != object);
    if (json_object_set(in(object), key, in(value)) < 0) {
        mended = utf8_mended(key);
        if (json_object_set(in(object), mended, in(value)) < 0)
            abort();
    }
    json_decref(in(value)); /* ours; the object holds its own reference */
}

void
json_push(struct json *array, struct json *value)
{
    assert(json_is_array(array) && value && value != array);
    if (json_array_append_new(in(array), in(value)) < 0)
        abort();
}

void
json_del(struct json *object, const char *key)
{
    (void) json_object_del(in(object), key);
}

struct json *
json_clone(const struct json *v)
{
    return built(json_deep_copy(in(v)));
}

char *
json_dump(const struct json *v, size_t *ret_len)
{
    char *text = json_dumps(in(v), JSON_COMPACT | JSON_ENCODE_ANY);

    if (!text)
        abort();
    if (ret_len)
        *ret_len = strlen(text);
    return text;
}

char *
json_dump_pretty(const struct json *v)
{
    char *text = json_dumps(in(v), JSON_INDENT(4) | JSON_ENCODE_ANY);

    if (!text)
        abort();
    return text;
}
