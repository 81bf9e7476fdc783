/* SPDX-License-Identifier: Apache-2.0 */
/* The metadata services of contentd and its collector, through the clients, over loopback. */
#include <stdio.h>
#include <string.h>

#include "api/client/content_client.h"
#include "api/client/records_client.h"
#include "api/rpc/rpc_loopback.h"
#include "contentd/containers/container_service.h"
#include "contentd/content/content_service.h"
#include "contentd/gc/gc.h"
#include "contentd/images/image_service.h"
#include "api/service/version_service.h"
#include "contentd/introspection/introspection_service.h"
#include "contentd/leases/lease_service.h"
#include "contentd/leases/lease_store.h"
#include "contentd/namespaces/namespace_service.h"
#include "libross/base/clock.h"
#include "libross/base/test.h"
#include "services/namespaces/v1/namespace.pb-c.h"

struct fixture {
    char *dir;
    struct db *db;
    struct content_store *store;
    struct content *local, *content;
    struct gc *gc;
    struct introspection introspection;
    struct image_service images;
    struct container_service containers;
    struct lease_service leases;
    struct rpc_service services[7];
    struct rpc_channel *ch;
};

static const struct call_ctx ctx = {.ns = "test"}, other = {.ns = "other"}, nowhere = {0};

static int
setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    struct err e = {0};
    bool fresh;

    f->dir = test_tmpdir();
    assert_ok(contentd_db_open(f->dir, false, &f->db, &fresh, &e), &e);
    assert_ok(content_store_open(f->dir, f->db, fresh, &f->store, &e), &e);
    assert_ok(introspection_open(f->dir, &f->introspection, &e), &e);
    f->gc = gc_start(f->db, f->store, "", "ross");
    f->local = content_local_new(f->store, false);
    f->images = (struct image_service){.db = f->db, .gc = gc_hook_of(f->gc)};
    f->containers = (struct container_service){.db = f->db, .gc = gc_hook_of(f->gc)};
    f->leases = (struct lease_service){.db = f->db, .gc = gc_hook_of(f->gc)};
    f->services[0] = content_service(f->local);
    f->services[1] = image_service(&f->images);
    f->services[2] = container_service(&f->containers);
    f->services[3] = lease_service(&f->leases);
    f->services[4] = namespace_service(f->db);
    f->services[5] = introspection_service(&f->introspection);
    f->services[6] = version_service();
    assert_ok(rpc_loopback_channel(f->services, ARRAY_LEN(f->services), &f->ch, &e), &e);
    f->content = content_client_new(f->ch);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    content_free(f->content);
    rpc_channel_free(f->ch);
    gc_stop(f->gc);
    content_free(f->local);
    content_store_close(f->store);
    db_close(f->db);
    test_tmpdir_remove(f->dir);
    free(f);
    return 0;
}

/* ---- images ---- */

static struct image
an_image(const char *name, const char *target)
{
    struct image i = {.name = xstrdup(name), .target.media_type = xstrdup("text/plain")};

    i.target.size_bytes = (int64_t) strlen(target);
    digest_compute(DIGEST_SHA256, target, strlen(target), &i.target.digest);
    return i;
}

static void
images_are_made_once(void **state)
{
    struct fixture *f = *state;
    AUTO(image) i = an_image("docker.io/lab/a:1", "x");
    AUTO(image) got = {0};
    AUTO(image) there = {0};
    struct err e = {0};
    int64_t before = clock_now_ns();

    labels_set(&i.labels, "k", "v");
    labels_set_raw(&i.target.annotations, "empty", "");
    i.created_ns = 5; /* the caller's times are ignored */
    assert_ok(images_client_create(f->ch, &ctx, &i, &got, &e), &e);
    assert_true(got.created_ns >= before);
    assert_int_equal(got.created_ns, got.updated_ns);
    assert_code(images_client_create(f->ch, &ctx, &i, NULL, &e), CODE_ALREADY_EXISTS, &e);
    assert_ok(images_client_get(f->ch, &ctx, i.name, &there, &e), &e);
    assert_true(labels_equal(&there.labels, &i.labels));
    assert_true(digest_equal(&there.target.digest, &i.target.digest));
    assert_code(images_client_get(f->ch, &other, i.name, &there, &e), CODE_NOT_FOUND, &e);
    assert_code(images_client_get(f->ch, &nowhere, i.name, &there, &e), CODE_FAILED_PRECONDITION,
                &e);
}

