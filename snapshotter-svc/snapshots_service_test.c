/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshots_service.h"

#include <stdio.h>

#include "api/client/snapshots_client.h"
#include "api/rpc/rpc_loopback.h"
#include "libross/base/test.h"
#include "libross/contract/snapshots_conformance.h"
#include "snapshots_local.h"

/* Client, messages and service between the suite and the directories. */
static void
conforms_through_messages(void **state)
{
    char *root = test_tmpdir();
    struct snapshots_local *l;
    struct snapshots *client;
    struct rpc_channel *ch;
    struct rpc_service svc;
    struct err err = {0};
    unsigned run;

    (void) state;
    assert_ok(snapshots_local_open(&(struct snapshots_local_options){.root = root}, &l, &err),
              &err);
    svc = snapshots_service(snapshots_local_contract(l));
    assert_ok(rpc_service_check(&svc, &err), &err);
    assert_ok(rpc_loopback_channel(&svc, 1, &ch, &err), &err);
    client = snapshots_client_new(ch, "ross");
    assert_int_equal(snapshots_conformance_run(
                         &(struct snapshots_conformance){
                             .s = client,
                             .ns = "conformance",
                             .rebase = true,
                             .layers = 100,
                             .to = stdout,
                         },
                         &run),
                     0);
    assert_true(run >= 20);
    snapshots_free(client);
    rpc_channel_free(ch);
    snapshots_free(snapshots_local_contract(l));
    test_tmpdir_remove(root);
}

static int
count_info(const struct snapshot_info *info, void *arg)
{
    (void) info;
    (*(unsigned *) arg)++;
    return 0;
}

/* A containerd's collector removes what it lists and does not know. */
static void
hides_the_snapshots_of_others_from_a_collector(void **state)
{
    const struct call_ctx client_ctx = {.ns = "default"}, collector_ctx = {0};
    const char *const keys[] = {"sha256:abc", "box", "default/12/sha256:abc"};
    const struct strv no_filters = {0};
    const struct labels no_labels = {0};
    char *root = test_tmpdir();
    unsigned all = 0, seen = 0;
    struct snapshots_local *l;
    struct snapshots *client;
    struct rpc_channel *ch;
    struct rpc_service svc;
    struct err err = {0};

    (void) state;
    assert_ok(snapshots_local_open(&(struct snapshots_local_options){.root = root}, &l, &err),
              &err);
    svc = snapshots_service(snapshots_local_contract(l));
    assert_ok(rpc_loopback_channel(&svc, 1, &ch, &err), &err);
    client = snapshots_client_new(ch, "ross");
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct mount_list mounts = {0};

        assert_ok(snapshots_prepare(client, &client_ctx, SNAPSHOT_ACTIVE, keys[i], "", &no_labels,
                                    &mounts, &err),
                  &err);
        mount_list_done(&mounts);
    }
    assert_ok(snapshots_list(client, &client_ctx, &no_filters, count_info, &all, &err), &err);
    assert_ok(snapshots_list(client, &collector_ctx, &no_filters, count_info, &seen, &err), &err);
    assert_int_equal(all, 3);
    assert_int_equal(seen, 1);
    snapshots_free(client);
    rpc_channel_free(ch);
    snapshots_free(snapshots_local_contract(l));
    test_tmpdir_remove(root);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conforms_through_messages),
        cmocka_unit_test(hides_the_snapshots_of_others_from_a_collector),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
