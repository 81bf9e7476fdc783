/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/pull/board.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "libross/base/buf.h"
#include "libross/base/test.h"

#define TOLD_MAX 65536

static void
note(const struct pull_event *ev, void *arg)
{
    struct buf *told = arg;
    char line[64];

    if (ev->n)
        (void) snprintf(line, sizeof line, "%zu/%zu %s %lld\n", ev->index, ev->n,
                        pull_state_name(ev->state), (long long) ev->done_bytes);
    else
        (void) snprintf(line, sizeof line, "%s %s\n", ev->name, pull_state_name(ev->state));
    assert_int_equal(buf_append_str(told, line, NULL), 0);
}

static void
tells_the_last_state_of_each_line(void **state)
{
    struct board *b = board_new("img");
    struct oci_desc layers[2] = {{.size_bytes = 10}, {.size_bytes = 20}};
    AUTO(buf) told = BUF_INIT(TOLD_MAX);

    (void) state;
    board_image(b, PULL_RESOLVING);
    board_image(b, PULL_DOWNLOADING);
    board_layers(b, layers, 2);
    board_layer(b, 0, PULL_DOWNLOADING);
    board_bytes(b, 0, 5);
    board_bytes(b, 0, 7);
    board_layer(b, 0, PULL_DOWNLOADING); /* no news */
    board_end(b);
    board_pump(b, note, &told, NULL, NULL, NULL);
    assert_string_equal(told.data, "img downloading\n0/2 downloading 7\n1/2 waiting 0\n");
    board_free(b);
}

struct scene {
    struct board *board;
    atomic_bool cancelled, stopped;
};

static void
stop(void *arg)
{
    struct scene *s = arg;

    assert_false(atomic_exchange(&s->stopped, true)); /* once */
    board_image(s->board, PULL_FAILED);
    board_end(s->board);
}

static void
tells_of_a_cancellation_once(void **state)
{
    struct scene s = {.board = board_new("img")};
    AUTO(buf) told = BUF_INIT(TOLD_MAX);

    (void) state;
    atomic_store(&s.cancelled, true);
    board_pump(s.board, note, &told, &s.cancelled, stop, &s);
    assert_true(atomic_load(&s.stopped));
    assert_string_equal(told.data, "img failed\n");
    board_free(s.board);
}

static void *
work(void *arg)
{
    struct oci_desc layer = {.size_bytes = 1000};

    board_layers(arg, &layer, 1);
    for (int i = 1; i <= 1000; i++)
        board_bytes(arg, 0, i);
    board_layer(arg, 0, PULL_DONE);
    board_image(arg, PULL_DONE);
    board_end(arg);
    return NULL;
}

static void
does_not_tell_of_every_byte(void **state)
{
    struct board *b = board_new("img");
    AUTO(buf) told = BUF_INIT(TOLD_MAX);
    size_t lines = 0;
    pthread_t thread;

    (void) state;
    assert_int_equal(pthread_create(&thread, NULL, work, b), 0);
    board_pump(b, note, &told, NULL, NULL, NULL);
    (void) pthread_join(thread, NULL);
    for (size_t i = 0; i < told.len; i++)
        lines += told.data[i] == '\n';
    assert_true(lines < 100);
    assert_non_null(strstr(told.data, "0/1 done 1000\n"));
    assert_non_null(strstr(told.data, "img done\n"));
    board_free(b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_the_last_state_of_each_line),
        cmocka_unit_test(tells_of_a_cancellation_once),
        cmocka_unit_test(does_not_tell_of_every_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