static void
bad_images_are_refused(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    char big[LABEL_SIZE_MAX + 1];

    memset(big, 'b', sizeof big);
    big[LABEL_SIZE_MAX] = '\0';
    for (int bad = 0; bad < 5; bad++) {
        AUTO(image) i = an_image(bad == 0 ? "" : "name", "x");

        if (bad == 1)
            i.target.digest = (struct digest){0};
        if (bad == 2)
            i.target.size_bytes = 0;
        if (bad == 3)
            *i.target.media_type = '\0';
        if (bad == 4)
            labels_set(&i.labels, "l", big);
        assert_code(images_client_create(f->ch, &ctx, &i, NULL, &e), CODE_INVALID_ARGUMENT, &e);
        assert_true(images_client_get(f->ch, &ctx, "name", NULL, &e) == -CODE_NOT_FOUND);
    }
}

static struct image
update_image(struct fixture *f, const struct image *i, const char *path)
{
    AUTO(strv) mask = {0};
    struct image got = {0};
    struct err e = {0};

    if (path)
        strv_add(&mask, path);
    assert_ok(images_client_update(f->ch, &ctx, i, &mask, &got, &e), &e);
    return got;
}

static void
images_change_by_mask(void **state)
{
    struct fixture *f = *state;
    AUTO(image) i = an_image("n", "one");
    AUTO(image) change = an_image("n", "two");
    AUTO(strv) bad = {0};
    struct image got;
    struct err e = {0};

    labels_set(&i.labels, "a", "1");
    labels_set(&i.labels, "b.c", "2");
    assert_ok(images_client_create(f->ch, &ctx, &i, NULL, &e), &e);
    labels_set(&change.labels, "b.c", "3");
    labels_set_raw(&change.target.annotations, "x", "y");

    got = update_image(f, &change, "labels.b.c");
    assert_string_equal(labels_find(&got.labels, "a"), "1");
    assert_string_equal(labels_find(&got.labels, "b.c"), "3");
    assert_true(digest_equal(&got.target.digest, &i.target.digest));
    image_done(&got);
    got = update_image(f, &change, "annotations.x");
    assert_string_equal(labels_find(&got.target.annotations, "x"), "y");
    image_done(&got);
    got = update_image(f, &change, "target");
    assert_true(digest_equal(&got.target.digest, &change.target.digest));
    assert_string_equal(labels_find(&got.labels, "a"), "1");
    image_done(&got);
    got = update_image(f, &change, "labels");
    assert_null(labels_find(&got.labels, "a"));
    image_done(&got);
    got = update_image(f, &i, NULL);
    assert_true(digest_equal(&got.target.digest, &i.target.digest));
    assert_int_equal(got.labels.n, 2);
    image_done(&got);
    strv_add(&bad, "createdat");
    assert_code(images_client_update(f->ch, &ctx, &i, &bad, NULL, &e), CODE_INVALID_ARGUMENT, &e);
    free(i.name);
    i.name = xstrdup("missing");
    assert_code(images_client_update(f->ch, &ctx, &i, NULL, NULL, &e), CODE_NOT_FOUND, &e);
}

static int
count_image(const struct image *i, void *arg)
{
    (void) i;
    (*(int *) arg)++;
    return 0;
}

static void
images_are_listed_by_filter(void **state)
{
    static const struct {
        const char *filter;
        int n;
    } rows[] = {
        {"name==img7", 1},
        {"name~=^img1.$", 10},
        {"labels.odd==yes", 150},
        {"target.mediatype==text/plain", 300},
        {"target.digest~=sha256:", 300},
        {"labels.odd==yes,name==img2", 0},
        {"nothing", 0},
    };
    struct fixture *f = *state;
    AUTO(strv) bad = {0};
    struct err e = {0};
    int n = 0;

    for (int k = 0; k < 300; k++) {
        char name[16];
        AUTO(image) i = {0};

        (void) snprintf(name, sizeof name, "img%d", k);
        i = an_image(name, name);
        if (k % 2)
            labels_set(&i.labels, "odd", "yes");
        assert_ok(images_client_create(f->ch, &ctx, &i, NULL, &e), &e);
    }
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        AUTO(strv) filters = {0};

        strv_add(&filters, rows[k].filter);
        n = 0;
        assert_ok(images_client_list(f->ch, &ctx, &filters, count_image, &n, &e), &e);
        if (n != rows[k].n)
            fail_msg("'%s' gives %d, not %d", rows[k].filter, n, rows[k].n);
    }
    strv_add(&bad, "name==");
    assert_code(images_client_list(f->ch, &ctx, &bad, count_image, &n, &e), CODE_INVALID_ARGUMENT,
                &e);
}

