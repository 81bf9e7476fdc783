/* SPDX-License-Identifier: Apache-2.0 */
/* Records of networks and of what containers want of them. */
#include "network.h"

#include <string.h>
#include <unistd.h>

#include "attachment.h"
#include "libross/base/path.h"
#include "libross/base/test.h"

struct place {
    char *dir;
    struct net_places p;
};

static int
setup(void **state)
{
    struct place *at = xcalloc(1, sizeof *at);

    at->dir = test_tmpdir();
    at->p = (struct net_places){.root = at->dir, .state = at->dir};
    *state = at;
    return 0;
}

static int
teardown(void **state)
{
    struct place *at = *state;

    test_tmpdir_remove(at->dir);
    free(at);
    return 0;
}

static void
the_default_is_made_when_it_is_asked_for(void **state)
{
    const struct place *at = *state;
    AUTO(network) first = {0};
    AUTO(network) again = {0};
    AUTO(networks) all = {0};
    AUTO_PTR(json) list = NULL;
    auto_free char *text = NULL, *want = NULL;
    struct err err = {0};
    char subnet[CIDR_STR_MAX], gateway[CIDR_STR_MAX];

    assert_ok(network_get(&at->p, "bridge", &first, &err), &err);
    assert_ok(network_get(&at->p, "bridge", &again, &err), &err);
    assert_string_equal(first.id, again.id);
    assert_true(cidr_equal(&first.subnet4, &again.subnet4));
    assert_true(strncmp(first.interface, "ross-", 5) == 0 && strlen(first.interface) < 16);
    assert_ok(networks_list(&at->p, &all, &err), &err);
    assert_int_equal(all.n, 1);
    list = network_plugins(&at->p, &first);
    text = json_dump(list, NULL);
    want = xasprintf(
        "{\"cniVersion\":\"1.0.0\",\"name\":\"bridge\",\"plugins\":[{\"type\":\"bridge\","
        "\"bridge\":\"%s\",\"isGateway\":true,\"forceAddress\":true,\"hairpinMode\":true,"
        "\"capabilities\":{\"ips\":true,\"mac\":true},\"ipam\":{\"type\":\"host-local\","
        "\"dataDir\":\"%s/net/ipam\",\"ranges\":"
        "[[{\"subnet\":\"%s\",\"gateway\":\"%s\"}]],\"routes\":[{\"dst\":\"0.0.0.0/0\"}]}}]}",
        first.interface, at->dir, cidr_format(&first.subnet4, subnet),
        cidr_format_address(&first.gateway4, gateway));
    assert_string_equal(text, want);
    assert_code(network_get(&at->p, "other", &again, &err), CODE_NOT_FOUND, &err);
}

static void
create_refuses_what_cannot_be(void **state)
{
    static const struct {
        struct network_options opt;
        int code;
        const char *says;
    } bad[] = {
        {{.name = "host"}, CODE_INVALID_ARGUMENT, "no name for a network"},
        {{.name = "a/b"}, CODE_INVALID_ARGUMENT, "no name for a network"},
        {{.name = ""}, CODE_INVALID_ARGUMENT, "no name for a network"},
        {{.name = "x", .driver = "overlay"}, CODE_INVALID_ARGUMENT, "overlay"},
        {{.name = "x", .subnet = "10.250.0.1/24"}, CODE_INVALID_ARGUMENT, "10.250.0.0/24"},
        {{.name = "x", .subnet = "10.250.0.0/31"}, CODE_INVALID_ARGUMENT, "sensible size"},
        {{.name = "x", .subnet = "fd00::/64"}, CODE_INVALID_ARGUMENT, "IPv4"},
        {{.name = "x", .subnet = "10.250.0.0/24", .gateway = "10.251.0.1"},
         CODE_INVALID_ARGUMENT,
         "not in the subnet"},
        {{.name = "x", .subnet = "10.249.7.0/25"}, CODE_FAILED_PRECONDITION, "network 'there'"},
        {{.name = "x", .mtu = "100"}, CODE_INVALID_ARGUMENT, "mtu"},
        {{.name = "there"}, CODE_ALREADY_EXISTS, "already"},
    };
    const struct place *at = *state;
    const struct network_options good = {.name = "there", .subnet = "10.249.7.0/24", .v6 = true};
    AUTO(network) n = {0};
    AUTO(network) none = {0};
    struct err err = {0};

    assert_ok(network_create(&at->p, &good, &n, &err), &err);
    assert_true(n.has_v6 && n.subnet6.addr[0] == 0xfd && n.subnet6.prefix == 64);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_code(network_create(&at->p, &bad[i].opt, &none, &err), bad[i].code, &err);
        if (!strstr(err.msg, bad[i].says))
            fail_msg("row %zu says '%s'", i, err.msg);
    }
    assert_ok(network_forget(&at->p, "there", &err), &err);
    assert_code(network_forget(&at->p, "there", &err), CODE_NOT_FOUND, &err);
}

