/* SPDX-License-Identifier: Apache-2.0 */
#include "send_buffer.h"

#include "libross/base/test.h"

static void
large_ones_are_bounded_and_come_back(void **state)
{
    grpc_slice slices[SEND_BUFFERS_MAX + 1];

    (void) state;
    for (unsigned i = 0; i < SEND_BUFFERS_MAX; i++) {
        slices[i] = send_buffer_get(10 * SEND_BUFFER_BYTES);
        assert_int_equal(GRPC_SLICE_LENGTH(slices[i]), SEND_BUFFER_BYTES);
    }
    assert_int_equal(send_buffers_out(), SEND_BUFFERS_MAX);
    slices[SEND_BUFFERS_MAX] = send_buffer_get(10 * SEND_BUFFER_BYTES);
    assert_int_equal(GRPC_SLICE_LENGTH(slices[SEND_BUFFERS_MAX]), SEND_BUFFER_SMALL_BYTES);
    grpc_slice_unref(slices[SEND_BUFFERS_MAX]);
    for (unsigned i = 0; i < SEND_BUFFERS_MAX; i++)
        grpc_slice_unref(slices[i]);
    assert_int_equal(send_buffers_out(), 0);
}

static void
a_part_keeps_the_whole(void **state)
{
    grpc_slice s = send_buffer_get(SEND_BUFFER_BYTES), part = grpc_slice_sub(s, 0, 100000);

    (void) state;
    grpc_slice_unref(s);
    assert_int_equal(send_buffers_out(), 1);
    grpc_slice_unref(part);
    assert_int_equal(send_buffers_out(), 0);
}

static void
small_wishes_cost_little(void **state)
{
    grpc_slice s = send_buffer_get(5);

    (void) state;
    assert_int_equal(GRPC_SLICE_LENGTH(s), 5);
    assert_int_equal(send_buffers_out(), 0);
    grpc_slice_unref(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_ones_are_bounded_and_come_back),
        cmocka_unit_test(a_part_keeps_the_whole),
        cmocka_unit_test(small_wishes_cost_little),
    };

    grpc_core_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