/* ---- containers ---- */

static struct container
a_container(const char *id)
{
    struct container c = {.id = xstrdup(id),
                          .image = xstrdup("img"),
                          .runtime_name = xstrdup("io.containerd.ross.v2"),
                          .spec = any_value_make("spec", "{}", 2),
                          .snapshotter = xstrdup("ross"),
                          .snapshot_key = xstrdup(id),
                          .sandbox = xstrdup("")};

    c.extensions = xcalloc(1, sizeof *c.extensions);
    c.extensions[0] = (struct container_extension){xstrdup("ext.a"), any_value_make("t", "1", 1)};
    c.n_extensions = 1;
    labels_set(&c.labels, "k", "v");
    return c;
}

static void
containers_keep_everything(void **state)
{
    struct fixture *f = *state;
    AUTO(container) c = a_container("c1");
    AUTO(container) got = {0};
    struct err e = {0};

    c.runtime_options = any_value_make("opt", "\0\1", 2);
    assert_ok(containers_client_create(f->ch, &ctx, &c, NULL, &e), &e);
    assert_code(containers_client_create(f->ch, &ctx, &c, NULL, &e), CODE_ALREADY_EXISTS, &e);
    assert_ok(containers_client_get(f->ch, &ctx, "c1", &got, &e), &e);
    assert_string_equal(got.image, "img");
    assert_string_equal(got.runtime_options.type_url, "opt");
    assert_memory_equal(got.runtime_options.value, "\0\1", 2);
    assert_memory_equal(got.spec.value, "{}", 2);
    assert_string_equal(got.snapshot_key, "c1");
    assert_int_equal(got.n_extensions, 1);
    assert_string_equal(got.extensions[0].key, "ext.a");
    assert_true(got.created_ns > 0);
    assert_code(containers_client_get(f->ch, &other, "c1", NULL, &e), CODE_NOT_FOUND, &e);
    assert_ok(containers_client_delete(f->ch, &ctx, "c1", &e), &e);
    assert_code(containers_client_delete(f->ch, &ctx, "c1", &e), CODE_NOT_FOUND, &e);
}

static void
bad_containers_are_refused(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};

    for (int bad = 0; bad < 6; bad++) {
        AUTO(container) c = a_container(bad == 0 ? "a/b" : bad == 1 ? "" : "good");

        if (bad == 2)
            *c.runtime_name = '\0';
        if (bad == 3)
            any_value_done(&c.spec);
        if (bad == 4)
            *c.snapshotter = '\0';
        if (bad == 5)
            *c.extensions[0].key = '\0';
        assert_code(containers_client_create(f->ch, &ctx, &c, NULL, &e), CODE_INVALID_ARGUMENT, &e);
    }
    assert_code(containers_client_get(f->ch, &ctx, "good", NULL, &e), CODE_NOT_FOUND, &e);
}

static void
containers_change_by_mask(void **state)
{
    struct fixture *f = *state;
    AUTO(container) c = a_container("c");
    AUTO(container) change = a_container("c");
    AUTO(container) got = {0};
    AUTO(strv) mask = {0};
    AUTO(strv) bad = {0};
    struct err e = {0};

    assert_ok(containers_client_create(f->ch, &ctx, &c, NULL, &e), &e);
    free(change.image);
    change.image = xstrdup("img2");
    labels_set(&change.labels, "l", "w");
    free(change.extensions[0].key);
    change.extensions[0].key = xstrdup("ext.b");
    strv_add(&mask, "image");
    strv_add(&mask, "extensions.ext.b");
    assert_ok(containers_client_update(f->ch, &ctx, &change, &mask, &got, &e), &e);
    assert_string_equal(got.image, "img2");
    assert_int_equal(got.n_extensions, 2);
    assert_null(labels_find(&got.labels, "l"));
    container_done(&got);
    strv_done(&mask);
    strv_add(&mask, "extensions.ext.a"); /* the change has none: it goes */
    assert_ok(containers_client_update(f->ch, &ctx, &change, &mask, &got, &e), &e);
    assert_int_equal(got.n_extensions, 1);
    assert_string_equal(got.extensions[0].key, "ext.b");
    container_done(&got);
    assert_ok(containers_client_update(f->ch, &ctx, &change, NULL, &got, &e), &e);
    assert_string_equal(labels_find(&got.labels, "l"), "w");
    strv_add(&bad, "runtime");
    assert_code(containers_client_update(f->ch, &ctx, &change, &bad, NULL, &e),
                CODE_INVALID_ARGUMENT, &e);
    *change.snapshotter = 'x';
    assert_code(containers_client_update(f->ch, &ctx, &change, NULL, NULL, &e),
                CODE_INVALID_ARGUMENT, &e);
}