static void
requests_survive_their_file(void **state)
{
    const struct place *at = *state;
    AUTO(net_request) q = {.mode = NET_NETWORKS};
    AUTO(net_request) back = {0};
    struct net_wish *w;
    struct err err = {0};

    assert_ok(net_request_read(at->dir, &back, &err), &err);
    assert_int_equal(back.mode, NET_NONE);
    w = net_request_add(&q, "red");
    strv_add(&w->aliases, "alias");
    w->ip = xstrdup("10.0.0.9");
    (void) net_request_add(&q, "blue");
    port_maps_add(&q.ports, &(struct port_map){.host = 1, .container = 2});
    strv_add(&q.add_hosts, "a:1.2.3.4");
    q.hostname = xstrdup("box");
    assert_ok(net_request_write(at->dir, &q, true, &err), &err);
    assert_ok(net_request_read(at->dir, &back, &err), &err);
    assert_int_equal(back.mode, NET_NETWORKS);
    assert_int_equal(back.n_wishes, 2);
    assert_string_equal(net_request_find(&back, "red")->ip, "10.0.0.9");
    assert_string_equal(back.wishes[0].aliases.items[0], "alias");
    assert_int_equal(back.ports.n, 1);
    assert_string_equal(back.hostname, "box");
    net_request_remove(&back, "red");
    net_request_remove(&back, "green");
    assert_int_equal(back.n_wishes, 1);
    assert_string_equal(back.wishes[0].network, "blue");
}

static void
words_of_people_are_checked(void **state)
{
    static const char *const hosts[] = {"x", ":1.2.3.4", "x:", "x:1.2.3", "a b:1.2.3.4"};
    static const char *const macs[] = {"", "02:42:ac:11:00", "02-42-ac-11-00-02",
                                       "01:42:ac:11:00:02", "02:42:ac:11:00:0g"};
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        assert_code(net_add_host_check(hosts[i], &err), CODE_INVALID_ARGUMENT, &err);
    assert_ok(net_add_host_check("x:fd00::1", &err), &err);
    assert_ok(net_add_host_check("x.y:host-gateway", &err), &err);
    for (size_t i = 0; i < ARRAY_LEN(macs); i++)
        assert_code(net_mac_check(macs[i], &err), CODE_INVALID_ARGUMENT, &err);
    assert_ok(net_mac_check("02:42:ac:11:00:02", &err), &err);
}

static void
nothing_up_is_nothing_to_take_down(void **state)
{
    const struct place *at = *state;
    AUTO(net_record) rec = {0};
    struct err err = {0};
    AUTO(strv) found = {0};

    assert_ok(net_down(&at->p, "nobody", &err), &err);
    assert_code(net_record_read(&at->p, "nobody", &rec, &err), CODE_NOT_FOUND, &err);
    assert_ok(net_collect(&at->p, true, &found, &err), &err);
    assert_int_equal(found.n, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_default_is_made_when_it_is_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(create_refuses_what_cannot_be, setup, teardown),
        cmocka_unit_test_setup_teardown(requests_survive_their_file, setup, teardown),
        cmocka_unit_test(words_of_people_are_checked),
        cmocka_unit_test_setup_teardown(nothing_up_is_nothing_to_take_down, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
