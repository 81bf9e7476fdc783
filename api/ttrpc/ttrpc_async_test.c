/* SPDX-License-Identifier: Apache-2.0 */
/* Client and server on one loop. */
#include <string.h>

#include "api/rpc/toy/toy.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/log.h"
#include "libross/base/test.h"
#include "testlib/test_server.h"
#include "ttrpc_channel.h"

#define MANY    500
#define LONG_MS 60000 /* for what is to succeed, however busy the machine is */

struct fixture {
    struct toy toy;
    struct loop *loop;
    char *dir, *path;
    int listen_fd;
    struct ttrpc_server *server;
    struct ttrpc_async *client;
    int n_done, n_ok, last_r;
    char last_msg[200];
};

static void
serve(struct fixture *f)
{
    struct rpc_service svc = toy_service(&f->toy);
    struct err err = {0};

    f->listen_fd = test_listen(f->path);
    assert_ok(ttrpc_server_new(f->loop, f->listen_fd, &svc, 1, &f->server, &err), &err);
}

static void
stop_serving(struct fixture *f)
{
    ttrpc_server_free(f->server);
    f->server = NULL;
    f->listen_fd = fd_close(f->listen_fd);
    (void) unlink(f->path);
}

static int
setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    struct err err = {0};

    toy_init(&f->toy);
    f->dir = test_tmpdir();
    f->path = xasprintf("%s/a.sock", f->dir);
    f->listen_fd = -1;
    assert_ok(loop_new(&f->loop, &err), &err);
    f->client = ttrpc_async_new(f->loop, f->path);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    ttrpc_async_free(f->client);
    stop_serving(f);
    loop_free(f->loop);
    toy_done(&f->toy);
    test_tmpdir_remove(f->dir);
    free(f->path);
    free(f);
    return 0;
}

static void
done(int r, const struct err *err, void *arg)
{
    struct fixture *f = arg;

    f->n_done++;
    f->n_ok += r == 0;
    f->last_r = r;
    (void) strncpy(f->last_msg, r < 0 ? err->msg : "", sizeof f->last_msg - 1);
}

static void
call(struct fixture *f, const char *method, const char *text, int64_t number, int64_t timeout_ms)
{
    Ross__Toy__Word w = ROSS__TOY__WORD__INIT;

    w.text = (char *) text;
    w.number = number;
    ttrpc_async_call(f->client, "default", &ross__toy__toy__descriptor, method, &w, timeout_ms,
                     done, f);
}

static void
turn_until(struct fixture *f, int n_done)
{
    int64_t until = clock_mono_ns() + 2 * LONG_MS * NS_PER_MS;

    while (f->n_done < n_done) {
        assert_true(clock_mono_ns() < until);
        loop_turn(f->loop, 100);
    }
}

static void
calls_and_hears_the_outcome(void **state)
{
    struct fixture *f = *state;

    serve(f);
    call(f, "Echo", "x", 0, LONG_MS);
    assert_int_equal(f->n_done, 0);
    turn_until(f, 1);
    assert_int_equal(f->last_r, 0);
    call(f, "Echo", "fail", CODE_OUT_OF_RANGE, LONG_MS);
    turn_until(f, 2);
    assert_int_equal(f->last_r, -CODE_OUT_OF_RANGE);
    assert_non_null(strstr(f->last_msg, "failed as asked"));
    for (int i = 0; i < MANY; i++)
        call(f, "Echo", "x", i, LONG_MS);
    turn_until(f, MANY + 2);
    assert_int_equal(f->n_ok, MANY + 1);
}

static void
fails_from_the_loop_when_nobody_listens(void **state)
{
    struct fixture *f = *state;

    call(f, "Echo", "x", 0, LONG_MS);
    assert_int_equal(f->n_done, 0);
    turn_until(f, 1);
    assert_int_equal(f->last_r, -CODE_UNAVAILABLE);
    assert_non_null(strstr(f->last_msg, f->path));
    serve(f);
    call(f, "Echo", "x", 0, LONG_MS);
    turn_until(f, 2);
    assert_int_equal(f->last_r, 0);
}

static void
reconnects_after_a_restart(void **state)
{
    struct fixture *f = *state;

    serve(f);
    call(f, "Echo", "x", 0, LONG_MS);
    turn_until(f, 1);
    call(f, "Later", "x", 0, LONG_MS);
    while (!f->toy.n_kept)
        loop_turn(f->loop, 100);
    stop_serving(f);
    turn_until(f, 2);
    assert_int_equal(f->last_r, -CODE_UNAVAILABLE);
    call(f, "Echo", "x", 0, LONG_MS);
    turn_until(f, 3);
    assert_int_equal(f->last_r, -CODE_UNAVAILABLE);
    serve(f);
    call(f, "Echo", "x", 0, LONG_MS);
    turn_until(f, 4);
    assert_int_equal(f->last_r, 0);
}

static void
fails_at_the_timeout(void **state)
{
    struct fixture *f = *state;
    int64_t before = clock_mono_ns();

    f->listen_fd = test_listen(f->path); /* nobody accepts */
    call(f, "Echo", "x", 0, 30);
    turn_until(f, 1);
    assert_int_equal(f->last_r, -CODE_DEADLINE_EXCEEDED);
    assert_true(clock_mono_ns() - before >= 30 * NS_PER_MS);
}

static void
refuses_what_is_too_large(void **state)
{
    struct fixture *f = *state;
    Ross__Toy__Word w = ROSS__TOY__WORD__INIT;

    serve(f);
    w.data.len = 5 * 1024 * 1024;
    w.data.data = xcalloc(1, w.data.len);
    ttrpc_async_call(f->client, NULL, &ross__toy__toy__descriptor, "Echo", &w, LONG_MS, done, f);
    free(w.data.data);
    turn_until(f, 1);
    assert_int_equal(f->last_r, -CODE_RESOURCE_EXHAUSTED);
    call(f, "Echo", "x", 0, LONG_MS);
    turn_until(f, 2);
    assert_int_equal(f->last_r, 0);
}

static void
ends_open_calls_when_freed(void **state)
{
    struct fixture *f = *state;

    serve(f);
    for (int i = 0; i < 3; i++)
        call(f, "Later", "x", 0, LONG_MS);
    ttrpc_async_free(TAKE(f->client));
    assert_int_equal(f->n_done, 3);
    assert_int_equal(f->last_r, -CODE_CANCELED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(calls_and_hears_the_outcome, setup, teardown),
        cmocka_unit_test_setup_teardown(fails_from_the_loop_when_nobody_listens, setup, teardown),
        cmocka_unit_test_setup_teardown(reconnects_after_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(fails_at_the_timeout, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_what_is_too_large, setup, teardown),
        cmocka_unit_test_setup_teardown(ends_open_calls_when_freed, setup, teardown),
    };

    log_set_level(LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