/* ---- leases ---- */

static void
leases_and_their_resources(void **state)
{
    static const struct {
        const char *type, *id;
        int code;
    } rows[] = {
        {"content", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 0},
        {"content", "sha256:nonsense", CODE_INVALID_ARGUMENT},
        {"ingests", "any ref", 0},
        {"images", "docker.io/a", 0},
        {"snapshots/ross", "key", 0},
        {"snapshots", "key", CODE_INVALID_ARGUMENT},
        {"snapshots/", "key", CODE_INVALID_ARGUMENT},
        {"snapshots/a/b", "key", CODE_INVALID_ARGUMENT},
        {"content", "", CODE_INVALID_ARGUMENT},
        {"tasks", "x", CODE_UNIMPLEMENTED},
    };
    struct fixture *f = *state;
    AUTO(labels) labels = {0};
    AUTO(lease) l = {0};
    AUTO(lease) unnamed = {0};
    struct err e = {0};

    labels_set(&labels, "a", "b");
    assert_ok(leases_client_create(f->ch, &ctx, "l", &labels, &l, &e), &e);
    assert_string_equal(l.id, "l");
    assert_true(labels_equal(&l.labels, &labels));
    assert_code(leases_client_create(f->ch, &ctx, "l", NULL, NULL, &e), CODE_ALREADY_EXISTS, &e);
    assert_ok(leases_client_create(f->ch, &ctx, "", NULL, &unnamed, &e), &e);
    assert_true(strlen(unnamed.id) > 8);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct lease_resource r = {.id = (char *) (uintptr_t) rows[i].id,
                                         .type = (char *) (uintptr_t) rows[i].type};
        int got = leases_client_add_resource(f->ch, &ctx, "l", &r, &e);

        if (got != -rows[i].code)
            fail_msg("%s %s: %d (%s)", rows[i].type, rows[i].id, got, e.msg);
        assert_true(rows[i].code || leases_client_add_resource(f->ch, &ctx, "l", &r, &e) == 0);
        if (!rows[i].code)
            assert_code(leases_client_add_resource(f->ch, &ctx, "no", &r, &e), CODE_NOT_FOUND, &e);
    }
    assert_ok(leases_client_delete(f->ch, &ctx, "l", true, &e), &e);
    assert_code(leases_client_delete(f->ch, &ctx, "l", false, &e), CODE_NOT_FOUND, &e);
}

/* ---- namespaces, version ---- */

static int
note_ns(const struct namespace_ *n, void *arg)
{
    strv_add(arg, n->name);
    return 0;
}

static int
ns_create(struct fixture *f, const char *name, struct err *e)
{
    AUTO(arena) a = {0};
    Containerd__Services__Namespaces__V1__Namespace n =
        CONTAINERD__SERVICES__NAMESPACES__V1__NAMESPACE__INIT;
    Containerd__Services__Namespaces__V1__CreateNamespaceRequest rq =
        CONTAINERD__SERVICES__NAMESPACES__V1__CREATE_NAMESPACE_REQUEST__INIT;
    void *rp;

    n.name = (char *) (uintptr_t) name;
    rq.namespace_ = &n;
    return rpc_invoke(f->ch, NULL, &containerd__services__namespaces__v1__namespaces__descriptor,
                      "Create", &rq, &a, &rp, e);
}

static int
ns_delete(struct fixture *f, const char *name, struct err *e)
{
    AUTO(arena) a = {0};
    Containerd__Services__Namespaces__V1__DeleteNamespaceRequest rq =
        CONTAINERD__SERVICES__NAMESPACES__V1__DELETE_NAMESPACE_REQUEST__INIT;
    void *rp;

    rq.name = (char *) (uintptr_t) name;
    return rpc_invoke(f->ch, NULL, &containerd__services__namespaces__v1__namespaces__descriptor,
                      "Delete", &rq, &a, &rp, e);
}

