/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever the file says: a plan that is made can be read, names us, and is taken back to the byte. */
#include "cd_plan.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cd_text.h"
#include "libross/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
plan_once(const char *text, const struct cd_want *want)
{
    auto_free char *out = NULL, *back = NULL;
    struct err err = {0};
    size_t parts = 0;

    if (cd_plan(text, want, &out, &err) < 0)
        return;
    assert(cd_plan_is_configured(out));
    if (cd_text_strip(out, &back, &parts, &err) < 0)
        abort();
    assert(parts > 0 && strcmp(back, text) == 0);
}

/* The first byte chooses the version of containerd and the options. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *text = NULL, *plain = NULL;
    unsigned bits = size ? data[0] : 0;
    struct cd_want want = {.major = bits & 1 ? 2 : 1,
                           .minor = bits & 1 ? 1 : 6 + (bits >> 1 & 1),
                           .snapshotter_address = "/s",
                           .content_address = "/c",
                           .snapshots_root = "/r",
                           .platform = "linux/amd64",
                           .content = bits & 4,
                           .differ = bits & 8,
                           .cri = bits & 16,
                           .default_runtime = bits & 32,
                           .default_snapshotter = bits & 64};
    struct err err = {0};
    size_t parts;

    if (size < 1 || memchr(data + 1, '\0', size - 1))
        return 0;
    text = xstrndup((const char *) data + 1, size - 1);
    if (cd_text_strip(text, &plain, &parts, &err) == 0 && plain)
        plan_once(plain, &want);
    return 0;
}
