/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our .proto files against the published interface.
 *
 * testdata/{messages,enums,services}.tsv hold a row for each field, enum value and method of the packages that we
 * have. The same rows are made from what protoc understood of our files; both sets must be equal. Then what
 * protoc-c compiled into the libraries is compared with what protoc understood: names, numbers, types, labels.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "google/protobuf/descriptor.pb-c.h"
#include "libross/base/arena.h"
#include "libross/base/fd.h"
#include "libross/base/strv.h"
#include "libross/base/test.h"

#define TABLE_MAX (4 * 1024 * 1024)

typedef Google__Protobuf__FileDescriptorProto file_t;
typedef Google__Protobuf__DescriptorProto message_t;
typedef Google__Protobuf__FieldDescriptorProto field_t;
typedef Google__Protobuf__EnumDescriptorProto enum_t;
typedef Google__Protobuf__ServiceDescriptorProto service_t;

#define TYPE(name)  GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name
#define LABEL(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_##name

static Google__Protobuf__FileDescriptorSet *set;

/* "optional" in containerd; protoc-c 1.4 does not know it in proto3. */
static const char *const not_optional[] = {
    "containerd.services.images.v1\tDeleteImageRequest\ttarget\t3\tcontainerd.types.Descriptor\t",
    "containerd.runtime.bootstrap.v1\tBootstrapParams\tsocket_dir\t9\tstring\t",
};

/* ---- rows ---- */

static struct strv
rows_read(const char *table)
{
    char *path = xasprintf("%s/testdata/%s.tsv", TEST_SOURCE_DIR, table), *text;
    struct strv lines, rows = {0};
    struct err err = {0};
    size_t len;

    assert_ok(fd_read_file_at(AT_FDCWD, path, TABLE_MAX, &text, &len, &err), &err);
    lines = strv_split(text, '\n');
    for (size_t i = 1; i < lines.n; i++) /* the first names the columns */
        if (lines.items[i][0])
            strv_add(&rows, lines.items[i]);
    strv_done(&lines);
    free(text);
    free(path);
    strv_sort(&rows);
    return rows;
}

/* How many rows only one of two sorted lists has; names them when told so. */
static int
rows_differ(const struct strv *want, const struct strv *have, bool tell)
{
    size_t i = 0, k = 0;
    int n = 0, c;

    while (i < want->n || k < have->n) {
        c = i == want->n ? 1 : k == have->n ? -1 : strcmp(want->items[i], have->items[k]);
        if (c && tell)
            print_error("%s: %s\n", c < 0 ? "missing" : "extra",
                        c < 0 ? want->items[i] : have->items[k]);
        n += c != 0;
        i += c <= 0;
        k += c >= 0;
    }
    return n;
}

static const message_t *
nested_find(const message_t *m, const char *full_name)
{
    const char *last = strrchr(full_name, '.');

    for (size_t i = 0; i < m->n_nested_type; i++)
        if (last && !strcmp(m->nested_type[i]->name, last + 1))
            return m->nested_type[i];
    return NULL;
}

static const char *
type_text(const message_t *m, const field_t *f, struct arena *a)
{
    static const char *const scalars[] = {
        [TYPE(DOUBLE)] = "double",     [TYPE(FLOAT)] = "float",   [TYPE(INT64)] = "int64",
        [TYPE(UINT64)] = "uint64",     [TYPE(INT32)] = "int32",   [TYPE(FIXED64)] = "fixed64",
        [TYPE(FIXED32)] = "fixed32",   [TYPE(BOOL)] = "bool",     [TYPE(STRING)] = "string",
        [TYPE(BYTES)] = "bytes",       [TYPE(UINT32)] = "uint32", [TYPE(SFIXED32)] = "sfixed32",
        [TYPE(SFIXED64)] = "sfixed64", [TYPE(SINT32)] = "sint32", [TYPE(SINT64)] = "sint64",
    };
    const message_t *entry;

    if (f->type != TYPE(MESSAGE) && f->type != TYPE(ENUM))
        return scalars[f->type];
    entry = f->type == TYPE(MESSAGE) ? nested_find(m, f->type_name) : NULL;
    if (entry && entry->options && entry->options->map_entry)
        return arena_printf(a, "map<%s,%s>", type_text(entry, entry->field[0], a),
                            type_text(entry, entry->field[1], a));
    return f->type_name + 1; /* a full name starts with a dot */
}

