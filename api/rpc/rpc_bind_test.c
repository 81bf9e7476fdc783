/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc_bind.h"

#include <string.h>

#include "api/rpc/toy/toy.pb-c.h"
#include "libross/base/test.h"

static int
nothing(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    (void) call, (void) impl, (void) request, (void) reply, (void) err;
    return 0;
}

static int
check(const struct rpc_method *rows, size_t n, struct err *err)
{
    struct rpc_service svc = {.desc = &ross__toy__toy__descriptor, .methods = rows, .n_methods = n};

    return rpc_service_check(&svc, err);
}

static void
accepts_a_table_with_some_rows(void **state)
{
    static const struct rpc_method rows[] = {{"Echo", RPC_UNARY, nothing},
                                             {"Chat", RPC_BIDI, nothing}};
    struct err err = {0};

    (void) state;
    assert_ok(check(rows, 2, &err), &err);
}

static void
refuses_wrong_tables(void **state)
{
    static const struct rpc_method unknown[] = {{"Ech", RPC_UNARY, nothing}};
    static const struct rpc_method twice[] = {{"Echo", RPC_UNARY, nothing},
                                              {"Echo", RPC_UNARY, nothing}};
    static const struct rpc_method empty[] = {{"Echo", RPC_UNARY, NULL}};
    struct rpc_service same[2] = {{.desc = &ross__toy__toy__descriptor},
                                  {.desc = &ross__toy__toy__descriptor}};
    struct err err = {0};

    (void) state;
    assert_code(check(unknown, 1, &err), CODE_INTERNAL, &err);
    assert_non_null(strstr(err.msg, "Ech"));
    assert_code(check(twice, 2, &err), CODE_INTERNAL, &err);
    assert_code(check(empty, 1, &err), CODE_INTERNAL, &err);
    assert_ok(rpc_services_check(same, 1, &err), &err);
    assert_code(rpc_services_check(same, 2, &err), CODE_INTERNAL, &err);
}

static int
find(const struct rpc_service *svc, const char *service, const char *method, struct rpc_route *ret,
     struct err *err)
{
    return rpc_route_find(svc, 1, service, strlen(service), method, strlen(method), ret, err);
}

static void
finds_the_row_or_says_unimplemented(void **state)
{
    static const struct rpc_method rows[] = {{"Chat", RPC_BIDI, nothing},
                                             {"Echo", RPC_UNARY, nothing}};
    struct rpc_service svc = {.desc = &ross__toy__toy__descriptor, .methods = rows, .n_methods = 2};
    struct rpc_route route = {0};
    struct err err = {0};

    (void) state;
    assert_ok(find(&svc, "ross.toy.Toy", "Echo", &route, &err), &err);
    assert_ptr_equal(route.row, &rows[1]);
    assert_string_equal(route.method->name, "Echo");
    assert_code(find(&svc, "ross.toy.Toy", "Missing", &route, &err), CODE_UNIMPLEMENTED, &err);
    assert_code(find(&svc, "ross.toy.Toy", "Ech", &route, &err), CODE_UNIMPLEMENTED, &err);
    assert_code(find(&svc, "ross.toy.Toy", "Echoo", &route, &err), CODE_UNIMPLEMENTED, &err);
    assert_code(find(&svc, "ross.toy.To", "Echo", &route, &err), CODE_UNIMPLEMENTED, &err);
    assert_code(find(&svc, "", "", &route, &err), CODE_UNIMPLEMENTED, &err);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_a_table_with_some_rows),
        cmocka_unit_test(refuses_wrong_tables),
        cmocka_unit_test(finds_the_row_or_says_unimplemented),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
