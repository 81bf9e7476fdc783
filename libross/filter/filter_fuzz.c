/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions, one a line, against an object. */
#include "libross/filter/filter.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libross/base/labels.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *
field(const void *object, const struct filter_path *path)
{
    if (strcmp(path->parts[0], "labels") == 0)
        return labels_find(object, path->rest);
    if (strcmp(path->parts[0], "name") != 0)
        return NULL;
    return "registry.example/a/b:latest gr\xc3\xbcn \xff "
           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab";
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *text = xstrndup(size ? (const char *) data : "", size);
    AUTO(strv) expressions = strv_split(text, '\n');
    AUTO_PTR(filter) f = NULL;
    AUTO(labels) l = {0};
    struct err err = {0};
    int r;

    labels_set(&l, "a.b", "x");
    labels_set(&l, "containerd.io/gc.root", "1");
    r = filter_parse_all(&expressions, &f, &err);
    if (r < 0 && r != -CODE_INVALID_ARGUMENT)
        abort();
    if (r == 0 && filter_is_all(f) && !filter_match(f, field, &l))
        abort();
    if (r == 0)
        (void) filter_match(f, field, &l);
    return 0;
}