static bool
is_map(const message_t *m, const field_t *f)
{
    const message_t *entry = f->type == TYPE(MESSAGE) ? nested_find(m, f->type_name) : NULL;

    return entry && entry->options && entry->options->map_entry;
}

static void
enum_rows(struct strv *rows, const char *package, const char *prefix, const enum_t *e)
{
    for (size_t i = 0; i < e->n_value; i++)
        strv_printf(rows, "%s\t%s%s\t%s\t%d", package, prefix, e->name, e->value[i]->name,
                    e->value[i]->number);
}

static void
message_rows(struct strv *fields, struct strv *enums, const char *package, const char *prefix,
             const message_t *m, struct arena *a)
{
    const char *inner = arena_printf(a, "%s%s.", prefix, m->name);
    const field_t *f;

    if (m->options && m->options->map_entry)
        return;
    if (!m->n_field)
        strv_printf(fields, "%s\t%s%s\t-\t-\t-\t-\tempty", package, prefix, m->name);
    for (size_t i = 0; i < m->n_field; i++) {
        f = m->field[i];
        strv_printf(fields, "%s\t%s%s\t%s\t%d\t%s\t%s\t%s", package, prefix, m->name, f->name,
                    f->number, type_text(m, f, a),
                    f->label == LABEL(REPEATED) && !is_map(m, f) ? "repeated"
                    : f->proto3_optional                         ? "optional"
                                                                 : "singular",
                    f->options && f->options->deprecated ? "deprecated" : "-");
    }
    for (size_t i = 0; i < m->n_nested_type; i++)
        message_rows(fields, enums, package, inner, m->nested_type[i], a);
    for (size_t i = 0; i < m->n_enum_type; i++)
        enum_rows(enums, package, inner, m->enum_type[i]);
}

static void
rows_make(struct strv *fields, struct strv *enums, struct strv *methods)
{
    struct arena a = {0};
    const service_t *s;
    const file_t *f;

    for (size_t i = 0; i < set->n_file; i++) {
        f = set->file[i];
        for (size_t k = 0; k < f->n_message_type; k++)
            message_rows(fields, enums, f->package, "", f->message_type[k], &a);
        for (size_t k = 0; k < f->n_enum_type; k++)
            enum_rows(enums, f->package, "", f->enum_type[k]);
        for (size_t k = 0; k < f->n_service; k++) {
            s = f->service[k];
            for (size_t n = 0; n < s->n_method; n++)
                strv_printf(methods, "%s\t%s\t%s\t%s\t%s\t%s\t%s", f->package, s->name,
                            s->method[n]->name, s->method[n]->input_type + 1,
                            s->method[n]->output_type + 1,
                            s->method[n]->client_streaming ? "true" : "false",
                            s->method[n]->server_streaming ? "true" : "false");
        }
    }
    strv_sort(fields);
    strv_sort(enums);
    strv_sort(methods);
    arena_done(&a);
}

static void
exceptions_apply(struct strv *rows)
{
    size_t n;

    for (size_t i = 0; i < ARRAY_LEN(not_optional); i++) {
        n = strlen(not_optional[i]);
        for (size_t k = 0; k < rows->n; k++)
            if (!strncmp(rows->items[k], not_optional[i], n)) {
                assert_string_equal(rows->items[k] + n, "optional\t-");
                free(rows->items[k]);
                rows->items[k] = xasprintf("%ssingular\t-", not_optional[i]);
            }
    }
    strv_sort(rows);
}

static void
equals_the_published_interface(void **state)
{
    struct strv want[3] = {rows_read("messages"), rows_read("enums"), rows_read("services")};
    struct strv have[3] = {0};

    (void) state;
    exceptions_apply(&want[0]);
    rows_make(&have[0], &have[1], &have[2]);
    for (int i = 0; i < 3; i++) {
        assert_true(want[i].n > 20);
        assert_int_equal(rows_differ(&want[i], &have[i], true), 0);
        strv_done(&want[i]);
        strv_done(&have[i]);
    }
}

