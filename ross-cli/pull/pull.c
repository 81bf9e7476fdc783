/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/pull/pull.h"

#include <string.h>

#include "libross/base/clock.h"
#include "ross-cli/pull/image.h"

const char *
pull_state_name(enum pull_state s)
{
    static const char *const names[] = {
        [PULL_RESOLVING] = "resolving",     [PULL_WAITING] = "waiting",
        [PULL_DOWNLOADING] = "downloading", [PULL_DOWNLOADED] = "downloaded",
        [PULL_UNPACKING] = "unpacking",     [PULL_DONE] = "done",
        [PULL_EXISTS] = "exists",           [PULL_UPLOADING] = "uploading",
        [PULL_FAILED] = "failed",
    };

    return (size_t) s < ARRAY_LEN(names) ? names[s] : "?";
}

void
pull_result_done(struct pull_result *r)
{
    free(r->name);
    oci_desc_done(&r->target);
    oci_desc_done(&r->manifest);
    oci_desc_done(&r->config);
    *r = (struct pull_result){0};
}

static int
pull_run(struct job *j, void *arg, struct err *err)
{
    struct pull_result *ret = arg;
    struct oci_desc target = {0};
    int64_t start = clock_mono_ns();
    int r;

    board_image(j->board, PULL_RESOLVING);
    r = job_lease(j, err);
    if (r == 0)
        r = registry_resolve(j->registry, &j->ref, &target, err);
    if (r < 0)
        return r;
    job_took(j, &j->timing.resolve_ns, start);
    board_image(j->board, PULL_DOWNLOADING);
    r = image_fetch(j, &target, ret, err);
    if (r == 0)
        r = image_record(j, &target, &j->opt->labels, &ret->changed, err);
    oci_desc_done(&target);
    return r;
}

int
pull_image(const struct pull_services *svc, struct registry *registry,
           const struct pull_options *opt, struct pull_result *ret, struct err *err)
{
    struct pull_result result = {0};
    struct oci_ref ref = {0};
    struct job j;
    int64_t start = clock_mono_ns();
    int r = oci_ref_parse(opt->reference, &ref, err);

    if (r < 0)
        return r;
    auto_free char *name = oci_ref_format(&ref), *shown = oci_ref_familiar(&ref);
    job_init(&j, svc, opt, registry, name);
    j.ref = ref;
    r = job_conduct(&j, pull_run, &result, err);
    if (j.failed.code)
        registry_reset(registry);
    result.name = xstrdup(name);
    result.timing = j.timing;
    job_done(&j);
    result.timing.total_ns = clock_mono_ns() - start;
    if (r < 0) {
        pull_result_done(&result);
        return err_wrap(err, r, "pull '%s'", shown);
    }
    *ret = result;
    return 0;
}

/* ---- only unpacking ---- */

struct unpack_run {
    const struct oci_desc *target;
    struct pull_result *ret;
};

static int
unpack_run(struct job *j, void *arg, struct err *err)
{
    struct unpack_run *u = arg;
    int r = job_lease(j, err);

    board_image(j->board, PULL_UNPACKING);
    return r < 0 ? r : image_fetch(j, u->target, u->ret, err);
}

int
pull_unpack(const struct pull_services *svc, const char *name, const struct oci_desc *target,
            const struct pull_options *opt, struct pull_result *ret, struct err *err)
{
    struct pull_result result = {0};
    struct unpack_run u = {.target = target, .ret = &result};
    struct job j;
    int64_t start = clock_mono_ns();
    int r;

    job_init(&j, svc, opt, NULL, name);
    r = job_conduct(&j, unpack_run, &u, err);
    result.name = xstrdup(name);
    result.timing = j.timing;
    job_done(&j);
    result.timing.total_ns = clock_mono_ns() - start;
    if (r < 0) {
        pull_result_done(&result);
        return err_wrap(err, r, "unpack '%s'", name);
    }
    *ret = result;
    return 0;
}
