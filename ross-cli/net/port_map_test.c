/* SPDX-License-Identifier: Apache-2.0 */
#include "port_map.h"

#include <string.h>
#include <sys/socket.h>

#include "libross/base/fd.h"
#include "libross/base/test.h"

static const struct {
    const char *text;
    size_t n;
    struct port_map first;
} good[] = {
    {"80", 1, {.container = 80}},
    {"8080:80", 1, {.host = 8080, .container = 80}},
    {":80", 1, {.container = 80}},
    {"0:80", 1, {.container = 80}},
    {"8080:80/udp", 1, {.host = 8080, .container = 80, .udp = true}},
    {"127.0.0.1:8080:80/tcp", 1, {.ip = "127.0.0.1", .host = 8080, .container = 80}},
    {"127.0.0.1::80", 1, {.ip = "127.0.0.1", .container = 80}},
    {"0.0.0.0:1:2", 1, {.host = 1, .container = 2}},
    {"[::1]:8080:80", 1, {.ip = "::1", .host = 8080, .container = 80}},
    {"8000-8003:80-83", 4, {.host = 8000, .container = 80}},
    {"80-83", 4, {.container = 80}},
    {"65535:65535", 1, {.host = 65535, .container = 65535}},
};

static void
reads_what_people_write(void **state)
{
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        AUTO(port_maps) p = {0};

        assert_ok(port_map_parse(good[i].text, &p, &err), &err);
        assert_int_equal(p.n, good[i].n);
        assert_string_equal(p.items[0].ip, good[i].first.ip);
        assert_int_equal(p.items[0].host, good[i].first.host);
        assert_int_equal(p.items[0].container, good[i].first.container);
        assert_int_equal(p.items[0].udp, good[i].first.udp);
    }
}

static void
refuses_what_is_no_port(void **state)
{
    static const char *const bad[] = {
        "",        "0",      "65536",   "80/sctp",      "a:80",       "8080:",   "1.2.3:1:2",
        "80-79",   "80:80:", "1-3:1-2", "[::1]80:80",   "[::1:80:80", "-80",     "80-",
        "::1:1:2", "8080:0", "1:2:3:4", "127.0.0.1:80", " 80",        "8080:80/"};
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO(port_maps) p = {0};

        if (port_map_parse(bad[i], &p, &err) != -CODE_INVALID_ARGUMENT)
            fail_msg("'%s' is accepted", bad[i]);
    }
    AUTO(port_maps) many = {0};
    assert_code(port_map_parse("1-2000", &many, &err), CODE_RESOURCE_EXHAUSTED, &err);
}

static void
exposed_ports_are_added_once(void **state)
{
    AUTO(port_maps) p = {0};
    struct err err = {0};

    (void) state;
    assert_ok(port_map_parse("8080:80", &p, &err), &err);
    assert_ok(port_map_parse_exposed("80/tcp", &p, &err), &err);
    assert_ok(port_map_parse_exposed("80/udp", &p, &err), &err);
    assert_ok(port_map_parse_exposed("90-92", &p, &err), &err);
    assert_int_equal(p.n, 5);
    assert_code(port_map_parse_exposed("90/icmp", &p, &err), CODE_INVALID_ARGUMENT, &err);
}

static int
listen_somewhere(uint16_t *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof a;

    assert_int_equal(bind(fd, (struct sockaddr *) &a, len), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *) &a, &len), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static void
conflicts_are_found(void **state)
{
    AUTO(port_maps) taken = {0};
    AUTO(port_maps) p = {0};
    struct err err = {0};
    auto_close int fd = -1;
    uint16_t port;

    (void) state;
    fd = listen_somewhere(&port);
    port_maps_add(&p, &(struct port_map){.ip = "127.0.0.1", .host = port, .container = 1});
    assert_code(port_maps_resolve(&p, &taken, &err), CODE_FAILED_PRECONDITION, &err);
    assert_non_null(strstr(err.msg, "in use on this machine"));
    p.items[0].udp = true;
    assert_ok(port_maps_resolve(&p, &taken, &err), &err);
    port_maps_add(&taken, &(struct port_map){.host = port, .container = 9, .udp = true});
    assert_code(port_maps_resolve(&p, &taken, &err), CODE_FAILED_PRECONDITION, &err);
    assert_non_null(strstr(err.msg, "another container"));
    p.items[0].host = 0;
    port_maps_add(&p, &(struct port_map){.container = 2, .udp = true});
    assert_ok(port_maps_resolve(&p, &taken, &err), &err);
    assert_true(p.items[0].host >= 32768 && p.items[1].host >= 32768);
    assert_int_not_equal(p.items[0].host, p.items[1].host);
    p.items[1].host = p.items[0].host;
    assert_code(port_maps_resolve(&p, &taken, &err), CODE_FAILED_PRECONDITION, &err);
}

static void
survives_json(void **state)
{
    AUTO(port_maps) p = {0};
    AUTO(port_maps) q = {0};
    AUTO_PTR(json) array = NULL;
    auto_free char *text = NULL;
    struct err err = {0};

    (void) state;
    port_maps_add(&p, &(struct port_map){.ip = "::1", .host = 1, .container = 2, .udp = true});
    array = port_maps_to_json(&p);
    assert_ok(port_maps_from_json(array, &q, &err), &err);
    assert_int_equal(q.n, 1);
    assert_memory_equal(&p.items[0], &q.items[0], sizeof p.items[0]);
    text = port_map_host_text(&q.items[0]);
    assert_string_equal(text, "[::1]:1");
    json_set(json_at(array, 0), "hostPort", json_new_int(65536));
    assert_code(port_maps_from_json(array, &q, &err), CODE_DATA_LOSS, &err);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_people_write),
        cmocka_unit_test(refuses_what_is_no_port),
        cmocka_unit_test(exposed_ports_are_added_once),
        cmocka_unit_test(conflicts_are_found),
        cmocka_unit_test(survives_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