/* Each way to be wrong is seen: a row gone, a row too many, a number or a type that differs. */
static void
sees_every_difference(void **state)
{
    struct strv want = rows_read("messages"), have = {0}, enums = {0}, methods = {0};
    char *row, *spoiled;

    (void) state;
    exceptions_apply(&want);
    rows_make(&have, &enums, &methods);
    for (size_t i = 0; i < have.n; i++) {
        row = have.items[i];
        spoiled = xstrdup(row);
        spoiled[strlen(spoiled) - 1 - i % strlen(spoiled)] ^= 1;
        have.items[i] = spoiled;
        strv_sort(&have);
        assert_int_equal(rows_differ(&want, &have, false), 2);
        for (size_t k = 0; k < have.n; k++)
            if (have.items[k] == spoiled)
                have.items[k] = row;
        strv_sort(&have);
        free(spoiled);
    }
    strv_remove(&have, have.n / 2);
    assert_int_equal(rows_differ(&want, &have, false), 1);
    assert_int_equal(rows_differ(&have, &want, false), 1);
    strv_done(&want);
    strv_done(&have);
    strv_done(&enums);
    strv_done(&methods);
}

/* ---- what protoc-c compiled ---- */

/* protoc-c's name of a descriptor: "a.b.CamelCase" → a__b__camel_case__descriptor. */
static const void *
descriptor_find(const char *full_name, struct arena *a)
{
    char *name = arena_alloc(a, 3 * strlen(full_name) + sizeof "__descriptor"), *to = name;
    bool was_upper = true, upper;
    const void *found;

    for (const char *p = full_name; *p; p++) {
        if (*p == '.') {
            to = stpcpy(to, "__");
            was_upper = true;
            continue;
        }
        upper = *p >= 'A' && *p <= 'Z';
        if (upper && !was_upper)
            *to++ = '_';
        *to++ = (char) (upper ? *p - 'A' + 'a' : *p);
        was_upper = upper;
    }
    memcpy(to, "__descriptor", sizeof "__descriptor");
    found = dlsym(RTLD_DEFAULT, name);
    if (!found)
        fail_msg("no %s in the libraries", name);
    return found;
}

static ProtobufCType
compiled_type(int type)
{
    static const ProtobufCType types[] = {
        [TYPE(DOUBLE)] = PROTOBUF_C_TYPE_DOUBLE,     [TYPE(FLOAT)] = PROTOBUF_C_TYPE_FLOAT,
        [TYPE(INT64)] = PROTOBUF_C_TYPE_INT64,       [TYPE(UINT64)] = PROTOBUF_C_TYPE_UINT64,
        [TYPE(INT32)] = PROTOBUF_C_TYPE_INT32,       [TYPE(FIXED64)] = PROTOBUF_C_TYPE_FIXED64,
        [TYPE(FIXED32)] = PROTOBUF_C_TYPE_FIXED32,   [TYPE(BOOL)] = PROTOBUF_C_TYPE_BOOL,
        [TYPE(STRING)] = PROTOBUF_C_TYPE_STRING,     [TYPE(BYTES)] = PROTOBUF_C_TYPE_BYTES,
        [TYPE(UINT32)] = PROTOBUF_C_TYPE_UINT32,     [TYPE(SFIXED32)] = PROTOBUF_C_TYPE_SFIXED32,
        [TYPE(SFIXED64)] = PROTOBUF_C_TYPE_SFIXED64, [TYPE(SINT32)] = PROTOBUF_C_TYPE_SINT32,
        [TYPE(SINT64)] = PROTOBUF_C_TYPE_SINT64,     [TYPE(MESSAGE)] = PROTOBUF_C_TYPE_MESSAGE,
        [TYPE(ENUM)] = PROTOBUF_C_TYPE_ENUM,
    };

    return types[type];
}

