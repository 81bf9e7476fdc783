/* SPDX-License-Identifier: Apache-2.0 */
#include "firewall.h"

#include <string.h>

#include "libross/base/test.h"

static struct cidr
subnet(const char *text)
{
    struct err err = {0};
    struct cidr c;

    assert_ok(cidr_parse(text, &c, &err), &err);
    return c;
}

static struct cidr
address(const char *text)
{
    struct err err = {0};
    struct cidr c;

    assert_ok(cidr_parse_address(text, &c, &err), &err);
    return c;
}

#define TAG "3fd2a909" /* of "/run/ross" */

static void
assert_line(const char *text, const char *line)
{
    if (!strstr(text, line))
        fail_msg("'%s' is not in\n%s", line, text);
}

static void
writes_all_rules_of_a_family(void **state)
{
    AUTO(firewall) f = {.state = "/run/ross"};
    auto_free char *v4 = NULL, *v6 = NULL;

    (void) state;
    firewall_add_network(&f, &(struct firewall_network){.interface = "ross0",
                                                        .has_v4 = true,
                                                        .subnet4 = subnet("10.60.0.0/24")});
    firewall_add_network(&f, &(struct firewall_network){.interface = "ross-in",
                                                        .internal = true,
                                                        .has_v4 = true,
                                                        .has_v6 = true,
                                                        .subnet4 = subnet("10.60.1.0/24"),
                                                        .subnet6 = subnet("fd00::/64")});
    firewall_add_port(&f, &(struct firewall_port){.map = {.host = 8080, .container = 80},
                                                  .address = address("10.60.0.2")});
    firewall_add_port(&f,
                      &(struct firewall_port){
                          .map = {.ip = "127.0.0.1", .host = 53, .container = 5353, .udp = true},
                          .address = address("10.60.0.3")});
    firewall_add_port(&f, &(struct firewall_port){.map = {.host = 8080, .container = 80},
                                                  .address = address("fd00::2")});
    v4 = firewall_rules(&f, false);
    v6 = firewall_rules(&f, true);
    assert_string_equal(
        v4,
        "*nat\n:ROSS-DNAT-" TAG " - [0:0]\n:ROSS-MASQ-" TAG " - [0:0]\n"
        "-A ROSS-MASQ-" TAG " -s 10.60.0.0/24 ! -o ross0 -j MASQUERADE\n"
        "-A ROSS-MASQ-" TAG " -s 10.60.0.0/24 -o ross0 -m conntrack --ctstate DNAT -j MASQUERADE\n"
        "-A ROSS-MASQ-" TAG " -s 127.0.0.0/8 -o ross0 -j MASQUERADE\n"
        "-A ROSS-DNAT-" TAG " -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.60.0.2:80\n"
        "-A ROSS-DNAT-" TAG
        " -d 127.0.0.1 -p udp -m udp --dport 53 -j DNAT --to-destination 10.60.0.3:5353\n"
        "COMMIT\n*filter\n:ROSS-FWD-" TAG " - [0:0]\n:ROSS-IN-" TAG " - [0:0]\n"
        "-A ROSS-FWD-" TAG " -o ross0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
        "-A ROSS-FWD-" TAG " -i ross0 -o ross0 -j ACCEPT\n"
        "-A ROSS-FWD-" TAG " -o ross0 -m conntrack --ctstate DNAT -j ACCEPT\n"
        "-A ROSS-FWD-" TAG " -o ross0 -j DROP\n"
        "-A ROSS-FWD-" TAG " -o ross-in -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
        "-A ROSS-FWD-" TAG " -i ross-in -o ross-in -j ACCEPT\n"
        "-A ROSS-FWD-" TAG " -o ross-in -j DROP\n"
        "-A ROSS-FWD-" TAG " -i ross0 -j ACCEPT\n"
        "-A ROSS-IN-" TAG " -i ross0 -d 127.0.0.0/8 -m conntrack ! --ctstate "
        "RELATED,ESTABLISHED,DNAT -j DROP\n"
        "-A ROSS-FWD-" TAG " -i ross-in -j DROP\n"
        "-A ROSS-IN-" TAG " -i ross-in -d 127.0.0.0/8 -m conntrack ! --ctstate "
        "RELATED,ESTABLISHED,DNAT -j DROP\n"
        "COMMIT\n");
    assert_line(v6, "--to-destination [fd00::2]:80\n");
    assert_line(v6, "-i ross-in -j DROP\n");
    assert_null(strstr(v6, "ross0"));
    assert_null(strstr(v6, "ROSS-IN"));
    assert_null(strstr(v6, "MASQUERADE"));
}

static void
instances_have_chains_of_their_own(void **state)
{
    AUTO(firewall) a = {.state = "/run/ross"};
    AUTO(firewall) b = {.state = "/tmp/other"};
    auto_free char *ours = NULL, *theirs = NULL;
    const struct firewall_network n = {
        .interface = "x", .has_v4 = true, .subnet4 = subnet("10.60.0.0/24")};

    (void) state;
    assert_null(firewall_rules(&a, false));
    firewall_add_network(&a, &n);
    firewall_add_network(&b, &n);
    assert_null(firewall_rules(&a, true));
    ours = firewall_rules(&a, false);
    theirs = firewall_rules(&b, false);
    assert_non_null(strstr(ours, TAG));
    assert_null(strstr(theirs, TAG));
    assert_false(firewall_knows("/nonexistent", "x"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_all_rules_of_a_family),
        cmocka_unit_test(instances_have_chains_of_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