static void
namespaces_come_with_use(void **state)
{
    struct fixture *f = *state;
    AUTO(image) i = an_image("n", "x");
    AUTO(strv) names = {0};
    auto_free char *version = NULL;
    auto_free char *revision = NULL;
    struct err e = {0};

    assert_ok(ns_create(f, "made", &e), &e);
    assert_code(ns_create(f, "made", &e), CODE_ALREADY_EXISTS, &e);
    assert_code(ns_create(f, "../x", &e), CODE_INVALID_ARGUMENT, &e);
    assert_ok(images_client_create(f->ch, &ctx, &i, NULL, &e), &e);
    assert_ok(namespaces_client_list(f->ch, NULL, note_ns, &names, &e), &e);
    assert_int_equal(names.n, 2);
    assert_true(strv_has(&names, "made") && strv_has(&names, "test"));
    assert_code(ns_delete(f, "test", &e), CODE_FAILED_PRECONDITION, &e);
    assert_ok(ns_delete(f, "made", &e), &e);
    assert_code(ns_delete(f, "made", &e), CODE_NOT_FOUND, &e);
    assert_ok(version_client_get(f->ch, NULL, &version, &revision, &e), &e);
    assert_true(*version != '\0');
}

/* ---- collecting ---- */

static void
put(struct fixture *f, const char *text, const char *label, const char *value, struct digest *ret)
{
    const struct content_writer_open o = {.ref = text};
    AUTO_PTR(content_writer) w = NULL;
    AUTO(labels) l = {0};
    struct err e = {0};

    digest_compute(DIGEST_SHA256, text, strlen(text), ret);
    if (label)
        labels_set(&l, label, value);
    assert_ok(content_writer_open(f->content, &ctx, &o, &w, &e), &e);
    assert_ok(content_writer_write(w, text, strlen(text), &e), &e);
    assert_ok(content_writer_commit(w, 0, ret, &l, &e), &e);
}

static bool
there(struct fixture *f, const struct digest *d)
{
    AUTO(content_info) i = {0};

    return content_info_get(f->content, &ctx, d, &i, NULL) == 0;
}

static void
deleting_an_image_takes_what_it_alone_held(void **state)
{
    struct fixture *f = *state;
    AUTO(image) a = an_image("a", "manifest a");
    AUTO(image) b = an_image("b", "manifest b");
    struct digest base, only_a, ma, mb;
    char shown[DIGEST_STR_MAX];
    struct err e = {0};

    put(f, "base layer", NULL, NULL, &base);
    put(f, "layer of a", NULL, NULL, &only_a);
    {
        auto_free char *refs = xstrdup(digest_format(&base, shown));
        AUTO(labels) more = {0};
        AUTO(strv) mask = {0};
        AUTO(content_info) i = {0};

        put(f, "manifest a", "containerd.io/gc.ref.content.l.0", refs, &ma);
        put(f, "manifest b", "containerd.io/gc.ref.content.l.0", refs, &mb);
        labels_set(&more, "containerd.io/gc.ref.content.l.1", digest_format(&only_a, shown));
        strv_add(&mask, "labels.containerd.io/gc.ref.content.l.1");
        assert_ok(content_update(f->content, &ctx, &ma, &more, &mask, &i, &e), &e);
        assert_int_equal(i.labels.n, 2);
    }
    assert_ok(images_client_create(f->ch, &ctx, &a, NULL, &e), &e);
    assert_ok(images_client_create(f->ch, &ctx, &b, NULL, &e), &e);
    assert_ok(images_client_delete(f->ch, &ctx, "a", true, &e), &e);
    assert_false(there(f, &ma));
    assert_false(there(f, &only_a));
    assert_true(there(f, &base));
    assert_true(there(f, &mb));
    assert_ok(images_client_delete(f->ch, &ctx, "b", true, &e), &e);
    assert_false(there(f, &base));
}

static void
foreign_snapshot_keys(void **state)
{
    (void) state;
    assert_true(snapshot_key_is_containerds("default/12/sha256:abc"));
    assert_true(snapshot_key_is_containerds("k8s.io/1/x/y"));
    assert_false(snapshot_key_is_containerds("sha256:abc"));
    assert_false(snapshot_key_is_containerds("default/12"));
    assert_false(snapshot_key_is_containerds("default/x/y"));
    assert_false(snapshot_key_is_containerds("/12/x"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(images_are_made_once, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_images_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(images_change_by_mask, setup, teardown),
        cmocka_unit_test_setup_teardown(images_are_listed_by_filter, setup, teardown),
        cmocka_unit_test_setup_teardown(containers_keep_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_containers_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(containers_change_by_mask, setup, teardown),
        cmocka_unit_test_setup_teardown(leases_and_their_resources, setup, teardown),
        cmocka_unit_test_setup_teardown(namespaces_come_with_use, setup, teardown),
        cmocka_unit_test_setup_teardown(deleting_an_image_takes_what_it_alone_held, setup,
                                        teardown),
        cmocka_unit_test(foreign_snapshot_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
