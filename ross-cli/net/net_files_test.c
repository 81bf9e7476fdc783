/* SPDX-License-Identifier: Apache-2.0 */
#include "net_files.h"

#include "libross/base/test.h"

#define HEAD "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"

static void
hosts_file_of_a_container(void **state)
{
    static const struct hosts_line peers[] = {{"10.0.0.3", "other alias"}, {"10.0.0.4", ""}};
    AUTO(strv) add = {0};
    auto_free char *alone = NULL, *joined = NULL, *host = NULL;

    (void) state;
    strv_add(&add, "db:1.2.3.4");
    strv_add(&add, "six:fd00::1");
    strv_add(&add, "gw:host-gateway");
    alone = hosts_text("box", NULL, NULL, NULL, 0, NULL, NULL);
    assert_string_equal(alone, HEAD "127.0.1.1\tbox\n");
    joined = hosts_text("box", "10.0.0.2", "fd00::2", peers, 2, &add, "10.0.0.1");
    assert_string_equal(joined, HEAD "10.0.0.2\tbox\nfd00::2\tbox\n1.2.3.4\tdb\nfd00::1\tsix\n"
                                     "10.0.0.1\tgw\n10.0.0.3\tother alias\n");
    host = hosts_text(NULL, NULL, NULL, NULL, 0, &add, NULL);
    assert_string_equal(host, HEAD "1.2.3.4\tdb\nfd00::1\tsix\n");
}

static void
resolver_of_a_container(void **state)
{
    static const char host[] = "# comment\nsearch old\nsearch lan  home\nnameserver\t127.0.0.53\r\n"
                               "nameserver 10.0.0.53 # mine\nnameserver ::1\noptions edns0\n"
                               "nonsense\noptions trust-ad\n";
    AUTO(strv) none = {0};
    AUTO(strv) servers = {0};
    AUTO(strv) words = {0};
    struct resolv_options o = {
        .host_text = host, .servers = &none, .search = &none, .options = &none};
    auto_free char *plain = NULL, *kept = NULL, *given = NULL;

    (void) state;
    plain = resolv_text(&o);
    assert_string_equal(plain, "search lan home\nnameserver 10.0.0.53\noptions edns0 trust-ad\n");
    o.keep_loopback = true;
    kept = resolv_text(&o);
    assert_string_equal(kept, "search lan home\nnameserver 127.0.0.53\nnameserver 10.0.0.53\n"
                              "nameserver ::1\noptions edns0 trust-ad\n");
    o.keep_loopback = false;
    strv_add(&servers, "127.0.0.1");
    strv_add(&words, "x");
    o.servers = &servers;
    o.search = o.options = &words;
    given = resolv_text(&o);
    assert_string_equal(given, "search x\nnameserver 127.0.0.1\noptions x\n");
    assert_true(resolv_has_outside_server(host));
    assert_false(resolv_has_outside_server("nameserver 127.0.0.53\n"));
    assert_false(resolv_has_outside_server(""));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_file_of_a_container),
        cmocka_unit_test(resolver_of_a_container),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
