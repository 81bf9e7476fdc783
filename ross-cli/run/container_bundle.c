/* SPDX-License-Identifier: Apache-2.0 */
/* The bundle of a container: what its shim and the OCI runtime are given. */
#include "container_bundle.h"

#include <string.h>

#include "api/client/runc_options.h"
#include "container_dir.h"
#include "container_join.h"
#include "libross/base/fd.h"
#include "libross/base/log.h"
#include "libross/base/path.h"
#include "libross/json/json.h"
#include "seccomp_bpf.h"

#define SECCOMP_CACHE "cache/seccomp"

static bool
runs_with_crun(const struct container *c)
{
    auto_free char *binary = runc_options_binary(&c->runtime_options);
    const char *slash = binary ? strrchr(binary, '/') : NULL;

    return binary && strcmp(slash ? slash + 1 : binary, "crun") == 0;
}

/* Its filter ready made, as an annotation; left out when the runtime shall compile it. */
static void
add_filter(const struct session *s, struct json *spec)
{
    auto_free char *cache = path_join(s->root, SECCOMP_CACHE), *program = NULL;
    struct json *seccomp, *annotations;
    struct err err = {0};

    seccomp = json_find(json_find(spec, "linux"), "seccomp");
    annotations = json_find(spec, "annotations");
    if (!seccomp || json_find(annotations, SECCOMP_BPF_ANNOTATION))
        return;
    if (seccomp_bpf(cache, seccomp, &program, &err) < 0) {
        log_debug("the runtime compiles the seccomp profile", KV_STR("reason", err.msg));
        return;
    }
    if (!annotations) {
        annotations = json_new_object();
        json_set(spec, "annotations", annotations);
    }
    json_set(annotations, SECCOMP_BPF_ANNOTATION, json_new_str(program));
}

/* The spec of the record with what is known only now; *ret NULL when nothing is to be added. */
static int
complete_spec(const struct session *s, const struct container *c, const char *bundle, char **ret,
              size_t *ret_len, struct err *err)
{
    bool joins = container_join_noted((const char *) c->spec.value, c->spec.n);
    AUTO_PTR(json) spec = NULL;
    int r;

    if (!joins && !runs_with_crun(c))
        return 0;
    r = json_parse(c->spec.value, c->spec.n, &spec, err);
    if (r == 0 && joins)
        r = container_join_apply(s, bundle, spec, err);
    if (r < 0)
        return r;
    if (runs_with_crun(c))
        add_filter(s, spec);
    *ret = json_dump(spec, ret_len);
    return 0;
}

int
container_bundle_make(const struct session *s, const struct container *c, char **ret_bundle,
                      struct err *err)
{
    auto_free char *bundle = bundle_path(s->state, s->ctx.ns, c->id), *spec = NULL;
    auto_close int fd = -1;
    size_t len = 0;
    int r;

    r = path_open_dir(bundle, 0711, &fd, err);
    if (r == 0)
        r = path_mkdirs_at(fd, "rootfs", 0711, err);
    if (r < 0)
        return err_wrap(err, r, "make the bundle '%s'", bundle);
    r = complete_spec(s, c, bundle, &spec, &len, err);
    if (r < 0)
        return r;
    r = fd_write_file_at(fd, "config.json", spec ? spec : c->spec.value, spec ? len : c->spec.n,
                         0600, err);
    if (r < 0)
        return err_wrap(err, r, "make the bundle '%s'", bundle);
    *ret_bundle = TAKE(bundle);
    return 0;
}
