/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshots_local.h"

#include <stdio.h>

#include "libross/base/test.h"
#include "libross/contract/snapshots_conformance.h"

static struct snapshots_local *
open_local(const char *root)
{
    struct snapshots_local *l;
    struct err err = {0};

    assert_ok(snapshots_local_open(&(struct snapshots_local_options){.root = root}, &l, &err),
              &err);
    return l;
}

static void
conforms(void **state)
{
    char *root = test_tmpdir();
    struct snapshots_local *l = open_local(root);
    unsigned run;

    (void) state;
    assert_int_equal(snapshots_conformance_run(
                         &(struct snapshots_conformance){
                             .s = snapshots_local_contract(l),
                             .ns = "conformance",
                             .rebase = true,
                             .to = stdout,
                         },
                         &run),
                     0);
    assert_true(run >= 20);
    snapshots_free(snapshots_local_contract(l));
    test_tmpdir_remove(root);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conforms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
