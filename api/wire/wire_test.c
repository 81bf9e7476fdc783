/* SPDX-License-Identifier: Apache-2.0 */
#include "api/wire/wire.h"

#include <limits.h>
#include <string.h>

#include "api/wire/wire_content.h"
#include "api/wire/wire_records.h"
#include "google/protobuf/field_mask.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "libross/base/test.h"
#include "services/containers/v1/containers.pb-c.h"
#include "services/content/v1/content.pb-c.h"
#include "services/images/v1/images.pb-c.h"
#include "types/descriptor.pb-c.h"
#include "types/mount.pb-c.h"

#define HEX64 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static int
setup(void **state)
{
    *state = xcalloc(1, sizeof(struct arena));
    return 0;
}

static int
teardown(void **state)
{
    arena_done(*state);
    free(*state);
    return 0;
}

static void
times(void **state)
{
    static const struct {
        int64_t ns, seconds;
        int32_t nanos;
    } rows[] = {
        {0, INT64_C(-62135596800), 0},
        {1, 0, 1},
        {-1, -1, 999999999},
        {INT64_C(1700000000123456789), 1700000000, 123456789},
        {INT64_MAX, 9223372036, 854775807},
    };
    Google__Protobuf__Timestamp far = GOOGLE__PROTOBUF__TIMESTAMP__INIT;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        Google__Protobuf__Timestamp *t = wire_time_to(*state, rows[i].ns);

        assert_int_equal(t->seconds, rows[i].seconds);
        assert_int_equal(t->nanos, rows[i].nanos);
        assert_int_equal(wire_time_from(t), rows[i].ns);
    }
    assert_int_equal(wire_time_from(NULL), 0);
    far.seconds = INT64_MAX;
    assert_int_equal(wire_time_from(&far), 0);
    far.seconds = 1;
    far.nanos = -1;
    assert_int_equal(wire_time_from(&far), 0);
}

static void
label_maps(void **state)
{
    AUTO(labels) l = {0};
    AUTO(labels) back = {0};
    AUTO(labels) raw = {0};
    struct err e = {0};
    Containerd__Services__Content__V1__Info__LabelsEntry **entries;
    size_t n;

    labels_set(&l, "a", "1");
    labels_set(&l, "b", "2");
    entries = wire_labels_to(
        *state, &l, &containerd__services__content__v1__info__labels_entry__descriptor, &n);
    assert_int_equal(n, 2);
    assert_string_equal(entries[1]->key, "b");
    assert_ok(wire_labels_from(entries, n, &back, &e), &e);
    assert_true(labels_equal(&l, &back));

    entries[0]->value = (char *) "";
    labels_done(&back);
    assert_ok(wire_labels_from(entries, n, &back, &e), &e);
    assert_int_equal(back.n, 1);
    assert_ok(wire_map_from(entries, n, &raw, &e), &e);
    assert_int_equal(raw.n, 2);

    entries[0]->key = (char *) "";
    assert_code(wire_map_from(entries, n, &raw, &e), CODE_INVALID_ARGUMENT, &e);
    assert_code(wire_labels_from(entries, WIRE_LABELS_MAX + 1, &raw, &e), CODE_INVALID_ARGUMENT,
                &e);
}

static void
mounts_and_masks(void **state)
{
    AUTO(mount_list) l = {0};
    AUTO(mount_list) back = {0};
    AUTO(strv) mask = {0};
    AUTO(strv) mask_back = {0};
    Containerd__Types__Mount **items;
    struct mount *m;
    size_t n;

    m = mount_list_add(&l, "overlay", "overlay");
    strv_add(&m->options, "lowerdir=/a");
    strv_add(&m->options, "ro");
    (void) mount_list_add(&l, "bind", "/src");
    items = wire_mounts_to(*state, &l, &n);
    assert_int_equal(n, 2);
    back = wire_mounts_from(items, n);
    assert_int_equal(back.n, 2);
    assert_string_equal(back.items[0].type, "overlay");
    assert_true(strv_equal(&back.items[0].options, &l.items[0].options));
    assert_string_equal(back.items[1].source, "/src");
    assert_string_equal(back.items[1].target, "");

    assert_null(wire_mask_to(*state, NULL));
    strv_add(&mask, "labels.a");
    mask_back = wire_mask_from(wire_mask_to(*state, &mask));
    assert_true(strv_equal(&mask, &mask_back));
    assert_int_equal(wire_mask_from(NULL).n, 0);
}