static void
enum_compare(const char *prefix, const enum_t *e, struct arena *a)
{
    const ProtobufCEnumDescriptor *d =
        descriptor_find(arena_printf(a, "%s.%s", prefix, e->name), a);
    const ProtobufCEnumValue *v;

    assert_int_equal(d->n_values, e->n_value);
    for (size_t i = 0; i < e->n_value; i++) {
        v = protobuf_c_enum_descriptor_get_value_by_name(d, e->value[i]->name);
        assert_non_null(v);
        assert_int_equal(v->value, e->value[i]->number);
    }
}

static void
message_compare(const char *prefix, const message_t *m, struct arena *a)
{
    const char *name = arena_printf(a, "%s.%s", prefix, m->name);
    const ProtobufCMessageDescriptor *d = descriptor_find(name, a);
    const ProtobufCFieldDescriptor *f;

    assert_string_equal(d->name, name);
    assert_int_equal(d->n_fields, m->n_field);
    for (size_t i = 0; i < m->n_field; i++) {
        f = protobuf_c_message_descriptor_get_field(d, (unsigned) m->field[i]->number);
        if (!f)
            fail_msg("%s lacks field %d", name, m->field[i]->number);
        assert_string_equal(f->name, m->field[i]->name);
        assert_int_equal(f->type, compiled_type((int) m->field[i]->type));
        assert_int_equal(f->label == PROTOBUF_C_LABEL_REPEATED,
                         m->field[i]->label == LABEL(REPEATED));
        if (f->type == PROTOBUF_C_TYPE_MESSAGE)
            assert_string_equal(((const ProtobufCMessageDescriptor *) f->descriptor)->name,
                                m->field[i]->type_name + 1);
    }
    for (size_t i = 0; i < m->n_nested_type; i++)
        message_compare(name, m->nested_type[i], a);
    for (size_t i = 0; i < m->n_enum_type; i++)
        enum_compare(name, m->enum_type[i], a);
}

static void
service_compare(const char *package, const service_t *s, struct arena *a)
{
    const char *name = arena_printf(a, "%s.%s", package, s->name);
    const ProtobufCServiceDescriptor *d = descriptor_find(name, a);
    const ProtobufCMethodDescriptor *m;

    assert_string_equal(d->name, name);
    assert_int_equal(d->n_methods, s->n_method);
    for (size_t i = 0; i < s->n_method; i++) {
        m = protobuf_c_service_descriptor_get_method_by_name(d, s->method[i]->name);
        assert_non_null(m);
        assert_string_equal(m->input->name, s->method[i]->input_type + 1);
        assert_string_equal(m->output->name, s->method[i]->output_type + 1);
    }
}

static void
is_compiled_as_it_was_understood(void **state)
{
    struct arena a = {0};
    const file_t *f;

    (void) state;
    for (size_t i = 0; i < set->n_file; i++) {
        f = set->file[i];
        for (size_t k = 0; k < f->n_message_type; k++)
            message_compare(f->package, f->message_type[k], &a);
        for (size_t k = 0; k < f->n_enum_type; k++)
            enum_compare(f->package, f->enum_type[k], &a);
        for (size_t k = 0; k < f->n_service; k++)
            service_compare(f->package, f->service[k], &a);
    }
    arena_done(&a);
}

static int
set_read(void **state)
{
    struct err err = {0};
    char *bytes;
    size_t n;

    (void) state;
    assert_ok(fd_read_file_at(AT_FDCWD, DESCRIPTOR_SET, TABLE_MAX, &bytes, &n, &err), &err);
    set = google__protobuf__file_descriptor_set__unpack(NULL, n, (const uint8_t *) bytes);
    free(bytes);
    return set && set->n_file > 20 ? 0 : -1;
}

static int
set_free(void **state)
{
    (void) state;
    google__protobuf__file_descriptor_set__free_unpacked(set, NULL);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_published_interface),
        cmocka_unit_test(sees_every_difference),
        cmocka_unit_test(is_compiled_as_it_was_understood),
    };

    return cmocka_run_group_tests(tests, set_read, set_free);
}
