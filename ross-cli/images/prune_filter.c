/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/images/prune_filter.h"

#include <string.h>

#include "libross/base/clock.h"
#include "libross/base/parse.h"

#define EPOCH_DIGITS_MIN 9 /* "1700000000" is a point in time, "3600" a duration in seconds */

void
prune_filter_done(struct prune_filter *f)
{
    strv_done(&f->labels);
    strv_done(&f->labels_not);
    *f = (struct prune_filter){0};
}

static int
parse_until(const char *text, int64_t now_ns, int64_t *ret, struct err *err)
{
    auto_free char *day = xasprintf("%sT00:00:00Z", text);
    uint64_t seconds;
    int64_t ns;

    if (strlen(text) >= EPOCH_DIGITS_MIN && parse_u64(text, &seconds, NULL) == 0 &&
        seconds < (uint64_t) (INT64_MAX / NS_PER_S))
        *ret = (int64_t) seconds * NS_PER_S;
    else if (parse_duration(text, &ns, NULL) == 0)
        *ret = now_ns - ns;
    else if (clock_parse(text, &ns, NULL) == 0 || clock_parse(day, &ns, NULL) == 0)
        *ret = ns;
    else
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "'%s' is no time for until=: use 24h, 2026-01-31 or 2026-01-31T12:00:00Z",
                       text);
    return 0;
}

int
prune_filter_parse(const struct strv *words, int64_t now_ns, struct prune_filter *ret,
                   struct err *err)
{
    struct prune_filter f = {0};
    int r = 0;

    for (size_t i = 0; r == 0 && i < words->n; i++) {
        const char *w = words->items[i];
        if (strncmp(w, "until=", 6) == 0)
            r = parse_until(w + 6, now_ns, &f.until_ns, err);
        else if (strncmp(w, "label!=", 7) == 0 && w[7])
            strv_add(&f.labels_not, w + 7);
        else if (strncmp(w, "label=", 6) == 0 && w[6])
            strv_add(&f.labels, w + 6);
        else
            r = err_set(err, CODE_INVALID_ARGUMENT,
                        "'%s' is no filter of this command; there are until=TIME, "
                        "label=KEY[=VALUE] and label!=KEY[=VALUE]",
                        w);
    }
    if (r < 0) {
        prune_filter_done(&f);
        return r;
    }
    *ret = f;
    return 0;
}

/* "key" or "key=value". */
static bool
has_label(const struct labels *labels, const char *want)
{
    size_t n = strcspn(want, "=");
    auto_free char *key = xstrndup(want, n);
    const char *value = labels_find(labels, key);

    return value && (!want[n] || strcmp(value, want + n + 1) == 0);
}

bool
prune_filter_matches(const struct prune_filter *f, int64_t created_ns, const struct labels *labels)
{
    if (f->until_ns && created_ns >= f->until_ns)
        return false;
    for (size_t i = 0; i < f->labels.n; i++)
        if (!has_label(labels, f->labels.items[i]))
            return false;
    for (size_t i = 0; i < f->labels_not.n; i++)
        if (has_label(labels, f->labels_not.items[i]))
            return false;
    return true;
}