static void
descriptors(void **state)
{
    AUTO(oci_desc) d = {0};
    AUTO(oci_desc) back = {0};
    struct err e = {0};
    Containerd__Types__Descriptor *m;

    d.media_type = xstrdup("text/plain");
    d.size_bytes = 5;
    assert_ok(digest_parse("sha256:" HEX64, &d.digest, &e), &e);
    labels_set_raw(&d.annotations, "k", "");
    m = wire_desc_to(*state, &d);
    assert_string_equal(m->digest, "sha256:" HEX64);
    assert_ok(wire_desc_from(m, &back, &e), &e);
    assert_true(digest_equal(&d.digest, &back.digest));
    assert_int_equal(back.annotations.n, 1);
    oci_desc_done(&back);

    m->size = -1;
    assert_code(wire_desc_from(m, &back, &e), CODE_INVALID_ARGUMENT, &e);
    m->size = 0;
    m->digest = (char *) "sha256:xyz";
    assert_code(wire_desc_from(m, &back, &e), CODE_INVALID_ARGUMENT, &e);
    m->digest = (char *) "";
    assert_ok(wire_desc_from(m, &back, &e), &e);
    assert_false(digest_is_set(&back.digest));
    oci_desc_done(&back);
    assert_ok(wire_desc_from(NULL, &back, &e), &e);
    assert_string_equal(back.media_type, "");
}

static void
content_messages(void **state)
{
    AUTO(content_info) i = {0};
    AUTO(content_info) i_back = {0};
    AUTO(ingest_status) s = {0};
    AUTO(ingest_status) s_back = {0};
    struct err e = {0};

    assert_ok(digest_parse("sha256:" HEX64, &i.digest, &e), &e);
    i.size_bytes = 7;
    i.created_ns = 1;
    i.updated_ns = 2;
    labels_set(&i.labels, "x", "y");
    assert_ok(wire_info_from(wire_info_to(*state, &i), &i_back, &e), &e);
    assert_true(digest_equal(&i.digest, &i_back.digest));
    assert_int_equal(i_back.size_bytes, 7);
    assert_int_equal(i_back.updated_ns, 2);
    assert_true(labels_equal(&i.labels, &i_back.labels));
    assert_code(wire_info_from(NULL, &i_back, &e), CODE_INVALID_ARGUMENT, &e);

    s = (struct ingest_status){.ref = xstrdup("r"), .offset = 3, .total = 9, .started_ns = 4};
    assert_ok(wire_status_from(wire_status_to(*state, &s), &s_back, &e), &e);
    assert_string_equal(s_back.ref, "r");
    assert_int_equal(s_back.offset, 3);
    assert_int_equal(s_back.total, 9);
    assert_int_equal(s_back.started_ns, 4);
    assert_int_equal(s_back.updated_ns, 0);
    assert_false(digest_is_set(&s_back.expected));
}

static void
records(void **state)
{
    AUTO(container) c = {0};
    AUTO(container) c_back = {0};
    AUTO(image) i = {0};
    AUTO(image) i_back = {0};
    struct err e = {0};
    Containerd__Services__Containers__V1__Container *m;

    c.id = xstrdup("id");
    c.runtime_name = xstrdup("io.containerd.ross.v2");
    c.spec = any_value_make("spec", "{}", 2);
    c.extensions = xcalloc(2, sizeof *c.extensions);
    c.n_extensions = 2;
    c.extensions[0] = (struct container_extension){xstrdup("e1"), any_value_make("t", "v", 1)};
    c.extensions[1] = (struct container_extension){xstrdup("e2"), {0}};
    m = wire_container_to(*state, &c);
    assert_ok(wire_container_from(m, &c_back, &e), &e);
    assert_string_equal(c_back.image, "");
    assert_string_equal(c_back.runtime_name, "io.containerd.ross.v2");
    assert_null(c_back.runtime_options.type_url);
    assert_int_equal(c_back.spec.n, 2);
    assert_int_equal(c_back.n_extensions, 2);
    container_done(&c_back);
    m->extensions[1]->key = (char *) "e1";
    assert_ok(wire_container_from(m, &c_back, &e), &e);
    assert_int_equal(c_back.n_extensions, 1);
    assert_null(c_back.extensions[0].value.type_url);
    assert_code(wire_container_from(NULL, &c_back, &e), CODE_INVALID_ARGUMENT, &e);

    i.name = xstrdup("docker.io/library/a:1");
    i.created_ns = 5;
    assert_ok(wire_image_from(wire_image_to(*state, &i), &i_back, &e), &e);
    assert_string_equal(i_back.name, i.name);
    assert_int_equal(i_back.created_ns, 5);
    assert_string_equal(i_back.target.media_type, "");
}

static void
lists(void **state)
{
    struct wire_list l = {.arena = *state};
    void **items;

    assert_null(l.items);
    for (uintptr_t i = 0; i < 1000; i++)
        wire_list_add(&l, (char *) *state + i);
    assert_int_equal(l.n, 1000);
    items = l.items;
    for (uintptr_t i = 0; i < 1000; i++)
        assert_ptr_equal(items[i], (char *) *state + i);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(times, setup, teardown),
        cmocka_unit_test_setup_teardown(label_maps, setup, teardown),
        cmocka_unit_test_setup_teardown(mounts_and_masks, setup, teardown),
        cmocka_unit_test_setup_teardown(descriptors, setup, teardown),
        cmocka_unit_test_setup_teardown(content_messages, setup, teardown),
        cmocka_unit_test_setup_teardown(records, setup, teardown),
        cmocka_unit_test_setup_teardown(lists, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
